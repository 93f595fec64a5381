package request

// RejoinAsk is what a site whose store was lost, or is new, asks each other site: what do you know of my requests?
type RejoinAsk struct {
	// Life is the asking store's; with another one than before, what the asker said in a former life is void.
	Life string `json:"life"`
	// After is the last request of the page before.
	After ID `json:"after,omitempty"`
	// Limit is how many views are wanted at most; 0 is what the other site sees fit.
	Limit int `json:"limit,omitempty"`
}

// Views is a page of the answer, in order of id.
type Views struct {
	// Life is that of the store that was asked: pages of different lives do not belong together.
	Life string
	List []View
	// After is where the next page begins; "" at the end.
	After ID
}

// View is what one site knows of one request in which another has a part.
type View struct {
	// Snapshot is the request as this site has it. Its Terms are those of the asking site where this one is the owner, and its own
	// where it holds a copy; its Locals have its own id.
	Snapshot Snapshot
	// Site is whose view it is, Role what that site is to the request, Fence the highest epoch that it has seen.
	Site  Site
	Role  Role
	Fence Epoch
	// Grant is, for one that is giving the request away, the epoch that it grants.
	Grant Epoch
	// Holds says that the asking site holds the request, or should; Local is its id there, as far as known.
	Holds bool
	Local string
}

// Rebuilding is how the rebuilding of a lost store stands.
type Rebuilding struct {
	// Phase says what is being done, "" when nothing is: the store is complete.
	Phase string `json:"phase,omitempty"`
	// Waiting are sites whose word is wanted and that cannot be asked, with why.
	Waiting map[Site]string `json:"waiting,omitempty"`
	// Done is how many requests were looked at, Open how many could not be settled yet, with why some of them could not.
	Done  int      `json:"done,omitempty"`
	Open  int      `json:"open,omitempty"`
	Notes []string `json:"notes,omitempty"`
	// Orphans are those that only a person can do something about; they are among the notes.
	Orphans int `json:"orphans,omitempty"`
	// Without are the sites that an operator has given up for this.
	Without []Site `json:"without,omitempty"`
}
