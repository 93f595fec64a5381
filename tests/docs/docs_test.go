package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// unmarked are pages whose blocks are not marked yet.
func unmarked() []string { return nil }

// mostNone is how many blocks of all pages may be left alone, each with its reason.
const mostNone = 25

// What the pages tell to type does what they show.
func TestPages(t *testing.T) {
	t.Parallel()
	for _, p := range pages(t) {
		if slices.Contains(unmarked(), p.path) || len(p.blocks) == 0 {
			continue
		}
		t.Run(p.path, func(t *testing.T) {
			t.Parallel()
			follow(t, p)
			if write() {
				p.rewrite(t)
			}
		})
	}
}

// Few blocks are left alone.
func TestFewAreLeftAlone(t *testing.T) {
	t.Parallel()
	var list []string
	for _, p := range pages(t) {
		for _, b := range p.blocks {
			if strings.HasPrefix(b.test, "none") {
				list = append(list, p.path+":"+strconv.Itoa(b.line)+" "+b.test)
			}
		}
	}
	if len(list) > mostNone {
		t.Errorf("%d blocks are left alone, more than %d:\n%s", len(list), mostNone, strings.Join(list, "\n"))
	}
}

// reader follows a page.
type reader struct {
	t      *testing.T
	page   *page
	scenes map[string]*scene
	now    *scene
	at     int // the block
}

func follow(t *testing.T, p *page) {
	r := &reader{t: t, page: p, scenes: make(map[string]*scene)}
	for i := range p.blocks {
		r.at = i
		r.do(&p.blocks[i])
		if t.Failed() {
			return
		}
	}
	if p.path == "docs/describe.md" && r.now != nil {
		r.now.shipped()
	}
}

// do does a block as its comment says.
func (r *reader) do(b *block) {
	r.t.Helper()
	kind, rest, _ := strings.Cut(b.test, " ")
	switch {
	case b.kind == "stage":
		scene, _, _ := strings.Cut(b.test, ", ")
		if name, is := strings.CutPrefix(b.text, "scene "); is {
			r.now = r.scene(name)
			return
		}
		if r.now == nil {
			r.now = r.scene(scene)
		}
		r.now.direct(b.text)
	case b.test == "":
		r.t.Errorf("%s:%d: nothing says how this block is tested: see tests/docs/main_test.go", r.page.path, b.line)
	case kind == "none":
		if reason, ok := strings.CutPrefix(rest, "because "); !ok || len(reason) < 10 {
			r.t.Errorf("%s:%d: none needs a reason", r.page.path, b.line)
		}
	case kind == "by":
		r.elsewhere(b, rest)
	case kind == "held":
		r.held(b)
	case kind == "network":
		if err := taken(b.text); err != nil {
			r.t.Errorf("%s:%d: %v", r.page.path, b.line, err)
		}
	case kind == "fragment":
		if err := fragment(r.t, b.text, rest); err != nil {
			r.t.Errorf("%s:%d: %v", r.page.path, b.line, err)
		}
	default:
		r.play(b)
	}
}

// elsewhere checks that the test that a block names is there.
func (r *reader) elsewhere(b *block, where string) {
	r.t.Helper()
	file, name, _ := strings.Cut(where, " ")
	text, err := os.ReadFile(filepath.Join(harness.Root(), file))
	if err != nil || !strings.Contains(string(text), "func "+name+"(") {
		r.t.Errorf("%s:%d: there is no test %s in %s (%v)", r.page.path, b.line, name, file, err)
	}
}

func (r *reader) scene(name string) *scene {
	r.t.Helper()
	if r.scenes[name] == nil {
		for _, b := range r.page.blocks {
			if strings.Contains(b.text, "npx ") {
				needsJSONServer(r.t)
			}
		}
		r.scenes[name] = newScene(r.t, r.page, name)
		for _, b := range r.page.blocks[:r.at] {
			if b.kind == "sh" && !strings.HasPrefix(b.test, "none") {
				r.scenes[name].remember(b.text)
			}
		}
		if r.page.path == "docs/describe.md" {
			r.scenes[name].caseDesk(r.t)
		}
	}
	return r.scenes[name]
}

var options = regexp.MustCompile(`, (exit \d+|file \S+)$`)

// play plays a block in its scene.
func (r *reader) play(b *block) {
	r.t.Helper()
	name, code, file := b.test, 0, ""
	for m := options.FindString(name); m != ""; m = options.FindString(name) {
		name = strings.TrimSuffix(name, m)
		switch key, value, _ := strings.Cut(strings.TrimPrefix(m, ", "), " "); key {
		case "exit":
			code, _ = strconv.Atoi(value)
		case "file":
			file = value
		}
	}
	r.now = r.scene(name)
	switch {
	case file != "":
		r.now.file(file, b.text)
	case b.kind == "sh":
		r.now.run(b, code)
	case b.kind == "console":
		r.now.console(b, code)
	case b.kind == "sh terminal":
		r.now.open(b)
	case b.kind == "yaml":
		r.now.lay(b)
	default:
		r.t.Errorf("%s:%d: nothing is known of a block of %q in a scene", r.page.path, b.line, b.kind)
	}
}

// held checks commands without running them: meridian knows them and their flags, and make its targets.
func (r *reader) held(b *block) {
	r.t.Helper()
	makefile, err := os.ReadFile(filepath.Join(harness.Root(), "Makefile"))
	if err != nil {
		r.t.Fatal(err)
	}
	if r.now == nil {
		r.now = r.scene("shell")
	}
	for line := range strings.SplitSeq(strings.ReplaceAll(b.text, "\\\n", " "), "\n") {
		if typed := strings.HasPrefix(b.text, "$ ") || strings.Contains(b.text, "\n$ "); typed && !strings.HasPrefix(line, "$ ") {
			continue
		}
		line = strings.TrimPrefix(strings.TrimSpace(regexp.MustCompile(`(^|\s)#.*`).ReplaceAllString(line, "")), "$ ")
		words := strings.Fields(line)
		switch {
		case len(words) == 0:
		case words[0] == "meridian" || strings.HasPrefix(line, "go run ./cmd/meridian "):
			r.help(b, strings.TrimPrefix(line, "go run ./cmd/"))
		case words[0] == "make":
			for _, target := range words[1:] {
				if !strings.Contains(target, "=") && !strings.Contains(string(makefile), "\n"+target+":") {
					r.t.Errorf("%s:%d: there is no make %s", r.page.path, b.line, target)
				}
			}
		case strings.HasPrefix(line, "go run ./"):
			if _, err := os.Stat(filepath.Join(harness.Root(), words[2])); err != nil {
				r.t.Errorf("%s:%d: %v", r.page.path, b.line, err)
			}
		default:
			r.t.Errorf("%s:%d: %q cannot be held without being run", r.page.path, b.line, line)
		}
	}
}

// help asks for the help of a command with its flags, which fails where one is unknown.
func (r *reader) help(b *block, line string) {
	r.t.Helper()
	line, _, _ = strings.Cut(line, " | ")
	line, _, _ = strings.Cut(line, " > ")
	if out, err := r.now.command(line + " --help").CombinedOutput(); err != nil || !strings.Contains(string(out), "Usage:") {
		r.t.Errorf("%s:%d: %s: %v\n%s", r.page.path, b.line, line, err, out)
	}
}
