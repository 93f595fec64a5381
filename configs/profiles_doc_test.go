package configs

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/profile"
)

// seen is the part that leads from what an API shows to what is to be written, in tables.
const seen = "What I see, and what I write"

// example is one block of docs/profiles.md, with the headings above it.
type example struct {
	part, section, text string
	line                int
}

// documented are the examples of docs/profiles.md, and all of its text.
func documented(t *testing.T) (out []example, doc string) {
	t.Helper()
	text, err := os.ReadFile("../docs/profiles.md")
	if err != nil {
		t.Fatal(err)
	}
	var now example
	inside := false
	for i, line := range strings.Split(string(text), "\n") {
		switch {
		case inside && line == "```":
			out, inside = append(out, now), false
		case inside:
			now.text += line + "\n"
		case line == "```yaml":
			inside, now.text, now.line = true, "", i+2
		case strings.HasPrefix(line, "## "):
			now.part, now.section = line[3:], ""
		case strings.HasPrefix(line, "### "):
			now.section = line[4:]
		}
	}
	return out, string(text)
}

func indented(text string, by int) string {
	return regexp.MustCompile(`(?m)^(.)`).ReplaceAllString(text, strings.Repeat(" ", by)+"$1")
}

// network is a whole network file around an example.
func (e example) network() string {
	tickets := "preset: rest\ncollections:\n  tickets:\n"
	site, body := "", ""
	switch e.part {
	case "": // a whole profile
		return strings.Replace(e.text, "tracker:", "p:", 1) + theSite
	case "A profile", "A login":
		if body = e.text; !strings.Contains(body, "collections:") {
			body += "collections: {tickets: {path: /api/tickets}}\n"
		}
		if !strings.Contains(body, "preset:") {
			body = "preset: rest\n" + body
		}
	case "A field":
		body = tickets + "    path: /api/tickets\n    fields:\n" + indented(e.text, 6)
	case "Children and files":
		body = "preset: rest\ncollections:\n" + indented(e.text, 2)
	case "A site":
		body, site = tickets+"    path: /api/tickets\n", indented(e.text, 4)
	default: // a collection, a call, a list
		if body = tickets + indented(e.text, 4); !strings.HasPrefix(e.text, "path:") {
			body += "    path: /api/tickets\n"
		}
	}
	return "profiles:\n  p:\n" + indented(body, 4) + theSite + site
}

const theSite = `network: n
sites:
  a:
    profile: p
    upstream: http://127.0.0.1:9001
    listen: 127.0.0.1:8001
    peer: {listen: 127.0.0.1:8101, url: http://127.0.0.1:8101}
    admin: {listen: 127.0.0.1:8201}
`

// Every example of the reference is a profile that the gateway takes.
func TestReferenceExamples(t *testing.T) {
	t.Parallel()
	examples, _ := documented(t)
	if len(examples) < 60 {
		t.Fatalf("only %d examples", len(examples))
	}
	for _, e := range examples {
		n, err := Parse("profiles.md", []byte(e.network()), noEnv)
		if err != nil {
			t.Errorf("docs/profiles.md, line %d (%s, %s): %v\n%s", e.line, e.part, e.section, err, e.network())
			continue
		}
		if n.Sites["a"].Profile == nil {
			t.Errorf("docs/profiles.md, line %d: the site has no profile", e.line)
		}
	}
}

// What the tables say is to be written is a part of a profile that the gateway takes.
func TestReferenceTables(t *testing.T) {
	t.Parallel()
	_, doc := documented(t)
	_, part, _ := strings.Cut(doc, "\n## "+seen+"\n")
	part, _, _ = strings.Cut(part, "\n## ")
	found := 0
	for _, row := range regexp.MustCompile(`(?m)^\|.*\|(.*)\|$`).FindAllStringSubmatch(part, -1) {
		for _, code := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(row[1], -1) {
			if !strings.Contains(code[1], ": ") || strings.Contains(code[1], "…") {
				continue
			}
			found++
			if err := somewhere(code[1]); err != nil {
				t.Errorf("docs/profiles.md: %s: %v", code[1], err)
			}
		}
	}
	if found < 60 {
		t.Errorf("only %d things to write", found)
	}
}

// somewhere tries a part of a profile in the places where it may stand; the error is that of the first.
func somewhere(text string) (err error) {
	besides := ""
	for key, line := range map[string]string{"external_id": "external_id: {field: /ext}\n", "etag": "etag: {field: /rev}\n", "replace": "replace: false\n",
		"list": "list: {path: \"{path}?c={cursor}&updated={since}\", next: /next, since: /at}\n"} {
		if !strings.HasPrefix(text, key+":") {
			besides += line
		}
	}
	for _, e := range []example{
		{part: "A collection", text: text + "\n" + besides},
		{part: "A profile", text: text + "\n"},
		{part: "A field", text: "x: {at: /x, " + text + "}\n"},
		{part: "A field", text: text + "\n"},
		{part: "A list", text: "list: {path: \"{path}?c={cursor}&updated={since}\", next: /next, since: /at, " + text + "}\n"},
		{part: "A list", text: "list: {path: \"{path}?c={cursor}\", " + text + "}\n"},
		{part: "A collection", text: "external_id: {field: /ext, " + text + "}\n"},
		{part: "A collection", text: "external_id: {field: /ext, find: \"{path}?q={value}\", " + text + "}\n"},
		{part: "Children and files", text: "tickets: {path: /tickets}\n" + text + "\n"},
		{part: "Children and files", text: "tickets: {path: /tickets}\ncomments:\n  parent: tickets\n  path: /comments\n" + indented(text, 2) + "\n  create: {intercept: false}\n  list: {path: \"{path}?t={parent}\"}\n"},
		{part: "Children and files", text: "tickets: {path: /tickets}\ncomments:\n  parent: tickets\n  path: \"/tickets/{parent}/comments\"\n" + indented(text, 2) + "\n"},
		{part: "Children and files", text: "tickets: {path: /tickets}\ncomments:\n  parent: tickets\n  path: /comments\n" + indented(text, 2) + "\n"},
		{part: "Children and files", text: "tickets: {path: /tickets}\nfiles:\n  parent: tickets\n  path: \"/tickets/{parent}/files\"\n  " + strings.Replace(text, "content: {", "content: {read: {path: \"{path}/{id}/bytes\"}, ", 1) + "\n"},
	} {
		_, wrong := Parse("profiles.md", []byte(e.network()), noEnv)
		if wrong == nil {
			return nil
		}
		if err == nil {
			err = wrong
		}
	}
	return err
}

// The sections of each part are sorted, and have an example or lead to one.
func TestReferenceIsSorted(t *testing.T) {
	t.Parallel()
	_, doc := documented(t)
	for _, part := range strings.Split(doc, "\n## ")[2:] {
		title, _, _ := strings.Cut(part, "\n")
		if title == seen {
			continue
		}
		last := ""
		for _, section := range strings.Split(part, "\n### ")[1:] {
			name, text, _ := strings.Cut(section, "\n")
			if name < last && title != "Children and files" {
				t.Errorf("%s: %s stands behind %s", title, name, last)
			}
			last = name
			if !strings.Contains(text, "```yaml\n") && !strings.Contains(text, "see *") {
				t.Errorf("%s: %s has no example", title, name)
			}
		}
	}
}

// Every key that a profile can have is described.
func TestReferenceIsWhole(t *testing.T) {
	t.Parallel()
	_, doc := documented(t)
	seen := make(map[reflect.Type]bool)
	var walk func(of reflect.Type)
	walk = func(of reflect.Type) {
		for of.Kind() == reflect.Pointer || of.Kind() == reflect.Slice || of.Kind() == reflect.Map {
			of = of.Elem()
		}
		if of.Kind() != reflect.Struct || seen[of] || of == reflect.TypeFor[time.Time]() {
			return
		}
		seen[of] = true
		for i := range of.NumField() {
			f := of.Field(i)
			key := f.Tag.Get("yaml")
			if key == "" || key == "-" {
				continue
			}
			if !regexp.MustCompile("(?m)(`[^`\n]*\\b" + key + "\\b[^`\n]*`|^###[ a-z_,]* ?\\b" + key + "\\b|\\b" + key + ": )").MatchString(doc) {
				t.Errorf("docs/profiles.md does not speak of %s.%s", of.Name(), key)
			}
			walk(f.Type)
		}
	}
	walk(reflect.TypeFor[profile.Spec]())
}
