package docs

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// pending are pages that are linked to and not there yet.
func pending() []string {
	return []string{}
}

var (
	linkTo  = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`^#{1,6} +(.*)$`)
	picture = regexp.MustCompile(`<(?:img|source)[^>]*(?:src|srcset)="([^"]+)"`)
)

// Every link leads somewhere: to a file that is there, and to a heading that is in it.
func TestLinks(t *testing.T) {
	t.Parallel()
	root := harness.Root()
	seen := 0
	for _, doc := range documents(t) {
		text := withoutBlocks(t, doc)
		for _, m := range append(linkTo.FindAllStringSubmatch(text, -1), picture.FindAllStringSubmatch(text, -1)...) {
			target, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(target, "://") {
				continue
			}
			seen++
			file := doc
			if target != "" {
				file = path.Join(path.Dir(doc), target)
			}
			if slices.Contains(pending(), file) {
				continue
			}
			if _, err := os.Stat(filepath.Join(root, file)); err != nil {
				t.Errorf("%s links to %s, which is not there", doc, m[1])
			} else if anchor != "" && strings.HasSuffix(file, ".md") && !slices.Contains(anchors(t, file), anchor) {
				t.Errorf("%s links to %s, and there is no such heading", doc, m[1])
			}
		}
	}
	if seen < 50 {
		t.Errorf("only %d links", seen)
	}
	for _, file := range pending() {
		if _, err := os.Stat(filepath.Join(root, file)); err == nil {
			t.Errorf("%s is there now: it need not be pending", file)
		}
	}
}

// anchors are the names of a page's headings as browsers of repositories make them.
func anchors(t *testing.T, doc string) (out []string) {
	t.Helper()
	for line := range strings.SplitSeq(withoutBlocks(t, doc), "\n") {
		m := heading.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		name := regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`).ReplaceAllString(m[1], "$1")
		name = strings.ToLower(strings.TrimSpace(name))
		name = regexp.MustCompile(`[^\p{L}\p{N}_ -]`).ReplaceAllString(name, "")
		out = append(out, strings.ReplaceAll(name, " ", "-"))
	}
	return out
}

// withoutBlocks is the text of a document outside of its blocks.
func withoutBlocks(t *testing.T, doc string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(harness.Root(), doc))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	inside := false
	for line := range strings.SplitSeq(string(text), "\n") {
		if strings.HasPrefix(strings.TrimSpace(line), "```") {
			inside = !inside
		} else if !inside {
			out = append(out, line)
		}
	}
	return strings.Join(out, "\n")
}

// documents are all Markdown files of the module, from its root.
func documents(t *testing.T) (out []string) {
	t.Helper()
	root := harness.Root()
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && p != root && (strings.HasPrefix(d.Name(), ".") || slices.Contains([]string{"node_modules", "testdata", "dist"}, d.Name())) {
			return fs.SkipDir
		}
		if strings.HasSuffix(p, ".md") {
			rel, _ := filepath.Rel(root, p)
			out = append(out, filepath.ToSlash(rel))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Every page of docs/ is in its index.
func TestIndexIsWhole(t *testing.T) {
	t.Parallel()
	index, err := os.ReadFile(filepath.Join(harness.Root(), "docs", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, doc := range documents(t) {
		if dir, name := path.Split(doc); dir == "docs/" && name != "README.md" && !strings.Contains(string(index), "("+name+")") && !strings.Contains(string(index), "("+name+"#") {
			t.Errorf("docs/README.md does not lead to %s", doc)
		}
	}
}
