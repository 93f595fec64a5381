package browser

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// busy is a network with something on every page, and the id of a request with a journey.
func busy(t *testing.T) (*harness.Cluster, string) {
	t.Helper()
	chromium(t)
	sites := harness.Fakes(t, "san-francisco", "tokyo", "paris")
	for i, zone := range []string{"America/Los_Angeles", "Asia/Tokyo", "Europe/Paris"} {
		sites[i].Extra = "timezone: " + zone + "\nhours: {mon-fri: \"09:00-17:00\"}\n"
	}
	n := harness.Start(t, harness.Network{Sites: sites, Routes: everywhere +
		"- {name: evening, at: [san-francisco], schedule: {cron: \"30 17-23 * * *\", in: America/Los_Angeles}, when: status == \"open\", transfer: {to: tokyo}}\n"})
	made := n.At("san-francisco").Create("/tickets", `{"subject":"lamp","status":"closed"}`).Want(201)
	n.At("san-francisco").WantHealth("nothing is owed", patience, func(h harness.Health) bool { return h.Owed() == 0 })
	n.At("san-francisco").Transfer(made.Request(), "tokyo", "ownership").Want(202)
	n.WantOwner(made.Request(), "tokyo", patience)
	n.At("tokyo").Fake().Inject(harness.Refuse("POST", 422))
	for i := range 3 {
		n.At("san-francisco").Create("/tickets", fmt.Sprintf(`{"subject":"a subject that is long enough to be broken over lines %d","status":"closed"}`, i)).Want(201)
	}
	n.At("san-francisco").WantHealth("three are parked", patience, func(h harness.Health) bool { return h.To("tokyo").Parked == 3 })
	return n, made.Request()
}

// settled waits until a page shows what it has to show.
func (p *tab) settled() {
	p.t.Helper()
	p.until("a page that is whole", `document.querySelector('main h1') && !document.querySelector('main .waiting')`)
	p.eval(`new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))`, nil)
}

const overflow = `(() => { const w = document.documentElement.clientWidth; if (document.documentElement.scrollWidth <= w) return '';
	return [...document.querySelectorAll('body *')].filter((e) => e.getBoundingClientRect().right > w + 1).slice(0, 4).map((e) => e.tagName + '.' + (e.getAttribute('class') ?? '')).join(', ') || 'something'; })()`

// Every page fits from a telephone to a wall, in both looks and with letters of twice the size, and has no fault that axe finds.
func TestLooks(t *testing.T) {
	n, id := busy(t)
	p := open(t, n.At("san-francisco"))
	axe := axeCore(t)
	shots := os.Getenv("MERIDIAN_SHOTS")
	pages := map[string]string{"network": "/", "deliveries": "/deliveries", "requests": "/requests", "request": "/requests/" + id, "schedule": "/schedule",
		"configuration": "/configuration", "cases": "/cases", "wall": "/?wall", "panel": "/deliveries?site=tokyo&state=parked"}
	for name, hash := range pages {
		for _, at := range []struct {
			width  int64
			scheme string
			first  bool // the page is opened like this, and looked through by axe
		}{{375, "light", true}, {768, "light", false}, {1440, "light", false}, {2560, "light", false}, {1440, "dark", true}, {2560, "dark", false}} {
			if at.first {
				p.start(name, hash, at.width, at.scheme)
			}
			p.size(at.width, 900, at.scheme)
			p.settled()
			what := fmt.Sprintf("%s at %d %s", name, at.width, at.scheme)
			p.fits(what)
			if at.first {
				p.audit(axe, what)
			}
			if shots != "" {
				p.shot(filepath.Join(shots, fmt.Sprintf("%s-%d-%s.png", name, at.width, at.scheme)))
			}
		}
		for _, width := range []int64{768, 1440} {
			p.size(width, 900, "light")
			p.eval(`document.documentElement.style.fontSize = '200%'`, nil)
			p.settled()
			p.fits(fmt.Sprintf("%s at %d with large letters", name, width))
			p.eval(`document.documentElement.style.fontSize = ''`, nil)
		}
	}
}

// start opens a page in a window of a size and look; of the panel also what it lies over.
func (p *tab) start(name, hash string, width int64, scheme string) {
	p.t.Helper()
	p.size(width, 900, scheme)
	p.visit("/#" + hash)
	p.settled()
	if name == "panel" {
		p.click("tbody button", "Details of the delivery")
		p.until("the panel", `document.querySelector('dialog[open] .facts')`)
	}
}

// fits fails the test when a page can be scrolled sideways.
func (p *tab) fits(what string) {
	p.t.Helper()
	var wide string
	p.eval(overflow, &wide)
	if wide != "" {
		p.t.Errorf("%s is wider than the window: %s", what, wide)
	}
}

// axeCore is the text of axe-core; "" where it is not installed and need not be.
func axeCore(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(harness.Root(), ".cache", "axe-core", "node_modules", "axe-core", "axe.min.js"))
	if err != nil && os.Getenv("MERIDIAN_REQUIRE") == "1" {
		t.Fatal("axe-core is not installed: run scripts/setup.sh")
	}
	return string(b)
}

// audit has axe look for faults that keep people out.
func (p *tab) audit(axe, what string) {
	p.t.Helper()
	if axe == "" {
		return
	}
	p.eval("if (!window.axe) { "+axe+" } true", nil)
	var faults []struct {
		ID, Help string
		Nodes    []struct {
			Target         []any
			FailureSummary string
		}
	}
	p.eval(`axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'], resultTypes: ['violations'] }).then((r) => r.violations)`, &faults)
	for _, f := range faults {
		for _, node := range f.Nodes {
			p.t.Errorf("%s: %s (%s): %v %s", what, f.ID, f.Help, node.Target, node.FailureSummary)
		}
	}
}
