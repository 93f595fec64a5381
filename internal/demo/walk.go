package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/meridian-gateway/meridian/gateway"
	"github.com/meridian-gateway/meridian/request"
)

const (
	patience = 15 * time.Second // for one call, or for something to come true
	width    = 110              // of a line, as far as possible
)

// walk makes calls, shows them and counts what was right.
type walk struct {
	*Demo
	ctx          context.Context //nolint:containedctx // a walk is one call of Tour
	w            io.Writer
	colour       bool
	http         *http.Client
	right, wrong int
}

// answered is what a call was answered.
type answered struct {
	status int
	header http.Header
	body   record
	text   []byte
}

func (a answered) id() string { return fmt.Sprint(a.body["id"]) }

// receipt is one of the Meridian headers.
func (a answered) receipt(name string) string { return a.header.Get("Meridian-" + name) }

// call makes a call at a site's gateway and shows it with its answer.
func (t *walk) call(site request.Site, method, path, body string) answered {
	t.say("\n  %-14s %s", site, t.paint("1", method+" "+path))
	t.wrap("", body)
	a := t.ask(site, method, path, body)
	t.wrap(fmt.Sprint(a.status), strings.TrimSpace(string(a.text)))
	for _, h := range slices.Sorted(maps.Keys(a.header)) {
		if strings.HasPrefix(h, "Meridian-") {
			t.say("  %-14s %s", "", t.paint("2", fmt.Sprintf("%-24s %s", h, a.header.Get(h))))
		}
	}
	return a
}

// wrap shows one JSON text, over several lines when it is long, broken between members.
func (t *walk) wrap(label, text string) {
	if text == "" && label == "" {
		return
	}
	lines, rest := []string{text}, ""
	if f, err := request.ParseFields([]byte(text)); err == nil && utf8.RuneCountInString(text) > width-17 {
		lines, rest = nil, "{"
		for i, x := range f {
			member := string(request.AppendString(nil, x.Name)) + ":" + string(x.Value) + ","
			if i == len(f)-1 {
				member = strings.TrimSuffix(member, ",") + "}"
			}
			if utf8.RuneCountInString(rest+member) > width-17 && len(rest) > 1 {
				lines, rest = append(lines, rest), " "
			}
			rest += member
		}
		lines = append(lines, rest)
	}
	for _, l := range lines {
		t.say("  %14s %s", label, l)
		label = ""
	}
}

// ask makes a call at a site's gateway without showing it.
func (t *walk) ask(site request.Site, method, path, body string) answered {
	return t.do(method, "http://"+t.apps[site].Addresses().Client+path, body)
}

// direct reads from a site's request API, past the gateway.
func (t *walk) direct(site request.Site, path string) answered {
	return t.do(http.MethodGet, "http://"+t.apiAddr[site]+path, "")
}

// count is how many records a site's request API has.
func (t *walk) count(site request.Site) int { return t.list(site, "") }

// find counts the records of one request in a site's request API.
func (t *walk) find(site request.Site, id string) int {
	return t.list(site, "?external_id="+url.QueryEscape(id))
}

func (t *walk) list(site request.Site, query string) int {
	var all []record
	if a := t.direct(site, "/tickets"+query); a.status != http.StatusOK || json.Unmarshal(a.text, &all) != nil {
		return -1
	}
	return len(all)
}

func (t *walk) do(method, url, body string) answered {
	r, err := http.NewRequestWithContext(t.ctx, method, url, strings.NewReader(body))
	if err != nil {
		return answered{text: []byte(err.Error())}
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := t.http.Do(r)
	if err != nil {
		return answered{text: []byte(err.Error())}
	}
	defer func() { _ = resp.Body.Close() }()
	a := answered{status: resp.StatusCode, header: resp.Header}
	if a.text, err = io.ReadAll(resp.Body); err != nil {
		return answered{text: []byte(err.Error())}
	}
	_ = decode(a.text, &a.body) // lists and empty bodies are no records
	return a
}

// health is what a site's gateway says about its deliveries to another site; zero when it does not.
func (t *walk) health(site, to request.Site) gateway.Destination {
	a := t.do(http.MethodGet, "http://"+t.apps[site].Addresses().Admin+"/health/forwarding?site="+string(to), "")
	var f gateway.Forwarding
	if json.Unmarshal(a.text, &f) != nil || len(f.Destinations) != 1 {
		return gateway.Destination{}
	}
	return f.Destinations[0]
}

func (t *walk) showHealth(site request.Site, d gateway.Destination) {
	t.say("\n  %-14s %s", site, t.paint("1", "GET /health/forwarding?site="+string(d.Site)))
	t.say("  %14s to %s: %s, breaker %s, pending %d, in flight %d, waiting %d, parked %d, oldest %.1f s", "", d.Site, d.State, d.Breaker,
		d.Pending, d.InFlight, d.Waiting, d.Parked, d.OldestAge)
}

// same compares two records but for what belongs to each request API.
func same(a, b record) bool {
	a, b = maps.Clone(a), maps.Clone(b)
	for _, own := range []string{"id", "created_at", "updated_at"} {
		delete(a, own)
		delete(b, own)
	}
	return len(a) > 0 && reflect.DeepEqual(a, b)
}

func (t *walk) check(ok bool, what string) {
	if ok {
		t.right++
		t.say("  %s %s", t.paint("32", "✓"), what)
		return
	}
	t.wrong++
	t.say("  %s %s", t.paint("31", "✗"), what)
}

// wait checks what comes true by itself.
func (t *walk) wait(what string, ok func() bool) { t.check(t.until(ok), what) }

// until waits for something to come true, and reports whether it did.
func (t *walk) until(ok func() bool) bool {
	give := time.NewTimer(patience)
	defer give.Stop()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for !ok() {
		select {
		case <-look.C:
			continue
		case <-give.C:
		case <-t.ctx.Done():
		}
		return ok()
	}
	return true
}

func (t *walk) title(n int, s string) {
	if n > 1 {
		t.say("")
	}
	t.say("%s", t.paint("1;36", fmt.Sprintf("%d. %s", n, s)))
}

// sum says how it went, and reports whether all was right.
func (t *walk) sum() bool {
	if t.wrong > 0 {
		t.say("\n%s", t.paint("31", fmt.Sprintf("%d of %d checks failed.", t.wrong, t.wrong+t.right)))
		return false
	}
	t.say("\n%s", t.paint("32", fmt.Sprintf("Everything was as it should be: %d checks.", t.right)))
	return true
}

func (t *walk) say(format string, args ...any) {
	_, _ = fmt.Fprintln(t.w, strings.TrimRight(fmt.Sprintf(format, args...), " "))
}

func (t *walk) paint(code, s string) string {
	if !t.colour {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}
