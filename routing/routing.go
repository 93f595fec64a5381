// Package routing decides what becomes of a write: which site is to own the request and which sites get copies. It is pure: a
// table compiled from the routes, an input, a decision with its reasons; no clock, no socket.
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
	All         bool
	Mode        string
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
}

// Taken is an action that a route takes, with the sites it names resolved.
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

// Decision is what the routes say. At most one of Transfer, Return, Archive and Delete is there: the first that matched.
type Decision struct {
	Transfer *Taken
	Return   *Taken
	Archive  *Taken
	Delete   *Taken
	Copies   []Taken
	// Fired are the names of the routes of all these, in the order of the file.
	Fired  []string
	Errors []RouteError
}

// Problem is a fault of a route: Path is the key, Offset the column inside the condition, from 0.
type Problem struct {
	Route   int
	Path    string
	Message string
	Hint    string
	Offset  int
}
