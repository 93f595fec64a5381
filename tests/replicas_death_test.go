package tests

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// takeover is how long it may take until what a dead gateway was at is in the hands of another.
const takeover = 10 * time.Second

// Gateways of a site are killed, and stopped for a while, at random moments while clients write: what they were at is taken over, what
// the woken ones still do is refused, and clients that repeat at another gateway get one answer and one record.
func TestReplicasDieUnderLoad(t *testing.T) {
	t.Parallel()
	n, doors := replicated(t, 2, true, "")
	n.At("oslo").Fake().Inject(harness.Slow("", 2*time.Millisecond))
	c := newCrowd(t, n, doors)
	c.start(10)
	for range harness.Rounds(3, 30) {
		site := c.sites[rand.IntN(len(c.sites))]
		victim := doors[site][rand.IntN(2)]
		harness.Pause(time.Duration(300+rand.IntN(900)) * time.Millisecond)
		if rand.IntN(2) == 0 {
			victim.Kill()
			harness.Pause(time.Duration(rand.IntN(1000)) * time.Millisecond)
			victim.Restart()
			continue
		}
		victim.Process().Signal(syscall.SIGSTOP)
		harness.Pause(time.Duration(2000+rand.IntN(harness.Rounds(4000, 28000))) * time.Millisecond)
		victim.Process().Signal(syscall.SIGCONT)
	}
	harness.Pause(500 * time.Millisecond)
	c.end()
	c.check(3 * soon)
}

// underWay waits until a call of a method is on its way from a gateway to the request API of a site, behind a link that holds back
// the answers.
func underWay(t *testing.T, g *harness.Gateway, method, subject string) {
	t.Helper()
	harness.Eventually(t, soon, method+" is done and not answered", func() error {
		for _, e := range g.Fake().Commits(method) {
			if subject == "" || bytes.Contains(e.Body, []byte(subject)) {
				return nil
			}
		}
		return fmt.Errorf("no such call yet")
	})
}

// A gateway is killed between the request API's commit and its own record. A client that repeats its call under its key at the other
// gateway gets the answer within the time of a takeover, and nothing is done twice.
func TestReplicaKilledBeforeItRecords(t *testing.T) {
	t.Parallel()
	sites := harness.Fakes(t, "oslo", "rome")
	sites[0].Store, sites[0].Loose = harness.NewRedis(t).URL(), true
	n := harness.Start(t, harness.Network{Sites: sites, Routes: everywhere})
	oslo := n.At("oslo")
	second := oslo.Replica(t)
	for _, method := range []string{"POST", "PATCH"} {
		name := subject("killed in " + method)
		call := harness.Call{Method: method, Path: "/tickets", Body: ticket(name, ""), Key: key(method + name)}
		if method == "PATCH" {
			made := oslo.Create("/tickets", ticket(name, "")).Want(201)
			call.Path, call.Body = "/tickets/"+made.ID(), fmt.Sprintf(`{"note":%q}`, name)
		}
		oslo.Loose().OneWay()
		ended := make(chan struct{})
		go func() { defer close(ended); second.Do(call) }()
		underWay(t, oslo, method, name)
		second.Kill()
		oslo.Loose().Reset()
		oslo.Loose().Heal()
		<-ended
		began := time.Now()
		var a harness.Answer
		harness.Eventually(t, takeover, "the repeated call is answered", func() error {
			if a = oslo.Do(call); a.Err != nil || a.Status/100 != 2 {
				return fmt.Errorf("%d %v %.300s", a.Status, a.Err, a.Body)
			}
			return nil
		})
		t.Logf("%s: answered %v after the kill", method, time.Since(began).Round(time.Millisecond))
		if a.Header.Get("Meridian-Replayed") != "true" {
			t.Errorf("%s: a repeated call is not marked: %v", method, a.Header)
		}
		if c := oslo.Fake().Commits(method); len(c) > 2 || method == "POST" && len(c) != 1 {
			t.Errorf("the request API did %d calls of %s", len(c), method)
		}
		second.Restart()
		if b := second.Do(call); b.Status != a.Status || string(b.Body) != string(a.Body) || b.Request() != a.Request() {
			t.Errorf("%s: two answers to one key: %d %s and %d %s", method, a.Status, a.Body, b.Status, b.Body)
		}
		other := call
		other.Body = ticket(name, `"other":1`)
		second.Do(other).WantProblem(422, "key-reused")
		n.WantSame(name, soon, "oslo", "rome")
	}
	n.Settled(soon)
}

// A write that a dead gateway left open, and whose client has gone, is settled by the other one in time; so are its deliveries.
func TestReplicaLeavesWorkBehind(t *testing.T) {
	t.Parallel()
	sites := harness.Fakes(t, "oslo", "rome")
	sites[0].Store, sites[0].Loose, sites[1].Loose = harness.NewRedis(t).URL(), true, true
	n := harness.Start(t, harness.Network{Sites: sites, Routes: everywhere})
	oslo, rome := n.At("oslo"), n.At("rome")
	second := oslo.Replica(t)
	made := oslo.Create("/tickets", ticket(subject("left behind"), "")).Want(201)
	n.Settled(soon)
	oslo.Loose().OneWay()
	go second.Patch("/tickets/"+made.ID(), `{"left":"behind"}`)
	underWay(t, oslo, "PATCH", "behind")
	second.Kill()
	oslo.Loose().Reset()
	oslo.Loose().Heal()
	began := time.Now()
	harness.Eventually(t, takeover, "the write is settled, and at Rome", func() error {
		hits, err := rome.Find("left", "behind")
		if err == nil && len(hits) != 1 {
			err = fmt.Errorf("Rome has %v", hits)
		}
		return err
	})
	t.Logf("the open write was settled %v after the kill", time.Since(began).Round(time.Millisecond))
	second.Restart()

	// Deliveries: those of both gateways are held on their way to Rome's request API, and one of them dies.
	rome.Loose().Hole()
	var names []string
	for i := range 20 {
		names = append(names, subject("on its way"))
		[]*harness.Gateway{oslo, second}[i%2].Create("/tickets", ticket(names[i], "")).Want(201)
	}
	oslo.WantHealth("deliveries are in flight", soon, func(h harness.Health) bool { return h.To("rome").InFlight > 0 })
	second.Kill()
	rome.Loose().Heal()
	began = time.Now()
	harness.Eventually(t, takeover, "all is at Rome", func() error {
		for _, name := range names {
			if _, err := rome.One(name); err != nil {
				return err
			}
		}
		return nil
	})
	t.Logf("the deliveries were made %v after the kill", time.Since(began).Round(time.Millisecond))
	n.Settled(2 * soon)
	for _, e := range rome.Fake().Commits("POST") {
		if _, err := rome.One(e.ID); err == nil {
			t.Errorf("Rome has two of %s", e.ID)
		}
	}
}

// slowProfile allows calls that take much longer than a gateway may be silent before it is given up.
const slowProfile = `preset: rest
timeout: 20s
parallel: 16
collections:
  tickets:
    path: /tickets
    external_id: {field: /external_id, find: "/tickets?external_id={value}"}
`

// A call that takes long is nobody else's to finish while its gateway is alive: the other one neither takes it over nor writes beside it.
func TestReplicaWithALongCall(t *testing.T) {
	t.Parallel()
	n, doors := replicated(t, 2, false, slowProfile)
	oslo, second := doors["oslo"][0], doors["oslo"][1]
	made := oslo.Create("/tickets", ticket(subject("long"), "")).Want(201)
	name := subject("long create")
	slow := []*harness.Fault{{Method: "PATCH", Times: 1, Wait: 8 * time.Second, Commit: true}, {Method: "POST", Times: 1, Wait: 8 * time.Second, Commit: true}}
	for _, x := range slow {
		oslo.Fake().Inject(x)
	}
	var all sync.WaitGroup
	var long, created harness.Answer
	all.Go(func() { long = second.Patch("/tickets/"+made.ID(), `{"by":"the long one"}`) })
	all.Go(func() {
		created = second.Do(harness.Call{Method: "POST", Path: "/tickets", Body: ticket(name, ""), Key: key(name)})
	})
	for _, x := range slow {
		harness.Eventually(t, soon, "the call is under way", func() error { return struck(oslo.Fake(), x) })
	}
	oslo.Patch("/tickets/"+made.ID(), `{"by":"the other"}`).WantProblem(503, "busy")
	again := oslo.Do(harness.Call{Method: "POST", Path: "/tickets", Body: ticket(name, ""), Key: key(name)}).Want(201)
	all.Wait()
	long.Want(200)
	if created.Want(201); created.ID() != again.ID() || again.Header.Get("Meridian-Replayed") != "true" {
		t.Errorf("two answers to one key: %s and %s", created.Body, again.Body)
	}
	oslo.Patch("/tickets/"+made.ID(), `{"by":"the other"}`).Want(200)
	if c := oslo.Fake().Commits("PATCH"); len(c) != 2 {
		t.Errorf("the request API was written %d times, want 2", len(c))
	}
	if c := oslo.Fake().Commits("POST"); len(c) != 2 {
		t.Errorf("the request API made %d records, want 2", len(c))
	}
	n.Settled(soon)
}

// A gateway is stopped while the request API is at its write, which takes longer than its quiet time. The other gateway takes the write
// over, finds it not done, and takes newer ones; then the old one lands after all. The woken gateway cannot record it, and sees to it
// that what was acknowledged meanwhile is in the record, at both sites; of a create nothing is left.
func TestReplicaWakesUpTooLate(t *testing.T) {
	t.Parallel()
	n, doors := replicated(t, 2, false, slowProfile)
	oslo, rome, second := doors["oslo"][0], n.At("rome"), doors["oslo"][1]
	name, late := subject("woken"), subject("woken create")
	made := oslo.Create("/tickets", ticket(name, `"value":"first"`)).Want(201)
	n.WantSame(name, soon, "oslo", "rome")
	lands := oslo.Fake().Inject(&harness.Fault{Method: "PATCH", Times: 1, Wait: 11 * time.Second, Commit: true})
	arises := oslo.Fake().Inject(&harness.Fault{Method: "POST", Times: 1, Wait: 11 * time.Second, Commit: true})
	var all sync.WaitGroup
	all.Go(func() { second.Patch("/tickets/"+made.ID(), `{"value":"late"}`) })
	all.Go(func() { second.Create("/tickets", ticket(late, "")) })
	for _, x := range []*harness.Fault{lands, arises} {
		harness.Eventually(t, soon, "the call is under way", func() error { return struck(oslo.Fake(), x) })
	}
	second.Process().Signal(syscall.SIGSTOP)
	stopped := time.Now()
	harness.Eventually(t, takeover, "the other gateway takes a newer write", func() error {
		if a := oslo.Patch("/tickets/"+made.ID(), `{"value":"newer"}`); a.Status != 200 {
			return fmt.Errorf("%d %s", a.Status, a.Body)
		}
		return nil
	})
	t.Logf("the newer write was taken %v after the stop", time.Since(stopped).Round(time.Millisecond))
	underWay(t, oslo, "PATCH", `"late"`)
	underWay(t, oslo, "POST", late)
	second.Process().Signal(syscall.SIGCONT)
	all.Wait()
	oslo.WantCopy(name, soon, map[string]any{"value": "newer"})
	rome.WantCopy(name, soon, map[string]any{"value": "newer"})
	oslo.WantNone(late, soon)
	rome.WantNone(late, soon)
	n.Settled(soon)
}

// Ten creates with one Idempotency-Key at once at two gateways make one record and have one answer.
func TestSameKeyAtReplicas(t *testing.T) {
	t.Parallel()
	n, doors := replicated(t, 2, true, "")
	for _, site := range []string{"oslo", "rome"} {
		for range harness.Rounds(5, 50) {
			name := subject("one at " + site)
			call := harness.Call{Method: "POST", Path: "/tickets", Body: ticket(name, ""), Key: key(name)}
			n.At(site).Fake().Inject(&harness.Fault{Method: "POST", Times: 1, Wait: 100 * time.Millisecond, Commit: true})
			answers := make([]harness.Answer, 10)
			var all sync.WaitGroup
			for i := range answers {
				all.Go(func() { answers[i] = doors[site][i%2].Do(call) })
			}
			all.Wait()
			for _, a := range answers {
				a.Want(201)
				if string(a.Body) != string(answers[0].Body) || a.Request() != answers[0].Request() {
					t.Errorf("two answers to one key: %s and %s", a.Body, answers[0].Body)
				}
			}
			up := harness.Call{Method: "PATCH", Path: "/tickets/" + answers[0].ID(), Body: fmt.Sprintf(`{"up":%q}`, name), Key: key("up " + name)}
			for i := range answers {
				all.Go(func() { answers[i] = doors[site][i%2].Do(up) })
			}
			all.Wait()
			for _, a := range answers {
				if a.Want(200); a.Header.Get("Meridian-Version") != answers[0].Header.Get("Meridian-Version") {
					t.Errorf("an update with one key has two versions: %v and %v", a.Header, answers[0].Header)
				}
			}
			if _, err := n.At(site).One(name); err != nil {
				t.Error(err)
			}
		}
	}
	n.Settled(2 * soon)
	for _, s := range n.Sites() {
		if c := n.At(s).Fake().Commits("POST"); len(c) != 2*harness.Rounds(5, 50) {
			t.Errorf("%s was sent %d creates", s, len(c))
		}
	}
}
