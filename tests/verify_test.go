package tests

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// verify runs meridian verify and wants an exit code.
func verify(t *testing.T, g *harness.Gateway, want int, args ...string) []harness.Difference {
	t.Helper()
	out, code := g.CLI(append([]string{"verify", "-o", "json"}, args...)...)
	var list []harness.Difference
	if err := json.Unmarshal([]byte(lastLine(out)), &list); code != want || err != nil {
		t.Fatalf("verify at %s: exit %d, want %d: %v\n%s", g.Name, code, want, err, out)
	}
	return list
}

func wantEqual(t *testing.T, g *harness.Gateway) {
	t.Helper()
	if list := verify(t, g, 0); len(list) > 0 {
		t.Errorf("%s: %v", g.Name, list)
	}
}

func wantDifference(t *testing.T, list []harness.Difference, want string) {
	t.Helper()
	if len(list) != 1 || list[0].String() != want {
		t.Errorf("found %v, want %s", list, want)
	}
}

// Edits by hand at a copy, at the owner, deletions at both: found, repaired, and gone.
func TestVerify(t *testing.T) {
	t.Parallel()
	for _, api := range []func(name string) harness.Site{
		func(name string) harness.Site { return harness.Site{Name: name, API: harness.NewFake(t, name)} },
		func(name string) harness.Site {
			return harness.Site{Name: name, API: harness.NewJSONServer(t, 0), Profile: pagedProfile}
		},
	} {
		n := harness.Start(t, harness.Network{Sites: []harness.Site{api("oslo"), api("rome")}, Routes: everywhere})
		oslo, rome := n.At("oslo"), n.At("rome")
		name := subject("compared")
		made := oslo.Create("/tickets", ticket(name, `"n":1`)).Want(201)
		for i := range 150 {
			oslo.Create("/tickets", ticket(subject("another"), fmt.Sprintf(`"n":%d`, i))).Want(201)
		}
		n.Settled(time.Minute)
		wantEqual(t, oslo)
		wantEqual(t, rome) // it owns nothing

		rome.Edit(name, `{"status":"wrong"}`)
		wantDifference(t, verify(t, oslo, 1), "field at rome status: open, wrong")
		if out, code := oslo.CLI("verify", "--repair"); code != 1 || !strings.Contains(out, "wrong") || !strings.Contains(out, "1 repaired") {
			t.Errorf("the repair: %d %s", code, out)
		}
		rome.WantCopy(name, soon, map[string]any{"status": "open"})
		wantEqual(t, oslo)

		rome.Edit(name, "")
		wantDifference(t, verify(t, oslo, 1), "missing at rome : 1.1, <nil>")
		verify(t, oslo, 1, "--repair")
		rome.WantCopy(name, soon, map[string]any{"status": "open"})
		wantEqual(t, oslo)

		oslo.Edit(name, `{"status":"by hand"}`)
		wantDifference(t, verify(t, oslo, 1, "--collection", "tickets"), "changed-at-owner at rome status: by hand, open")
		verify(t, oslo, 1, "--repair")
		rome.WantCopy(name, soon, map[string]any{"status": "by hand"})
		wantEqual(t, oslo)
		if v, err := oslo.Request(made.Request()); err != nil || v.Version != "1.2" {
			t.Errorf("%+v %v", v, err)
		}

		oslo.Edit(name, "")
		wantDifference(t, verify(t, oslo, 1, "--repair"), "missing-at-owner at oslo : <nil>, 1.2")
		rome.WantCopy(name, soon, nil)
		oslo.Delete("/tickets/" + made.ID()).Want(404)
		rome.WantNone(name, soon)
		wantEqual(t, oslo)
		if out, code := oslo.CLI("verify", "--sample", "20"); code != 0 || !strings.Contains(out, "20 requests") {
			t.Errorf("a sample: %d %s", code, out)
		}
	}
}

// A holder that is away is exit code 3, and so is a gateway; a difference goes before.
func TestVerifyUnreachable(t *testing.T) {
	t.Parallel()
	n := harness.Start(t, harness.Network{Sites: harness.Fakes(t, "oslo", "rome", "paris"), Routes: everywhere})
	oslo := n.At("oslo")
	name := subject("compared")
	oslo.Create("/tickets", ticket(name, "")).Want(201)
	n.Settled(time.Minute)
	n.Cut("oslo", "rome")
	if out, code := oslo.CLI("verify"); code != 3 || !strings.Contains(out, "rome") {
		t.Errorf("a holder is away: %d %s", code, out)
	}
	n.At("paris").Edit(name, `{"status":"wrong"}`)
	if out, code := oslo.CLI("verify"); code != 1 || !strings.Contains(out, "paris") {
		t.Errorf("a difference goes before: %d %s", code, out)
	}
	oslo.Kill()
	if out, code := oslo.CLI("verify"); code != 3 {
		t.Errorf("no gateway: %d %s", code, out)
	}
}

// While twenty clients write at all sites, and requests move, nothing is reported.
func TestVerifyUnderFire(t *testing.T) {
	t.Parallel()
	n := harness.Start(t, harness.Network{Sites: harness.Fakes(t, "oslo", "rome"), Routes: everywhere})
	oslo, rome := n.At("oslo"), n.At("rome")
	var names, ids []string
	for range 40 {
		name := subject("hot")
		made := oslo.Create("/tickets", ticket(name, "")).Want(201)
		names, ids = append(names, made.ID()), append(ids, made.Request())
	}
	n.Settled(time.Minute)
	stop := make(chan struct{})
	var running sync.WaitGroup
	for w := range 20 {
		running.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				g, path := oslo, "/tickets/"+names[(w+i)%len(names)]
				if w%2 == 1 {
					g, path = rome, "/tickets/oslo:"+names[(w+i)%len(names)]
				}
				g.Patch(path, fmt.Sprintf(`{"w%d":%d}`, w, i))
				if w == 0 && i%10 == 0 {
					oslo.Transfer(ids[i%len(ids)], []string{"oslo", "rome"}[i/10%2], "ownership")
				}
			}
		})
	}
	for range 3 {
		for _, g := range []*harness.Gateway{oslo, rome} {
			if list := verify(t, g, 0, "--repair"); len(list) > 0 {
				t.Errorf("%s: %v", g.Name, list)
			}
		}
	}
	close(stop)
	running.Wait()
	n.Settled(time.Minute)
	wantEqual(t, oslo)
	wantEqual(t, rome)
}
