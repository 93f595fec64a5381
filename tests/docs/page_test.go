package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// block is a block of a page, or a direction to the stage, with what is shown below it.
type block struct {
	kind, text string // kind is what stands behind the backquotes; "stage" for a direction
	line       int
	indent     string // of a block within a list
	test       string // what the comment before it says
	shows      *[2]int
	shown      string
	json       bool // what is shown is of that shape
	came       string
}

var directive = regexp.MustCompile(`^<!-- (test|stage): (.*?) -->$`)

// page is one document.
type page struct {
	path   string // from the root of the module
	blocks []block
}

// pages are the documents whose blocks are executed.
func pages(t *testing.T) (out []*page) {
	t.Helper()
	root := harness.Root()
	for _, pattern := range []string{"README.md", "docs/*.md", "configs/*/README.md", "deploy/*.md", "deploy/*/README.md"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range found {
			rel, _ := filepath.Rel(root, path)
			out = append(out, parse(t, filepath.ToSlash(rel)))
		}
	}
	return out
}

// parse takes a page apart.
func parse(t *testing.T, path string) *page {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(harness.Root(), path))
	if err != nil {
		t.Fatal(err)
	}
	p := &page{path: path}
	inside, fence, indent, from, whole, said := "", "", "", 0, "", ""
	lines := strings.Split(string(text), "\n")
	for i, line := range lines {
		trimmed := strings.TrimSpace(line)
		switch {
		case fence == "" && strings.HasPrefix(trimmed, "```"):
			fence = trimmed[:len(trimmed)-len(strings.TrimLeft(trimmed, "`"))]
			inside, from, indent = strings.TrimPrefix(trimmed, fence), i+1, line[:strings.Index(line, "`")]
		case fence != "" && trimmed == fence:
			p.add(block{kind: inside, text: unindented(lines[from:i], indent), line: from, test: said, indent: indent}, i)
			fence, said = "", ""
		case fence != "":
		case directive.MatchString(trimmed):
			switch m := directive.FindStringSubmatch(trimmed); {
			case m[1] == "stage":
				p.blocks = append(p.blocks, block{kind: "stage", text: m[2], line: i + 1})
			case strings.HasPrefix(m[2], "page "):
				whole = strings.TrimPrefix(m[2], "page ")
			default:
				said = m[2]
			}
		case trimmed != "":
			said = ""
		}
	}
	for i := range p.blocks {
		if p.blocks[i].test == "" {
			p.blocks[i].test = whole
		}
	}
	return p
}

// unindented are the lines of a block without what they are indented by because the block is.
func unindented(lines []string, indent string) string {
	var b strings.Builder
	for _, line := range lines {
		b.WriteString(strings.TrimPrefix(line, indent) + "\n")
	}
	return b.String()
}

// add adds a block, or what a block before it shows.
func (p *page) add(b block, end int) {
	last := len(p.blocks) - 1
	shows := last >= 0 && b.test == "" && (p.blocks[last].kind == "sh" || p.blocks[last].kind == "sh terminal") && p.blocks[last].shows == nil
	if shows && (b.kind == "text" || b.kind == "json") {
		p.blocks[last].shows, p.blocks[last].shown, p.blocks[last].json = &[2]int{b.line, end}, b.text, b.kind == "json"
		return
	}
	p.blocks = append(p.blocks, b)
}

// rewrite puts what came into the page.
func (p *page) rewrite(t *testing.T) {
	t.Helper()
	path := filepath.Join(harness.Root(), p.path)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	for _, b := range slices.Backward(p.blocks) {
		if b.kind == "sh" && b.shows != nil && b.came != "" && !b.matches(b.came) {
			came := strings.Split(strings.TrimRight(strings.ReplaceAll(b.came, "\r", ""), "\n"), "\n")
			for i := range came {
				came[i] = strings.TrimRight(b.indent+came[i], " ")
			}
			lines = slices.Replace(lines, b.shows[0], b.shows[1], came...)
		}
	}
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
}
