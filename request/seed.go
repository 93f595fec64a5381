package request

import "time"

// SeedOrder asks for the records of a site's API to be brought into the network.
type SeedOrder struct {
	// Collection is the only one to be seeded, "" for all that can be listed.
	Collection string `json:"collection,omitempty"`
	// Rate is how many records are entered in a second; 0 is as fast as it goes.
	Rate float64 `json:"rate,omitempty"`
	// Since leaves out records that last changed before; zero is all.
	Since time.Time `json:"since,omitzero"`
	// DryRun only counts.
	DryRun bool   `json:"dry_run,omitempty"`
	By     string `json:"by,omitempty"`
}

// JobState is where a long job stands.
type JobState string

// The states of a job; "" is that there never was one.
const (
	JobRunning   JobState = "running"
	JobDone      JobState = "done"
	JobCancelled JobState = "cancelled"
	JobFailed    JobState = "failed"
)

// Seeding is how a seeding stands. It is kept durably, so that one that was broken off goes on.
type Seeding struct {
	SeedOrder
	ID    string   `json:"id"`
	State JobState `json:"state"`
	// Parts are the collections in the order in which they are done.
	Parts    []SeedPart `json:"parts"`
	Started  time.Time  `json:"started,omitzero"`
	Updated  time.Time  `json:"updated,omitzero"`
	Finished time.Time  `json:"finished,omitzero"`
	// Pass counts how often the lists were walked through: what failed is tried again, and a gateway that was restarted begins anew.
	Pass int `json:"pass"`
	// Busy is how long the pass has taken so far.
	Busy time.Duration `json:"busy"`
	// Replica is the gateway that works on it, Error why it waits or gave up.
	Replica string `json:"replica,omitempty"`
	Error   string `json:"error,omitempty"`
	// Notes are records that were left out or failed, the first hundred.
	Notes []SeedNote `json:"notes,omitempty"`
}

// SeedPart is one collection of a seeding. The counts of records are of the pass, but for Seeded and Marked, which are of all.
type SeedPart struct {
	Collection string `json:"collection"`
	// Listed are the records seen, Total how many there are, as far as the API says.
	Listed int `json:"listed"`
	Total  int `json:"total,omitempty"`
	// Linked were requests already. Seeded became requests; Marked got the marks of the gateway that they lacked.
	Linked int `json:"linked"`
	Seeded int `json:"seeded"`
	Marked int `json:"marked"`
	// Skipped were left out: they are somebody's, or went away meanwhile. Failed could not be entered.
	Skipped int  `json:"skipped"`
	Failed  int  `json:"failed"`
	Done    bool `json:"done"`
	// Routes are those that fired, with the number of records.
	Routes map[string]int `json:"routes,omitempty"`
}

// SeedNote is a record with why it did not become a request.
type SeedNote struct {
	Collection string `json:"collection"`
	Local      string `json:"local"`
	Reason     string `json:"reason"`
}
