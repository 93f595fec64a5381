package browser

import (
	"fmt"
	"strings"
	"testing"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// everywhere copies every request to all sites.
const everywhere = "- {name: everywhere, on: [create, update], copy: {to: all}}\n"

func network(t *testing.T) *harness.Cluster {
	t.Helper()
	chromium(t)
	sites := harness.Fakes(t, "san-francisco", "tokyo", "paris")
	for i, zone := range []string{"America/Los_Angeles", "Asia/Tokyo", "Europe/Paris"} {
		sites[i].Extra = "timezone: " + zone + "\nhours: {mon-fri: \"09:00-17:00\"}\n"
	}
	return harness.Start(t, harness.Network{Sites: sites, Routes: everywhere})
}

// A delivery is parked by a request API that refuses it; the operator sees that on the first page, goes there, reads why, and retries it once
// the cause is gone. Then a link is cut and healed, and the page tells both without being asked.
func TestParkedDeliveryIsRetried(t *testing.T) {
	n := network(t)
	p := open(t, n.At("san-francisco"))
	p.see("h1", "test")
	p.see(".all-well", "All is well")
	refusal := n.At("tokyo").Fake().Inject(harness.Refuse("POST", 422))
	made := n.At("san-francisco").Create("/tickets", `{"subject":"<img src=x onerror=alert(1)>","status":"open"}`).Want(201)
	p.see(".need", "1 delivery to tokyo is parked")
	p.click(".need a", "See and retry: 1 delivery to tokyo")
	p.see("h1", "Deliveries")
	p.see("tbody tr", "refused with 422")
	p.click("tbody button", "Details of the delivery")
	p.see("dialog", "Why it is parked")
	p.see("dialog", made.Request())
	n.At("tokyo").Fake().Clear()
	if n.At("tokyo").Fake().Struck(refusal) == 0 {
		t.Fatal("the request API of tokyo refused nothing")
	}
	p.click("dialog button", "Retry now")
	p.see(".toast", "is tried again now")
	p.keys("\x1b")
	p.until("no open dialog", `!document.querySelector('dialog[open]')`)
	p.see(".table-empty", "No delivery matches")
	if done := n.At("tokyo").Fake().Commits("POST"); len(done) != 1 {
		t.Errorf("tokyo has %d records, want 1", len(done))
	}
	p.click("nav a", "Network")
	p.see(".all-well", "All is well")

	n.Cut("san-francisco", "paris")
	n.At("san-francisco").Create("/tickets", `{"subject":"lamp","status":"open"}`).Want(201)
	p.see(".need", "paris")
	p.until("the arc to paris is not drawn as one that works", `document.querySelector('.map .link.is-degraded, .map .link.is-down')`)
	n.Heal("san-francisco", "paris")
	p.see(".all-well", "All is well")
	p.until("all arcs work", `document.querySelectorAll('.map .link.is-ok').length === 2`)
}

// All parked deliveries that match are retried at once, and one is cancelled.
func TestBulk(t *testing.T) {
	n := network(t)
	p := open(t, n.At("san-francisco"))
	n.At("tokyo").Fake().Inject(harness.Refuse("POST", 422))
	for range 3 {
		n.At("san-francisco").Create("/tickets", `{"subject":"lamp","status":"open"}`).Want(201)
	}
	p.see(".need", "3 deliveries to tokyo are parked")
	p.visit("/#/deliveries?site=tokyo&state=parked")
	p.until("three rows", `document.querySelectorAll('tbody tr').length === 3`)
	p.click("tbody button", "Details of the delivery")
	p.click("dialog button", "Cancel the delivery")
	p.see("dialog", "Cancel this delivery?")
	p.click("dialog .dialog-foot button", "Cancel the delivery")
	p.until("two rows", `document.querySelectorAll('tbody tr').length === 2`)
	n.At("tokyo").Fake().Clear()
	p.click("button", "Retry all that match")
	p.click("dialog .dialog-foot button", "Retry all")
	p.see(".toast", "2 deliveries are tried again now")
	p.see(".table-empty", "No delivery matches")
	n.At("san-francisco").WantHealth("nothing is owed", patience, func(h harness.Health) bool { return h.Owed() == 0 })
	if done := n.At("tokyo").Fake().Commits("POST"); len(done) != 2 {
		t.Errorf("tokyo has %d records, want 2", len(done))
	}
}

// A request is found by the id that it has at another site, its journey is shown, and its ownership is moved by hand, with keys alone.
func TestRequestIsFoundAndMoved(t *testing.T) {
	n := network(t)
	made := n.At("san-francisco").Create("/tickets", `{"subject":"<img src=x onerror=alert(1)>","status":"open"}`).Want(201)
	n.WantOwner(made.Request(), "san-francisco", patience)
	there := ""
	harness.Eventually(t, patience, "san-francisco knows the record of tokyo", func() error {
		v, err := n.At("tokyo").Request(made.Request())
		if err != nil {
			return err
		}
		there = "tokyo:" + v.Local
		_, err = n.At("san-francisco").Request(there)
		return err
	})
	p := open(t, n.At("san-francisco"))
	p.see(".brand-site", "san-francisco")
	p.keys("/")
	p.until("the search has the focus", `document.activeElement?.type === 'search'`)
	p.keys(there + "\r")
	p.see("h1", made.Request())
	if got := p.title(); !strings.Contains(got, made.Request()) {
		t.Errorf("the title of the page is %q", got)
	}
	p.see(".event-table tbody", "created")
	p.see(".event-table tbody", "copy refreshed")
	p.until("a lane for each site", `['san-francisco', 'tokyo', 'paris'].every((x) => [...document.querySelectorAll('.journey .lane-name')].some((e) => e.textContent === x))`)
	p.click("button", "Show the fields")
	p.see("tbody", "<img src=x onerror=alert(1)>")
	p.until("no image from a field", `document.querySelectorAll('main img').length === 0`)

	p.click("button", "Transfer")
	p.see("dialog", "Transfer the request")
	p.until("the focus is in the dialog", `document.querySelector('dialog').contains(document.activeElement)`)
	p.keys("tokyo")
	p.keys("\t\t\t")
	p.until("the focus is on the button that does it", `document.activeElement.type === 'submit'`)
	p.keys("\r")
	p.see(".toast", "tokyo will own it")
	p.see(".own-name", "tokyo")
	n.WantOwner(made.Request(), "tokyo", patience)
	p.see(".event-table tbody", "ownership began")
	p.click("button", "Return")
	p.click("dialog .dialog-foot button", "Return")
	p.see(".own-name", "san-francisco")
	n.WantOwner(made.Request(), "san-francisco", patience)

	p.do(back())
	p.see("h1", "Requests")
}

// A gateway that does not answer leaves what was known on the page, marked as old; when it is back the page goes on by itself.
func TestGatewayIsAway(t *testing.T) {
	n := network(t)
	p := open(t, n.At("san-francisco"))
	p.expect("net::ERR")
	p.see(".all-well", "All is well")
	p.see(".live", "last update")
	n.At("san-francisco").Kill()
	p.see(".stale-bar", "does not answer")
	p.see("h1", "test")
	p.see(".links-table", "tokyo")
	n.At("san-francisco").Restart()
	p.click(".stale-bar button", "Try now")
	p.until("no bar", `document.querySelector('.stale-bar').hidden`)
}

// A page that is hidden gives its stream back, so that many tabs do not use up the browser's connections; seen again it goes on where the
// network is now.
func TestHiddenPageLetsGo(t *testing.T) {
	n := network(t)
	p := open(t, n.At("san-francisco"))
	p.see(".live", "last update")
	show := func(hidden bool) {
		p.eval(fmt.Sprintf(`Object.defineProperty(document, 'hidden', { value: %v, configurable: true }); document.dispatchEvent(new Event('visibilitychange')); 0`, hidden), nil)
	}
	p.eval(`window.streams = []; window.plain = window.fetch; window.fetch = (to, o) => { if (String(to).includes('/events')) streams.push(o.signal); return plain(to, o); }; 0`, nil)
	show(true)
	show(false)
	p.until("a stream of its own", `streams.length === 1 && !streams[0].aborted`)
	p.see(".live", "last update")
	show(true)
	p.until("the stream let go", `streams[0].aborted`)
	n.At("tokyo").Kill()
	n.At("san-francisco").WantHealth("Tokyo is down", patience, func(h harness.Health) bool { return h.To("tokyo").State == "down" })
	var opened int
	if p.eval(`streams.length`, &opened); opened != 1 {
		t.Errorf("the hidden page has opened %d streams", opened)
	}
	show(false)
	p.see(".links-table", "down")
	p.until("a new stream", `streams.length === 2 && !streams[1].aborted`)
	n.At("tokyo").Restart()
}
