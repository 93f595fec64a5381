package demo

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/meridian-gateway/meridian/configs"
)

// start starts the company; stopping it leaves nothing behind.
func start(t *testing.T, o Options) *Demo {
	t.Helper()
	d, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, d) })
	return d
}

func stop(t *testing.T, d *Demo) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := d.Stop(ctx); err != nil {
		t.Errorf("stopping: %v", err)
	}
}

// The tour goes well, says so without colours, and leaves neither files nor goroutines.
func TestTour(t *testing.T) {
	for _, network := range configs.Examples() {
		t.Run(network, func(t *testing.T) { walkThrough(t, network) })
	}
}

func walkThrough(t *testing.T, network string) {
	before := goleak.IgnoreCurrent()
	d, err := Start(t.Context(), Options{Network: network, Begin: TourBegins(network)})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	ok := Tour(t.Context(), d, &out, false)
	stop(t, d)
	if !ok || strings.Contains(out.String(), "✗") || !strings.Contains(out.String(), "Everything was as it should be") {
		t.Errorf("the tour went wrong:\n%s", out.String())
	}
	if strings.Contains(out.String(), "\x1b") {
		t.Error("there are escape codes in what is no terminal")
	}
	if _, err := os.Stat(d.dir); !os.IsNotExist(err) {
		t.Errorf("%s is left behind (%v)", d.dir, err)
	}
	goleak.VerifyNone(t, before)
}

// A tour through a company that does not work says so: a check that cannot fail checks nothing.
func TestTourFails(t *testing.T) {
	t.Parallel()
	d := start(t, Options{})
	// Somebody writes behind the gateways, so that ids and counts are not what they should be.
	res, err := http.Post("http://"+d.apiAddr[chicago]+"/tickets", "application/json", strings.NewReader(`{"title":"stray"}`))
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	var out bytes.Buffer
	if Tour(t.Context(), d, &out, true) {
		t.Errorf("the tour went well:\n%s", out.String())
	}
	if !strings.Contains(out.String(), "\x1b[31m✗\x1b[0m there its id is 17") || !strings.Contains(out.String(), "checks failed") {
		t.Errorf("the tour does not say what went wrong:\n%s", out.String())
	}
}

func TestTourIsInterrupted(t *testing.T) {
	t.Parallel()
	d := start(t, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out bytes.Buffer
	if Tour(ctx, d, &out, false) || !strings.Contains(out.String(), "Interrupted.") {
		t.Errorf("got\n%s", out.String())
	}
}

// curl runs a printed line as a shell and curl would, with what the lines use of them.
func curl(t *testing.T, line string) *http.Response {
	t.Helper()
	words := regexp.MustCompile(`'[^']*'|\S+`).FindAllString(line, -1)
	method, url, body, header := "", "", "", http.Header{}
	for i := 1; i < len(words); i++ {
		switch arg := func() string { i++; return strings.Trim(words[i], "'") }; words[i] {
		case "-i":
		case "-X":
			method = arg()
		case "-d":
			body = arg()
		case "--json":
			body = arg()
			header.Set("Content-Type", "application/json")
			header.Set("Accept", "application/json")
		case "-H":
			name, value, _ := strings.Cut(arg(), ": ")
			header.Set(name, value)
		default:
			url = strings.Trim(words[i], "'")
		}
	}
	if method == "" && body != "" {
		method = http.MethodPost
	}
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	r.Header = header
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	res, err := client.Do(r)
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	t.Cleanup(func() { _ = res.Body.Close() })
	return res
}

// The lines that are printed work as they are printed, also in a network that has been open before.
func TestLinesToTry(t *testing.T) {
	t.Parallel()
	for network, want := range map[string][3]string{
		"furniture": {"201, Meridian-Owner: chicago, Meridian-Version: 1.1", "200, Meridian-Owner: chicago, Meridian-Version: 1.1",
			"200, Meridian-Owner: chicago, Meridian-Version: 1.2"},
		"follow-the-sun": {"201, Meridian-Owner: san-francisco", "202", `200, Meridian-Owner: tokyo, "owned_by":"tokyo"`},
		"knowledge-base": {"201, Meridian-Owner: paris", "200, tokyo;state=delivered", `200, "solution"`},
		"archive":        {"201, Meridian-Owner: san-francisco", "200, Meridian-Intended-Owner: archive", "200, Meridian-Owner: archive, Meridian-Role: owner"},
	} {
		t.Run(network, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "demo")
			for range 2 {
				tryLines(t, Options{Network: network, Dir: dir, Begin: TourBegins(network)}, want)
			}
			if _, err := os.Stat(filepath.Join(dir, "san-francisco.json")); err != nil {
				t.Errorf("nothing is kept: %v", err)
			}
		})
	}
}

func tryLines(t *testing.T, o Options, want [3]string) {
	t.Helper()
	d, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer stop(t, d)
	var out bytes.Buffer
	d.Greet(&out)
	var lines []string
	for line := range strings.SplitSeq(out.String(), "\n") {
		if strings.HasPrefix(line, "  curl ") {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	if len(lines) != len(want) {
		t.Fatalf("there are %d lines to try:\n%s", len(lines), out.String())
	}
	for i, line := range lines {
		try(t, tried{line, want[i]}, strings.NewReplacer())
	}
}

// Two companies at once do not get in each other's way: what is taken is replaced by free ports.
func TestTwoAtOnce(t *testing.T) {
	t.Parallel()
	a, b := start(t, Options{}), start(t, Options{})
	for _, p := range a.places {
		if a.apps[p.site].Addresses() == b.apps[p.site].Addresses() || a.apiAddr[p.site] == b.apiAddr[p.site] {
			t.Errorf("both have %+v", a.apps[p.site].Addresses())
		}
	}
}

// A start that fails leaves nothing running.
func TestStartFails(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	before := goleak.IgnoreCurrent()
	if d, err := Start(t.Context(), Options{Dir: file}); err == nil || d != nil {
		t.Errorf("got %v %v, want an error", d, err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "upholstery.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if d, err := Start(t.Context(), Options{Dir: dir}); err == nil || d != nil {
		t.Errorf("got %v %v, want an error", d, err)
	}
	goleak.VerifyNone(t, before)
}

// A line that is cut breaks the connections on it, and lets none through until it is healed; other lines do not notice.
func TestLinks(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	addr := listener.Addr().String()
	l := newLinks()
	l.name(addr, chicago)
	from := func(s string) (net.Conn, error) {
		if s == "sf" {
			return l.dialer(sanFrancisco)(t.Context(), "tcp", addr)
		}
		return l.dialer(upholstery)(t.Context(), "tcp", addr)
	}
	mine, err := from("sf")
	other, err2 := from("up")
	if err != nil || err2 != nil {
		t.Fatal(err, err2)
	}
	l.set(chicago, sanFrancisco, true)
	if _, err := mine.Write([]byte("x")); err == nil {
		t.Error("a connection outlives the cut")
	}
	if _, err := other.Write([]byte("x")); err != nil {
		t.Errorf("another line is cut, too: %v", err)
	}
	if _, err := from("sf"); err == nil || !strings.Contains(err.Error(), "cut") {
		t.Errorf("a cut line can be dialed: %v", err)
	}
	l.set(sanFrancisco, chicago, false)
	again, err := from("sf")
	if err != nil {
		t.Fatalf("a healed line cannot be dialed: %v", err)
	}
	for _, c := range []net.Conn{again, other} {
		_ = c.Close()
	}
	if n := len(l.conns[between(sanFrancisco, chicago)]) + len(l.conns[between(upholstery, chicago)]); n != 0 {
		t.Error(fmt.Sprint(n, " connections are remembered after they were closed"))
	}
}
