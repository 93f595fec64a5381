package probe

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/meridian-gateway/meridian/profile"
	"github.com/meridian-gateway/meridian/request"
)

// API makes one call and reads the whole answer, whatever its status. own says that the call carries the gateway's credentials. Errors
// are those of upstream.Client.Do.
type API interface {
	Do(ctx context.Context, call request.Call, own bool) (request.Answer, error)
}

// Options say what is looked at. API and Profile are required.
type Options struct {
	API     API
	Profile *profile.Profile
	// Collections are those that are looked at, all when there are none.
	Collections []string
	// Write lets a record be made, changed and deleted in each collection.
	Write bool
	// Anonymous says that the gateway has no credentials, so that there is nothing to find out about wrong ones.
	Anonymous bool
	// Record are canonical fields for the record that is made, for an API that wants more than can be guessed.
	Record request.Fields
	// Now is the clock (default time.Now), Wait waits (default: in real time) and ends early with ctx.
	Now  func() time.Time
	Wait func(ctx context.Context, d time.Duration) error
}

// Run compares an API with its profile. The error is that of the first call when the API cannot be reached at all, or of ctx; in the
// latter case the report is that of what was done until then.
func Run(ctx context.Context, o Options) (*Report, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Wait == nil {
		o.Wait = wait
	}
	r := &run{Options: o, report: &Report{Findings: []Finding{}, Left: []Left{}}}
	if err := r.reach(ctx); err != nil {
		return r.report, err
	}
	for _, name := range o.Profile.Order() {
		c := o.Profile.Collections[name]
		if c.Parent() != "" || len(o.Collections) > 0 && !slices.Contains(o.Collections, name) {
			continue // children are looked at with what they belong to
		}
		of := r.of(c)
		of.look(ctx)
		of.cycle(ctx)
	}
	return r.report, ctx.Err()
}

// wait is Options.Wait in real time.
func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// run is one comparison.
type run struct {
	Options
	report *Report
}

// looking is the comparison of one collection.
type looking struct {
	*run
	c *profile.Collection
	d profile.Described
	// samples are records that the list shows, raw and as canonical fields; newest is the latest time of a change among them.
	samples []sample
	newest  time.Time
}

// sample is a record of the API.
type sample struct {
	local  string
	record []byte
	fields request.Fields
}

func (r *run) of(c *profile.Collection) *looking { return &looking{run: r, c: c, d: c.Describe()} }

// say notes a finding about the collection.
func (l *looking) say(s State, f Finding) {
	f.Collection, f.State = l.c.Name(), s
	l.report.add(f)
}

// reach looks whether the API answers, and whether it knows the gateway.
func (r *run) reach(ctx context.Context) error {
	call, ok := r.Profile.Probe()
	if !ok {
		return errors.New("the profile has no collection to begin with")
	}
	_, alive := r.Profile.Alive()
	began := r.Now()
	a, err := r.API.Do(ctx, call, true)
	if e := loginError(err); e != "" {
		r.report.add(Finding{What: "credentials", Profile: "login", API: e, State: Failed})
		return nil
	}
	if err != nil {
		return err
	}
	r.report.add(Finding{What: "reached", Profile: "-", API: fmt.Sprintf("%s is answered %d in %s", line(call), a.Status, r.Now().Sub(began).Round(time.Millisecond)), State: Equal})
	r.credentials(ctx, call, a, alive)
	return nil
}

// loginError is why a login failed, "" for anything else.
func loginError(err error) string {
	for e := err; e != nil; e = errors.Unwrap(e) {
		if is, ok := e.(*request.Error); ok && is.Op == "upstream.login" {
			return is.Detail
		}
	}
	return ""
}

// credentials looks whether the API knows the gateway, and what it says to somebody it does not know.
func (r *run) credentials(ctx context.Context, call request.Call, a request.Answer, alive bool) {
	f := Finding{What: "credentials", Profile: "no alive", API: fmt.Sprintf("%s is answered %d", line(call), a.Status), State: Equal}
	switch {
	case alive && r.Profile.Proves(a):
		f.Profile = "alive"
		f.API += ", as it should"
	case alive:
		f.Profile, f.State = "alive", Failed
		f.API += ": either the credentials do not work, or alive does not tell"
	case a.Status == http.StatusUnauthorized || a.Status == http.StatusForbidden:
		f.State = Failed
	}
	r.report.add(f)
	if r.Anonymous || f.State == Failed {
		return
	}
	b, err := r.API.Do(ctx, call, false)
	if err != nil {
		return
	}
	f = Finding{What: "without credentials", Profile: f.Profile, API: fmt.Sprintf("%s is answered %d", line(call), b.Status), State: Equal}
	switch {
	case b.Status == http.StatusUnauthorized || b.Status == http.StatusForbidden:
	case alive && !r.Profile.Proves(b):
	case alive:
		f.State = Differs
		f.API += ", as with them: alive does not tell whether they work"
		f.Write = "alive: {path: /ME, at: /id} # a read that needs credentials"
	case b.Status == http.StatusNotFound || b.Status < 300 && string(a.Body) != string(b.Body):
		f.State = Differs
		f.API += ": it hides what it has, so a 404 or an empty list may mean that the credentials are wrong"
		f.Write = "alive: {path: /ME, at: /id} # a read that needs credentials"
	case b.Status < 300:
		f.State = Note
		f.API += ", as with them: it asks for none here"
	}
	r.report.add(f)
}

// line is a call in words: its method and path.
func line(call request.Call) string {
	path, _, _ := strings.Cut(call.Target, "?")
	return call.Method + " " + path
}

// answered is what an answer says, short enough for a table.
func answered(a request.Answer) string {
	body := strings.Join(strings.Fields(string(a.Body)), " ")
	if body == "" {
		return fmt.Sprint(a.Status)
	}
	return fmt.Sprintf("%d %s", a.Status, cut(body, 160))
}

// broken is an error of a call in words.
func broken(err error) string {
	if e := loginError(err); e != "" {
		return "the login fails: " + e
	}
	return err.Error()
}
