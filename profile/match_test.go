package profile

import (
	"fmt"
	"strings"
	"testing"

	"github.com/meridian-gateway/meridian/request"
)

func TestMatch(t *testing.T) {
	p := profileOf(t, `
preset: rest
collections:
  tickets: {path: /api/tickets}
  assets: {path: /Assets, update: {path: "/Assets({id})"}, read: {path: "/assets/{id}.json?full=1"}}
`)
	const invalid = "!"
	for _, k := range []struct{ call, want string }{
		{"POST /api/tickets", "create tickets "}, {"POST /api/tickets/", "create tickets "}, {"GET /api/tickets", "list tickets "},
		{"GET /api/tickets/7", "read tickets 7"}, {"HEAD /api/tickets/7", "read tickets 7"}, {"PATCH /api/tickets/7/", "update tickets 7"},
		{"PUT /api/tickets/chicago:17", "replace tickets chicago:17"}, {"DELETE /api/tickets/chicago%3A17", "delete tickets chicago:17"},
		{"PATCH /api/tickets/%37", "update tickets 7"}, {"PATCH /Assets(a-b)", "update assets a-b"}, {"GET /assets/9.json", "read assets 9"},
		// None of our business.
		{"GET /", ""}, {"POST /", ""}, {"POST /api/tickets/7", ""}, {"PATCH /api/tickets", ""}, {"PATCH /api/tickets/7/comments", ""},
		{"OPTIONS /api/tickets/7", ""}, {"PROPFIND /api/tickets/7", ""}, {"POST /api/ticketsx", ""}, {"PUT /Files/a%20b", ""},
		// Reads with odd paths pass.
		{"GET /api//tickets/7", "!"}, {"GET /api/tickets/a%2Fb", "!"}, {"GET /API/tickets/7", ""}, {"GET /api/tickets/..", "!"}, {"OPTIONS /api//tickets", "!"},
		// Writes that would slip past.
		{"PATCH /api//tickets/7", invalid}, {"PATCH //api/tickets/7", invalid}, {"PATCH /api/./tickets/7", invalid}, {"PATCH /api/x/../tickets/7", invalid},
		{"PATCH /api/tickets//7", invalid}, {"PATCH /api/tickets/7//", invalid}, {"PATCH /api/tickets/7/.", invalid}, {"POST /api/tickets/x/..", invalid},
		{"PATCH /API/tickets/7", invalid}, {"PATCH /api/Tickets/7", invalid}, {"POST /api/TICKETS", invalid}, {"PATCH /assets(7)", invalid},
		{"PATCH /%61pi/tickets/7", invalid}, {"PATCH /%2561pi/tickets/7", invalid}, {"PATCH /api%2Ftickets%2F7", invalid}, {"PATCH /api%5Ctickets/7", invalid},
		{"PATCH /api\\tickets\\7", invalid}, {"PATCH /api/tickets;v=1/7", invalid}, {"POST /api/tickets;v=1", invalid}, {"POST /api/tickets%00", invalid},
		{"POST /api/tickets%20", invalid}, {"POST /%zz/../api/tickets", invalid}, {"POST /api/%2e/tickets", invalid}, {"PATCH /api/x%2f..%2ftickets/7", invalid},
		// Ids that are none.
		{"PATCH /api/tickets/..", invalid}, {"PATCH /api/tickets/.", invalid}, {"PATCH /api/tickets/%2e%2e", invalid}, {"PATCH /api/tickets/a%2Fb", invalid},
		{"DELETE /api/tickets/7;x=1", invalid}, {"DELETE /api/tickets/a.b", invalid}, {"DELETE /api/tickets/%00", invalid}, {"DELETE /api/tickets/%zz", invalid},
		{"DELETE /api/tickets/a%20b", invalid}, {"DELETE /api/tickets/%252e", invalid}, {"DELETE /api/tickets/Chicago:1", invalid}, {"DELETE /api/tickets/:1", invalid},
		{"DELETE /api/tickets/a:b:c", invalid}, {"DELETE /api/tickets/a:", invalid}, {"DELETE /api/tickets/" + strings.Repeat("a", 65), invalid},
		{"DELETE /api/tickets/" + strings.Repeat("a", 64), "delete tickets " + strings.Repeat("a", 64)},
	} {
		method, path, _ := strings.Cut(k.call, " ")
		m, ok, err := p.Match(method, path)
		got := ""
		switch {
		case err != nil:
			got = invalid
			if request.KindOf(err) != request.Invalid || ok {
				t.Errorf("%s: %v", k.call, err)
			}
		case ok:
			got = fmt.Sprintf("%s %s %s", m.Verb, m.Collection.Name(), m.ID)
		}
		if got != k.want {
			t.Errorf("%s: %q %v, want %q", k.call, got, err, k.want)
		}
	}
	if m, _, _ := p.Match("DELETE", "/api/tickets/chicago%3A17"); m.RawID != "chicago%3A17" {
		t.Error(m.RawID)
	}
}

func FuzzMatch(f *testing.F) {
	for _, s := range []string{"/tickets/7", "/tickets//7", "/tickets/%37", "/TICKETS/../tickets/7", "/%zz", "//", ""} {
		f.Add("PATCH", s)
		f.Add("GET", s)
		f.Add("POST", s)
	}
	for _, s := range []string{"/api/tickets/A-1/comments/7", "/api/Files(7)", "/api/files/7.json", "/api/tickets/t%3A1/comments", "/api/tickets/oslo:t:1"} {
		f.Add("DELETE", s)
		f.Add("PUT", s)
	}
	all := []*Profile{profileOf(f, "preset: rest\ncollections: {tickets: {path: /tickets}}"), profileOf(f, family)}
	f.Fuzz(func(t *testing.T, method, path string) {
		for _, p := range all {
			matches(t, p, method, path)
		}
	})
}

func matches(t *testing.T, p *Profile, method, path string) {
	m, ok, err := p.Match(method, path)
	if ok && (err != nil || m.Collection == nil || m.ID != "" && !m.Collection.validID(m.ID)) {
		t.Fatal(m, err)
	}
	if err != nil && (ok || (method == "GET" || method == "HEAD" || method == "OPTIONS") && !odd(path)) {
		t.Fatal(method, path, err)
	}
	if ok && m.Verb != Create && m.Verb != List && !strings.Contains(path, m.RawID) {
		t.Fatal(m.RawID)
	}
	if ok && m.Parent != "" && (!p.Collections[m.Collection.Parent()].validID(m.Parent) || !strings.Contains(path, m.RawParent)) {
		t.Fatal(m.Parent)
	}
}

func manyCollections(t testing.TB) *Profile {
	s := Spec{Preset: "rest", Collections: map[string]CollectionSpec{}}
	for i := range 20 {
		s.Collections[fmt.Sprintf("c%d", i)] = CollectionSpec{Path: fmt.Sprintf("/api/collections/kind%d/records", i)}
	}
	p, problems := Compile("many", s)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return p
}

func BenchmarkMatch(b *testing.B) {
	p := manyCollections(b)
	children := profileOf(b, family)
	b.Run("child", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _, _ = children.Match("PUT", "/api/tickets/A-1/comments/7")
		}
	})
	for _, c := range []struct{ name, method, path string }{
		{"pass read", "GET", "/api/collections/users/auth-refresh"}, {"pass write", "POST", "/api/collections/users/auth-refresh"},
		{"pass odd write", "PATCH", "/Files/A%20b"}, {"hit", "PATCH", "/api/collections/kind7/records/abc"},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _, _ = p.Match(c.method, c.path)
			}
		})
	}
}
