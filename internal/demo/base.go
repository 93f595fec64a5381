package demo

import (
	"fmt"

	"github.com/meridian-gateway/meridian/request"
)

// baseTour is the knowledge base.
type baseTour struct {
	*walk
	id, home string
	path     map[request.Site]string
}

func (t *baseTour) steps() []step {
	return []step{
		{"A request is worked on in Paris. It is nobody else's business.", t.open},
		{"It is closed. Now everybody has the solution.", t.close},
		{"The solution is improved, in Tokyo.", t.improve},
		{"It is opened again.", t.reopen},
	}
}

func (t *baseTour) open() {
	made := t.call(paris, "POST", "/tickets", `{"title":"VPN drops every hour","status":"open"}`)
	t.id, t.home = made.receipt("Request"), "/tickets/"+made.id()
	t.check(made.receipt("Owner") == string(paris) && made.receipt("Copies") == "", "Paris owns it, there are no copies")
	t.check(t.count(tokyo) == 0 && t.count(sanFrancisco) == 0, "the other request APIs have no record of it")
}

func (t *baseTour) close() {
	t.call(paris, "PATCH", t.home, `{"status":"closed","solution":"raise the rekey interval"}`)
	t.path = map[request.Site]string{}
	for _, s := range []request.Site{tokyo, sanFrancisco} {
		t.wait(fmt.Sprintf("the request API of %s has it", s), func() bool {
			a := t.ask(s, "GET", "/tickets/paris:"+t.home[len("/tickets/"):], "")
			t.path[s] = "/tickets/" + a.id()
			return a.status == 200 && t.find(s, t.id) == 1
		})
		t.check(t.direct(s, t.path[s]).body["solution"] == "raise the rekey interval", "with the solution")
	}
}

func (t *baseTour) improve() {
	up := t.call(tokyo, "PATCH", t.path[tokyo], `{"solution":"raise the rekey interval to 8 h"}`)
	t.check(up.status == 200 && up.receipt("Owner") == string(paris) && up.receipt("Role") == "copy", "Tokyo's is a copy: the write went to Paris first")
	t.check(t.direct(paris, t.home).body["solution"] == "raise the rekey interval to 8 h", "Paris has it")
	t.wait("and San Francisco, too", func() bool {
		return t.direct(sanFrancisco, t.path[sanFrancisco]).body["solution"] == "raise the rekey interval to 8 h"
	})
}

func (t *baseTour) reopen() {
	t.call(paris, "PATCH", t.home, `{"status":"open"}`)
	t.wait("the copies go, Paris keeps its record", func() bool {
		return t.find(tokyo, t.id) == 0 && t.find(sanFrancisco, t.id) == 0 && t.find(paris, t.id) == 1
	})
	t.call(paris, "PATCH", t.home, `{"status":"closed"}`)
	t.wait("closed again, they are made again", func() bool { return t.find(tokyo, t.id) == 1 && t.find(sanFrancisco, t.id) == 1 })
}
