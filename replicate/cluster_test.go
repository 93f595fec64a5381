package replicate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/meridian-gateway/meridian/peer"
	"github.com/meridian-gateway/meridian/profile"
	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/routing"
	"github.com/meridian-gateway/meridian/store"
	"github.com/meridian-gateway/meridian/store/memory"
)

// api is a request API in memory, with the faults that real ones have.
type api struct {
	mu      sync.Mutex
	next    int
	records map[string]map[string]any
	commits int            // writes made
	creates map[string]int // by external id
	// fault is asked before (after=false) and after the write is made; an error is what the caller sees instead of the answer.
	fault func(call request.Call, after bool) error
	// late, when it says more than 0, makes a write only after that time, while the caller's connection breaks at once.
	late func() time.Duration
	// odd, when it says other than 0, is answered to a write instead of doing it.
	odd func() int
	// status, when not 0, is answered to every write instead of doing it.
	status int
}

func newAPI(first int) *api {
	return &api{next: first, records: map[string]map[string]any{}, creates: map[string]int{}}
}

var errBroke = &request.Error{Op: "api", Kind: request.Doubtful, Err: errors.New("connection reset")}

func (a *api) Do(_ context.Context, call request.Call, _ bool) (request.Answer, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	write := call.Method != http.MethodGet
	if write && a.fault != nil {
		if err := a.fault(call, false); err != nil {
			return request.Answer{}, err
		}
	}
	if write && a.status != 0 {
		return reply(a.status, map[string]any{"error": "no"}), nil
	}
	if write && a.odd != nil {
		if status := a.odd(); status != 0 {
			return reply(status, map[string]any{"error": "not now"}), nil
		}
	}
	if write && a.late != nil {
		if d := a.late(); d > 0 {
			time.AfterFunc(d, func() {
				a.mu.Lock()
				defer a.mu.Unlock()
				a.serve(call)
			})
			return request.Answer{}, errBroke
		}
	}
	ans := a.serve(call)
	if write && a.fault != nil {
		if err := a.fault(call, true); err != nil {
			return request.Answer{}, err
		}
	}
	return ans, nil
}

func (a *api) serve(call request.Call) request.Answer {
	u, _ := url.Parse(call.Target)
	id, one := strings.CutPrefix(u.Path, "/tickets/")
	var body map[string]any
	_ = json.Unmarshal(call.Body, &body)
	switch {
	case !one && call.Method == http.MethodGet:
		list := []map[string]any{}
		for _, r := range a.records {
			match := true
			for k, v := range u.Query() {
				match = match && fmt.Sprint(r[k]) == v[0]
			}
			if match {
				list = append(list, r)
			}
		}
		return reply(200, list)
	case !one:
		id = strconv.Itoa(a.next)
		a.next++
		body["id"], _ = strconv.Atoi(id)
		a.records[id] = body
		a.commits++
		if ref, ok := body["ref"].(string); ok {
			a.creates[ref]++
		}
		return reply(201, body)
	case a.records[id] == nil:
		return reply(404, map[string]any{})
	case call.Method == http.MethodPatch:
		r := maps.Clone(a.records[id])
		maps.Copy(r, body)
		a.records[id] = r
		a.commits++
	case call.Method == http.MethodPut:
		body["id"] = a.records[id]["id"]
		a.records[id] = body
		a.commits++
	case call.Method == http.MethodDelete:
		delete(a.records, id)
		a.commits++
		return reply(200, map[string]any{})
	}
	return reply(200, a.records[id])
}

func reply(status int, v any) request.Answer {
	b, _ := json.Marshal(v)
	return request.Answer{Status: status, Header: http.Header{"Content-Type": {"application/json"}}, Body: b}
}

func (a *api) get(id string) map[string]any {
	a.mu.Lock()
	defer a.mu.Unlock()
	return maps.Clone(a.records[id])
}

func (a *api) all() []map[string]any {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []map[string]any
	for _, r := range a.records {
		out = append(out, maps.Clone(r))
	}
	return out
}

// links joins the engines of one process as peers; a link can be cut, and an answer lost.
type links struct {
	mu      sync.Mutex
	engines map[request.Site]*Engine
	cut     map[[2]request.Site]bool
	lose    func(from, to request.Site, what string) bool // the call is made and its answer lost
}

type linkOf struct {
	*links
	from request.Site
}

func (l linkOf) to(site request.Site) (Face, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cut[[2]request.Site{l.from, site}] || l.engines[site] == nil {
		return Face{}, &request.Error{Op: "link", Kind: request.NotSent, Detail: "cut"}
	}
	return Face{Engine: l.engines[site], Greet: func() peer.Greeting { return peer.Greeting{Site: site} }}, nil
}

func (l linkOf) lost(site request.Site, what string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lose != nil && l.lose(l.from, site, what) {
		return &request.Error{Op: "link", Kind: request.Doubtful, Detail: "answer lost"}
	}
	return nil
}

func (l linkOf) Write(ctx context.Context, to request.Site, w request.Write) (peer.Reply, error) {
	f, err := l.to(to)
	if err != nil {
		return peer.Reply{}, err
	}
	r, err := f.Write(ctx, l.from, w)
	if lost := l.lost(to, "write"); lost != nil {
		return peer.Reply{}, lost
	}
	return r, err
}

func (l linkOf) Deliver(ctx context.Context, to request.Site, batch []request.Snapshot, each func(peer.Ack)) error {
	f, err := l.to(to)
	if err != nil {
		return err
	}
	for _, s := range batch {
		a := f.Apply(ctx, l.from, s)
		if err := l.lost(to, "ack"); err != nil {
			return err
		}
		each(a)
	}
	return nil
}

func (l linkOf) Resolve(ctx context.Context, to request.Site, collection string, site request.Site, local string) (request.ID, error) {
	f, err := l.to(to)
	if err != nil {
		return "", err
	}
	return f.Resolve(ctx, l.from, collection, site, local)
}

func (l linkOf) Operation(ctx context.Context, to request.Site, id request.ID, op string) (request.Op, error) {
	f, err := l.to(to)
	if err != nil {
		return request.Op{}, err
	}
	return f.Operation(ctx, l.from, id, op)
}

func (l linkOf) Trail(ctx context.Context, to request.Site, id request.ID) (request.Trail, error) {
	f, err := l.to(to)
	if err != nil {
		return request.Trail{}, err
	}
	return f.Trail(ctx, l.from, id)
}

func (l linkOf) Holders(ctx context.Context, to request.Site, id request.ID, v request.Version) ([]request.Delivery, error) {
	f, err := l.to(to)
	if err != nil {
		return nil, err
	}
	return f.Holders(ctx, l.from, id, v)
}

func (l linkOf) Hello(_ context.Context, to request.Site) (peer.Greeting, error) {
	_, err := l.to(to)
	return peer.Greeting{}, err
}

func (l linkOf) Handover(ctx context.Context, to request.Site, h request.Handover) (request.Verdict, error) {
	f, err := l.to(to)
	if err != nil {
		return request.Verdict{}, err
	}
	v, err := f.Handover(ctx, l.from, h)
	if lost := l.lost(to, string(h.Stage)); lost != nil {
		return request.Verdict{}, lost
	}
	return v, err
}

func (l linkOf) Order(ctx context.Context, to request.Site, o request.Order) (request.Standing, error) {
	f, err := l.to(to)
	if err != nil {
		return request.Standing{}, err
	}
	return f.Order(ctx, l.from, o)
}

func (l linkOf) PutPart(ctx context.Context, to request.Site, p request.Part) (int64, error) {
	f, err := l.to(to)
	if err != nil {
		return 0, err
	}
	return f.PutPart(ctx, l.from, p)
}

func (l linkOf) Part(ctx context.Context, to request.Site, p request.Part) (request.Part, error) {
	f, err := l.to(to)
	if err != nil {
		return request.Part{}, err
	}
	return f.Part(ctx, l.from, p)
}

func (l linkOf) Status(request.Site) peer.Status { return peer.Status{LastSuccess: time.Now()} }
func (l linkOf) Ready(request.Site) bool         { return true }

// cluster is several sites in one process, under the clock of the synctest bubble it is made in.
type cluster struct {
	t      *testing.T
	links  *links
	apis   map[request.Site]*api
	stores map[request.Site]*memory.Store
	guards map[request.Site]*guard // of the present lives
	routes []routing.Route
	boot   int
	corr   bool
	stamps bool
	watch  *watcher // nil: nobody looks
	plant  string   // a bug to be planted
}

var sites = []request.Site{"sf", "chicago", "paris"}

// inBubble runs a test with three sites whose API has an external-id field when corr is set. Chairs belong to Chicago, and
// closed requests are copied to all.
func inBubble(t *testing.T, corr bool, test func(*cluster)) {
	inBubbleWith(t, cluster{corr: corr}, test)
}

func inBubbleWith(t *testing.T, with cluster, test func(*cluster)) {
	synctest.Test(t, func(t *testing.T) {
		c := &cluster{t: t, corr: with.corr, stamps: with.stamps, watch: with.watch, plant: with.plant, apis: map[request.Site]*api{}, stores: map[request.Site]*memory.Store{}, guards: map[request.Site]*guard{},
			links: &links{engines: map[request.Site]*Engine{}, cut: map[[2]request.Site]bool{}}}
		c.routes = []routing.Route{
			{Name: "chairs", On: []routing.Event{routing.Create}, At: []request.Site{"sf"}, When: `category == "chair"`,
				Transfer: &routing.Action{To: []request.Site{"chicago"}}},
			{Name: "closed", On: []routing.Event{routing.Create, routing.Update}, When: `status == "closed"`,
				Copy: &routing.Action{All: true}},
			{Name: "strict", On: []routing.Event{routing.Create}, At: []request.Site{"sf"}, When: `category == "table"`,
				Transfer: &routing.Action{To: []request.Site{"chicago"}, Unreachable: "refuse"}},
		}
		for i, s := range sites {
			c.apis[s], c.stores[s] = newAPI(1+10*i), &memory.Store{}
			c.start(s)
		}
		defer func() {
			for _, s := range sites {
				c.stop(s)
			}
		}()
		test(c)
	})
}

func (c *cluster) start(s request.Site) {
	c.t.Helper()
	c.boot++
	table, problems := routing.Compile(c.routes, sites)
	if len(problems) > 0 {
		c.t.Fatal(problems)
	}
	kept := &guard{Store: c.stores[s], site: s, watch: c.watch}
	c.guards[s] = kept
	g := New(Options{Self: s, Sites: sites, Profile: c.profile(), Ledger: planted(c.plant, kept), Queue: kept, Notes: kept, Lives: c.stores[s],
		Upstream: c.apis[s], Peers: plantedPeers(c.plant, linkOf{c.links, s}), Routes: table, Replica: string(s), Boot: fmt.Sprint(c.boot)})
	c.links.mu.Lock()
	c.links.engines[s] = g
	c.links.mu.Unlock()
	g.Start(c.t.Context())
}

func (c *cluster) profile() *profile.Profile {
	if c.stamps {
		return stampedProfile(c.t)
	}
	return testProfile(c.t, c.corr)
}

func (c *cluster) stop(s request.Site) {
	c.links.mu.Lock()
	g := c.links.engines[s]
	delete(c.links.engines, s)
	c.links.mu.Unlock()
	if g != nil {
		_ = g.Stop(context.Background())
	}
}

// kill lets nothing more be stored by a gateway, at whatever step it is, and starts a new one in its place.
func (c *cluster) kill(s request.Site) {
	g := c.at(s)
	if g == nil {
		return
	}
	c.links.mu.Lock()
	delete(c.links.engines, s)
	c.links.mu.Unlock()
	c.guards[s].kill()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_ = g.Stop(ctx)
	time.Sleep(300 * time.Millisecond)
	c.start(s)
}

func (c *cluster) cut(a, b request.Site, cut bool) {
	c.links.mu.Lock()
	defer c.links.mu.Unlock()
	c.links.cut[[2]request.Site{a, b}], c.links.cut[[2]request.Site{b, a}] = cut, cut
}

func (c *cluster) at(s request.Site) *Engine {
	c.links.mu.Lock()
	defer c.links.mu.Unlock()
	return c.links.engines[s]
}

func (c *cluster) send(s request.Site, kind request.Kind, local, body string) (request.Result, error) {
	return c.sendKeyed(s, kind, local, body, "")
}

func (c *cluster) sendKeyed(s request.Site, kind request.Kind, local, body, key string) (request.Result, error) {
	method := map[request.Kind]string{request.Create: "POST", request.Update: "PATCH", request.Replace: "PUT", request.Delete: "DELETE"}[kind]
	target := "/tickets"
	if kind != request.Create {
		target += "/" + local
	}
	w := request.Write{Kind: kind, Collection: "tickets", Local: local, Key: key, Digest: body,
		Call: &request.Call{Method: method, Target: target, Body: []byte(body), Header: http.Header{"Content-Type": {"application/json"}}}}
	if body != "" {
		f, err := c.profile().Collections["tickets"].FromCall([]byte(body))
		if err != nil {
			c.t.Fatal(err)
		}
		w.Fields = f
	}
	g := c.at(s)
	if g == nil {
		return request.Result{}, errDead
	}
	return g.Write(c.t.Context(), w)
}

// must sends a write that has to succeed and returns the result and the local id in its answer.
func (c *cluster) must(s request.Site, kind request.Kind, local, body string) (request.Result, string) {
	c.t.Helper()
	res, err := c.send(s, kind, local, body)
	if err != nil {
		c.t.Fatalf("%s %s at %s: %v", kind, local, s, err)
	}
	if res.Answer == nil || res.Answer.Status >= 300 {
		c.t.Fatalf("%s at %s answered %+v", kind, s, res.Answer)
	}
	var rec map[string]any
	_ = json.Unmarshal(res.Answer.Body, &rec)
	return res, fmt.Sprint(rec["id"])
}

// converged waits until nothing is owed and then compares the copies of a request at the sites given with its owner's record.
func (c *cluster) converged(id request.ID, owner request.Site, at ...request.Site) {
	c.t.Helper()
	for range 200 {
		synctest.Wait()
		if b, _ := c.stores[owner].Backlog(c.t.Context()); len(b) == 0 {
			break
		}
		time.Sleep(500 * time.Millisecond) // the bubble's clock: no time passes outside
	}
	want := c.record(id, owner)
	for _, s := range at {
		got := c.record(id, s)
		w := maps.Clone(want)
		for _, own := range []string{"id", "ref"} {
			delete(got, own)
			delete(w, own)
		}
		if fmt.Sprint(got) != fmt.Sprint(w) {
			c.t.Errorf("%s has %v, the owner %s has %v", s, got, owner, w)
		}
	}
}

func (c *cluster) record(id request.ID, s request.Site) map[string]any {
	c.t.Helper()
	rec, err := c.stores[s].Read(c.t.Context(), id)
	if err != nil {
		c.t.Fatalf("%s at %s: %v", id, s, err)
	}
	return c.apis[s].get(rec.Entry.Local)
}

func (c *cluster) entry(id request.ID, s request.Site) request.Entry {
	c.t.Helper()
	rec, err := c.stores[s].Read(c.t.Context(), id)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		c.t.Fatal(err)
	}
	return rec.Entry
}

var _ Upstream = (*api)(nil)
var _ Peers = linkOf{}
var _ = profile.Diff
