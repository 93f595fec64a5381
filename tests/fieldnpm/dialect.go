package fieldnpm

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// Words are the canonical values of a request by canonical name: subject, description, status, priority (a number), due (RFC 3339
// in UTC). The tests say and read everything in these; a dialect turns them into what clients of one server write, and back. It is
// written down a second time here, apart from the profiles, so that the two can disagree.
type Words map[string]any

// Dialect is how clients of a server speak.
type Dialect struct {
	// Path is that of the requests, Item that of one, with %s for its id.
	Path, Item string
	// Names are the members by canonical name; a name that is missing is not kept there.
	Names map[string]string
	// Status are the local words for the canonical ones.
	Status map[string]any
	// Wrap is the member around records, "" where there is none; Inner is one more around the fields, and Type stands beside that.
	Wrap, Inner, Type string
	// Media is the type of bodies, "" for plain JSON.
	Media string
	// Method changes a record; Whole wants all of it, Match an If-Match.
	Method       string
	Whole, Match bool
	// Time writes a time, Number a number; nil for RFC 3339 and for JSON's own.
	Time   func(time.Time) any
	Number func(int) any
	// Made, Changed and Removed are the statuses of success.
	Made, Changed, Removed int
}

// dialects are those of the servers, by name.
func dialects() map[string]Dialect {
	return map[string]Dialect{
		"cap": {
			Path: "/odata/v4/desk/Requests", Item: "/odata/v4/desk/Requests(%s)", Method: http.MethodPatch, Match: true,
			Names:  map[string]string{"subject": "title", "description": "details", "status": "state", "priority": "severity", "due": "dueBy", "category": "category"},
			Status: map[string]any{"open": "new", "in progress": "active", "closed": "done"}, Made: 201, Changed: 200, Removed: 204,
		},
		"pouchdb": {
			Path: "/desk", Item: "/desk/%s", Method: http.MethodPut, Whole: true,
			Names:  map[string]string{"subject": "title", "description": "details", "status": "state", "priority": "severity", "due": "dueBy"},
			Status: map[string]any{"open": 1, "in progress": 2, "closed": 3},
			Time:   func(t time.Time) any { return t.Unix() }, Number: func(n int) any { return fmt.Sprint(n) },
			Made: 201, Changed: 201, Removed: 200,
		},
		"gitea": {
			Path: "/api/v1/repos/gateway/desk/issues", Item: "/api/v1/repos/gateway/desk/issues/%s", Method: http.MethodPatch,
			Names:  map[string]string{"subject": "title", "description": "body", "status": "state"},
			Status: map[string]any{"open": "open", "closed": "closed"}, Made: 201, Changed: 201, Removed: 204,
		},
		"strapi": {
			Path: "/api/requests", Item: "/api/requests/%s", Method: http.MethodPut, Wrap: "data",
			Names:  map[string]string{"subject": "title", "description": "details", "status": "state", "priority": "severity", "due": "dueBy"},
			Status: map[string]any{"open": "fresh", "in progress": "busy", "closed": "done"},
			Time:   func(t time.Time) any { return t.UTC().Format("2006-01-02T15:04:05.000Z") },
			Made:   201, Changed: 200, Removed: 204,
		},
		"directus": {
			Path: "/items/tickets", Item: "/items/tickets/%s", Method: http.MethodPatch,
			Names:  map[string]string{"subject": "title", "description": "details", "status": "state", "priority": "severity", "due": "due_by"},
			Status: map[string]any{"open": "fresh", "in progress": "busy", "closed": "done"},
			Time:   func(t time.Time) any { return t.UTC().Format("2006-01-02T15:04:05") }, Made: 200, Changed: 200, Removed: 204,
		},
		"jsonapi": {
			Path: "/rest/tickets", Item: "/rest/tickets/%s", Method: http.MethodPatch, Wrap: "data", Inner: "attributes", Type: "tickets",
			Media:  "application/vnd.api+json",
			Names:  map[string]string{"subject": "title", "description": "details", "status": "state", "priority": "severity", "due": "due_by"},
			Status: map[string]any{"open": "open", "in progress": "working", "closed": "closed"},
			Time:   inOslo("02.01.2006 15:04"), Made: 201, Changed: 200, Removed: 200,
		},
	}
}

// Local are words as a record of the server has them; those that it does not keep are left out.
func (d Dialect) Local(w Words) map[string]any {
	out := make(map[string]any)
	for name, value := range w {
		member, kept := d.Names[name]
		if !kept {
			continue
		}
		switch v := value.(type) {
		case time.Time:
			value = v.UTC().Format(time.RFC3339)
			if d.Time != nil {
				value = d.Time(v)
			}
		case int:
			if d.Number != nil {
				value = d.Number(v)
			}
		case string:
			if local, listed := d.Status[v]; listed && name == "status" {
				value = local
			}
		}
		out[member] = value
	}
	return out
}

// Body is a call's body that says words.
func (d Dialect) Body(w Words) string { return d.wrapped("", d.Local(w)) }

func (d Dialect) wrapped(id string, record map[string]any) string {
	if d.Inner != "" {
		record = map[string]any{d.Inner: record, "type": d.Type}
		if id != "" {
			record["id"] = id
		}
	}
	if d.Wrap != "" {
		record = map[string]any{d.Wrap: record}
	}
	b, err := json.Marshal(record)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

func (d Dialect) header() http.Header {
	h := make(http.Header)
	if d.Media != "" {
		h.Set("Content-Type", d.Media)
	}
	return h
}

// inOslo writes times in a layout, as a clock in Oslo shows them.
func inOslo(layout string) func(time.Time) any {
	return func(t time.Time) any {
		zone, err := time.LoadLocation("Europe/Oslo")
		if err != nil {
			return err.Error()
		}
		return t.In(zone).Format(layout)
	}
}

// Address is the path of a record.
func (d Dialect) Address(id string) string { return fmt.Sprintf(d.Item, id) }

// Create makes a request by way of a gateway, as a client would.
func (d Dialect) Create(g *harness.Gateway, w Words) harness.Answer {
	return g.Do(harness.Call{Method: http.MethodPost, Path: d.Path, Body: d.Body(w), Header: d.header()})
}

// Change changes a record by way of a gateway, as a client would: it reads it first where the server wants the version or all of it.
func (d Dialect) Change(g *harness.Gateway, id string, w Words) harness.Answer {
	call := harness.Call{Method: d.Method, Path: d.Address(id), Body: d.wrapped(id, d.Local(w)), Header: d.header()}
	if d.Match || d.Whole {
		was := g.Get(call.Path)
		if was.Err != nil || was.Status != http.StatusOK {
			return was
		}
		if d.Match {
			call.Header.Set("If-Match", was.Header.Get("Etag"))
		}
		if d.Whole {
			record := was.Record()
			for member, value := range d.Local(w) {
				record[member] = value
			}
			call.Body = d.wrapped(id, record)
		}
	}
	return g.Do(call)
}

// Remove deletes a record by way of a gateway.
func (d Dialect) Remove(g *harness.Gateway, id string) harness.Answer {
	call := harness.Call{Method: http.MethodDelete, Path: d.Address(id)}
	if d.Match {
		was := g.Get(call.Path)
		if was.Err != nil || was.Status != http.StatusOK {
			return was
		}
		call.Header = http.Header{"If-Match": {was.Header.Get("Etag")}}
	}
	return g.Do(call)
}

// Says reports how a record differs from words, nil when it says all of them that the server keeps.
func (d Dialect) Says(r harness.Record, w Words) error {
	var errs []error
	for member, want := range d.Local(w) {
		got := r[member]
		if member == "body" { // the gateway's marker stands in it, too
			got, _, _ = strings.Cut(fmt.Sprint(got), "[ref:")
			got = strings.TrimSpace(fmt.Sprint(got))
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			errs = append(errs, fmt.Errorf("%s is %v, want %v", member, got, want))
		}
	}
	return errors.Join(errs...)
}

func (d Dialect) media() string {
	if d.Media != "" {
		return d.Media
	}
	return "application/json"
}
