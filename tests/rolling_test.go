package tests

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// ball moves what is kind == "ball" from one site to the other, whenever it is there.
func ball(name, from, to string) string {
	return fmt.Sprintf("- {name: %s, on: [create, update, arrive], at: [%s], when: kind == \"ball\", transfer: {to: %s}}\n", name, from, to)
}

// roll gives all sites another network file, one after the other, with pauses, in an order of chance, and kills one gateway on the way.
// It tells what it did.
func roll(t *testing.T, n *harness.Cluster, text string) []string {
	t.Helper()
	var story []string
	sites := slices.Clone(n.Sites())
	rand.Shuffle(len(sites), func(i, j int) { sites[i], sites[j] = sites[j], sites[i] })
	dead := rand.IntN(len(sites))
	for i, site := range sites {
		if i == dead { // it takes the file when it comes back, or just before it dies
			killed := n.At(sites[rand.IntN(len(sites))])
			killed.Kill()
			story = append(story, "killed "+killed.Name)
			harness.Pause(time.Duration(rand.IntN(100)) * time.Millisecond)
			killed.Restart()
		}
		if err := n.At(site).Give(text); err != nil {
			t.Fatalf("%s does not take the file: %v", site, err)
		}
		story = append(story, site+" has the file")
		harness.Pause(time.Duration(100+rand.IntN(harness.Rounds(500, 2000))) * time.Millisecond)
	}
	return story
}

// The network file is changed at one site after the other, in any order, while clients write at all of them: routes are renamed, turned
// round, added and taken away, a mapping and what is done by default change. Nothing that was acknowledged is lost or there twice, each
// request has one owner, and no request goes round in a circle: a ball that two sites throw to each other while they have different files
// stops, and rests when they have the same again.
func TestRollingFile(t *testing.T) {
	t.Parallel()
	start := everywhere + ball("forth", "oslo", "rome")
	n := harness.Start(t, harness.Network{Sites: harness.Fakes(t, "oslo", "rome", "paris"), Routes: start,
		Files: func(_, text string) string { return text }})
	base := n.Text()
	edit := func(pairs ...string) string {
		out := base
		for i := 0; i < len(pairs); i += 2 {
			if !strings.Contains(out, pairs[i]) {
				t.Fatalf("%q is not in the file", pairs[i])
			}
			out = strings.Replace(out, pairs[i], pairs[i+1], 1)
		}
		return out
	}
	forth := strings.TrimSpace(ball("forth", "oslo", "rome"))
	for i := range harness.Rounds(1, 20) {
		for _, x := range []struct{ name, text, rests, home string }{
			{"renamed", edit("name: everywhere", "name: all-over", "name: forth", "name: onward"), "rome", "rome"},
			{"turned round", edit(forth, strings.TrimSpace(ball("back", "rome", "oslo"))), "oslo", "rome"},
			{"added", edit(forth, forth+"\n  "+strings.TrimSpace(ball("further", "rome", "paris"))), "paris", "paris"},
			{"taken away", edit("  "+forth+"\n", ""), "", ""},
			{"defaults", edit("network: test\n", "network: test\ndefaults: {writes: forward, lag_limit: 2m}\nlimits: {body: 2MiB}\npools: {bulk: {parallel: 2}}\n"), "rome", "rome"},
		} {
			f, b := newFight(t, n, fmt.Sprintf("rolled %d %s", i, x.name)), newBall(t, n, x.name)
			f.start()
			story := append([]string{x.name}, roll(t, n, x.text)...)
			b.rests(t, x.rests)
			f.end()
			f.check(t, 4*soon)
			agreed(t, n, x.text)
			story = append(story, roll(t, n, base)...)
			b.rests(t, x.home)
			agreed(t, n, base)
			if t.Failed() {
				t.Fatalf("round %d: %s", i, strings.Join(story, "; "))
			}
		}
	}
	n.Settled(4 * soon)
}

// agreed waits until all sites say that they have the same file, which is one.
func agreed(t *testing.T, n *harness.Cluster, text string) {
	t.Helper()
	for _, site := range n.Sites() {
		harness.Eventually(t, 2*soon, site+" sees the same file everywhere", func() error {
			v, err := n.At(site).Config()
			if err == nil && v.Hash != harness.Hash(text) {
				err = fmt.Errorf("it has %s", v.Hash)
			}
			for _, other := range v.Sites {
				if err == nil && (other.Same == nil || !*other.Same) {
					err = fmt.Errorf("%s has %s", other.Site, other.Hash)
				}
			}
			return err
		})
	}
}

// thrown is a request that routes move by themselves.
type thrown struct {
	n         *harness.Cluster
	name, ref string
	writes    int
}

func newBall(t *testing.T, n *harness.Cluster, what string) *thrown {
	t.Helper()
	b := &thrown{n: n, name: subject("ball " + what)}
	var made harness.Answer
	harness.Eventually(t, 2*soon, "a ball is made", func() error {
		if made = n.At("oslo").Create("/tickets", ticket(b.name, `"kind":"ball"`)); made.Status != 201 {
			return harness.GiveUp(fmt.Errorf("%d %v %s", made.Status, made.Err, made.Body))
		}
		return nil
	})
	b.ref = made.Request()
	return b
}

// mostThrows is how often routes may move a request between two writes of clients: eight times, and by one who did not hear of the last.
const mostThrows = 10

// rests writes the request until it is where the routes want it, "" for anywhere, and looks at how often it was moved.
func (b *thrown) rests(t *testing.T, where string) {
	t.Helper()
	harness.Eventually(t, 4*soon, b.name+" rests", func() error {
		v, err := b.n.Owned(b.ref)
		if err != nil {
			return err
		}
		if len(v.Former) > mostThrows*(b.writes+1) {
			return harness.GiveUp(fmt.Errorf("it was moved %d times in %d writes", len(v.Former), b.writes+1))
		}
		if where == "" || v.Owner == where {
			return nil
		}
		id := b.n.At("oslo").WantCopy(b.name, soon, nil).ID()
		b.writes++
		a := b.n.At("oslo").Patch("/tickets/"+id, fmt.Sprintf(`{"kind":"ball","throw":%d}`, b.writes))
		return fmt.Errorf("it is at %s; a write got %d", v.Owner, a.Status)
	})
	b.n.WantSame(b.name, 4*soon, b.n.Sites()...)
}
