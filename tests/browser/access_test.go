package browser

import (
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// title is that of the window.
func (p *tab) title() string {
	p.t.Helper()
	text, err := chromedp.Run(p.ctx, chromedp.Title())
	if err != nil {
		p.t.Fatal(err)
	}
	return text
}

func back() chromedp.Action[chromedp.Void] { return chromedp.NavigateBack() }

// An admin address with a token asks for it, refuses a wrong one, lets a view token look and not act, and the full one act.
func TestTokens(t *testing.T) {
	chromium(t)
	sites := harness.Fakes(t, "san-francisco", "tokyo")
	sites[0].Admin = "token: full-secret, view_token: view-secret"
	n := harness.Start(t, harness.Network{Sites: sites, Routes: everywhere})
	n.At("tokyo").Fake().Inject(harness.Refuse("POST", 422))
	n.At("san-francisco").Create("/tickets", `{"subject":"lamp","status":"open"}`).Want(201)
	n.At("san-francisco").WantHealth("one is parked", patience, func(h harness.Health) bool { return h.To("tokyo").Parked == 1 })

	p := open(t, n.At("san-francisco"))
	p.expect("401")
	p.expect("403")
	signIn := func(token string) {
		p.until("the form", `document.activeElement?.id === 'token'`)
		p.eval(`document.getElementById('token').value = ''`, nil)
		p.keys(token + "\r")
	}
	p.see("h1", "Meridian")
	signIn("wrong")
	p.see("[role=alert]", "This token is not taken")
	signIn("view-secret")
	p.see(".need", "1 delivery to tokyo is parked")
	p.do(chromedp.Reload()) // the tab keeps its token
	p.click(".need a", "See and retry")
	p.click("tbody button", "Details of the delivery")
	p.click("dialog button", "Retry now")
	p.see(".toast.bad", "this token may look and change nothing")
	p.until("the actions cannot be pressed and say why", `[...document.querySelectorAll('[data-action]')].every((b) => b.getAttribute('aria-disabled') === 'true' && b.title.includes('may look'))`)
	p.eval(`sessionStorage.clear()`, nil)
	p.visit("/#/deliveries?site=tokyo&state=parked")
	signIn("full-secret")
	n.At("tokyo").Fake().Clear()
	p.click("tbody button", "Details of the delivery")
	p.click("dialog button", "Retry now")
	p.see(".toast.ok", "is tried again now")
	p.keys("\x1b")
	p.see(".table-empty", "No delivery matches")
	var stored string
	p.eval(`JSON.stringify([localStorage, document.cookie])`, &stored)
	if stored != `[{},""]` {
		t.Errorf("the browser keeps %s beyond the tab", stored)
	}
}

// Everything is reached with keys: the skip link first, then the ways to the pages; dialogs keep the focus and give it back.
func TestKeys(t *testing.T) {
	n := network(t)
	p := open(t, n.At("san-francisco"))
	p.see(".all-well", "All is well")
	p.keys("\t")
	p.until("the skip link", `document.activeElement.id === 'skip' && document.activeElement.getBoundingClientRect().top >= 0`)
	p.keys("\r")
	p.until("the content", `document.activeElement.id === 'main' && location.hash === ''`)
	p.keys("gd")
	p.see("h1", "Deliveries")
	p.until("the heading has the focus", `document.activeElement.tagName === 'H1'`)
	p.keys("?")
	p.see("dialog", "Keys")
	p.keys("\t\t\t\t\t")
	p.until("the focus stays in the dialog", `document.querySelector('dialog').contains(document.activeElement) || document.activeElement === document.body`)
	p.keys("\x1b")
	p.until("the focus is given back", `document.activeElement.tagName === 'H1'`)
	p.keys("gw")
	p.see(".wall-says", "All is well")
	p.keys("\x1b")
	p.see("h1", "test")
}
