package gateway

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/meridian-gateway/meridian/request"
)

// probePatience is how long a health check may look.
const probePatience = 5 * time.Second

func (a *admin) alive(w http.ResponseWriter, r *http.Request) {
	writeJSON(w, r, http.StatusOK, "application/json", map[string]string{"state": OK, "site": string(a.Site)})
}

func (a *admin) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), probePatience)
	defer cancel()
	if err := a.Watcher.Ready(ctx); err != nil {
		a.Log.Debug("not ready", zap.Error(err))
		writeProblem(w, r, problemOf(request.Unavailable, "not ready: "+err.Error()))
		return
	}
	writeJSON(w, r, http.StatusOK, "application/json", map[string]string{"state": OK, "site": string(a.Site)})
}

// forwarding answers 503 when something is down, with the same body as otherwise.
func (a *admin) forwarding(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), probePatience)
	defer cancel()
	f, err := a.Watcher.Forwarding(ctx)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	if site := request.Site(r.URL.Query().Get("site")); site != "" {
		i := slices.IndexFunc(f.Destinations, func(d Destination) bool { return d.Site == site })
		if i < 0 {
			writeProblem(w, r, problemOf(request.NotFound, "site "+clip(string(site))+" is not a destination of "+string(f.Site)))
			return
		}
		f.Destinations = f.Destinations[i : i+1]
		f.State = f.Destinations[0].State
	}
	if f.Destinations == nil {
		f.Destinations = []Destination{}
	}
	f.Destinations = slices.Clone(f.Destinations)
	for i := range f.Destinations {
		if f.Destinations[i].Routes == nil {
			f.Destinations[i].Routes = []string{}
		}
	}
	status := http.StatusOK
	if f.State == Down {
		status = http.StatusServiceUnavailable
	}
	writeJSON(w, r, status, "application/json", f)
}

// fail answers with an error of the admin's own work and logs what clients are not told.
func (a *admin) fail(w http.ResponseWriter, r *http.Request, err error) {
	p := problemFor(err)
	if e, ok := errors.AsType[*request.Error](err); ok && e.Kind == request.Conflict && e.Detail != "" {
		// The table tells writers what to do about a rule; here it is a command that does not fit the state of a request.
		p.Title, p.Detail = "Not as things stand", e.Detail
		if e.Err != nil {
			p.Detail += ": " + e.Err.Error()
		}
	}
	if p.Status == http.StatusInternalServerError {
		a.Log.Error("admin call failed", zap.String("path", r.URL.Path), zap.Error(err))
	}
	writeProblem(w, r, p)
}
