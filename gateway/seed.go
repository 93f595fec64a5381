package gateway

import (
	"context"
	"net/http"
	"time"

	"github.com/meridian-gateway/meridian/request"
)

// Seeder brings records that were there before the gateway into the network.
type Seeder interface {
	// Seed begins one, in the background. Errors: Invalid, no such collection, or its records cannot be listed; Conflict, one is
	// under way.
	Seed(ctx context.Context, o request.SeedOrder) (request.Seeding, error)
	// Seeding is how the last one stands; its State is "" when there never was one.
	Seeding(ctx context.Context) (request.Seeding, error)
	// CancelSeed ends the one that is under way; what was entered stays.
	CancelSeed(ctx context.Context) (request.Seeding, error)
}

// SeedingView is how a seeding stands.
type SeedingView struct {
	ID         string           `json:"id"`
	State      request.JobState `json:"state"` // running, done, cancelled, failed; "" when there never was one
	Collection string           `json:"collection,omitempty"`
	Rate       float64          `json:"rate"` // records in a second; 0: as fast as it goes
	Since      *time.Time       `json:"since,omitempty"`
	DryRun     bool             `json:"dry_run"`
	By         string           `json:"by,omitempty"`
	Started    *time.Time       `json:"started,omitempty"`
	Updated    *time.Time       `json:"updated,omitempty"`
	Finished   *time.Time       `json:"finished,omitempty"`
	Pass       int              `json:"pass"`
	// ETA is how long it will take from now on, nil where that cannot be told.
	ETA   *float64 `json:"eta_seconds"`
	Error string   `json:"error,omitempty"`
	// Collections are its parts, Notes the first records that were left out or failed, with the reason.
	Collections []request.SeedPart `json:"collections"`
	Notes       []request.SeedNote `json:"notes"`
}

func seedingOf(s request.Seeding) SeedingView {
	v := SeedingView{ID: s.ID, State: s.State, Collection: s.Collection, Rate: s.Rate, DryRun: s.DryRun, By: s.By, Pass: s.Pass, Error: s.Error,
		Since: momentOf(s.Since), Started: momentOf(s.Started), Updated: momentOf(s.Updated), Finished: momentOf(s.Finished),
		Collections: s.Parts, Notes: s.Notes, ETA: etaOf(s)}
	if v.Collections == nil {
		v.Collections = []request.SeedPart{}
	}
	if v.Notes == nil {
		v.Notes = []request.SeedNote{}
	}
	return v
}

func momentOf(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// etaOf goes by how long what was listed in this pass took. It is known only while every collection says how many records it has.
func etaOf(s request.Seeding) *float64 {
	if s.State != request.JobRunning {
		return nil
	}
	listed, total := 0, 0
	for _, p := range s.Parts {
		switch {
		case p.Done:
			listed, total = listed+p.Listed, total+p.Listed
		case p.Total > 0:
			listed, total = listed+p.Listed, total+max(p.Total, p.Listed)
		default:
			return nil
		}
	}
	if listed == 0 || s.Busy <= 0 {
		return nil
	}
	left := s.Busy.Seconds() / float64(listed) * float64(total-listed)
	return &left
}

type seedCall struct {
	Collection string     `json:"collection"`
	Rate       *float64   `json:"rate"`
	Since      *time.Time `json:"since"`
	DryRun     bool       `json:"dry_run"`
	By         string     `json:"by"`
}

// defaultSeedRate is how many records are entered in a second when nobody says.
const defaultSeedRate = 50

// seed begins a seeding. 202: it goes on in the background.
func (a *admin) seed(w http.ResponseWriter, r *http.Request) {
	var c seedCall
	var err error
	if r.ContentLength != 0 {
		err = decode(w, r, &c)
	}
	o := request.SeedOrder{Collection: c.Collection, Rate: defaultSeedRate, DryRun: c.DryRun}
	if c.Rate != nil {
		o.Rate = *c.Rate
	}
	if c.Since != nil {
		o.Since = *c.Since
	}
	if err == nil {
		o.By, err = signed(r, c.By)
	}
	if err != nil {
		a.fail(w, r, err)
		return
	}
	s, err := a.Seeder.Seed(r.Context(), o)
	if request.KindOf(err) == request.Invalid && err != nil { // well said, and impossible here
		p := problemFor(err)
		p.Status = http.StatusUnprocessableEntity
		writeProblem(w, r, p)
		return
	}
	a.seeding(w, r, http.StatusAccepted, s, err)
}

func (a *admin) seedState(w http.ResponseWriter, r *http.Request) {
	s, err := a.Seeder.Seeding(r.Context())
	a.seeding(w, r, http.StatusOK, s, err)
}

func (a *admin) seedCancel(w http.ResponseWriter, r *http.Request) {
	s, err := a.Seeder.CancelSeed(r.Context())
	a.seeding(w, r, http.StatusOK, s, err)
}

func (a *admin) seeding(w http.ResponseWriter, r *http.Request, status int, s request.Seeding, err error) {
	if err != nil {
		a.fail(w, r, err)
		return
	}
	writeJSON(w, r, status, "application/json", seedingOf(s))
}
