package configs

import (
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

const referencePage = "../docs/network-file.md"

// keyDoc is what testdata/reference/keys.yaml says of a key.
type keyDoc struct {
	Type     string    `yaml:"type"`
	Default  string    `yaml:"default"`
	Example  yaml.Node `yaml:"example"`
	Since    string    `yaml:"since"`
	Note     string    `yaml:"note"`
	Required bool      `yaml:"required"`
	Hidden   bool      `yaml:"hidden"` // it is of the same Go type as another action and means nothing here
	// Elsewhere says that what is left out is given its meaning by who reads the network, and not when the file is read.
	Elsewhere bool `yaml:"elsewhere"`
	// Words are those that the key takes, where the schema does not list them.
	Words   []string             `yaml:"words"`
	With    map[string]yaml.Node `yaml:"with"`
	Without []string             `yaml:"without"`
}

func keyDocs(t *testing.T) map[string]keyDoc {
	t.Helper()
	text, err := os.ReadFile("testdata/reference/keys.yaml")
	out := make(map[string]keyDoc)
	if err == nil {
		err = yaml.Unmarshal(text, &out)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// documentedKey is a key of the network file: the way to the mapping it stands in, its name, and the words that it takes.
type documentedKey struct {
	in, name string
	words    []string
}

func (k documentedKey) path() string { return strings.TrimPrefix(k.in+"."+k.name, ".") }

// documentedKeys walks through the types that a file is decoded into, but for profiles, which have a page of their own.
func documentedKeys(of reflect.Type, in string) (out []documentedKey) {
	for i := range of.NumField() {
		f := of.Field(i)
		key, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if key == "" || key == "-" || key == "profiles" {
			continue
		}
		k, typ := documentedKey{in: in, name: key, words: oneOf(of, key)}, f.Type
		for typ.Kind() == reflect.Pointer {
			typ = typ.Elem()
		}
		below := k.path()
		switch {
		case typ.Kind() == reflect.Map && typ.Elem().Kind() == reflect.Struct && typ.Elem() != reflect.TypeFor[yaml.Node]():
			typ, below = typ.Elem(), below+"."+strings.ToUpper(strings.TrimSuffix(key, "s"))
		case typ.Kind() == reflect.Slice && typ.Elem().Kind() == reflect.Struct:
			typ, below = typ.Elem(), below+"[]"
		}
		if typ.Kind() == reflect.Struct && typ != reflect.TypeFor[yaml.Node]() && !anyForm(typ) {
			out = append(out, documentedKeys(typ, below)...)
			continue
		}
		out = append(out, k)
	}
	return out
}

// section is a heading of the page: of the mapping that it is about.
type section struct{ in, title, text string }

// sections are those with a text of their own; other mappings have what notes.go says.
func sections(keys []documentedKey) []section {
	out := []section{
		{"", "The file", "`network`, `profiles` and `sites` are required. `profiles` say how the request APIs speak: [profiles.md](profiles.md)."},
		{"security", "security", "How gateways know each other. Without any of it they talk on the loopback only. [security.md](security.md)"},
		{"security.tls", "security.tls", "Mutual TLS between the gateways: all three, or none."},
		{"limits", "limits", "What clients may send at most."},
		{"tracing", "tracing", "Where OpenTelemetry traces are sent; taken when a gateway is started. [tracing.md](tracing.md)"},
		{"defaults", "defaults", "What routes and sites do where they do not say."},
		{"sites.SITE", "sites.SITE", "One place with a request API and a gateway. Names have lower-case letters, digits and hyphens."},
		{"sites.SITE.credentials", "sites.SITE.credentials", "Of the gateway's own calls to the request API: one of `basic`, `bearer` and `login`, and `headers` besides. Clients' calls keep their own."},
		{"sites.SITE.credentials.basic", "sites.SITE.credentials.basic", "Name and password, with each call."},
		{"sites.SITE.tls", "sites.SITE.tls", "For clients. Read again when the files change."},
		{"sites.SITE.peer", "sites.SITE.peer", "Where this gateway and the others meet."},
		{"sites.SITE.admin", "sites.SITE.admin", "For operators."},
		{"pools.POOL", "pools.POOL", "Lanes of deliveries: what is in one does not hold up the others. Routes name them."},
		{"routes[]", "routes", "What goes where, in order. A route has `on` or a `schedule`, and does one of `transfer`, `return`, `archive` and `delete`, or a `copy`, or a `copy` beside one of them. [ownership.md](ownership.md) says what that means."},
		{"routes[].transfer", "routes: transfer", "Another site becomes the owner."},
		{"routes[].copy", "routes: copy", "More sites hold the request; the owner stays."},
		{"routes[].return", "routes: return", "Ownership goes back to the owner before: `return: {}`."},
		{"routes[].archive", "routes: archive", "The request moves to a site and leaves the others."},
		{"routes[].delete", "routes: delete", "The request is deleted, or its copies are: `delete: {}`, `delete: {copies: all}`."},
		{"routes[].schedule", "routes: schedule", "When a route without `on` runs: exactly one of `cron`, `at` and `every`. It runs at the sites that the route's `at` names, else at all, over the requests that each owns."},
	}
	for _, k := range keys {
		if !slices.ContainsFunc(out, func(s section) bool { return s.in == k.in }) {
			out = append(out, section{k.in, k.in, note(k.in[strings.LastIndex(k.in, ".")+1:])})
		}
	}
	return out
}

// referenceText is the page.
func referenceText(t *testing.T) string {
	t.Helper()
	head, err := os.ReadFile("testdata/reference/head.md")
	if err != nil {
		t.Fatal(err)
	}
	docs, keys := keyDocs(t), documentedKeys(reflect.TypeFor[fileSpec](), "")
	var b strings.Builder
	b.WriteString("<!-- Made by go test ./configs -update from the types of the network file, notes.go and testdata/reference; changes here are lost. -->\n\n")
	b.Write(head)
	for _, s := range sections(keys) {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n| key | value | default | example | since | |\n|---|---|---|---|---|---|\n", s.title, s.text)
		for _, k := range keys {
			if d := docs[k.path()]; k.in == s.in && !d.Hidden {
				b.WriteString(row(t, k, d))
			}
		}
	}
	tail, err := os.ReadFile("testdata/reference/tail.md")
	if err != nil {
		t.Fatal(err)
	}
	b.WriteString("\n" + string(tail))
	return b.String()
}

func row(t *testing.T, k documentedKey, d keyDoc) string {
	t.Helper()
	value, otherwise, since := d.Type, "", d.Since
	words := k.words
	if d.Words != nil {
		words = d.Words
	}
	if words != nil {
		value = "`" + strings.Join(words, "`, `") + "`"
	}
	switch {
	case d.Required:
		otherwise = "required"
	case d.Default != "" && strings.Contains(d.Default, " "):
		otherwise = d.Default
	case d.Default != "":
		otherwise = "`" + d.Default + "`"
	}
	if since == "" {
		since = "0.1"
	}
	text := d.Note
	if text == "" {
		text = note(k.name)
	}
	return fmt.Sprintf("| `%s` | %s | %s | `%s: %s` | %s | %s |\n", k.name, value, otherwise, k.name, strings.ReplaceAll(flow(t, d.Example), "|", "\\|"), since, text)
}

// flow is a value in one line.
func flow(t *testing.T, n yaml.Node) string {
	t.Helper()
	if n.Kind != yaml.ScalarNode {
		n.Style = yaml.FlowStyle
	} else if n.Style == yaml.DoubleQuotedStyle && !strings.ContainsAny(n.Value, `{:*"[`) {
		n.Style = 0
	}
	if strings.Contains(n.Value, `"`) {
		n.Style = 0
	}
	n.Tag = ""
	text, err := yaml.Marshal(&n)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

// The page is that of the types.
func TestNetworkFilePage(t *testing.T) {
	want := referenceText(t)
	if *update {
		if err := os.WriteFile(referencePage, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(referencePage); err != nil || string(got) != want {
		t.Errorf("docs/network-file.md is not that of the types (%v): go test ./configs -update", err)
	}
}

// Every key of the network file is described, and nothing else is.
func TestKeysAreDocumented(t *testing.T) {
	t.Parallel()
	docs := keyDocs(t)
	known := make(map[string]bool)
	for _, k := range documentedKeys(reflect.TypeFor[fileSpec](), "") {
		known[k.path()] = true
		d, ok := docs[k.path()]
		switch {
		case !ok || d.Type == "":
			t.Errorf("testdata/reference/keys.yaml says nothing about %s: {type: …, default: …, example: …, since: …}", k.path())
		case d.Hidden:
		case d.Example.IsZero():
			t.Errorf("testdata/reference/keys.yaml has no example of %s", k.path())
		case d.Note == "" && note(k.name) == "":
			t.Errorf("nothing says what %s means: notes.go, or note in testdata/reference/keys.yaml", k.path())
		}
	}
	for _, path := range slices.Sorted(maps.Keys(docs)) {
		if !known[path] {
			t.Errorf("testdata/reference/keys.yaml describes %s, which is no key", path)
		}
	}
}

// Examples are taken, and a default that is written out changes nothing.
func TestDocumentedValues(t *testing.T) {
	t.Parallel()
	docs := keyDocs(t)
	for _, path := range slices.Sorted(maps.Keys(docs)) {
		d := docs[path]
		if d.Hidden {
			continue
		}
		if with := parsedWith(t, path, d, &d.Example); with == nil {
			t.Errorf("%s: the example is not taken", path)
		}
		if d.Default == "" || d.Elsewhere || strings.Contains(d.Default, " ") {
			continue
		}
		value := yaml.Node{Kind: yaml.ScalarNode, Value: strings.ReplaceAll(d.Default, "SITE", "chicago")}
		without, with := parsedWith(t, path, d, nil), parsedWith(t, path, d, &value)
		if with == nil || without == nil {
			t.Errorf("%s: the default %s is not taken", path, d.Default)
			continue
		}
		if a, b := bare(with), bare(without); !reflect.DeepEqual(a, b) {
			t.Errorf("%s: the default %s changes something:\n%+v\n%+v", path, d.Default, a, b)
		}
	}
}

// parsedWith is the base with a key set; nil when that is not taken. Without a value only what the key needs beside it is set.
func parsedWith(t *testing.T, path string, d keyDoc, value *yaml.Node) *Network {
	t.Helper()
	text, err := os.ReadFile("testdata/reference/base.yaml")
	var root yaml.Node
	if err == nil {
		err = yaml.Unmarshal(text, &root)
	}
	if err != nil {
		t.Fatal(err)
	}
	setKey(root.Content[0], path, d, value)
	out, err := yaml.Marshal(&root)
	if err != nil {
		t.Fatal(err)
	}
	n, err := Parse("network.yaml", out, func(name string) (string, bool) { return strings.Repeat(name, 4), true })
	if err != nil {
		t.Errorf("%s: %v", path, err)
		return nil
	}
	return n
}

// setKey sets a key in the base.
func setKey(root *yaml.Node, path string, d keyDoc, value *yaml.Node) {
	keys := strings.Split(path, ".")
	at := root
	for i, key := range keys[:len(keys)-1] {
		switch key {
		case "SITE":
			key = "chicago"
		case "POOL":
			key = "bulk"
		case "routes[]":
			routes := at.Content[slices.IndexFunc(at.Content, func(n *yaml.Node) bool { return n.Value == "routes" })+1]
			at = routes.Content[max(0, slices.Index([]string{"transfer", "copy", "return", "archive", "delete", "schedule"}, keys[i+1]))]
			continue
		}
		at = below(at, key)
	}
	if keys[len(keys)-1] == "login" {
		*below(below(below(root, "sites"), "chicago"), "profile") = yaml.Node{Kind: yaml.ScalarNode, Value: "pub"}
	}
	for _, key := range d.Without {
		if j := slices.IndexFunc(at.Content, func(n *yaml.Node) bool { return n.Value == key }); j >= 0 {
			at.Content = slices.Delete(at.Content, j, j+2)
		}
	}
	for key, v := range d.With {
		*below(at, key) = v
	}
	if strings.HasPrefix(path, "security.tls") {
		for _, site := range []string{"chicago", "san-francisco"} {
			url := below(below(below(below(root, "sites"), site), "peer"), "url")
			url.Value = strings.Replace(url.Value, "http:", "https:", 1)
		}
	}
	if strings.HasPrefix(path, "routes[].schedule") {
		*below(below(below(root, "sites"), "chicago"), "hours") = yaml.Node{Kind: yaml.MappingNode,
			Content: []*yaml.Node{{Kind: yaml.ScalarNode, Value: "mon-fri"}, {Kind: yaml.ScalarNode, Value: "08:00-17:00"}}}
	}
	if value != nil {
		*below(at, keys[len(keys)-1]) = *value
	}
}

// below is the value of a key, made where it is missing.
func below(at *yaml.Node, key string) *yaml.Node {
	at.Kind, at.Tag = yaml.MappingNode, ""
	for i := 0; i+1 < len(at.Content); i += 2 {
		if at.Content[i].Value == key {
			return at.Content[i+1]
		}
	}
	at.Content = append(at.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: key}, &yaml.Node{Kind: yaml.MappingNode})
	return at.Content[len(at.Content)-1]
}

// bare is a network without what is compiled from it.
func bare(n *Network) *Network {
	out := *n
	out.Hash, out.Table, out.source, out.Sites = "", nil, nil, maps.Clone(n.Sites)
	for name, site := range out.Sites {
		site.Profile, site.Calendar = nil, nil
		out.Sites[name] = site
	}
	return &out
}
