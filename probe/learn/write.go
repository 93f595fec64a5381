package learn

import "context"

// creating is what is known of making records.
type creating struct {
	done     bool   // one was made
	envelope string // of calls
	kind     string // type beside the record, as JSON:API has it
	external string // pointer to the member for the id of a request
	nulled   bool   // it was seen what becomes of null
}

func (l *learner) write(context.Context) error { return nil }

func (l *learner) remove(context.Context) []string { return nil }
