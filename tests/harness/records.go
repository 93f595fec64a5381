package harness

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"
)

// Find returns the records of a site's own API whose field has a value.
func (g *Gateway) Find(field string, value any) ([]Record, error) {
	all, err := g.api.Records()
	if err != nil {
		return nil, err
	}
	var out []Record
	for _, r := range all {
		if fmt.Sprint(r[field]) == fmt.Sprint(value) {
			out = append(out, r)
		}
	}
	return out, nil
}

// One is the only record with a subject at a site's own API, or an error.
func (g *Gateway) One(subject string) (Record, error) {
	hits, err := g.Find("subject", subject)
	if err != nil {
		return nil, err
	}
	if len(hits) > 1 {
		return nil, GiveUp(fmt.Errorf("%s has %d records with subject %q: %v", g.Name, len(hits), subject, hits))
	}
	if len(hits) == 0 {
		return nil, fmt.Errorf("%s has no record with subject %q", g.Name, subject)
	}
	return hits[0], nil
}

// Fields compares a record with what is wanted of it; a nil value wants the field to be absent or null.
func (r Record) Fields(want map[string]any) error {
	var errs []error
	for k, v := range want {
		if got := r[k]; fmt.Sprint(got) != fmt.Sprint(v) {
			errs = append(errs, fmt.Errorf("%s is %v, want %v", k, got, v))
		}
	}
	return errors.Join(errs...)
}

// WantCopy waits until the site's own API holds exactly one record with a subject, and it has the fields wanted.
func (g *Gateway) WantCopy(subject string, within time.Duration, want map[string]any) Record {
	g.t.Helper()
	var rec Record
	Eventually(g.t, within, fmt.Sprintf("record %q at %s", subject, g.Name), func() (err error) {
		if rec, err = g.One(subject); err != nil {
			return err
		}
		return rec.Fields(want)
	})
	return rec
}

// WantNone waits until the site's own API holds no record with a subject.
func (g *Gateway) WantNone(subject string, within time.Duration) {
	g.t.Helper()
	Eventually(g.t, within, fmt.Sprintf("no record %q at %s", subject, g.Name), func() error {
		hits, err := g.Find("subject", subject)
		if err == nil && len(hits) > 0 {
			err = fmt.Errorf("there is %v", hits)
		}
		return err
	})
}

// Settled waits until nothing is owed by any of the sites and no write is under way.
func (c *Cluster) Settled(within time.Duration) {
	c.t.Helper()
	for _, name := range c.names {
		c.sites[name].WantHealth("nothing is owed", within, func(h Health) bool { return h.Owed() == 0 && len(h.Destinations) == len(c.names)-1 })
	}
}

// own are the fields of a record that belong to one site alone.
var own = map[string]bool{"id": true, "external_id": true, "ext_ref": true, "created": true, "updated": true, "collectionId": true,
	"collectionName": true}

// Same compares what two sites' own APIs hold of one request, but for ids.
func Same(a, b Record) error {
	var errs []error
	for k := range a {
		if !own[k] && fmt.Sprint(a[k]) != fmt.Sprint(b[k]) {
			errs = append(errs, fmt.Errorf("%s: %v and %v", k, a[k], b[k]))
		}
	}
	for k := range b {
		if _, there := a[k]; !there && !own[k] {
			errs = append(errs, fmt.Errorf("%s: nothing and %v", k, b[k]))
		}
	}
	return errors.Join(errs...)
}

// WantSame waits until the sites hold one record each with a subject and they are equal; it returns it.
func (c *Cluster) WantSame(subject string, within time.Duration, sites ...string) Record {
	c.t.Helper()
	var first Record
	Eventually(c.t, within, fmt.Sprintf("record %q is the same at %v", subject, sites), func() (err error) {
		if first, err = c.At(sites[0]).One(subject); err != nil {
			return err
		}
		for _, s := range sites[1:] {
			rec, err := c.At(s).One(subject)
			if err == nil {
				err = Same(first, rec)
			}
			if err != nil {
				return fmt.Errorf("%s: %w", s, err)
			}
		}
		return nil
	})
	return first
}

// Delivery is one entry of the list of deliveries.
type Delivery struct {
	Request string `json:"request"`
	Site    string `json:"site"`
	State   string `json:"state"`
	Cause   string `json:"cause"`
	Acked   string `json:"acked"`
	Owed    string `json:"owed"`
	Attempt int    `json:"attempts"`
	// Due is when it is to be tried next.
	Due time.Time `json:"due"`
}

// Deliveries asks the admin API for deliveries in a state.
func (g *Gateway) Deliveries(state string) ([]Delivery, error) {
	b, err := get(g.Admin("/api/v1/deliveries?state="+url.QueryEscape(state)), nil)
	if err != nil {
		return nil, err
	}
	var page struct{ Deliveries []Delivery }
	return page.Deliveries, json.Unmarshal(b, &page)
}

// View is a request as the admin API shows it.
type View struct {
	Request string `json:"request"`
	Role    string `json:"role"`
	Owner   string `json:"owner"`
	Version string `json:"version"`
	Local   string `json:"local"`
	Doubt   any    `json:"doubt"`
	// Path is where returns lead; HandOver is one that is open.
	Path     []string `json:"path"`
	HandOver any      `json:"hand_over"`
	Former   []struct {
		Owner string `json:"owner"`
		Epoch int    `json:"epoch"`
	} `json:"former"`
	Forces []struct {
		Owner  string `json:"owner"`
		Reason string `json:"reason"`
	} `json:"forces"`
	Holders []Delivery `json:"holders"`
}

// Request asks the admin API for one request.
func (g *Gateway) Request(ref string) (View, error) {
	var v View
	b, err := get(g.Admin("/api/v1/requests/"+url.PathEscape(ref)), nil)
	if err != nil {
		return v, err
	}
	return v, json.Unmarshal(b, &v)
}

// ParseRecord reads one record; numbers stay as they are written.
func ParseRecord(body []byte) (Record, error) { return object(body) }

// GetRaw is a plain GET that wants a status of 200.
func GetRaw(url string) ([]byte, error) { return get(url, nil) }

// Post sends JSON to the admin API and wants a status of 2xx.
func Post(url, body string) ([]byte, error) { return send("POST", url, nil, body) }
