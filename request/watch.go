package request

import "time"

// Watching is how looking for changes behind the gateway goes, for one collection at one gateway.
type Watching struct {
	Collection string        `json:"collection"`
	Every      time.Duration `json:"every"`
	// Elsewhere says that another gateway of the site looks.
	Elsewhere bool `json:"elsewhere,omitempty"`
	// Last is when a look was last complete, Looked how many records it was shown.
	Last   time.Time `json:"last,omitzero"`
	Looked int       `json:"looked"`
	// Noticed counts since the start what was found, by what was done about it.
	Noticed map[string]int `json:"noticed,omitempty"`
	// Gone are records of owners that were not found and are looked for again before they count as deleted.
	Gone int `json:"gone,omitempty"`
	// Alarm says that more records went away than anybody deletes: nothing is deleted until a person has looked.
	Alarm string `json:"alarm,omitempty"`
	// Error is why the last look failed, Failing since when they do.
	Error   string    `json:"error,omitempty"`
	Failing time.Time `json:"failing,omitzero"`
}
