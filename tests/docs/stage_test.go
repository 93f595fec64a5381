package docs

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/meridian-gateway/meridian/configs"
	"github.com/meridian-gateway/meridian/tests/harness"
)

// demo has meridian demo run, and the example's network file where it lies in a checkout, both with the addresses here.
func (s *scene) demo(network string) {
	s.t.Helper()
	x := s.start("meridian demo", "meridian demo --network "+network)
	harness.Eventually(s.t, time.Minute, "the demo "+network, func() error {
		if err := x.running(); err != nil {
			return err
		}
		rows := regexp.MustCompile(`(?m)^  \S+ +http://127\.0\.0\.1:(\d+) +http://127\.0\.0\.1:(\d+) +http://127\.0\.0\.1:(\d+)/health`).FindAllStringSubmatch(x.text(), -1)
		if len(rows) < 3 {
			return fmt.Errorf("it has not begun: %s", x.text())
		}
		for i, row := range rows {
			s.ports[fmt.Sprint(8001+i)], s.ports[fmt.Sprint(9001+i)], s.ports[fmt.Sprint(8201+i)] = row[1], row[2], row[3]
		}
		return nil
	})
	text, err := configs.Example(network)
	if err != nil {
		s.t.Fatal(err)
	}
	s.file("network.yaml", string(text))
	s.file("configs/"+network+"/network.yaml", string(text))
}

// cast are the programs of the scene two.
type cast struct {
	apis map[string]*harness.Fake
	line map[string]*harness.Link // to each site
}

// two has two gateways run in front of two request APIs, with the network file of README.md. Lines between them can be cut. Blind: the
// APIs have no external id.
func (s *scene) two(blind bool) {
	s.t.Helper()
	s.cast = &cast{apis: make(map[string]*harness.Fake), line: make(map[string]*harness.Link)}
	s.lines = make(map[string]string)
	text := readmeFile(s.t)
	for i, site := range []string{"san-francisco", "chicago"} {
		api := harness.NewFake(s.t, site)
		s.cast.apis[site] = api
		_, port, _ := net.SplitHostPort(api.Address())
		s.ports[fmt.Sprint(9001+i)] = port
		s.cast.line[site] = harness.NewLink(s.t, "127.0.0.1:"+s.ports[fmt.Sprint(8101+i)])
		_, port, _ = net.SplitHostPort(s.cast.line[site].Address())
		s.lines[port] = fmt.Sprint(8101 + i)
		text = strings.Replace(text, fmt.Sprint("url: http://127.0.0.1:", 8101+i), "url: http://"+s.cast.line[site].Address(), 1)
	}
	// As short as the tests of faults have it; with the defaults readers would wait.
	text = strings.Replace(text, "preset: rest", "preset: rest\n    timeout: 3s\n    quiescence: 2s", 1)
	if blind {
		text = regexp.MustCompile(`(?m)^ *external_id: .*\n`).ReplaceAllString(text, "")
	}
	s.file("network.yaml", text)
	for _, site := range []string{"san-francisco", "chicago"} {
		s.direct("start " + site)
	}
}

func (s *scene) ready(site string) {
	s.t.Helper()
	admin := s.ports[map[string]string{"san-francisco": "8201", "chicago": "8202"}[site]]
	x := s.terminals[site]
	harness.Eventually(s.t, 30*time.Second, site+" is ready", func() error {
		if err := x.running(); err != nil {
			return err
		}
		res, err := http.Get("http://127.0.0.1:" + admin + "/readyz")
		if err != nil {
			return err
		}
		defer func() { _ = res.Body.Close() }()
		if res.StatusCode != http.StatusOK {
			return fmt.Errorf("/readyz: %d", res.StatusCode)
		}
		return nil
	})
}

// direct moves the scene without the reader:
//
//	scene NAME                         what follows is there
//	start SITE, stop SITE, kill SITE   its gateway
//	cut, heal                          the line between the two sites
//	api SITE down | up | mend          its request API
//	api SITE refuse METHOD STATUS      its answer, until mend
//	api SITE slow METHOD DURATION
//	api SITE lose METHOD               it does one call and breaks the connection
//	end COMMAND                        Ctrl-C in the terminal in which the block COMMAND runs
//	sh COMMAND                         has to succeed, and is tried until it does
func (s *scene) direct(what string) {
	s.t.Helper()
	words := strings.Fields(what)
	if len(words) == 0 {
		s.t.Fatalf("%s: an empty direction", s.page)
	}
	if words[0] == "end" {
		x := s.terminals[strings.TrimPrefix(what, "end ")+"\n"]
		if x == nil {
			s.t.Fatalf("%s: there is no terminal for %q", s.page, what)
		}
		x.end(s.t)
		return
	}
	if words[0] != "sh" && s.cast == nil {
		s.t.Fatalf("%s: %q is for the scene two", s.page, what)
	}
	switch words[0] {
	case "sh":
		script := strings.TrimPrefix(what, "sh ")
		harness.Eventually(s.t, 30*time.Second, what, func() error {
			if out, err := s.command("set -o pipefail; " + script).CombinedOutput(); err != nil {
				return fmt.Errorf("%w: %s", err, out)
			}
			return nil
		})
	case "start":
		s.start(words[1], "meridian run --config network.yaml --site "+words[1])
		s.ready(words[1])
	case "stop":
		s.terminals[words[1]].end(s.t)
	case "kill":
		x := s.terminals[words[1]]
		_ = x.cmd.Process.Signal(syscall.SIGKILL)
		<-x.done
	case "cut":
		for _, line := range s.cast.line {
			line.Cut()
		}
	case "heal":
		for _, line := range s.cast.line {
			line.Heal()
		}
	case "api":
		s.api(s.cast.apis[words[1]], words[2:])
	default:
		s.t.Fatalf("%s: nothing is known of the direction %q", s.page, what)
	}
}

func (s *scene) api(f *harness.Fake, words []string) {
	s.t.Helper()
	switch words[0] {
	case "down":
		f.Down()
	case "up":
		f.Up(s.t)
	case "mend":
		f.Clear()
	case "refuse":
		status, err := strconv.Atoi(words[2])
		if err != nil {
			s.t.Fatal(err)
		}
		f.Inject(harness.Refuse(words[1], status))
	case "slow":
		wait, err := time.ParseDuration(words[2])
		if err != nil {
			s.t.Fatal(err)
		}
		f.Inject(harness.Slow(words[1], wait))
	case "lose":
		f.Inject(harness.CommitThenDrop(words[1]))
	default:
		s.t.Fatalf("%s: a request API cannot %v", s.page, words)
	}
}

// readmeFile is the network file of README.md.
func readmeFile(t interface {
	Helper()
	Fatal(...any)
}) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(harness.Root(), "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, after, ok := strings.Cut(string(text), "```yaml\n")
	file, _, ended := strings.Cut(after, "\n```")
	if !ok || !ended {
		t.Fatal("README.md has no network file")
	}
	return file + "\n"
}
