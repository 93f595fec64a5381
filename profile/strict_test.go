package profile

import "testing"

// Within a described collection a path means one thing; elsewhere the API's own spelling is nobody's business.
func TestTricksWithinACollection(t *testing.T) {
	all := map[string]*Profile{"root": profileOf(t, "preset: rest\ncollections: {tickets: {path: /tickets}}"), "family": profileOf(t, family),
		"desk": profileOf(t, "preset: rest\ncollections: {tickets: {path: /entry/Help%20Desk}}")}
	for _, k := range []struct {
		profile, path string
		bad           bool
	}{
		{"root", "/tickets", false}, {"root", "/tickets/7", false}, {"root", "/tickets/export.csv", false}, {"root", "/tickets/my%20view", false},
		{"root", "/tickets/7/files/a%2Fb.txt", false}, {"root", "/tickets/7/files/100%25.pdf", false}, {"root", "/tickets/7/x//y", false},
		{"root", "/echo/tickets/../x%2e", false}, {"root", "/echo/a//b", false}, {"root", "/x/%2e%2e/y", false}, {"root", "/Tickets/7", false},
		{"root", "/tickets7/../x", false}, {"root", "/tickets/caf%C3%A9", false}, {"root", "/tickets/7/caf%E9", false},
		{"root", "/tickets/../admin", true}, {"root", "/tickets/%2e%2e/admin", true}, {"root", "/tickets/..%2fadmin", true}, {"root", "/tickets/%252e%252e/admin", true},
		{"root", "/tickets/7/../../admin", true}, {"root", "/tickets/7/x/%2E%2E%2Fadmin", true}, {"root", "/tickets/..;/admin", true}, {"root", "/tickets/a%2fb", true},
		{"root", "/tickets/a%5cb", true}, {"root", "/tickets/7%00", true}, {"root", "/tickets/7;x=1", true}, {"root", "/tickets/7%3bx", true}, {"root", "/tickets/%c0%af", true},
		{"root", "/tickets/%2531", true}, {"root", "/tickets/%e2%80%ae7", true}, {"root", "/tickets/7/a%0d%0ab", true}, {"root", "/tickets;x=1", true},
		{"root", "//tickets/7", true}, {"root", "/./tickets/7", true}, {"root", "/x/../tickets/7", true}, {"root", "/%74ickets/7", true}, {"root", "/x/..%2ftickets/../y", true},
		{"root", "/tickets%2f7", true}, {"root", "/x/..%2ftickets/7", true}, {"root", "/tickets/.", true}, {"root", "/tickets/chicago:..%2f7", true}, {"root", "/tickets/7;x=1/close", true}, {"root", `/tickets/7\..\..\admin`, true},
		{"desk", "/entry/Help%20Desk", false}, {"desk", "/entry/Help%20Desk/7", false}, {"desk", "/entry/Help%20Desk/my%20view/x%2Fy", false}, {"desk", "/entry/Help%20Desk/a%7Cb", false},
		{"family", "/api/tickets/A-1/../../../admin", true}, {"family", "/api/tickets/A-1/comments/%2e%2e", true},
	} {
		for _, method := range []string{"GET", "HEAD", "OPTIONS", "POST", "PROPFIND"} {
			_, ok, err := all[k.profile].Match(method, k.path)
			if bad := err != nil; k.bad && !bad && (method == "GET" || method == "POST") || bad && (ok || !k.bad && method == "GET") {
				t.Errorf("%s %s: refused %v, want %v (%v)", method, k.path, bad, k.bad, err)
			}
		}
	}
}

func TestUnusualMethods(t *testing.T) {
	p := profileOf(t, "preset: rest\ncollections: {tickets: {path: /tickets}}")
	for _, k := range []struct {
		method, path string
		want         bool
	}{{"PROPFIND", "/tickets/7", true}, {"MOVE", "/tickets/7/", true}, {"FOO", "/tickets", true}, {"FOO", "//tickets/%37", true}, {"POST", "/tickets/7", false},
		{"PROPFIND", "/tickets/7/files", false}, {"PROPFIND", "/x", false}, {"OPTIONS", "/tickets", false}} {
		if got := p.Unusual(k.method, k.path); got != k.want {
			t.Errorf("%s %s: %v", k.method, k.path, got)
		}
	}
}
