package tests

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// The mapping of one site is changed, and put back, while clients write: the network file with it reaches one site after the other. What
// was acknowledged is everywhere in the end, in the words that each site's file has then, whoever owns the request.
func TestRollingMapping(t *testing.T) {
	t.Parallel()
	n := harness.Start(t, harness.Network{Sites: harness.Fakes(t, "oslo", "rome", "paris"), Routes: everywhere,
		Files: func(_, text string) string { return text }})
	base := n.Text()
	at := strings.Index(base, "  rome:\n")
	end := at + strings.Index(base[at:], "  paris:\n")
	lines := strings.Split(strings.TrimRight(base[at:end], "\n"), "\n")
	last := lines[len(lines)-1]
	margin := last[:len(last)-len(strings.TrimLeft(last, " "))]
	mapped := base[:end] + margin + "fields: {status: {at: /status, values: {open: aperto, closed: chiuso}}, remark: /nota}\n" + base[end:]
	oslo, rome := n.At("oslo"), n.At("rome")
	for i := range harness.Rounds(2, 20) {
		name := subject(fmt.Sprintf("mapped %d", i))
		made := oslo.Create("/tickets", ticket(name, `"remark":"a"`)).Want(201)
		id := rome.WantCopy(name, 2*soon, nil).ID()
		if i%2 == 1 {
			oslo.Transfer(made.Request(), "rome", "ownership")
			n.WantOwner(made.Request(), "rome", 2*soon)
		}
		for _, step := range []struct {
			text string
			want map[string]any
		}{{mapped, map[string]any{"status": "chiuso", "nota": "b"}}, {base, map[string]any{"status": "closed", "remark": "b"}}} {
			w := twoWriters(oslo, made.ID(), rome, id)
			story := roll(t, n, step.text)
			acked := w.end()
			agreed(t, n, step.text)
			harness.Eventually(t, 2*soon, "a last write is taken", func() error {
				if a := oslo.Patch("/tickets/"+made.ID(), `{"status":"closed","remark":"b"}`); !a.OK() {
					return fmt.Errorf("%d %v %s", a.Status, a.Err, a.Body)
				}
				return nil
			})
			oslo.WantCopy(name, 2*soon, map[string]any{"status": "closed", "remark": "b"})
			rome.WantCopy(name, 2*soon, step.want)
			rec := n.WantSame(name, 2*soon, "oslo", "paris")
			for site, least := range acked {
				var got int
				if _, _ = fmt.Sscan(fmt.Sprint(rec["by-"+site]), &got); got < least {
					t.Errorf("%v: by-%s is %v, and %d was acknowledged", story, site, rec["by-"+site], least)
				}
			}
			n.Settled(2 * soon)
			// What rests is not written again because a mapping changed: that is asked for, as docs/upgrade.md tells.
			for _, g := range []*harness.Gateway{oslo, rome} {
				g.CLI("verify", "--repair")
			}
			n.Settled(2 * soon)
			for _, g := range []*harness.Gateway{oslo, rome} {
				if out, code := g.CLI("verify"); code != 0 {
					t.Fatalf("round %d, %v: verify at %s ends with %d: %s", i, story, g.Name, code, out)
				}
			}
		}
	}
}

// pair are two clients, which write at two sites until they are told to end.
type pair struct {
	stop chan struct{}
	all  sync.WaitGroup
	mu   sync.Mutex
	// acked is the last number of each site that was acknowledged.
	acked map[string]int
}

func twoWriters(oslo *harness.Gateway, there string, rome *harness.Gateway, here string) *pair {
	p := &pair{stop: make(chan struct{}), acked: make(map[string]int)}
	write := func(g *harness.Gateway, id string, body func(int) string) {
		for i := 1; ; i++ {
			select {
			case <-p.stop:
				return
			default:
			}
			if g.Patch("/tickets/"+id, body(i)).OK() {
				p.mu.Lock()
				p.acked[g.Name] = i
				p.mu.Unlock()
			}
		}
	}
	p.all.Go(func() {
		write(oslo, there, func(i int) string {
			return fmt.Sprintf(`{"by-oslo":%d,"status":%q,"remark":"r%d"}`, i, []string{"open", "closed"}[i%2], i)
		})
	})
	p.all.Go(func() { write(rome, here, func(i int) string { return fmt.Sprintf(`{"by-rome":%d}`, i) }) })
	return p
}

func (p *pair) end() map[string]int {
	close(p.stop)
	p.all.Wait()
	return p.acked
}
