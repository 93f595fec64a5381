package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/meridian-gateway/meridian/request"
)

// Tour walks through the furniture company by itself, shows each call and answer and checks what it shows. It reports whether
// everything was as it should be.
func Tour(ctx context.Context, d *Demo, w io.Writer, colour bool) bool {
	t := &tour{Demo: d, ctx: ctx, w: w, colour: colour}
	t.steps()
	if t.wrong == 0 {
		t.say("\nEverything was as it should be: %d checks.", t.right)
	} else {
		t.say("\n%d of %d checks failed.", t.wrong, t.wrong+t.right)
	}
	return t.wrong == 0
}

type tour struct {
	*Demo
	ctx          context.Context
	w            io.Writer
	colour       bool
	right, wrong int
}

type got struct {
	status int
	header http.Header
	body   map[string]any
}

func (g got) id() string { return fmt.Sprint(g.body["id"]) }

func (t *tour) steps() {
	t.title("A chair request is created in San Francisco. Chairs are repaired in Chicago.")
	made := t.call("san-francisco", "POST", "/tickets", `{"title":"broken leg","category":"chair","status":"open"}`)
	t.check(made.status == 201, "the client gets its own API's answer: 201")
	t.check(made.header.Get("Meridian-Owner") == "chicago", "Chicago owns it")
	t.check(made.header.Get("Meridian-Route") == "chairs-to-chicago", "the receipt names the route")
	here := "/tickets/" + made.id()
	there := "/tickets/" + t.localAt("chicago", made)

	t.title("Both sites have one record of it, each under its own id.")
	far := t.call("chicago", "GET", there, "")
	t.check(far.status == 200 && far.body["title"] == "broken leg", "Chicago has it as "+there)
	t.check(made.id() != far.id(), "the ids differ: "+made.id()+" in San Francisco, "+far.id()+" in Chicago")
	t.check(t.count("san-francisco") == 1 && t.count("chicago") == 1 && t.count("upholstery") == 0, "one record in San Francisco, one in Chicago, none at upholstery")

	t.title("It is updated from both sides.")
	t.check(t.call("chicago", "PATCH", there, `{"status":"in progress"}`).header.Get("Meridian-Version") == "1.2", "Chicago's update is version 1.2")
	up := t.call("san-francisco", "PATCH", here, `{"phone":"555-0100"}`)
	t.check(up.status == 200 && up.header.Get("Meridian-Version") == "1.3", "San Francisco's update went to Chicago first: version 1.3")
	t.check(t.read("san-francisco", here)["phone"] == "555-0100", "San Francisco reads its own write")
	t.wait("the copies are equal", func() bool { return t.equal(here, there) })

	t.title("The link between San Francisco and Chicago is cut. Work in Chicago goes on.")
	t.links.set("san-francisco", "chicago", true)
	for i := range 5 {
		t.call("chicago", "PATCH", there, fmt.Sprintf(`{"hours":%d}`, i+1))
	}
	t.wait("Chicago's health says that San Francisco is down and something is owed", func() bool {
		dest := t.health("chicago", "san-francisco")
		return dest["state"] == "down" && dest["pending"].(float64)+dest["waiting"].(float64)+dest["in_flight"].(float64) == 1
	})
	refused := t.call("san-francisco", "PATCH", here, `{"phone":"555-0199"}`)
	t.check(refused.status == 503 && strings.Contains(fmt.Sprint(refused.body["type"]), "owner-unreachable"), "an update in San Francisco is refused, not lost: 503, try again later")
	t.check(t.read("san-francisco", here)["phone"] == "555-0100", "nothing was changed by it")
	local := t.call("san-francisco", "POST", "/tickets", `{"title":"loose arm","category":"chair","status":"open"}`)
	t.check(local.status == 201 && local.header.Get("Meridian-Owner") == "san-francisco", "a new chair request is taken all the same; San Francisco owns it for now")

	t.title("The link is healed.")
	t.links.set("san-francisco", "chicago", false)
	t.wait("the copies are equal again, five updates in one delivery", func() bool { return t.equal(here, there) && t.read("san-francisco", here)["hours"] == json.Number("5") })
	t.wait("nothing is owed and all is well", func() bool { return t.health("chicago", "san-francisco")["state"] == "ok" })

	t.title("It is deleted in San Francisco.")
	t.check(t.call("san-francisco", "DELETE", here, "").status == 204, "the API's own answer: 204")
	t.wait("it is gone at both sites", func() bool {
		return t.quiet("san-francisco", "GET", here, "").status == 404 && t.quiet("chicago", "GET", there, "").status == 404
	})
}

// localAt finds the id that a site gave a request, by asking for it under another site's id.
func (t *tour) localAt(site request.Site, made got) string {
	return t.quiet(site, "GET", "/tickets/san-francisco:"+made.id(), "").id()
}

func (t *tour) read(site request.Site, path string) map[string]any {
	return t.quiet(site, "GET", path, "").body
}

// equal compares the records in two sites' own request APIs, but for what belongs to each.
func (t *tour) equal(here, there string) bool {
	a, b := t.direct("san-francisco", here), t.direct("chicago", there)
	for _, own := range []string{"id", "created_at", "updated_at"} {
		delete(a, own)
		delete(b, own)
	}
	return len(a) > 0 && reflect.DeepEqual(a, b)
}

func (t *tour) direct(site request.Site, path string) map[string]any {
	return t.do("GET", "http://"+t.apiAddr[site]+path, "").body
}

func (t *tour) count(site request.Site) int {
	return int(number(t.direct(site, "/")["records"]))
}

func number(v any) float64 {
	f, _ := v.(json.Number).Float64()
	return f
}

func (t *tour) health(site, to request.Site) map[string]any {
	resp, err := http.Get("http://" + t.apps[site].Addresses().Admin + "/health/forwarding?site=" + string(to))
	if err != nil {
		return map[string]any{"state": err.Error()}
	}
	defer func() { _ = resp.Body.Close() }()
	var v struct{ Destinations []map[string]any }
	if json.NewDecoder(resp.Body).Decode(&v) != nil || len(v.Destinations) != 1 {
		return map[string]any{}
	}
	return v.Destinations[0]
}

// call makes a call at a site's gateway and shows it.
func (t *tour) call(site request.Site, method, path, body string) got {
	t.say("  %s", t.dim(strings.TrimRight(fmt.Sprintf("%-14s %-6s %s  %s", site, method, path, body), " ")))
	g := t.quiet(site, method, path, body)
	text, _ := json.Marshal(g.body)
	if g.body == nil {
		text = nil
	}
	t.say("  %-14s %d    %s", "", g.status, text)
	for _, h := range slices.Sorted(maps.Keys(g.header)) {
		if strings.HasPrefix(h, "Meridian-") {
			t.say("  %-14s        %s", "", t.dim(h+": "+g.header.Get(h)))
		}
	}
	return g
}

func (t *tour) quiet(site request.Site, method, path, body string) got {
	return t.do(method, "http://"+t.apps[site].Addresses().Client+path, body)
}

func (t *tour) do(method, url, body string) got {
	r, err := http.NewRequestWithContext(t.ctx, method, url, strings.NewReader(body))
	if err != nil {
		return got{}
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return got{body: map[string]any{"error": err.Error()}}
	}
	defer func() { _ = resp.Body.Close() }()
	g := got{status: resp.StatusCode, header: resp.Header}
	text, _ := io.ReadAll(resp.Body)
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	_ = dec.Decode(&g.body)
	return g
}

func (t *tour) title(s string) { t.say("\n%s", t.paint("1", s)) }

func (t *tour) check(ok bool, what string) {
	if ok {
		t.right++
		t.say("  %s %s", t.paint("32", "✓"), what)
		return
	}
	t.wrong++
	t.say("  %s %s", t.paint("31", "✗"), what)
}

// wait checks what comes true by itself, within 20 seconds.
func (t *tour) wait(what string, ok func() bool) {
	deadline := time.After(20 * time.Second)
	for !ok() {
		select {
		case <-time.After(50 * time.Millisecond):
			continue
		case <-deadline:
		case <-t.ctx.Done():
		}
		t.check(ok(), what)
		return
	}
	t.check(true, what)
}

func (t *tour) say(format string, args ...any) { fmt.Fprintf(t.w, format+"\n", args...) }

func (t *tour) dim(s string) string { return t.paint("2", s) }

func (t *tour) paint(code, s string) string {
	if !t.colour {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}
