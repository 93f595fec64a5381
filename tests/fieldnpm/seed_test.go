package fieldnpm

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// put makes a record past all gateways.
func (w *world) put(site string, words Words) {
	w.t.Helper()
	d := w.dialect(site)
	if _, err := w.apis[site].as(w.apis[site].header, http.MethodPost, d.Path, d.media(), d.Body(words)); err != nil {
		w.t.Fatal(err)
	}
}

// alter changes a record past all gateways.
func (w *world) alter(site, name string, words Words) {
	w.t.Helper()
	d := w.dialect(site)
	rec := w.want(site, name, nil)
	body, header := d.Local(words), w.apis[site].header.Clone()
	if text, _, marked := strings.Cut(fmt.Sprint(rec["body"]), "[ref:"); marked { // who writes by hand leaves that where it is
		body["body"] = strings.Replace(fmt.Sprint(rec["body"]), text, fmt.Sprintf("%v\n\n", body["body"]), 1)
	}
	if d.Whole {
		whole := map[string]any{}
		for k, v := range rec {
			if k != "id" {
				whole[k] = v
			}
		}
		for k, v := range body {
			whole[k] = v
		}
		body = whole
	}
	if d.Match {
		header.Set("If-Match", "*")
	}
	if _, err := w.apis[site].as(header, d.Method, d.Address(rec.ID()), d.media(), d.wrapped(rec.ID(), body)); err != nil {
		w.t.Fatal(err)
	}
}

// differences are what meridian verify says; its exit code is 1 when there are any.
func (w *world) differences(site string, args ...string) []map[string]any {
	w.t.Helper()
	out, code := w.At(site).CLI(append([]string{"verify", "-o", "json"}, args...)...)
	if code != 0 && code != 1 {
		w.t.Fatalf("verify at %s: exit %d\n%s", site, code, out)
	}
	var list []map[string]any
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		w.t.Fatalf("verify at %s: %v\n%s", site, err, out)
	}
	if (code == 1) != (len(list) > 0) {
		w.t.Fatalf("verify at %s: exit %d with %s", site, code, out)
	}
	return list
}

// What a site had before the gateway is brought into the network, over several pages, once however often it is asked; then the
// sites are in step.
func TestSeed(t *testing.T) {
	each(t, func(t *testing.T, kind string) {
		w := pair(t, kind, everywhere)
		const count = 120 // more than a page of any of them
		var names []string
		for i := range count {
			names = append(names, subject("old"))
			words := first(names[i])
			words["priority"] = i
			w.put("oslo", words)
		}
		for round := range 2 {
			if out, code := w.At("oslo").CLI("seed", "--rate", "0"); code != 0 {
				t.Fatalf("seed %d: exit %d\n%s", round, code, out)
			}
			w.Settled(2 * soon)
			for _, site := range w.Sites() {
				all, err := w.apis[site].Records()
				if err != nil || len(all) != count {
					t.Fatalf("%s has %d records after seeding, want %d: %v", site, len(all), count, err)
				}
			}
		}
		words := first(names[count/2])
		words["priority"] = count / 2
		w.everywhere(names[count/2], words)
		w.change("rome", names[0], Words{"description": "after seeding"}).WantReceipt("oslo")
		w.everywhere(names[0], Words{"description": "after seeding"})
		w.Settled(soon)
	})
}

// Verify finds nothing where nothing is wrong, a copy that was changed behind the gateway's back, and puts it right; what was changed
// at the owner becomes a new version.
func TestVerify(t *testing.T) {
	each(t, func(t *testing.T, kind string) {
		w := pair(t, kind, everywhere)
		var names []string
		for range 3 {
			names = append(names, subject("verified"))
			w.create("oslo", first(names[len(names)-1]))
		}
		w.Settled(soon)
		if list := w.differences("oslo"); len(list) > 0 {
			t.Errorf("verify finds %v", list)
		}
		w.alter("rome", names[1], Words{"description": "forged"})
		list := w.differences("oslo")
		if len(list) != 1 || list[0]["site"] != "rome" || list[0]["field"] != "description" {
			t.Errorf("verify finds %v, want the description at rome", list)
		}
		w.differences("oslo", "--repair")
		w.everywhere(names[1], first(names[1]))
		w.alter("oslo", names[2], Words{"description": "changed by hand"})
		w.differences("oslo", "--repair")
		w.everywhere(names[2], Words{"description": "changed by hand"})
		harness.Eventually(t, soon, "nothing differs", func() error {
			if list := w.differences("oslo"); len(list) > 0 {
				return fmt.Errorf("verify finds %v", list)
			}
			return nil
		})
	})
}
