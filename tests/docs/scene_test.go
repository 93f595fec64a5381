package docs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// scene is where blocks of a page are run: a folder with what the reader has in it by then.
type scene struct {
	t         *testing.T
	page, dir string
	env       []string
	ports     map[string]string // of the page, and where they are here
	lines     map[string]string // ports of lines to a gateway, and what that is on the page
	network   yaml.Node         // network.yaml, as pieces of it were laid into it
	terminals map[string]*terminal
	cast      *cast // of the scene two
}

// newScene sets a scene.
func newScene(t *testing.T, p *page, name string) *scene {
	t.Helper()
	s := &scene{t: t, page: p.path, dir: t.TempDir(), ports: make(map[string]string), terminals: make(map[string]*terminal)}
	bin := t.TempDir()
	if err := os.Symlink(harness.Binary(t), filepath.Join(bin, "meridian")); err != nil {
		t.Fatal(err)
	}
	s.jsonServer(bin)
	s.env = append(os.Environ(), "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"), "HOME="+s.dir, "USER=operator", "TZ=UTC")
	for _, first := range []int{8000, 8100, 8200, 9000} {
		for i := 1; i <= 3; i++ {
			s.ports[fmt.Sprint(first+i)] = fmt.Sprint(harness.FreePort(t))
		}
	}
	t.Cleanup(func() {
		for _, x := range s.terminals {
			x.end(t)
		}
	})
	kind, what, _ := strings.Cut(name, " ")
	switch kind {
	case "shell":
	case "demo":
		s.demo(what)
	case "two":
		s.two(what == "blind")
	default:
		t.Fatalf("%s: there is no scene %q", p.path, name)
	}
	return s
}

// jsonServer is an npx that downloads nothing: it runs the json-server of scripts/setup.sh. Without that a page that calls it fails.
func (s *scene) jsonServer(bin string) {
	server := filepath.Join(harness.Root(), ".cache", "json-server-0", "node_modules", "json-server", "lib", "cli", "bin.js")
	npx := "#!/bin/sh\n[ \"$1 $2\" = \"--yes json-server@0.17.4\" ] || exit 1\nshift 2\nexec node '" + server + "' \"$@\"\n"
	if err := os.WriteFile(filepath.Join(bin, "npx"), []byte(npx), 0o700); err != nil {
		s.t.Fatal(err)
	}
}

// needsJSONServer skips a page whose commands start one where it is not installed.
func needsJSONServer(t *testing.T) {
	t.Helper()
	server := filepath.Join(harness.Root(), ".cache", "json-server-0", "node_modules", "json-server", "lib", "cli", "bin.js")
	if _, err := os.Stat(server); err != nil {
		if os.Getenv("MERIDIAN_REQUIRE") == "1" {
			t.Fatal("json-server is not installed: run scripts/setup.sh")
		}
		t.Skip("json-server is not installed: run scripts/setup.sh")
	}
}

var documentedPort = regexp.MustCompile(`\b(9[0]0[1-3]|8[012]0[1-3])\b`)

// here is a text of the page with the ports of this test, there the other way round.
func (s *scene) here(text string) string {
	return documentedPort.ReplaceAllStringFunc(text, func(p string) string { return s.ports[p] })
}

func (s *scene) there(text string) string {
	for port, page := range s.lines {
		text = strings.ReplaceAll(text, "127.0.0.1:"+port, "127.0.0.1:"+page)
	}
	for page, port := range s.ports {
		text = regexp.MustCompile(`\b`+port+`\b`).ReplaceAllString(text, page)
	}
	return text
}

// file writes a file of the scene.
func (s *scene) file(name, text string) {
	s.t.Helper()
	path := filepath.Join(s.dir, name)
	err := os.MkdirAll(filepath.Dir(path), 0o700)
	if err == nil {
		err = os.WriteFile(path, []byte(s.here(text)), 0o600)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// lay lays a piece of YAML into the network file of the scene.
func (s *scene) lay(b *block) {
	s.t.Helper()
	text := b.text
	var more yaml.Node
	err := yaml.Unmarshal([]byte(text), &more)
	if err == nil {
		whole := s.network.IsZero()
		if lay(&s.network, more.Content[0]); !whole {
			text, err = encode(&s.network)
		}
	}
	if err != nil {
		s.t.Fatalf("%s:%d: %v", s.page, b.line, err)
	}
	s.file("network.yaml", text)
}

func (s *scene) command(script string) *exec.Cmd {
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	s.t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, "bash", "-c", s.here(script))
	cmd.Dir, cmd.Env, cmd.WaitDelay = s.dir, s.env, time.Second
	return cmd
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
	if t.Failed() {
		text := x.text()
		t.Logf("--- %s ---\n%s", strings.Join(x.cmd.Args, " "), text[max(0, len(text)-4000):])
	}
}

// start runs a program in a terminal of its own until the end of the scene, or until it is ended under this name.
func (s *scene) start(name, script string) *terminal {
	s.t.Helper()
	lines := strings.Split(strings.TrimRight(script, "\n"), "\n")
	last := len(lines) - 1
	lines[last] = "exec " + lines[last]
	x := &terminal{cmd: exec.CommandContext(s.t.Context(), "bash", "-c", s.here(strings.Join(lines, "\n"))), done: make(chan struct{})}
	x.cmd.Dir, x.cmd.Env = s.dir, s.env
	x.cmd.Cancel = func() error { return nil } // ended by end, and in peace
	x.cmd.Stdout, x.cmd.Stderr = x, x
	if err := x.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	go func() {
		defer close(x.done)
		_ = x.cmd.Wait()
	}()
	s.terminals[name] = x
	return x
}

// open runs a block in a terminal, until the same block comes again. It has begun when it listens on the ports that the block names and
// has printed what the page shows.
func (s *scene) open(b *block) {
	s.t.Helper()
	if before := s.terminals[b.text]; before != nil {
		before.end(s.t)
	}
	x := s.start(b.text, b.text)
	harness.Eventually(s.t, time.Minute, b.text, func() error {
		if err := x.running(); err != nil {
			return err
		}
		for _, port := range documentedPort.FindAllString(b.text, -1) {
			conn, err := net.Dial("tcp", "127.0.0.1:"+s.ports[port])
			if err != nil {
				return err
			}
			_ = conn.Close()
		}
		got := strings.Split(equalized(s.there(x.text())), "\n")
		for _, want := range strings.Split(equalized(b.shown), "\n") {
			if want != "" && !anyMatches(want, got) {
				return fmt.Errorf("it did not print %q but\n%s", want, x.text())
			}
		}
		return nil
	})
}

func anyMatches(want string, lines []string) bool {
	for _, line := range lines {
		if matches(want, line) {
			return true
		}
	}
	return false
}

// running reports how a program ended by itself.
func (x *terminal) running() error {
	select {
	case <-x.done:
		return harness.GiveUp(fmt.Errorf("it ended: %s", x.text()))
	default:
		return nil
	}
}

var changing = regexp.MustCompile(`-X|--json|transfer |return|reclaim|retry|cancel|dismiss|adopt|abandon|--repair|--write|seed|kill|sed -i`)

// write reports whether what comes is to be written into the pages.
func write() bool { return os.Getenv("MERIDIAN_DOCS") == "write" }

// run runs a block and compares what it prints and how it ends. What only looks is repeated until it sees what is still on its way.
func (s *scene) run(b *block, code int) {
	s.t.Helper()
	within := 45 * time.Second
	if changing.MatchString(b.text) {
		within = 0
	}
	if write() {
		within = min(within, 3*time.Second)
		harness.Pause(time.Second) // as long as a reader takes, at least
	}
	s.remember(b.text)
	err := harness.Poll(within, func() error {
		out, err := s.command(b.text).CombinedOutput()
		got := s.there(string(out))
		exit := 0
		if ended := (*exec.ExitError)(nil); errors.As(err, &ended) {
			exit, err = ended.ExitCode(), nil
		}
		b.came = got
		switch {
		case err != nil:
			return fmt.Errorf("%w\n%s", err, got)
		case b.shows == nil && exit != code, code != 0 && exit != code:
			return fmt.Errorf("it ends with %d and not with %d\n%s", exit, code, got)
		case b.shows == nil:
			return nil
		case b.json:
			return b.shape(got)
		case !b.matches(got):
			return fmt.Errorf("the page shows\n%s\nit prints\n%s\n(MERIDIAN_DOCS=write writes what comes into the page)", equalized(b.shown), equalized(got))
		}
		return nil
	})
	if err != nil && (!write() || b.shows == nil || b.json && b.shown != "x\n") {
		s.t.Errorf("%s:%d: %s%v", s.page, b.line, b.text, err)
	}
}

var export = regexp.MustCompile(`(?m)^export ([A-Z_]+)=(\S*)$`)

// remember keeps what a block exports for those behind it, as the reader's shell does.
func (s *scene) remember(text string) {
	for _, m := range export.FindAllStringSubmatch(text, -1) {
		s.env = append(s.env, m[1]+"="+strings.ReplaceAll(s.here(m[2]), "$PWD", s.dir))
	}
}

// console runs the lines that begin with "$ " one after the other, each with what is shown below it.
func (s *scene) console(b *block, code int) {
	s.t.Helper()
	var all []block
	for i, line := range strings.Split(strings.TrimRight(b.text, "\n"), "\n") {
		if typed, is := strings.CutPrefix(line, "$ "); is {
			all = append(all, block{kind: "sh", text: typed + "\n", line: b.line + i})
			continue
		}
		if len(all) == 0 {
			s.t.Fatalf("%s:%d: nothing is typed before %q", s.page, b.line+i, line)
		}
		last := &all[len(all)-1]
		if strings.HasSuffix(last.text, "\\\n") {
			last.text += line + "\n"
			continue
		}
		last.shows, last.shown = &[2]int{}, last.shown+line+"\n"
	}
	for i := range all {
		end := 0
		if i == len(all)-1 {
			end = code
		}
		s.run(&all[i], end)
	}
}
