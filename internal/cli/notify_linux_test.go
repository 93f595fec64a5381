package cli

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/meridian-gateway/meridian/gateway"
)

// manager is a service manager that listens for what services say.
type manager struct {
	t    *testing.T
	conn *net.UnixConn
}

func supervise(t *testing.T) *manager {
	t.Helper()
	dir, err := os.MkdirTemp("", "n") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path := filepath.Join(dir, "s")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	t.Setenv("NOTIFY_SOCKET", path)
	return &manager{t, conn}
}

// await reads until a message has all the words.
func (m *manager) await(words ...string) string {
	m.t.Helper()
	buf := make([]byte, 4096)
	for {
		n, err := m.conn.Read(buf)
		if err != nil {
			m.t.Fatalf("waiting for %q: %v", words, err)
		}
		text, all := string(buf[:n]), true
		for _, w := range words {
			all = all && strings.Contains(text, w)
		}
		if all {
			return text
		}
	}
}

// A gateway tells its service manager when it is ready, that it lives, that it takes its file again, and that it stops.
func TestServiceManager(t *testing.T) {
	m := supervise(t)
	t.Setenv("WATCHDOG_USEC", "100000")
	t.Setenv("WATCHDOG_PID", fmt.Sprint(os.Getpid()))
	dir := t.TempDir()
	file := filepath.Join(dir, "network.yaml")
	network := func(text string) {
		text = `
network: pair
profiles: {p: {preset: rest, collections: {tickets: {path: /tickets, external_id: {field: /external_id}}}}}
sites:
  oslo: {profile: p, upstream: "http://127.0.0.1:9", listen: "127.0.0.1:0", peer: {listen: "127.0.0.1:0", url: "http://127.0.0.1:10"}, admin: {listen: "127.0.0.1:0"}, store: "file:` + filepath.ToSlash(dir) + `/oslo"}
  rome: {profile: p, upstream: "http://127.0.0.1:11", listen: "127.0.0.1:0", peer: {listen: "127.0.0.1:0", url: "http://127.0.0.1:12"}, admin: {listen: "127.0.0.1:0"}}
` + text
		if err := os.WriteFile(file+".new", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(file+".new", file); err != nil {
			t.Fatal(err)
		}
	}
	network("")
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	code := make(chan int, 1)
	var out, errs bytes.Buffer
	go func() {
		code <- Run(ctx, []string{"run", "--config", file, "--site", "oslo", "--log-level", "error"}, nil, &out, &errs)
	}()
	m.await("READY=1", "STATUS=oslo ")
	m.await("WATCHDOG=1")
	// The other site is away all the time, which is told and is no reason to die.
	m.await("STATUS=oslo down: rome is down")
	m.await("WATCHDOG=1")
	network("routes: [{name: all, on: [create], copy: {to: all}}]\n")
	m.await("RELOADING=1", "MONOTONIC_USEC=")
	m.await("READY=1", "STATUS=")
	m.await("WATCHDOG=1")
	stop()
	m.await("STOPPING=1")
	if got := <-code; got != Done {
		t.Fatalf("ended with %d: %s%s", got, out.String(), errs.String())
	}
}

// The sign of life of one process is not given by another, which inherited its environment.
func TestWatchdogOfAnother(t *testing.T) {
	t.Setenv("WATCHDOG_USEC", "1000000")
	t.Setenv("WATCHDOG_PID", "1")
	if d := watchdog(); d != 0 {
		t.Fatalf("the watchdog of process 1 is served every %s", d)
	}
}

func TestLineOfHealth(t *testing.T) {
	t.Parallel()
	f := gateway.Forwarding{Site: "oslo", State: "degraded", Problems: []string{"two\nlines"}, Destinations: []gateway.Destination{
		{Site: "rome", State: "down", Waiting: 3, Parked: 1}, {Site: "paris", State: "ok", Pending: 2}, {Site: "bonn", State: "ok"}}}
	const want = "oslo degraded: rome is down, 3 owed, 1 parked for rome, 2 owed to paris, two lines"
	if got := oneLine(inOneLine(f)); got != want {
		t.Fatalf("got  %s\nwant %s", got, want)
	}
	if n := len([]rune(oneLine(strings.Repeat("x", 1000)))); n != mostStatus {
		t.Fatalf("a line of %d characters", n)
	}
}
