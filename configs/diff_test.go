package configs

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// wholeFile is a network file with all that a diff must treat in its own way.
const wholeFile = `# a comment with hush-0
network: n
security: {peer_key: hush-1-hush-1-hush-1-hush-1-hush-1-hush-1}
limits: {body: 1MiB}
profiles:
  p:
    preset: rest
    headers: {X-Api-Key: hush-2, Accept: text/plain}
    collections: {tickets: {path: /tickets, fields: {status: {at: /state, values: {open: o}}}}}
sites:
  a: &a
    profile: p
    upstream: http://127.0.0.1:9001
    listen: 127.0.0.1:8001
    peer: {listen: 127.0.0.1:8101, url: http://127.0.0.1:8101}
    admin: {listen: 127.0.0.1:8201, token: "${A_TOKEN}"}
    credentials: {basic: {username: gateway, password: hush-3}}
    store: redis://user:hush-4@127.0.0.1:6379/0
  b:
    <<: *a
    upstream: http://127.0.0.1:9002
    listen: 127.0.0.1:8002
    peer: {listen: 127.0.0.1:8102, url: http://127.0.0.1:8102}
    admin: {listen: 127.0.0.1:8202, token: "${A_TOKEN}"}
routes:
  - {name: one, on: [create], when: 'status == "open"', transfer: {to: b}}
  - {name: two, on: update, copy: {to: all}}
  - {name: three, on: [update], return: {}}
`

func loaded(t *testing.T, text, token string) *Network {
	t.Helper()
	n, err := Parse("f", []byte(text), func(string) (string, bool) { return token, true })
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func lines(changes []Change) []string {
	var out []string
	for _, c := range changes {
		out = append(out, c.String())
	}
	return out
}

func TestDiff(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		edit []string
		want []string
	}{
		"nothing":   {nil, nil},
		"layout":    {[]string{"on: update", "on: [update]", "# a comment", "# another", "limits: {body: 1MiB}", "limits: {depth: 64, body: 1048576}"}, nil},
		"condition": {[]string{`'status == "open"'`, `status == "new"`}, []string{`~ routes.one.when: "status == \"open\"" -> "status == \"new\""`}},
		"limit":     {[]string{"body: 1MiB", "body: 2MiB"}, []string{"~ limits.body: 1MiB -> 2MiB"}},
		"renamed": {[]string{"name: two", "name: deux"}, []string{
			"- routes.two: {name: two, on: update, copy: {to: all}}", "+ routes.deux: {name: deux, on: update, copy: {to: all}} (before three)"}},
		"moved": {[]string{"  - {name: three, on: [update], return: {}}\n", "", "routes:\n", "routes:\n  - {name: three, on: [update], return: {}}\n"},
			[]string{"> routes.three: before one, was last"}},
		"secret":   {[]string{"hush-1-hush-1", "hush-9-hush-9"}, []string{"~ security.peer_key: changed (secret)"}},
		"password": {[]string{"hush-3", "hush-9"}, []string{"~ sites.a.credentials.basic.password: changed (secret)", "~ sites.b.credentials.basic.password: changed (secret)"}},
		"header":   {[]string{"hush-2", "hush-9"}, []string{"~ profiles.p.headers.X-Api-Key: changed (secret)"}},
		"mapping":  {[]string{"{open: o}", "{open: o, closed: c}"}, []string{"+ profiles.p.collections.tickets.fields.status.values.closed: c"}},
		"rotation": {[]string{"peer_key: hush-1-hush-1-hush-1-hush-1-hush-1-hush-1", "peer_key: [hush-9-hush-9-hush-9-hush-9-hush-9-hush-9, hush-1-hush-1-hush-1-hush-1-hush-1-hush-1]"},
			[]string{"~ security.peer_key: changed (secret)"}},
		"pool": {[]string{"routes:\n", "pools: {bulk: {rate: 5/s}}\nroutes:\n"}, []string{"+ pools.bulk: {rate: 5/s}"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			is := wholeFile
			for i := 0; i < len(c.edit); i += 2 {
				is = strings.Replace(is, c.edit[i], c.edit[i+1], 1)
			}
			was, now := loaded(t, wholeFile, "hush-5"), loaded(t, is, "hush-5")
			got := lines(Diff(was, now))
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			for _, text := range append(got, was.Text(), now.Text()) {
				if strings.Contains(text, "hush") {
					t.Errorf("a secret shows: %s", text)
				}
			}
			if _, err := Parse("f", []byte(now.Text()), noEnv); err != nil && !strings.Contains(err.Error(), "secret") {
				t.Errorf("what is shown is no network file: %v\n%s", err, now.Text())
			}
		})
	}
}

// What a variable stands for counts, though the file is the same; and it is that of the time when the file was read.
func TestDiffOfVariables(t *testing.T) {
	t.Parallel()
	was, is := loaded(t, wholeFile, "hush-5"), loaded(t, wholeFile, "hush-6")
	want := []string{"~ sites.a.admin.token: changed (secret)", "~ sites.b.admin.token: changed (secret)"}
	if diff := cmp.Diff(want, lines(Diff(was, is))); diff != "" || was.Hash != is.Hash {
		t.Error(diff)
	}
}

// The text has what is in force, also where the file is silent.
func TestText(t *testing.T) {
	t.Parallel()
	text := loaded(t, wholeFile, "hush-5").Text()
	for _, want := range []string{"lag_limit: 1m\n", "connections: 10000\n", "timezone: UTC\n", "redis://*****@127.0.0.1:6379/0", "username: gateway\n", "Accept: text/plain",
		"upstream: http://127.0.0.1:9002", "token: '[secret]'"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
}

// Of the least number of routes it is told that they were moved.
func TestDiffOfOrder(t *testing.T) {
	t.Parallel()
	file := func(order string) string {
		out := good[:strings.Index(good, "routes:")] + "routes:\n"
		for _, r := range order {
			out += "  - {name: " + string(r) + ", on: [update], return: {}}\n"
		}
		return out
	}
	for order, want := range map[string][]string{
		"abcdef": nil,
		"bcdefa": {"> routes.a: last, was before b"},
		"fabcde": {"> routes.f: before a, was last"},
		"acbdef": {"> routes.c: before b, was before d"},
		"acdxef": {"- routes.b: {name: b, on: update, return: {}}", "+ routes.x: {name: x, on: update, return: {}} (before e)"},
	} {
		if diff := cmp.Diff(want, lines(Diff(loaded(t, file("abcdef"), ""), loaded(t, file(order), "")))); diff != "" {
			t.Errorf("%s: %s", order, diff)
		}
	}
	if n := len(Diff(loaded(t, file("abcdef"), ""), loaded(t, file("fedcba"), ""))); n != 5 {
		t.Errorf("turned round: %d changes, want 5", n)
	}
}

func TestNeedsRestart(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ from, to, want string }{
		"store":           {"store: redis://user:hush-4@127.0.0.1:6379/0", "store: redis://user:hush-9@127.0.0.1:6379/0", "sites.a.store"},
		"upstream of b":   {"http://127.0.0.1:9002", "http://127.0.0.1:9003", ""},
		"upstream of a":   {"http://127.0.0.1:9001", "http://127.0.0.1:9003", "sites.a.upstream"},
		"name":            {"network: n", "network: m", "network"},
		"token":           {"127.0.0.1:8201, token", "127.0.0.1:8201, view_token: y, token", ""},
		"connections":     {"{body: 1MiB}", "{body: 1MiB, connections: 5}", "limits.connections"},
		"tls":             {"limits:", "# limits:", ""},
		"tls of a client": {"    store: redis://user", "    tls: {cert: c, key: k}\n    store: redis://user", "sites.a.tls"},
		"path of the API": {"{path: /tickets,", "{path: /issues,", ""},
	} {
		is := strings.Replace(wholeFile, c.from, c.to, 1)
		got := ""
		for _, x := range NeedsRestart(Diff(loaded(t, wholeFile, "x"), loaded(t, is, "x")), "a") {
			got += x.What
		}
		if got != c.want {
			t.Errorf("%s: %q needs a restart, want %q", name, got, c.want)
		}
	}
}
