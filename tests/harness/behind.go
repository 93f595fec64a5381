package harness

import (
	"fmt"
	"net/http"
	"sync"
)

// Behind makes a call to a site's own request API, past the gateway, and wants a status of 2xx.
func (g *Gateway) Behind(method, path, body string) ([]byte, error) {
	return send(method, "http://"+g.api.Address()+path, g.api.Header(), body)
}

// Edit changes the record with a subject behind the gateway; "" deletes it.
func (g *Gateway) Edit(subject, body string) {
	g.t.Helper()
	rec, err := g.One(subject)
	if err == nil {
		method := http.MethodPatch
		if body == "" {
			method = http.MethodDelete
		}
		_, err = g.Behind(method, "/tickets/"+rec.ID(), body)
	}
	if err != nil {
		g.t.Fatalf("editing %q behind the gateway of %s: %v", subject, g.Name, err)
	}
}

// Fill makes records in a site's own request API, past the gateway: one for each body, some at a time.
func (g *Gateway) Fill(bodies []string) {
	g.t.Helper()
	var running sync.WaitGroup
	errs := make([]error, len(bodies))
	slots := make(chan struct{}, 8)
	for i, body := range bodies {
		slots <- struct{}{}
		running.Go(func() {
			defer func() { <-slots }()
			_, errs[i] = g.Behind(http.MethodPost, "/tickets", body)
		})
	}
	running.Wait()
	for _, err := range errs {
		if err != nil {
			g.t.Fatalf("filling the request API of %s: %v", g.Name, err)
		}
	}
}

// Seeding is what the admin API says of a seeding.
type Seeding struct {
	ID          string `json:"id"`
	State       string `json:"state"`
	Pass        int    `json:"pass"`
	Error       string `json:"error"`
	Collections []struct {
		Collection string         `json:"collection"`
		Listed     int            `json:"listed"`
		Linked     int            `json:"linked"`
		Seeded     int            `json:"seeded"`
		Skipped    int            `json:"skipped"`
		Failed     int            `json:"failed"`
		Routes     map[string]int `json:"routes"`
	} `json:"collections"`
	Notes []struct {
		Local, Reason string
	} `json:"notes"`
}

// Seeding asks how the last seeding stands.
func (g *Gateway) Seeding() (s Seeding, err error) { return s, g.Ask("/api/v1/seed", &s) }

// Difference is what verify found.
type Difference struct {
	Request  string `json:"request"`
	Site     string `json:"site"`
	Field    string `json:"field"`
	Owner    any    `json:"owner"`
	Holder   any    `json:"holder"`
	Kind     string `json:"kind"`
	Repaired bool   `json:"repaired"`
}

// String is a difference in short.
func (d Difference) String() string {
	return fmt.Sprintf("%s at %s %s: %v, %v", d.Kind, d.Site, d.Field, d.Owner, d.Holder)
}
