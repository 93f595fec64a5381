// Package redistest starts real Redis servers for tests.
package redistest

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"strconv"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// Server is one Redis server on a loopback port, with a folder of its own that outlives restarts.
type Server struct {
	// URL is where it listens.
	URL string

	t    testing.TB
	addr string
	args []string
	cmd  *exec.Cmd
}

// Start starts a server with the arguments, "--appendonly", "yes", and returns its URL. It is stopped when the test ends. The test
// fails when there is no redis-server.
func Start(t testing.TB, args ...string) (url string) {
	t.Helper()
	return StartServer(t, args...).URL
}

// StartServer is Start for tests that stop the server.
func StartServer(t testing.TB, args ...string) *Server {
	t.Helper()
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{t: t, addr: net.JoinHostPort("127.0.0.1", port), URL: "redis://127.0.0.1:" + port + "/0"}
	s.args = append([]string{"--port", port, "--bind", "127.0.0.1", "--dir", t.TempDir(), "--save", "", "--daemonize", "no"}, args...)
	s.Resume()
	t.Cleanup(s.Kill)
	return s
}

// Kill ends the server at once, as kill -9 does.
func (s *Server) Kill() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Kill() // it may have ended by itself
	_ = s.cmd.Wait()         // reports the kill
	s.cmd = nil
}

// Resume starts the server again, on the same port and folder, and returns when it answers.
func (s *Server) Resume() {
	s.t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		s.t.Fatal("this test needs redis-server in PATH: apt-get install -y redis-server")
	}
	s.cmd = exec.Command(path, s.args...)
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	client := goredis.NewClient(&goredis.Options{Addr: s.addr, MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}})
	defer func() { _ = client.Close() }() // a test's own connection
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for tick := time.NewTicker(10 * time.Millisecond); ; <-tick.C {
		if err = client.Ping(ctx).Err(); err == nil {
			tick.Stop()
			return
		}
		if ctx.Err() != nil {
			s.t.Fatal(fmt.Errorf("redis-server does not answer: %w", err))
		}
	}
}

func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port), l.Close()
}
