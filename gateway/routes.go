package gateway

import (
	"net/http"
	"time"

	"github.com/meridian-gateway/meridian/request"
)

// RouteLister tells of the routes in force.
type RouteLister interface {
	// RoutesInForce lists them in the order of the file, with what was counted of them since a time.
	RoutesInForce() (routes []RouteView, since time.Time)
}

// RouteView is a route of the network file in force, and how often it was taken.
type RouteView struct {
	Name       string         `json:"name"`
	Collection string         `json:"collection,omitempty"`
	On         []string       `json:"on"`
	At         []request.Site `json:"at"`
	When       string         `json:"when,omitempty"`
	Does       string         `json:"does"`
	Schedule   string         `json:"schedule,omitempty"`
	// Indexed says that it is found by the values of the fields of Index, else WhyNot says why not.
	Indexed bool     `json:"indexed"`
	Index   []string `json:"index,omitempty"`
	WhyNot  string   `json:"why_not,omitempty"`
	RouteCount
}

// RouteCount is what was counted of a route since the gateway was started.
type RouteCount struct {
	Hits      uint64     `json:"hits"`
	Errors    uint64     `json:"errors"`
	LastHit   *time.Time `json:"last_hit,omitempty"`
	LastError string     `json:"last_error,omitempty"`
}

type routeList struct {
	Routes []RouteView `json:"routes"`
	Since  time.Time   `json:"since"`
}

func (a *admin) routes(w http.ResponseWriter, r *http.Request) {
	list, since := a.Routes.RoutesInForce()
	if list == nil {
		list = []RouteView{}
	}
	writeJSON(w, r, http.StatusOK, "application/json", routeList{list, since})
}
