// Package routing decides what becomes of a write: which site is to own the request and which sites get copies. It is pure: a
// table compiled from the routes, an input, a decision with its reasons; no clock, no socket.
//
// Conditions are expressions over the canonical fields of a request by their bare names, and these:
//
//	old.f              the field before the write; nothing is there on create, arrive and returned, nor when a schedule runs
//	changed("f")       whether the write changed the field
//	site, owner        where the event is, and who owns the request; origin is where it was created
//	entered_by         what is known of the client
//	now, age("f")      the time of the event, and how long before it the time in a field was
//	duration("720h")   a span of time
//	field("f")         a field whose name is no plain word, or is one of the words above
//
// A field that is absent, a member or element that is not there, is nil. Comparing nil by order is false, nil is in no list and
// as a condition it is false; what cannot be computed ("a" + 1) is an error, counts as not matched and is reported in
// [Decision.Errors]. Whole numbers are exact at any size.
package routing

import (
	"time"

	"github.com/meridian-gateway/meridian/request"
)

// Event is what happened to a request at the site where routes are evaluated.
type Event string

// The events.
const (
	Create   Event = "create"
	Update   Event = "update"
	Delete   Event = "delete"
	Arrive   Event = "arrive"
	Returned Event = "returned"
)

// Events lists all events.
func Events() []Event { return []Event{Create, Update, Delete, Arrive, Returned} }

// Route is one rule of the network file.
type Route struct {
	Name       string
	Collection string // "" for all
	On         []Event
	At         []request.Site // all when empty
	When       string         // always when empty
	Transfer   *Action
	Copy       *Action
	Return     *Action
	Archive    *Action
	Delete     *Action
	Schedule   *Schedule
}

// Action is what a route does.
type Action struct {
	To          []request.Site
	All         bool   // to all other sites
	Mode        string // ownership | data | independent | move
	Forward     string // now | later
	Unreachable string // accept | refuse
	Writes      string // forward | refuse | queue
	Update      string
	Window      string
	Match       []string
	Duplicate   string
	OnDelete    string
	Keep        []request.Site
	Pool        string
	Copies      string // of a delete action: "all"
}

// Schedule is when a route without an event runs.
type Schedule struct {
	Cron, In, At, Of, CatchUp string
	Every                     time.Duration
	SkipHolidays              bool
}

// Input is one event.
type Input struct {
	Event               Event
	Collection          string
	Site, Owner, Origin request.Site
	EnteredBy           string
	Old, New            request.Fields
	Now                 time.Time
	// Except are the names of routes that do not fire: a route never fires on an arrival that it caused itself.
	Except []string
}

// Taken is an action that a route takes. To never names the site of the event: what is there need not go there.
type Taken struct {
	Route  *Route
	Action *Action
	To     []request.Site
}

// RouteError is a condition that failed at run time and counted as not matched.
type RouteError struct {
	Route string
	Err   error
}

// Decision is what the routes say. At most one of Transfer, Return, Archive, Delete and Stay is there: the first that matched.
type Decision struct {
	Transfer *Taken
	Return   *Taken
	Archive  *Taken
	Delete   *Taken
	// Stay is a transfer or archive to the very site of the event: nothing is to be done, and no later route moves the request.
	Stay   *Taken
	Copies []Taken
	// Fired are the names of the routes that do something, in the order of the file.
	Fired  []string
	Errors []RouteError
}

// Problem is a fault of a route, or a warning about one.
type Problem struct {
	// Route is its place in the list, from 0; Path the key, such as "when".
	Route int
	Path  string
	// Message says what is wrong, Hint what to do.
	Message, Hint string
	// Offset is where in the condition, in characters from 0.
	Offset int
}

// Declared are canonical fields of a collection that profiles name. Others are known by their own names all the same, so an
// unknown name is no fault, unless the set is Closed; one that looks like a misspelled one is a warning.
type Declared struct {
	Collection string
	Fields     []string
	Closed     bool
}
