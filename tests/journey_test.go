package tests

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// journey is what the admin API tells of the way of a request.
type journey struct {
	Owner, Version string
	Complete       bool
	Sites          []struct {
		Site, Role, Version, Behind, Why, Cause string
		Reached                                 bool
	}
	Events []struct {
		Site, Kind, Version, From, To, Route, Note string
		Seconds                                    float64
	}
}

func journeyOf(g *harness.Gateway, ref string) (j journey, err error) {
	return j, g.Ask("/api/v1/requests/"+ref+"/journey", &j)
}

func (j journey) has(site, kind, version string) bool {
	for _, e := range j.Events {
		if e.Site == site && e.Kind == kind && (version == "" || e.Version == version) {
			return true
		}
	}
	return false
}

// The journey of a request through three sites is told by each of them, also after kill -9 of one, and says what is in the way.
func TestJourneyOfARequest(t *testing.T) {
	t.Parallel()
	n := harness.Start(t, harness.Network{Sites: harness.Fakes(t, "san-francisco", "chicago", "paris"), Routes: furniture})
	sf, chicago, paris := n.At("san-francisco"), n.At("chicago"), n.At("paris")
	made := sf.Create("/tickets", ticket("journey", `"category":"chair"`)).Want(201)
	ref := made.Request()
	sf.Patch("/tickets/"+made.ID(), `{"status":"in progress"}`).Want(200)
	chicago.Transfer(ref, "paris", "ownership").Want(202)
	wants := []struct{ site, kind, version string }{
		{"san-francisco", "forwarded", ""}, {"chicago", "created", "1.1"}, {"san-francisco", "applied", "1.1"}, {"chicago", "updated", "1.2"},
		{"chicago", "planned", "1.2"}, {"chicago", "released", "1.2"}, {"paris", "owned", "2.0"}, {"chicago", "handed-over", "1.2"},
		{"san-francisco", "applied", "2.0"}, {"chicago", "applied", "2.0"},
	}
	told := func(g *harness.Gateway) func() error {
		return func() error {
			j, err := journeyOf(g, ref)
			if err != nil {
				return err
			}
			for _, w := range wants {
				if !j.has(w.site, w.kind, w.version) {
					return fmt.Errorf("no %s of %s at %s in %+v", w.kind, w.version, w.site, j.Events)
				}
			}
			if !j.Complete || j.Owner != "paris" || j.Version != "2.0" {
				return fmt.Errorf("complete %v, owner %s, version %s", j.Complete, j.Owner, j.Version)
			}
			return nil
		}
	}
	for _, g := range []*harness.Gateway{sf, chicago, paris} {
		harness.Eventually(t, soon, "the whole journey is told at "+g.Name, told(g))
	}
	chicago.Kill()
	paris.Patch("/tickets/"+local(t, paris, ref), `{"status":"closed"}`).Want(200)
	harness.Eventually(t, soon, "what is in the way is told", func() error {
		j, err := journeyOf(sf, ref)
		if err != nil {
			return err
		}
		for _, s := range j.Sites {
			if s.Site == "chicago" && (s.Reached || s.Cause == "") {
				return fmt.Errorf("%+v", s)
			}
		}
		// What chicago itself cannot tell now the others remember: the writes that they heard of.
		if j.Complete || !j.has("chicago", "created", "1.1") || !j.has("paris", "updated", "2.1") || !j.has("chicago", "owed", "2.1") {
			return fmt.Errorf("%+v", j)
		}
		return nil
	})
	chicago.Restart()
	wants = append(wants, struct{ site, kind, version string }{"chicago", "applied", "2.1"})
	harness.Eventually(t, leased, "the marks survive kill -9", func() error {
		j, err := journeyOf(sf, ref)
		if err != nil {
			return err
		}
		for _, w := range wants {
			if !j.has(w.site, w.kind, w.version) {
				return fmt.Errorf("no %s of %s at %s in %+v", w.kind, w.version, w.site, j.Events)
			}
		}
		return nil
	})
	for _, q := range []string{ref, ref[:10], strings.ToLower(ref), "paris:" + local(t, paris, ref), local(t, paris, ref)} {
		var found struct{ Results []struct{ Request string } }
		if err := sf.Ask("/api/v1/search?q="+q, &found); err != nil || len(found.Results) == 0 || found.Results[0].Request != ref {
			t.Errorf("search for %s: %+v, %v", q, found, err)
		}
	}
}

// local is a site's own id of a request.
func local(t *testing.T, g *harness.Gateway, ref string) string {
	t.Helper()
	var v struct{ Local string }
	if err := g.Ask("/api/v1/requests/"+ref, &v); err != nil || v.Local == "" {
		t.Fatalf("%s has no record of %s: %v", g.Name, ref, err)
	}
	return v.Local
}

// Who watches a gateway sees what happens, as it happens, and does not keep it from stopping.
func TestEventsOfAGateway(t *testing.T) {
	t.Parallel()
	n := harness.Start(t, harness.Network{Sites: harness.Fakes(t, "san-francisco", "chicago"), Routes: furniture})
	sf := n.At("san-francisco")
	resp, err := http.Get(sf.Admin("/api/v1/events"))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	in := bufio.NewScanner(resp.Body)
	ref := ""
	seen := map[string]bool{}
	for in.Scan() {
		data, ok := strings.CutPrefix(in.Text(), "data: ")
		if !ok {
			continue
		}
		var a struct{ Kind, Request, Site string }
		if err := json.Unmarshal([]byte(data), &a); err != nil {
			t.Fatalf("%s: %v", data, err)
		}
		if ref == "" { // the first event says how forwarding goes: somebody listens now
			ref = sf.Create("/tickets", ticket("watched", `"category":"desk"`)).Want(201).Request()
			continue
		}
		if a.Request == ref {
			seen[a.Kind] = true
		}
		if seen["created"] && seen["delivered"] {
			break
		}
	}
	if !seen["created"] || !seen["delivered"] {
		t.Fatalf("seen: %v", seen)
	}
	sf.Process().Stop(soon)
	for in.Scan() { // it ends, and so does the test
	}
}
