package tests

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// refusedWithin is how long a gateway may take to say that its store does not answer; at once, when it knows it already.
const refusedWithin = 12 * time.Second

// brownout is a network whose first site has its store in a Redis that can fail.
func brownout(t *testing.T, policy, routes string, apis ...harness.Site) (*harness.Cluster, *harness.Redis) {
	t.Helper()
	redis := harness.NewRedis(t)
	apis[0].Store = redis.URL()
	apis[0].Extra = "store_down: " + policy + "\n"
	return harness.Start(t, harness.Network{Sites: apis, Routes: routes}), redis
}

// debts is what a gateway says of what it owes its ledger.
func debts(g *harness.Gateway) int {
	for line := range strings.Lines(g.Metrics()) {
		if rest, ok := strings.CutPrefix(line, "meridian_debts{"); ok {
			n := 0.0
			_, _ = fmt.Sscan(rest[strings.LastIndex(rest, " "):], &n)
			return int(n)
		}
	}
	return -1
}

// noDebts waits until all of them are settled. Health brings the metric up to date.
func noDebts(t *testing.T, g *harness.Gateway, within time.Duration) {
	t.Helper()
	harness.Eventually(t, within, "the debts are settled", func() error {
		if _, err := g.Health(); err != nil {
			return err
		}
		if n := debts(g); n != 0 {
			return fmt.Errorf("%d debts", n)
		}
		return nil
	})
}

// Every verb is refused while the store is away, nothing reaches the request API, and the gateway says why it is not ready.
func TestStoreDownRefuses(t *testing.T) {
	t.Parallel()
	n, redis := brownout(t, "refuse", everywhere, harness.Fakes(t, "oslo", "rome")...)
	oslo := n.At("oslo")
	id := oslo.Create("/tickets", ticket("desk", "")).Want(201).ID()
	n.Settled(soon)
	for _, way := range []string{"killed", "paused"} {
		if way == "killed" {
			redis.Kill()
		} else {
			redis.Signal(syscall.SIGSTOP)
		}
		before := len(oslo.Fake().Writes())
		for i, c := range []harness.Call{{Method: "POST", Path: "/tickets", Body: ticket("lost", "")}, {Method: "PATCH", Path: "/tickets/" + id, Body: `{"a":1}`},
			{Method: "PUT", Path: "/tickets/" + id, Body: ticket("whole", "")}, {Method: "DELETE", Path: "/tickets/" + id},
			{Method: "POST", Path: "/tickets", Body: ticket("keyed", ""), Key: "k-" + way}, {Method: "POST", Path: "/tickets/" + id + "/transitions", Body: `{"to":"closed"}`}} {
			a := oslo.Do(c).WantProblem(503, "store-unavailable")
			if a.Header.Get("Retry-After") == "" {
				t.Errorf("%s: %s %s has no Retry-After", way, c.Method, c.Path)
			}
			if a.Took > refusedWithin {
				t.Errorf("%s: %s %s took %v", way, c.Method, c.Path, a.Took)
			}
			t.Logf("%s: call %d, %s %s: %v", way, i, c.Method, c.Path, a.Took)
		}
		if sent := oslo.Fake().Writes()[before:]; len(sent) > 0 {
			t.Errorf("%s: the request API was called: %+v", way, sent)
		}
		if _, err := harness.GetRaw(oslo.Admin("/readyz")); err == nil {
			t.Errorf("%s: the gateway says that it is ready", way)
		}
		oslo.Get("/tickets/" + id).Want(200)
		if way == "killed" {
			redis.Start()
			redis.Ready(t)
		} else {
			redis.Signal(syscall.SIGCONT)
		}
		harness.Eventually(t, soon, "it takes writes again", func() error {
			if a := oslo.Patch("/tickets/"+id, fmt.Sprintf(`{"way":%q}`, way)); a.Status != 200 {
				return fmt.Errorf("%d %s", a.Status, a.Body)
			}
			return nil
		})
	}
	n.WantSame("desk", 2*soon, "oslo", "rome")
	if n := len(mustFind(t, oslo, "lost")) + len(mustFind(t, oslo, "keyed")); n != 0 {
		t.Errorf("%d records of refused writes", n)
	}
}

func mustFind(t *testing.T, g *harness.Gateway, subject string) []harness.Record {
	t.Helper()
	found, err := g.Find("subject", subject)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// wantDebt fails the test unless an answer is the API's own with the receipt of a debt.
func wantDebt(t *testing.T, a harness.Answer, statuses ...int) harness.Answer {
	t.Helper()
	a.Want(statuses...)
	if a.Header.Get("Meridian-State") != "debt" || a.Header.Get("Meridian-Version") != "" {
		t.Errorf("the receipt is %v", a.Header)
	}
	return a
}

// With store_down: pass the API answers, the receipt says that the gateway owes the ledger, and when the store is back all of it is
// what it would have been: versions, routes, copies, keys. In between the gateway is killed.
func TestStoreDownPasses(t *testing.T) {
	t.Parallel()
	routes := `
- {name: chairs-to-rome, on: [create], at: [oslo], when: 'category == "chair"', transfer: {to: rome}}
- {name: repaired, on: [update], at: [oslo], when: 'status == "repaired" && changed("status")', transfer: {to: rome}}
- {name: all, on: [create], copy: {to: all}}
`
	n, redis := brownout(t, "pass", routes, harness.Fakes(t, "oslo", "rome")...)
	oslo, rome := n.At("oslo"), n.At("rome")
	known := oslo.Create("/tickets", ticket("known", "")).Want(201).ID()
	doomed := oslo.Create("/tickets", ticket("doomed", "")).Want(201).ID()
	rome.Create("/tickets", ticket("lent", "")).Want(201).WantReceipt("rome")
	rome.Create("/tickets", ticket("lent doomed", "")).Want(201).WantReceipt("rome")
	lent, lentDoomed := oslo.WantCopy("lent", soon, nil).ID(), oslo.WantCopy("lent doomed", soon, nil).ID()
	keyed := harness.Call{Method: "POST", Path: "/tickets", Body: ticket("before", ""), Key: "before"}
	oslo.Do(keyed).Want(201)
	n.Settled(soon)
	redis.Kill()

	wantDebt(t, oslo.Patch("/tickets/"+known, `{"status":"repaired"}`), 200)
	wantDebt(t, oslo.Patch("/tickets/"+known, `{"status":"returned","note":"late"}`), 200)
	wantDebt(t, oslo.Delete("/tickets/"+doomed), 204)
	wantDebt(t, oslo.Patch("/tickets/"+lent, `{"colour":"red"}`), 200)
	wantDebt(t, oslo.Delete("/tickets/"+lentDoomed), 204)
	fresh := wantDebt(t, oslo.Create("/tickets", ticket("fresh", "")), 201)
	wantDebt(t, oslo.Patch("/tickets/"+fresh.ID(), `{"colour":"blue"}`), 200)
	chair := wantDebt(t, oslo.Create("/tickets", ticket("new chair", `"category":"chair"`)), 201)
	brief := wantDebt(t, oslo.Create("/tickets", ticket("brief", "")), 201)
	wantDebt(t, oslo.Delete("/tickets/"+brief.ID()), 204)
	once := harness.Call{Method: "POST", Path: "/tickets", Body: ticket("once", ""), Key: "once"}
	first := wantDebt(t, oslo.Do(once), 201)
	if again := wantDebt(t, oslo.Do(once), 201); string(again.Body) != string(first.Body) || again.Header.Get("Meridian-Replayed") != "true" {
		t.Errorf("the repeated key got %v %s, not %s", again.Header, again.Body, first.Body)
	}
	oslo.Do(harness.Call{Method: "POST", Path: "/tickets", Body: ticket("other", ""), Key: "once"}).WantProblem(422, "key-reused")
	oslo.Do(keyed).WantProblem(503, "store-unavailable") // what came of it only the store knows
	oslo.Do(harness.Call{Method: "PATCH", Path: "/tickets/" + known, Body: `{"a":1}`, Header: http.Header{"If-Match": {`"1.1"`}}}).WantProblem(503, "store-unavailable")
	oslo.Patch("/tickets/rome:1", `{"a":1}`).WantProblem(503, "store-unavailable")
	if _, err := harness.GetRaw(oslo.Admin("/readyz")); err != nil {
		t.Errorf("the gateway passes writes on and is not ready: %v", err)
	}
	h, err := oslo.Health()
	if err != nil || !slices.ContainsFunc(h.Problems, func(p string) bool { return strings.Contains(p, "passed on while the store was away") }) {
		t.Errorf("health: %+v, %v", h, err)
	}
	if got := debts(oslo); got != 11 {
		t.Errorf("%d debts, want 11", got)
	}

	oslo.Kill()
	redis.Start()
	redis.Ready(t)
	oslo.Restart()
	noDebts(t, oslo, 2*soon)
	n.Settled(2 * soon)
	for subject, want := range map[string]map[string]any{"known": {"status": "returned", "note": "late"}, "lent": {"colour": "red"},
		"fresh": {"colour": "blue"}, "new chair": nil, "once": nil, "before": nil} {
		rec := n.WantSame(subject, 2*soon, "oslo", "rome")
		if err := rec.Fields(want); err != nil {
			t.Errorf("%s: %v", subject, err)
		}
	}
	for _, g := range []*harness.Gateway{oslo, rome} {
		for _, gone := range []string{"doomed", "lent doomed", "brief", "other"} {
			g.WantNone(gone, 2*soon)
		}
	}
	for ref, owner := range map[string]string{known: "rome", chair.ID(): "rome", fresh.ID(): "oslo"} {
		harness.Eventually(t, 2*soon, "the owner of "+ref, func() error {
			if a := oslo.Get("/tickets/" + ref); a.Owner() != owner {
				return fmt.Errorf("%d, owner %q, want %q", a.Status, a.Owner(), owner)
			}
			return nil
		})
	}
	if again := oslo.Do(once).Want(201); again.Header.Get("Meridian-Replayed") != "true" || string(again.Body) != string(first.Body) || again.Request() != first.Request() {
		t.Errorf("after the brown-out the key got %v %s", again.Header, again.Body)
	}
	oslo.Do(keyed).Want(201)
}

// A write that the API did not answer in the brown-out is found out about when the store is back: made or not made, once.
func TestStoreDownUnanswered(t *testing.T) {
	t.Parallel()
	sites := harness.Fakes(t, "oslo", "rome")
	n, redis := brownout(t, "pass", everywhere, sites...)
	oslo := n.At("oslo")
	known := oslo.Create("/tickets", ticket("known", "")).Want(201).ID()
	n.Settled(soon)
	redis.Kill()
	oslo.Create("/tickets", ticket("sure", "")).Want(201)
	oslo.Fake().Inject(harness.CommitThenDrop("POST"))
	made := oslo.Create("/tickets", ticket("made", "")).WantProblem(504, "in-doubt")
	oslo.Fake().Inject(harness.DropBeforeCommit("POST"))
	oslo.Create("/tickets", ticket("not made", "")).WantProblem(504, "in-doubt")
	oslo.Fake().Inject(harness.CommitThenDrop("PATCH"))
	oslo.Patch("/tickets/"+known, `{"colour":"red"}`).WantProblem(504, "in-doubt")
	oslo.Fake().Inject(harness.Refuse("PATCH", 422))
	refused := oslo.Patch("/tickets/"+known, `{"colour":"none"}`).Want(422)
	if refused.Header.Get("Meridian-State") != "" {
		t.Errorf("a refusal has a receipt: %v", refused.Header)
	}
	oslo.Fake().Clear()
	redis.Start()
	redis.Ready(t)
	noDebts(t, oslo, 2*soon)
	oslo.WantOperation(made.Operation(), 2*soon, "done")
	n.Settled(2 * soon)
	for _, subject := range []string{"sure", "made"} {
		n.WantSame(subject, 2*soon, "oslo", "rome")
	}
	if err := n.WantSame("known", 2*soon, "oslo", "rome").Fields(map[string]any{"colour": "red"}); err != nil {
		t.Error(err)
	}
	for _, g := range []string{"oslo", "rome"} {
		n.At(g).WantNone("not made", soon)
	}
}

// faulty lets a Redis fail and come back.
func faulty(t *testing.T, redis *harness.Redis) {
	if rand.IntN(2) == 0 {
		redis.Kill()
		harness.Pause(time.Duration(300+rand.IntN(900)) * time.Millisecond)
		redis.Start()
		redis.Ready(t)
		return
	}
	redis.Signal(syscall.SIGSTOP)
	harness.Pause(time.Duration(300+rand.IntN(900)) * time.Millisecond)
	redis.Signal(syscall.SIGCONT)
}

// The store fails and comes back again and again under load, and the gateway is killed now and then. What was acknowledged is there in
// the end, nothing is there twice, and the copies are equal; whether writes are passed on or refused.
func TestStoreDownUnderLoad(t *testing.T) {
	t.Parallel()
	for _, policy := range []string{"pass", "refuse"} {
		t.Run(policy, func(t *testing.T) {
			t.Parallel()
			n, redis := brownout(t, policy, furniture+"- {name: chicago-chairs, on: [create], at: [chicago], when: 'category == \"chair\"', copy: {to: all}}\n", harness.Fakes(t, "san-francisco", "chicago")...)
			l := startOwnLoad(n, 6)
			for range harness.Rounds(4, 40) {
				harness.Pause(time.Duration(300+rand.IntN(500)) * time.Millisecond)
				if rand.IntN(3) > 0 {
					faulty(t, redis)
					continue
				}
				redis.Kill()
				harness.Pause(500 * time.Millisecond)
				n.At("san-francisco").Kill()
				redis.Start()
				redis.Ready(t)
				n.At("san-francisco").Restart()
			}
			harness.Pause(500 * time.Millisecond)
			l.end()
			t.Logf("%d writes acknowledged, %d of them as debts", l.count, l.owed)
			if policy == "pass" != (l.owed > 0) {
				t.Errorf("%d writes were passed on", l.owed)
			}
			for _, site := range n.Sites() {
				noDebts(t, n.At(site), leased)
			}
			l.check(t, leased)
		})
	}
}

// ownLoad is a load whose clients write the records of their own site by their own ids.
type ownLoad struct {
	*load
	owed int
}

func startOwnLoad(n *harness.Cluster, clients int) *ownLoad {
	l := &ownLoad{load: &load{n: n, prefix: subject("load"), stop: make(chan struct{}), maybe: make(map[string]int), acked: make(map[string]int),
		sent: make(map[string]int), ids: make(map[string]entryPoint)}}
	for c := range clients {
		g := n.At(n.Sites()[c%len(n.Sites())])
		l.all.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-l.stop:
					return
				default:
				}
				l.step(g, c, i)
			}
		})
	}
	return l
}

// step makes one write: every fourth a create, the others updates of the client's own records, now and then a create that is repeated
// under its key until it is answered.
func (l *ownLoad) step(g *harness.Gateway, c, i int) {
	name := fmt.Sprintf("%s/%d/%d", l.prefix, c, i)
	body := ticket(name, fmt.Sprintf(`"category":%q`, []string{"chair", "desk"}[rand.IntN(2)]))
	switch {
	case i%4 == 0:
		a := g.Do(harness.Call{Method: "POST", Path: "/tickets", Body: body, Key: key(name)})
		for tries := 0; (a.Err != nil || a.Status >= 409 && a.Status != 422) && tries < 200; tries++ {
			select {
			case <-l.stop:
				tries = 200
			default:
			}
			harness.Pause(50 * time.Millisecond)
			a = g.Do(harness.Call{Method: "POST", Path: "/tickets", Body: body, Key: key(name)})
		}
		l.made(g, a, name, c)
	case i%4 == 1:
		l.made(g, g.Create("/tickets", body), name, c)
	default:
		l.change(g, c, i)
	}
}

func (l *ownLoad) made(g *harness.Gateway, a harness.Answer, name string, c int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if a.Err != nil || a.Status != 201 && a.Status != 202 {
		l.maybe[name]++
		l.doubt(a)
		return
	}
	l.note(a)
	l.names = append(l.names, name)
	if a.Status == 201 {
		if rec, err := harness.ParseRecord(a.Body); err == nil && rec["id"] != nil {
			l.ids[fmt.Sprint(c)] = entryPoint{name, rec.ID()}
		}
	}
}

func (l *ownLoad) change(g *harness.Gateway, c, i int) {
	l.mu.Lock()
	at, ok := l.ids[fmt.Sprint(c)]
	k := at.site + "\x00" + fmt.Sprintf("c%d", c)
	if ok {
		l.sent[k] = i
	}
	l.mu.Unlock()
	if !ok {
		return
	}
	a := g.Patch("/tickets/"+at.id, fmt.Sprintf(`{"c%d":%d}`, c, i))
	l.mu.Lock()
	defer l.mu.Unlock()
	if a.OK() || a.Err == nil && a.Status == 202 {
		l.note(a)
		l.acked[k] = i
		return
	}
	l.doubt(a)
}

func (l *ownLoad) note(a harness.Answer) {
	l.count++
	if a.Header.Get("Meridian-State") == "debt" {
		l.owed++
	}
}

// Comments that were written while the store was away, at the owner and at a copy, are everywhere when it is back.
func TestStoreDownComments(t *testing.T) {
	t.Parallel()
	oslo, rome := newWithComments(t), newWithComments(t)
	n, redis := brownout(t, "pass", everywhere, harness.Site{Name: "oslo", API: oslo}, harness.Site{Name: "rome", API: rome})
	own := n.At("oslo").Create("/tickets", ticket("lamp", "")).Want(201).ID()
	theirs := n.At("rome").Create("/tickets", ticket("sofa", "")).Want(201).ID()
	copied := n.At("oslo").WantCopy("sofa", soon, nil).ID()
	lamp := n.At("rome").WantCopy("lamp", soon, nil).ID()
	old := n.At("oslo").Create("/tickets/"+copied+"/comments", comment("old")).Want(201).ID()
	n.Settled(soon)
	redis.Kill()
	wantDebt(t, n.At("oslo").Create("/tickets/"+own+"/comments", comment("at the owner")), 201)
	wantDebt(t, n.At("oslo").Create("/tickets/"+copied+"/comments", comment("at the copy")), 201)
	wantDebt(t, n.At("oslo").Patch("/comments/"+old, comment("changed")), 200)
	redis.Start()
	redis.Ready(t)
	noDebts(t, n.At("oslo"), 2*soon)
	for what, at := range map[string]struct {
		api    withComments
		ticket string
		want   []string
	}{"the lamp at rome": {rome, lamp, []string{"at the owner"}}, "the lamp at oslo": {oslo, own, []string{"at the owner"}},
		"the sofa at rome": {rome, theirs, []string{"changed", "at the copy"}}, "the sofa at oslo": {oslo, copied, []string{"changed", "at the copy"}}} {
		harness.Eventually(t, 2*soon, what, func() error {
			got, err := at.api.comments(t, at.ticket)
			if err == nil && !slices.Equal(got, at.want) {
				err = fmt.Errorf("it has %q, want %q", got, at.want)
			}
			return err
		})
	}
}
