package configs

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/routing"
)

func TestDefaults(t *testing.T) {
	t.Parallel()
	n, err := Parse("f", []byte(good), noEnv)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Limits{Body: 1 << 20, Header: 32 << 10, Depth: 64, HeaderTimeout: 5 * time.Second, BodyTimeout: 30 * time.Second, ClientWrites: 256, Connections: 10_000}, n.Limits); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(Defaults{"accept", "forward", "immediate", "cascade", "overwrite", "refuse"}, n.Defaults); diff != "" {
		t.Error(diff)
	}
	s := n.Sites["a"]
	if n.LagLimit != time.Minute || s.Store != "file:data/a" || s.Timezone != time.UTC || len(n.Hash) != 16 || n.Table == nil || len(n.Warnings) > 0 {
		t.Errorf("%+v", n)
	}
}

// The furniture company's routes do what the README says.
func TestFurniture(t *testing.T) {
	t.Parallel()
	n, err := Load("furniture/network.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		site request.Site
		text string
		want string
	}{
		{"san-francisco", `{"category":"chair"}`, "chairs-to-chicago"},
		{"san-francisco", `{"category":"desk"}`, ""},
		{"chicago", `{"category":"chair"}`, ""},
		{"chicago", `{"category":"chair","skill":"upholsterer"}`, "upholstery"},
		{"upholstery", `{"category":"chair","skill":"upholsterer"}`, ""},
		{"chicago", `{"category":"desk","status":"closed"}`, "solutions-to-all"},
	} {
		f, err := request.ParseFields([]byte(c.text))
		if err != nil {
			t.Fatal(err)
		}
		d := n.Table.Decide(routing.Input{Event: routing.Create, Collection: "tickets", Site: c.site, New: f})
		if got := strings.Join(d.Fired, ","); got != c.want || len(d.Errors) > 0 {
			t.Errorf("%s at %s: %s %v, want %s", c.text, c.site, got, d.Errors, c.want)
		}
	}
}

// A fault in a condition stands under its character, however the condition is quoted.
func TestPlacesInConditions(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"plain":   "when: a == 1 && chnged(2)",
		"single":  "when: 'a == ''x'' && chnged(2)'",
		"double":  `when: "a == \"x\" && chnged(2)"`,
		"literal": "when: |\n      a == 1 &&\n      chnged(2)",
		"folded":  "when: >\n      a == 1 && chnged(2)",
		"wide":    "when: größe == 1 && chnged(2)",
		"alias":   "collection: &c \"a && chnged(2)\"\n    when: *c",
	} {
		file := strings.Replace(good, "routes: []", "routes:\n  - name: r\n    on: [create]\n    copy: {to: all}\n    "+text, 1)
		_, err := Parse("f", []byte(file), noEnv)
		faults, ok := err.(Faults)
		if !ok || name != "alias" && len(faults) != 1 {
			t.Errorf("%s: %v", name, err)
			continue
		}
		at := faults[len(faults)-1]
		line := []rune(strings.Split(file, "\n")[at.Line-1])
		rest := ""
		if at.Column <= len(line) {
			rest = string(line[at.Column-1:])
		}
		// In a block the column does not count the indentation, which the parser does not tell.
		// Of a value with an anchor it counts from the anchor.
		if blocks := name == "literal" || name == "folded" || name == "alias"; !blocks && !strings.HasPrefix(rest, "chnged") || blocks && !strings.Contains(string(line), "chnged") {
			t.Errorf("%s: at %d:%d is %q", name, at.Line, at.Column, rest)
		}
	}
}

func TestFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "key"), []byte("0123456789012345678901234567890123456789\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	load := func(value string) (*Network, error) {
		text := strings.Replace(good, "network: n", "network: n\nsecurity: {peer_key: \""+value+"\"}", 1)
		path := filepath.Join(dir, "network.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return Load(path)
	}
	for _, path := range []string{"key", filepath.ToSlash(filepath.Join(dir, "key"))} {
		n, err := load("${file:" + path + "}")
		if err != nil || len(n.Security.PeerKeys) != 1 || n.Security.PeerKeys[0].Reveal() != "0123456789012345678901234567890123456789" {
			t.Errorf("%s: %v", path, err)
		}
	}
	for value, want := range map[string]string{
		"${file:none}": "2:22: ${file:none} cannot be read: no such file or directory",
		"${file:.}":    "2:22: ${file:.} is no file, or larger than 1 MiB",
		"${A B}":       "2:22: ${A B} is not the name of a variable (write ${NAME}, ${NAME:-default} or ${file:/path}; $$ is a $)",
		"${A":          "2:22: ${A is not closed (write ${NAME}, or $$ for a $)",
		"${}":          "2:22: ${} is not the name of a variable (write ${NAME}, ${NAME:-default} or ${file:/path}; $$ is a $)",
	} {
		if _, err := load(value); err == nil || !strings.HasSuffix(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want %s", value, err, want)
		}
	}
	if _, err := Load(filepath.Join(dir, "absent.yaml")); !os.IsNotExist(err) {
		t.Errorf("absent: %v", err)
	}
}

// No way of printing a network shows what is secret in it, and neither does the excerpt of a fault.
func TestSecretsDoNotShow(t *testing.T) {
	t.Parallel()
	text := strings.Replace(good, "network: n", "network: n\nsecurity: {peer_key: hush-hush}", 1)
	text = strings.Replace(text, "admin: {listen: 127.0.0.1:8201}", "admin: {listen: 127.0.0.1:8201, token: hush-hush}\n    credentials: {basic: {username: gateway, password: hush-hush}, headers: {X-Api-Key: hush-hush}}", 1)
	n, err := Parse("f", []byte(text), noEnv)
	if err != nil {
		t.Fatal(err)
	}
	j, err := json.Marshal([]any{n.Security, n.Sites["a"].Admin, n.Sites["a"].Credentials})
	if err != nil {
		t.Fatal(err)
	}
	y, err := yaml.Marshal([]any{n.Security, n.Sites["a"].Admin})
	if err != nil {
		t.Fatal(err)
	}
	shown := []string{string(j), string(y), n.Warnings.Render([]byte(text)), Faults{{Line: 2}, {Line: 10}, {Line: 11}, {Line: 12}}.Render([]byte(text))}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		shown = append(shown, fmt.Sprintf(verb, n.Security), fmt.Sprintf(verb, n.Sites["a"].Admin), fmt.Sprintf(verb, n.Security.PeerKeys))
	}
	for _, s := range shown {
		if strings.Contains(s, "hush") || strings.Contains(strings.ToLower(s), "68757368") || strings.Contains(s, "104 117") {
			t.Errorf("shown: %s", s)
		}
	}
	if n.Sites["a"].Admin.Token.Reveal() != "hush-hush" {
		t.Error("the token is lost")
	}
	line := Faults{{File: "f", Line: 1, Column: 1, Message: "m"}}.Render([]byte("upstream: http://user:p@w@host, token: ${TOKEN}"))
	if strings.Contains(line, "user") || strings.Contains(line, "p@w") || !strings.Contains(line, "${TOKEN}") {
		t.Errorf("masked: %s", line)
	}
}

// Aliases that hold themselves, and many of them, end.
func TestAliases(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"a: &a\n  <<: *a\n", "sites: &a {x: *a}\n", "routes: &a [*a]\n", "profiles: {p: &p {collections: *p}}\n", "profiles: {p: &p {collections: {x: *p}}}\n",
		"network: &n [*n]\n", "sites: &s\n  <<: [*s, *s, *s]\n  a: *s\n", "x: &x [&y [*x, *x], *y]\nroutes: *x\n",
	} {
		if _, err := Parse("f", []byte(text), noEnv); err == nil {
			t.Errorf("%s: no fault", text)
		}
	}
}

func TestWholeFileFaults(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                   "f:1:1: the file is empty (it begins as in network: furniture; there are examples in configs/)",
		"# only a comment\n": "f:1:1: the file is empty (it begins as in network: furniture; there are examples in configs/)",
		"null":               "f:1:1: the file is empty (it begins as in network: furniture; there are examples in configs/)",
		"- a\n":              "f:1:1: the network file must be a mapping, not a list (it begins as in network: furniture)",
		good + "---\na: 1\n": "f:11:1: the file holds a second document (a network is one document; is there a --- too much?)",
		"a: b: c\n":          "f:1:1: this is not YAML: a colon where none can be (quote a value that holds a colon and a blank)",
		"a:\n\t- b\n":        "f:2:1: this is not YAML: a character that cannot begin a value (indent with blanks, not tabs; quote values that begin with @ or `)",
	} {
		if _, err := Parse("f", []byte(text), noEnv); err == nil || err.Error() != want {
			t.Errorf("%q:\ngot  %v\nwant %s", text, err, want)
		}
	}
}

// All keys of the specification are taken.
func TestEveryKeyIsTaken(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/full/all.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Parse("all.yaml", text, noEnv); err != nil {
		t.Error(err)
	}
}
