package replicate

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/meridian-gateway/meridian/profile"
	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/routing"
	"github.com/meridian-gateway/meridian/store/memory"
)

// tellingAPI is an api that lists what changed since a time, by a clock of whole seconds, and shows a change only after a while.
type tellingAPI struct {
	*api
	lag time.Duration

	mu    sync.Mutex
	shown int            // records in answers to lists
	since []string       // that was asked for
	reads map[string]int // of single records
}

func (a *tellingAPI) Do(ctx context.Context, call request.Call, own bool) (request.Answer, error) {
	u, _ := url.Parse(call.Target)
	a.mu.Lock()
	defer a.mu.Unlock()
	if call.Method == http.MethodGet && u.Path == "/tickets" && u.Query().Has("since") {
		return a.changed(u.Query().Get("since")), nil
	}
	if call.Method == http.MethodGet {
		a.reads[strings.TrimPrefix(u.Path, "/tickets/")]++
	} else if call.Method != http.MethodDelete {
		call.Body = []byte(strings.Replace(string(call.Body), "{", fmt.Sprintf(`{"changed_at":%q,`, time.Now().UTC().Format(time.RFC3339)), 1))
		call.Body = []byte(strings.Replace(string(call.Body), ",}", "}", 1))
	}
	return a.api.Do(ctx, call, own)
}

func (a *tellingAPI) changed(since string) request.Answer {
	a.since = append(a.since, since)
	list := []map[string]any{}
	for _, r := range a.api.all() {
		at, _ := time.Parse(time.RFC3339, fmt.Sprint(r["changed_at"]))
		if fmt.Sprint(r["changed_at"]) >= since && time.Since(at) >= a.lag {
			list = append(list, r)
		}
	}
	a.shown += len(list)
	return reply(200, list)
}

// hand changes a record by hand.
func (a *tellingAPI) hand(t *testing.T, method, id string, fields map[string]any) string {
	t.Helper()
	target := "/tickets"
	if id != "" {
		target += "/" + id
	}
	body, _ := json.Marshal(fields)
	ans, err := a.Do(t.Context(), request.Call{Method: method, Target: target, Body: body}, true)
	if err != nil || ans.Status >= 300 {
		t.Fatalf("%s %s: %d %v", method, id, ans.Status, err)
	}
	var made map[string]any
	_ = json.Unmarshal(ans.Body, &made)
	return fmt.Sprint(made["id"])
}

const tellingProfile = `preset: rest
quiescence: 5s
collections:
  tickets:
    path: /tickets
    external_id: {field: /ref}
    read_only: [/id, /changed_at]
    list: {path: "{path}?since={since}", since: /changed_at, grain: 1s, lag: 3s, earliest: 2000-01-01T00:00:00Z}
`

// The changes are asked for from the newest that was seen on, less grain and lag: none is missed, whatever second it falls into, and what was
// seen costs nothing but its place in the list.
func TestWatchSince(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var spec profile.Spec
		if err := yaml.Unmarshal([]byte(tellingProfile), &spec); err != nil {
			t.Fatal(err)
		}
		p, problems := profile.Compile("telling", spec)
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		table, bad := routing.Compile(nil, []request.Site{"sf"})
		if len(bad) > 0 {
			t.Fatal(bad)
		}
		a, kept := &tellingAPI{api: newAPI(1), lag: 3 * time.Second, reads: map[string]int{}}, &memory.Store{}
		o := Options{Self: "sf", Sites: []request.Site{"sf"}, Profile: p, Ledger: kept, Queue: kept, Notes: kept, Upstream: a,
			Peers: linkOf{&links{engines: map[request.Site]*Engine{}}, "sf"}, Routes: table, Replica: "sf", Boot: "1"}
		g := New(o)
		g.Start(t.Context())
		defer func() { _ = g.Stop(t.Context()) }()
		c := p.Collections["tickets"]
		w := newWatch(g, c, profile.Watch{Every: time.Second, Publish: true, Revert: true, Seed: true})
		var ids []string
		for i := range 300 {
			ids = append(ids, a.hand(t, "POST", "", map[string]any{"n": i}))
		}
		time.Sleep(10 * time.Second)
		w.must(t)
		if n := w.state.Noticed[NoticeSeeded]; n != 300 {
			t.Fatalf("%d were made requests", n)
		}
		field := func(id string) string {
			e, _, ok, err := g.Find(t.Context(), "tickets", id)
			if err != nil || !ok {
				t.Fatalf("%s: %v %v", id, ok, err)
			}
			v, _ := e.Fields.Get("title")
			return string(v)
		}
		time.Sleep(10 * time.Second)
		w.must(t)
		for i := range 200 { // at all times of the second, and around each look
			id := ids[i]
			a.hand(t, "PATCH", id, map[string]any{"title": fmt.Sprint("hand ", i)})
			time.Sleep(time.Duration(37*i%1000) * time.Millisecond)
			if i%3 == 0 {
				w.must(t)
			}
		}
		time.Sleep(4 * time.Second)
		w.must(t)
		for i := range 200 {
			if got := field(ids[i]); got != fmt.Sprintf(`"hand %d"`, i) {
				t.Errorf("%s is %s, and %d was missed", ids[i], got, i)
			}
		}
		for range 5 { // what the marks of the seeding and the last edits have left in the overlap is known by now
			time.Sleep(2 * time.Second)
			w.must(t)
		}
		clear(a.reads)
		a.shown = 0
		for range 10 {
			time.Sleep(2 * time.Second)
			w.must(t)
		}
		reads := 0
		for _, n := range a.reads {
			reads += n
		}
		if reads > 10*sweepRecords || a.shown > 10*60 {
			t.Errorf("ten quiet looks cost %d reads and were shown %d records", reads, a.shown)
		}
		// Another process goes on from where this one was.
		o.Boot = "2"
		again := newWatch(New(o), c, w.policy)
		a.since = nil
		again.must(t)
		if len(a.since) != 1 || a.since[0] < "2000-01-01T00:01" || len(again.state.Noticed) > 0 {
			t.Errorf("it asked for the changes since %v and noticed %v", a.since, again.state.Noticed)
		}
	})
}
