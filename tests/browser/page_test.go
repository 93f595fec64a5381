// Package browser holds the tests of the dashboard: a real browser against real gateways, as an operator uses it.
package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/meridian-gateway/meridian/tests/harness"
)

func TestMain(m *testing.M) {
	code := m.Run()
	harness.Tidy()
	os.Exit(code)
}

// patience is how long something may take to be seen on a page.
const patience = 30 * time.Second

// tab is one page of a browser. A mistake that it writes to its console fails the test, such as a breach of the content security policy.
type tab struct {
	t    *testing.T
	ctx  context.Context
	base string

	mu       sync.Mutex
	mistakes []string
	expected []string
}

// chromium is the browser's program. Without one the test is skipped, where it may be.
func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			return p
		}
	}
	if os.Getenv("MERIDIAN_REQUIRE") == "1" {
		t.Fatal("Chromium is not installed: run scripts/setup.sh")
	}
	t.Skip("Chromium is not installed: run scripts/setup.sh")
	return ""
}

// open starts a browser with a profile of its own and opens the dashboard of a gateway.
func open(t *testing.T, g *harness.Gateway) *tab {
	t.Helper()
	base := strings.TrimSuffix(g.Admin("/"), "/")
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), chromedp.ExecPath(chromium(t)), chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck,
		chromedp.NoSandbox, chromedp.Headless, chromedp.DisableGPU, chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true), chromedp.Flag("disable-dev-shm-usage", true),
		chromedp.Flag("lang", "en-GB"), chromedp.WindowSize(1440, 900), chromedp.UserDataDir(t.TempDir()))
	t.Cleanup(cancel)
	ctx, stop := chromedp.NewContext(ctx)
	t.Cleanup(stop)
	ctx, late := context.WithTimeout(ctx, 5*time.Minute)
	t.Cleanup(late)
	p := &tab{t: t, ctx: ctx, base: base}
	p.expect("/preview?site=") // a request that this gateway does not own cannot be shown as another site would get it
	p.do(chromedp.Navigate("about:blank"))
	messages := chromedp.Console(ctx)
	go func() {
		for m, err := range messages {
			if err != nil {
				return
			}
			if m.Type == chromedp.ConsoleError || m.Type == chromedp.ConsoleException || m.Type == chromedp.ConsoleWarning {
				p.mistake(fmt.Sprintf("%s: %s %s", m.Type, m.Text, m.URL))
			}
		}
	}()
	t.Cleanup(p.clean)
	p.visit("/")
	return p
}

func (p *tab) mistake(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mistakes = append(p.mistakes, text)
}

// expect names a part of a console message that belongs to the test, such as a status that is asked for.
func (p *tab) expect(part string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.expected = append(p.expected, part)
}

func (p *tab) clean() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range p.mistakes {
		if !slices.ContainsFunc(p.expected, func(x string) bool { return strings.Contains(m, x) }) {
			p.t.Errorf("the console has: %s", m)
		}
	}
	if !p.t.Failed() {
		return
	}
	if dir := os.Getenv("MERIDIAN_SHOTS"); dir != "" {
		p.shot(filepath.Join(dir, strings.ReplaceAll(p.t.Name(), "/", "-")+"-failed.png"))
	}
}

func (p *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	if err := chromedp.Do(p.ctx, steps...); err != nil {
		p.t.Fatal(err)
	}
}

// visit opens a page anew.
func (p *tab) visit(path string) {
	p.t.Helper()
	p.do(chromedp.Navigate("about:blank"), chromedp.Navigate(p.base+path))
}

// eval runs a script and decodes what it gives.
func (p *tab) eval(script string, into any) {
	p.t.Helper()
	text, err := chromedp.Run(p.ctx, chromedp.Evaluate[[]byte](script, chromedp.EvalAwaitPromise))
	if err == nil && into != nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		p.t.Fatalf("%v in %s", err, script)
	}
}

// until waits for a script to give true.
func (p *tab) until(what, script string) {
	p.t.Helper()
	end := time.Now().Add(patience)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		yes, err := chromedp.Run(p.ctx, chromedp.Evaluate[bool]("Boolean("+script+")"))
		if err == nil && yes {
			return
		}
		if time.Now().After(end) {
			var body string
			p.eval(`document.body.innerText`, &body)
			p.t.Fatalf("%s is not seen after %v (%v); the page says:\n%s", what, patience, err, body)
		}
		<-tick.C
	}
}

func quoted(text string) string {
	b, _ := json.Marshal(text) // a string always can be
	return string(b)
}

// see waits until a text is on the page, in an element that a selector finds.
func (p *tab) see(selector, text string) {
	p.t.Helper()
	p.until(fmt.Sprintf("%q in %s", text, selector), fmt.Sprintf(`[...document.querySelectorAll(%s)].some((e) => e.innerText.includes(%s) && e.checkVisibility())`, quoted(selector), quoted(text)))
}

// gone waits until no element that a selector finds has a text.
func (p *tab) gone(selector, text string) {
	p.t.Helper()
	p.until(fmt.Sprintf("no %q in %s", text, selector), fmt.Sprintf(`![...document.querySelectorAll(%s)].some((e) => e.innerText.includes(%s))`, quoted(selector), quoted(text)))
}

// click presses the element of a selector that has a text or label, with the mouse, where it is.
func (p *tab) click(selector, text string) {
	p.t.Helper()
	find := fmt.Sprintf(`[...document.querySelectorAll(%s)].find((e) => e.checkVisibility() && (e.innerText.includes(%[2]s) || (e.getAttribute('aria-label') ?? '').includes(%[2]s)))`, quoted(selector), quoted(text))
	p.until(fmt.Sprintf("%q in %s", text, selector), find)
	var at struct {
		X, Y float64
		Hit  bool
	}
	p.eval(`(() => { const e = `+find+`; e.scrollIntoView({ block: 'center' }); const r = e.getBoundingClientRect(); const x = r.x + r.width / 2, y = r.y + r.height / 2;
		const hit = document.elementFromPoint(x, y); return { X: x, Y: y, Hit: e.contains(hit) || hit?.contains(e) || false }; })()`, &at)
	if !at.Hit {
		p.t.Fatalf("%q in %s is covered by something", text, selector)
	}
	p.do(chromedp.MouseClickXY(at.X, at.Y))
}

// keys sends keys to what has the focus.
func (p *tab) keys(text string) {
	p.t.Helper()
	p.do(chromedp.KeyEvent(text))
}

// size sets the window, and which look the system asks for.
func (p *tab) size(width, height int64, scheme string) {
	p.t.Helper()
	if _, err := chromedp.Call(p.ctx, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: height, DeviceScaleFactor: 1}); err != nil {
		p.t.Fatal(err)
	}
	features := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}}
	if _, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: features}); err != nil {
		p.t.Fatal(err)
	}
}

// shot writes a picture of the window.
func (p *tab) shot(file string) {
	p.t.Helper()
	picture, err := chromedp.Call(p.ctx, page.CaptureScreenshot, page.CaptureScreenshotParams{})
	if err == nil {
		err = os.WriteFile(file, []byte(picture.Data), 0o600)
	}
	if err != nil {
		p.t.Log(err)
	}
}
