package tests

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// Requests change hands while clients at all three sites write them, links fail in all their ways and gateways are killed. After each
// round there is one owner, it has every acknowledged write, all copies equal its record, and nothing is there twice.
func TestOwnershipUnderFire(t *testing.T) {
	t.Parallel()
	n := harness.Start(t, harness.Network{Sites: harness.Fakes(t, "oslo", "rome", "paris"), Routes: everywhere})
	underFire(t, n, harness.Rounds(3, 200), 4*soon)
}

// The same on Redis, where what a killed gateway had in flight is leased for a while.
func TestOwnershipUnderFireOnRedis(t *testing.T) {
	t.Parallel()
	redis := harness.NewRedis(t)
	sites := harness.Fakes(t, "oslo", "rome", "paris")
	for i := range sites {
		sites[i].Store = redis.URL()
	}
	n := harness.Start(t, harness.Network{Sites: sites, Routes: everywhere})
	underFire(t, n, harness.Rounds(1, 60), leased)
}

func underFire(t *testing.T, n *harness.Cluster, rounds int, patience time.Duration) {
	t.Helper()
	written, moved, began := 0, 0, time.Now()
	for i := range rounds {
		fights := make([]*fight, 3)
		for j := range fights {
			fights[j] = newFight(t, n, fmt.Sprintf("fire %d/%d", i, j))
		}
		for _, f := range fights {
			f.start()
		}
		story := disturb(n, fights)
		harness.Pause(100 * time.Millisecond)
		for _, f := range fights {
			f.end()
		}
		for _, f := range fights {
			f.check(t, patience)
			written, moved = written+len(f.versions), moved+f.moved
		}
		if t.Failed() {
			t.Fatalf("round %d: %s", i, strings.Join(story, "; "))
		}
		if (i+1)%20 == 0 {
			t.Logf("%d rounds stand", i+1)
		}
	}
	n.Settled(patience)
	for _, site := range n.Sites() {
		n.At(site).WantHealth("all is well", soon, func(h harness.Health) bool { return h.State == "ok" })
		if c, want := len(n.At(site).Fake().Commits("POST")), 3*rounds; c != want {
			t.Errorf("%s's API has %d records made, want %d", site, c, want)
		}
	}
	t.Logf("%d rounds in %v: %d writes acknowledged, %d hand-overs", rounds, time.Since(began), written, moved)
	if written < 3*rounds || moved < rounds {
		t.Errorf("only %d writes were acknowledged and %d hand-overs made", written, moved)
	}
}

// disturb orders hand-overs of all requests, cuts, resets and slows links, and kills gateways, each at a moment of chance; it ends
// with all mended and running. It tells what it did.
func disturb(n *harness.Cluster, fights []*fight) (story []string) {
	sites := n.Sites()
	for range 3 {
		a, b := sites[rand.IntN(3)], sites[rand.IntN(3)]
		for b == a {
			b = sites[rand.IntN(3)]
		}
		for _, f := range fights {
			f.order(sites[rand.IntN(3)], b)
		}
		harness.Pause(time.Duration(rand.IntN(25)) * time.Millisecond) // a hand-over takes about ten
		link := n.Link(a, b)
		fails := []struct {
			name string
			do   func()
		}{
			{"cut", func() { n.Cut(a, b) }}, {"cut the way there", link.Cut}, {"cut the way back", n.Link(b, a).Cut}, {"reset", link.Reset},
			{"answers lost", link.OneWay}, {"hole", link.Hole}, {"slow", func() { link.Delay(30 * time.Millisecond) }},
		}
		fail := fails[rand.IntN(len(fails))]
		fail.do()
		story = append(story, fmt.Sprintf("to %s, then %s: %s to %s", b, fail.name, a, b))
		harness.Pause(time.Duration(rand.IntN(25)) * time.Millisecond)
		var dead []string
		if rand.IntN(3) > 0 {
			dead = append(dead, a)
		}
		if rand.IntN(3) > 0 {
			dead = append(dead, b)
		}
		for _, site := range dead {
			n.At(site).Kill()
		}
		harness.Pause(time.Duration(rand.IntN(200)) * time.Millisecond)
		story = append(story, fmt.Sprintf("killed %v", dead))
		for _, site := range dead {
			n.At(site).Restart()
		}
		n.Heal(a, b)
		harness.Pause(time.Duration(rand.IntN(200)) * time.Millisecond)
	}
	return story
}

// fight is one request that is moved about while a client at each site writes a field of its own in it.
type fight struct {
	n         *harness.Cluster
	name, ref string
	ids       map[string]string
	stop      chan struct{}
	all       sync.WaitGroup

	mu          sync.Mutex
	acked, sent map[string]int
	versions    map[string]string // of acknowledged writes
	receipts    map[receipt]bool
	wrong       []string
	moved       int // how often it changed hands, once it was checked
}

// receipt is what the answer to a write says of its epoch and the owner.
type receipt struct {
	epoch int
	owner string
}

func newFight(t *testing.T, n *harness.Cluster, what string) *fight {
	t.Helper()
	f := &fight{n: n, name: subject(what), ids: make(map[string]string), stop: make(chan struct{}), acked: make(map[string]int),
		sent: make(map[string]int), versions: make(map[string]string), receipts: make(map[receipt]bool)}
	first := n.At(n.Sites()[rand.IntN(3)])
	var made harness.Answer
	harness.Eventually(t, 2*soon, "a request is created", func() error { // a network that was just mended may need a moment
		if made = first.Create("/tickets", ticket(f.name, "")); made.Status != 201 {
			return harness.GiveUp(fmt.Errorf("%d %v %s", made.Status, made.Err, made.Body))
		}
		return nil
	})
	f.ref = made.Request()
	for _, site := range n.Sites() {
		f.ids[site] = n.At(site).WantCopy(f.name, 2*soon, nil).ID()
	}
	return f
}

func (f *fight) start() {
	for _, site := range f.n.Sites() {
		f.all.Go(func() { f.write(site) })
	}
}

// write is one client.
func (f *fight) write(site string) {
	g := f.n.At(site)
	for i := 1; ; i++ {
		select {
		case <-f.stop:
			return
		default:
		}
		f.mu.Lock()
		f.sent[site] = i
		f.mu.Unlock()
		a := g.Patch("/tickets/"+f.ids[site], fmt.Sprintf(`{"by-%s":%d}`, site, i))
		if !a.OK() && a.Status != 202 { // 202: the owner has it, the copy here is still to come
			f.refused(a)
			harness.Pause(20 * time.Millisecond)
			continue
		}
		epoch, _ := a.Version()
		version := a.Header.Get("Meridian-Version")
		f.mu.Lock()
		f.acked[site] = i
		if other, twice := f.versions[version]; twice {
			f.wrong = append(f.wrong, fmt.Sprintf("version %s was given to %s and to %s=%d", version, other, site, i))
		}
		f.versions[version] = fmt.Sprintf("%s=%d", site, i)
		f.receipts[receipt{epoch, a.Owner()}] = true
		f.mu.Unlock()
	}
}

// refused notes an answer that no fault excuses.
func (f *fight) refused(a harness.Answer) {
	switch {
	case a.Err != nil, a.Status == 503, a.Status == 504, a.Status == 502:
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.wrong = append(f.wrong, fmt.Sprintf("a client got %d %.300s", a.Status, a.Body))
}

// order moves the request; it may be refused, or its answer be lost.
func (f *fight) order(at, to string) {
	a := f.n.At(at).Transfer(f.ref, to, "ownership")
	switch a.Status {
	case 0, 202, 200, 409, 502, 503, 504:
	default:
		f.mu.Lock()
		f.wrong = append(f.wrong, fmt.Sprintf("an order got %d %.300s", a.Status, a.Body))
		f.mu.Unlock()
	}
}

func (f *fight) end() {
	close(f.stop)
	f.all.Wait()
}

func (f *fight) check(t *testing.T, patience time.Duration) {
	t.Helper()
	for _, w := range f.wrong {
		t.Errorf("%s: %s", f.name, w)
	}
	harness.Eventually(t, patience, f.name+" rests at one owner", func() error { // orders that wait may still move it
		for _, site := range f.n.Sites() {
			list, err := f.n.At(site).Transfers()
			if err != nil || len(list) > 0 {
				return fmt.Errorf("%s: %+v %v", site, list, err)
			}
		}
		return nil
	})
	owner := f.n.WantOwner(f.ref, "", patience)
	rec := f.n.WantSame(f.name, patience, append([]string{owner.Owner}, f.n.Sites()...)...)
	for site, least := range f.acked {
		var got int
		_, _ = fmt.Sscan(fmt.Sprint(rec["by-"+site]), &got)
		if got < least || got > f.sent[site] {
			t.Errorf("%s: the owner %s has by-%s=%v; %d was acknowledged and %d the last one sent", f.name, owner.Owner, site, rec["by-"+site],
				least, f.sent[site])
		}
	}
	f.checkReigns(t, owner)
	for _, site := range f.n.Sites() {
		harness.Eventually(t, patience, f.name+" is confirmed at "+site, func() error {
			v, err := f.n.At(site).Request(f.ref)
			if err == nil && v.Version != owner.Version {
				err = fmt.Errorf("it is at version %s, the owner %s at %s", v.Version, owner.Owner, owner.Version)
			}
			return err
		})
		if list, err := f.n.At(site).Conflicts(f.ref); err != nil || len(list) != 0 {
			t.Errorf("%s: %s has the conflicts %+v (%v)", f.name, site, list, err)
		}
	}
}

// checkReigns compares the receipts with the history of owners. A receipt tells the epoch of the write, and the owner as it was when the
// client was answered: that of the epoch, or a later one.
func (f *fight) checkReigns(t *testing.T, owner harness.View) {
	t.Helper()
	reigns := make(map[int]string)
	for _, r := range owner.Former {
		if other, twice := reigns[r.Epoch]; twice {
			t.Errorf("%s: %s and %s both owned it in epoch %d", f.name, other, r.Owner, r.Epoch)
		}
		reigns[r.Epoch] = r.Owner
	}
	var last int
	_, _ = fmt.Sscanf(owner.Version, "%d.", &last)
	reigns[last] = owner.Owner
	for r := range f.receipts {
		ok := false
		for epoch, later := range reigns {
			ok = ok || epoch >= r.epoch && later == r.owner
		}
		if !ok {
			t.Errorf("%s: a receipt says %+v; the owners were %v", f.name, r, reigns)
		}
	}
	f.moved = len(owner.Former)
}

// Closed requests move to the archive while gateways of both sides are killed: the source is never gone before the archive has
// confirmed, and in the end each is in the archive, once, with its last state.
func TestOwnershipArchiveUnderFire(t *testing.T) {
	t.Parallel()
	n := harness.Start(t, harness.Network{Sites: harness.Fakes(t, "oslo", "vault"), Routes: `
- {name: shelve, on: [update], at: [oslo], when: status == "closed", archive: {to: vault}}
`})
	oslo, vault := n.At("oslo"), n.At("vault")
	for i := range harness.Rounds(2, 200) {
		names, ids, refs := make([]string, 5), make([]string, 5), make([]string, 5)
		for j := range names {
			names[j] = subject(fmt.Sprintf("shelved %d", i))
			made := oslo.Create("/tickets", ticket(names[j], `"n":0`)).Want(201)
			ids[j], refs[j] = made.ID(), made.Request()
		}
		acked := make([]bool, 5)
		var all sync.WaitGroup
		for j := range names {
			all.Go(func() { acked[j] = oslo.Patch("/tickets/"+ids[j], `{"status":"closed","n":1}`).OK() })
		}
		harness.Pause(time.Duration(rand.IntN(30)) * time.Millisecond)
		for _, g := range [][]*harness.Gateway{{oslo}, {vault}, {oslo, vault}, {vault, oslo}}[i%4] {
			g.Kill()
			harness.Pause(time.Duration(rand.IntN(20)) * time.Millisecond)
		}
		all.Wait()
		oslo.Restart()
		vault.Restart()
		for j, name := range names {
			if !acked[j] { // the client repeats what it has no answer to
				harness.Eventually(t, 4*soon, "the repeated update is taken, or the request has moved", func() error {
					if a := oslo.Patch("/tickets/"+ids[j], `{"status":"closed","n":1}`); !a.OK() && a.Status != 404 {
						return fmt.Errorf("%d %v %s", a.Status, a.Err, a.Body)
					}
					return nil
				})
			}
			n.WantOwner(refs[j], "vault", 4*soon)
			vault.WantCopy(name, 4*soon, map[string]any{"status": "closed", "n": 1})
			oslo.WantNone(name, 4*soon)
			wantGoneAfter(t, oslo, vault, name, ids[j])
		}
		n.Settled(4 * soon)
	}
	made := len(vault.Fake().Commits("POST"))
	if want := 5 * harness.Rounds(2, 200); made != want {
		t.Errorf("the archive's API has %d records made, want %d", made, want)
	}
}

// A request is deleted while it changes hands, by a client of either side, at any moment, with a gateway killed: once the client was
// told that it is done, it is gone everywhere, and does not come back.
func TestOwnershipDeleteDuringHandOver(t *testing.T) {
	t.Parallel()
	n := harness.Start(t, harness.Network{Sites: harness.Fakes(t, "oslo", "rome", "paris"), Routes: everywhere})
	oslo, rome := n.At("oslo"), n.At("rome")
	type gone struct{ name, ref string }
	var all []gone
	for i := range harness.Rounds(6, 200) {
		name := subject(fmt.Sprintf("deleted on the way %d", i))
		made := oslo.Create("/tickets", ticket(name, "")).Want(201)
		ids := map[string]string{"oslo": made.ID(), "rome": rome.WantCopy(name, 2*soon, nil).ID()}
		n.At("paris").WantCopy(name, 2*soon, nil)
		slow := rome.Fake().Inject(&harness.Fault{Method: "PATCH", Times: 1, Wait: time.Duration(rand.IntN(60)) * time.Millisecond, Commit: true})
		oslo.Transfer(made.Request(), "rome", "ownership").Want(202)
		harness.Pause(time.Duration(rand.IntN(40)) * time.Millisecond)
		by := n.At([]string{"oslo", "rome"}[i%2])
		done := make(chan harness.Answer, 1)
		go func() { done <- by.Delete("/tickets/" + ids[by.Name]) }()
		if i%3 == 2 {
			harness.Pause(time.Duration(rand.IntN(20)) * time.Millisecond)
			victim := []*harness.Gateway{oslo, rome}[rand.IntN(2)]
			victim.Kill()
			victim.Restart()
		}
		if a := <-done; !a.OK() {
			harness.Eventually(t, 4*soon, "the repeated delete is taken", func() error {
				if a = by.Delete("/tickets/" + ids[by.Name]); !a.OK() && a.Status != 404 && a.Status != 410 {
					return fmt.Errorf("%d %v %s", a.Status, a.Err, a.Body)
				}
				return nil
			})
		}
		all = append(all, gone{name, made.Request()})
		for _, site := range n.Sites() {
			n.At(site).WantNone(name, 2*soon)
		}
		if rome.Fake().Struck(slow) == 0 {
			rome.Fake().Clear()
		}
	}
	n.Settled(4 * soon)
	for _, site := range n.Sites() {
		n.At(site).Kill()
		n.At(site).Restart()
	}
	n.Settled(4 * soon)
	for _, site := range n.Sites() {
		g := n.At(site)
		g.WantHealth("nothing is open", soon, func(h harness.Health) bool { return h.Transfers.Open+h.Transfers.Waiting+h.Transfers.Parked == 0 })
		for _, x := range all {
			g.WantNone(x.name, 0)
			if v, err := g.Request(x.ref); err == nil && v.Role != "tombstone" {
				t.Errorf("%s of %s is %+v", x.ref, x.name, v)
			}
		}
	}
}
