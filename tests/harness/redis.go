package harness

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// Redis is a running redis-server that writes every command to disk before it answers.
type Redis struct {
	*Process
	address string
	dir     string
}

// NewRedis starts one on a directory of its own.
func NewRedis(t testing.TB) *Redis {
	t.Helper()
	return NewRedisWith(t)
}

// NewRedisWith starts one with more arguments.
func NewRedisWith(t testing.TB, more ...string) *Redis {
	t.Helper()
	dir := t.TempDir()
	port := FreePort(t)
	r := &Redis{address: Loopback(port), dir: dir}
	r.Process = startProcess(t, program{name: "redis", path: redisServer(t), dir: dir, args: append([]string{"--port", fmt.Sprint(port), "--bind", "127.0.0.1",
		"--dir", dir, "--appendonly", "yes", "--appendfsync", "always", "--no-appendfsync-on-rewrite", "no", "--save", "",
		"--maxmemory", "512mb", "--maxmemory-policy", "noeviction"}, more...)})
	r.Ready(t)
	return r
}

// redisServer is the program; the test is skipped where it is not installed.
func redisServer(t testing.TB) string {
	t.Helper()
	bin, err := exec.LookPath("redis-server")
	if err != nil {
		missing(t, "redis-server")
	}
	return bin
}

// Ready waits until it answers.
func (r *Redis) Ready(t testing.TB) {
	t.Helper()
	Eventually(t, 20*time.Second, "redis answers", func() error {
		if err := r.Running(); err != nil {
			return err
		}
		c, err := net.DialTimeout("tcp", r.address, time.Second)
		if err != nil {
			return err
		}
		defer func() { _ = c.Close() }()
		_ = c.SetDeadline(time.Now().Add(time.Second))
		if _, err := c.Write([]byte("PING\r\n")); err != nil {
			return err
		}
		buf := make([]byte, 5)
		if _, err := c.Read(buf); err != nil {
			return err
		}
		if string(buf) != "+PONG" {
			return fmt.Errorf("redis says %q", buf)
		}
		return nil
	})
}

// URL is how a network file names it.
func (r *Redis) URL() string { return "redis://" + r.address + "/0" }

// Forget deletes all that a killed one had on its disk, so that it starts empty.
func (r *Redis) Forget() error {
	names, err := os.ReadDir(r.dir)
	for _, name := range names {
		err = errors.Join(err, os.RemoveAll(filepath.Join(r.dir, name.Name())))
	}
	return err
}
