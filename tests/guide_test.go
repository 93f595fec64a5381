package tests

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// docs/describe.md does what it says: its commands are run in their order, its pieces of YAML are laid into one network file, and what
// it shows is what came. Ids, times and ports are made equal. MERIDIAN_GUIDE=write writes what came into the page.
func TestGuide(t *testing.T) {
	t.Parallel()
	g := newGuide(t)
	page := filepath.Join(harness.Root(), "docs", "describe.md")
	blocks := blocksOf(t, page)
	for i := range blocks {
		switch b := &blocks[i]; b.kind {
		case "yaml":
			g.write(b)
		case "sh terminal":
			g.open(b)
		case "sh":
			g.run(b)
		case "sh setup": // done by newGuide
		default:
			t.Fatalf("docs/describe.md:%d: nothing is known of a block of %q", b.line, b.kind)
		}
		if t.Failed() {
			break
		}
	}
	if os.Getenv("MERIDIAN_GUIDE") == "write" {
		rewrite(t, page, blocks)
	}
	if !t.Failed() {
		g.shipped()
	}
}

// guide is somebody who follows the page.
type guide struct {
	t         *testing.T
	dir       string
	env       []string
	ports     map[string]string // of the page, and where they are here
	network   yaml.Node
	terminals map[string]*terminal
}

// terminal is one in which a program runs.
type terminal struct {
	cmd  *exec.Cmd
	done chan struct{}
	mu   sync.Mutex
	out  bytes.Buffer
}

// Write takes what the program prints.
func (x *terminal) Write(b []byte) (int, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.out.Write(b)
}

func (x *terminal) text() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.out.String()
}

// end interrupts the program, as Ctrl-C does, and waits for its end.
func (x *terminal) end(t *testing.T) {
	_ = x.cmd.Process.Signal(os.Interrupt)
	select {
	case <-x.done:
	case <-time.After(30 * time.Second):
		t.Errorf("%v goes on", x.cmd.Args)
		_ = x.cmd.Process.Kill()
	}
}

// newGuide has a directory as the page makes it, and a path with this meridian and an npx that downloads nothing.
func newGuide(t *testing.T) *guide {
	t.Helper()
	server := filepath.Join(harness.Root(), ".cache", "json-server-0", "node_modules", "json-server", "lib", "cli", "bin.js")
	if _, err := os.Stat(server); err != nil {
		if os.Getenv("MERIDIAN_REQUIRE") == "1" {
			t.Fatal("json-server is not installed: run scripts/setup.sh")
		}
		t.Skip("json-server is not installed: run scripts/setup.sh")
	}
	g := &guide{t: t, dir: t.TempDir(), ports: make(map[string]string), terminals: make(map[string]*terminal)}
	bin := t.TempDir()
	if err := os.Symlink(harness.Binary(t), filepath.Join(bin, "meridian")); err != nil {
		t.Fatal(err)
	}
	npx := "#!/bin/sh\n[ \"$1 $2\" = \"--yes json-server@0.17.4\" ] || exit 1\nshift 2\nexec node '" + server + "' \"$@\"\n"
	if err := os.WriteFile(filepath.Join(bin, "npx"), []byte(npx), 0o700); err != nil {
		t.Fatal(err)
	}
	desk, err := os.ReadFile(filepath.Join(harness.Root(), "configs", "describe", "casedesk.js"))
	if err == nil {
		err = os.WriteFile(filepath.Join(g.dir, "casedesk.js"), desk, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	g.env = append(os.Environ(), "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	for _, p := range []string{"9001", "9002", "8001", "8002", "8101", "8102", "8201", "8202"} {
		g.ports[p] = fmt.Sprint(harness.FreePort(t))
	}
	t.Cleanup(func() {
		for _, x := range g.terminals {
			x.end(t)
		}
	})
	return g
}

var guidePort = regexp.MustCompile(`\b(9001|9002|8[012]0[12])\b`)

// here is a text of the page with the ports of this test, there the other way round.
func (g *guide) here(s string) string {
	return guidePort.ReplaceAllStringFunc(s, func(p string) string { return g.ports[p] })
}

func (g *guide) there(s string) string {
	for page, port := range g.ports {
		s = strings.ReplaceAll(s, port, page)
	}
	return s
}

// write lays a piece of YAML into the network file.
func (g *guide) write(b *block) {
	g.t.Helper()
	text := b.text
	var more yaml.Node
	err := yaml.Unmarshal([]byte(text), &more)
	if err == nil {
		whole := g.network.IsZero()
		if lay(&g.network, more.Content[0]); !whole {
			text, err = g.file()
		}
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(g.dir, "network.yaml"), []byte(g.here(text)), 0o600)
	}
	if err != nil {
		g.t.Fatalf("docs/describe.md:%d: %v", b.line, err)
	}
}

// file is the network file as it is by now.
func (g *guide) file() (string, error) {
	var out strings.Builder
	e := yaml.NewEncoder(&out)
	e.SetIndent(2)
	err := e.Encode(&g.network)
	return out.String(), err
}

// lay lays one mapping over another.
func lay(into, more *yaml.Node) {
	if into.Kind != yaml.MappingNode || more.Kind != yaml.MappingNode {
		*into = *more
		return
	}
	for i := 0; i < len(more.Content); i += 2 {
		key := more.Content[i]
		at := 0
		for at < len(into.Content) && into.Content[at].Value != key.Value {
			at += 2
		}
		if at < len(into.Content) {
			lay(into.Content[at+1], more.Content[i+1])
		} else {
			into.Content = append(into.Content, key, more.Content[i+1])
		}
	}
}

// shipped compares the network file at the end with the one beside the case desk.
func (g *guide) shipped() {
	g.t.Helper()
	text, err := os.ReadFile(filepath.Join(harness.Root(), "configs", "describe", "desks.yaml"))
	var want yaml.Node
	if err == nil {
		err = yaml.Unmarshal(text, &want)
	}
	if err != nil || len(want.Content) != 1 || !slices.Equal(flat("", want.Content[0]), flat("", &g.network)) {
		got, _ := g.file()
		g.t.Errorf("configs/describe/desks.yaml is not the file of the end of the page (%v), which is\n%s", err, got)
	}
}

// flat are all scalars of a file with the ways to them, sorted.
func flat(at string, n *yaml.Node) (out []string) {
	for i, inner := range n.Content {
		switch n.Kind {
		case yaml.MappingNode:
			if i%2 == 1 {
				out = append(out, flat(at+"/"+n.Content[i-1].Value, inner)...)
			}
		default:
			out = append(out, flat(fmt.Sprint(at, "/", i), inner)...)
		}
	}
	if n.Kind == yaml.ScalarNode {
		out = append(out, at+" "+n.Value)
	}
	slices.Sort(out)
	return out
}

func (g *guide) command(script string) *exec.Cmd {
	cmd := exec.CommandContext(g.t.Context(), "bash", "-c", g.here(script))
	cmd.Dir, cmd.Env, cmd.WaitDelay = g.dir, g.env, time.Second
	return cmd
}

// open runs a block in a terminal of its own, until the end of the test or until the same block comes again. It has begun when it listens
// on the ports that the block names and has printed what the page shows.
func (g *guide) open(b *block) {
	g.t.Helper()
	if before := g.terminals[b.text]; before != nil {
		before.end(g.t)
	}
	lines := strings.Split(strings.TrimRight(b.text, "\n"), "\n")
	last := len(lines) - 1
	lines[last] = "exec " + lines[last]
	x := &terminal{cmd: g.command(strings.Join(lines, "\n")), done: make(chan struct{})}
	x.cmd.Stdout, x.cmd.Stderr = x, x
	if err := x.cmd.Start(); err != nil {
		g.t.Fatal(err)
	}
	go func() {
		defer close(x.done)
		_ = x.cmd.Wait()
	}()
	g.terminals[b.text] = x
	harness.Eventually(g.t, time.Minute, b.text, func() error {
		select {
		case <-x.done:
			return harness.GiveUp(fmt.Errorf("it ended: %s", x.text()))
		default:
		}
		for _, port := range guidePort.FindAllString(b.text, -1) {
			conn, err := net.Dial("tcp", "127.0.0.1:"+g.ports[port])
			if err != nil {
				return err
			}
			_ = conn.Close()
		}
		got := strings.Split(equalized(g.there(x.text())), "\n")
		for _, want := range strings.Split(equalized(b.shown), "\n") {
			if want != "" && !slices.Contains(got, want) {
				return fmt.Errorf("it did not print %q but\n%s", want, x.text())
			}
		}
		return nil
	})
}

var changing = regexp.MustCompile(`-X|--json|transfer|return|retry|--repair|--write|seed`)

// run runs a block and compares what it prints. What only looks is repeated until it sees what is still on its way.
func (g *guide) run(b *block) {
	g.t.Helper()
	within, writes := 15*time.Second, os.Getenv("MERIDIAN_GUIDE") == "write"
	if changing.MatchString(b.text) || writes {
		within = 0
	}
	if writes {
		harness.Pause(time.Second) // as long as a reader takes, at least
	}
	err := harness.Poll(within, func() error {
		out, err := g.command(b.text).CombinedOutput()
		got := g.there(string(out))
		if b.shows == nil {
			if err != nil {
				return harness.GiveUp(fmt.Errorf("%w\n%s", err, got))
			}
			return nil
		}
		b.came = got
		if !b.matches(got) {
			return fmt.Errorf("the page shows\n%s\nit prints\n%s\n(MERIDIAN_GUIDE=write writes what comes into the page)", equalized(b.shown), equalized(got))
		}
		return nil
	})
	if err != nil && !writes {
		g.t.Errorf("docs/describe.md:%d: %s%v", b.line, b.text, err)
	}
}

// variable are the parts of an output that are others each time, and what they are made.
var variable = []struct {
	is *regexp.Regexp
	as string
}{
	{regexp.MustCompile(`\r`), ""},
	{regexp.MustCompile(`\b[0-7][0-9A-HJKMNP-TV-Z]{25}\b`), "ID"},
	{regexp.MustCompile(`\b0[0-9A-HJKMNP-TV-Z]{9,24}…`), "ID…"},
	{regexp.MustCompile(`\b202\d-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)?`), "TIME"},
	{regexp.MustCompile(`\b[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} 202\d \d\d:\d\d:\d\d GMT`), "DATE"},
	{regexp.MustCompile(`\b[0-9a-f]{16}\b`), "HASH"},
	{regexp.MustCompile(`in version \d+\.\d+`), "in version V"},          // of which the site that is asked may not have heard yet
	{regexp.MustCompile(`network\.yaml:\d+:\d+:`), "network.yaml:LINE:"}, // who types it has other lines
	{regexp.MustCompile(`\b\d+(\.\d+)?(ns|µs|ms|s)\b`), "DURATION"},
	{regexp.MustCompile(`(?m)[ \t]+`), " "},
	{regexp.MustCompile(`(?m) $`), ""},
	{regexp.MustCompile(`\n{2,}`), "\n"},
}

// equalized is an output without what is another each time.
func equalized(s string) string {
	for _, v := range variable {
		s = v.is.ReplaceAllString(s, v.as)
	}
	return strings.TrimSpace(s)
}

// block is a block of the page that is to be done, with what is shown below it.
type block struct {
	kind, text string
	line       int
	shows      *[2]int // the lines of what is shown; nil where nothing is
	shown      string
	came       string
}

// matches reports whether an output is what is shown, in which a line of … stands for any number of lines.
func (b *block) matches(got string) bool {
	parts := strings.Split("\n"+equalized(b.shown)+"\n", "\n…\n")
	for i, p := range parts {
		parts[i] = regexp.QuoteMeta(p)
	}
	return regexp.MustCompile(`(?s)\A` + strings.Join(parts, `\n(?:.*\n)?`) + `\z`).MatchString("\n" + equalized(got) + "\n")
}

// blocksOf are the blocks of a page, in their order.
func blocksOf(t *testing.T, path string) (out []block) {
	t.Helper()
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	inside, from := "", 0
	lines := strings.Split(string(page), "\n")
	for i, line := range lines {
		switch {
		case inside == "" && strings.HasPrefix(line, "```"):
			inside, from = strings.TrimPrefix(line, "```"), i+1
		case inside != "" && line == "```":
			text := strings.Join(lines[from:i], "\n") + "\n"
			if inside == "text" {
				out[len(out)-1].shows, out[len(out)-1].shown = &[2]int{from, i}, text
			} else {
				out = append(out, block{kind: inside, text: text, line: from})
			}
			inside = ""
		}
	}
	return out
}

// rewrite puts what came into the page.
func rewrite(t *testing.T, path string, blocks []block) {
	t.Helper()
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(page), "\n")
	for _, b := range slices.Backward(blocks) {
		if b.kind == "sh" && b.shows != nil && (!strings.Contains(b.shown, "\n…\n") || !b.matches(b.came)) {
			came := strings.Split(strings.TrimRight(strings.ReplaceAll(b.came, "\r", ""), "\n"), "\n")
			lines = slices.Replace(lines, b.shows[0], b.shows[1], came...)
		}
	}
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
}
