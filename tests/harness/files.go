package harness

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// apart gives each site its own network file, where the network wants that.
func (c *Cluster) apart(n Network) {
	c.t.Helper()
	if n.Files == nil {
		return
	}
	text := c.Text()
	for _, name := range c.names {
		if own := n.Files(name, text); own != "" {
			g := c.sites[name]
			g.config = filepath.Join(filepath.Dir(c.path), "network-"+name+".yaml")
			g.write(own)
			c.started = append(c.started, name)
		}
	}
}

// running are the sites whose gateways were started.
func (c *Cluster) running() []string {
	if c.started == nil {
		return c.names
	}
	return c.started
}

// Text is the network file with all sites.
func (c *Cluster) Text() string {
	c.t.Helper()
	text, err := os.ReadFile(c.path)
	if err != nil {
		c.t.Fatal(err)
	}
	return string(text)
}

// File is the network file of a gateway.
func (g *Gateway) File() string {
	if g.config == "" {
		return g.cluster.path
	}
	return g.config
}

// write replaces the network file of a gateway at once, as careful people do.
func (g *Gateway) write(text string) {
	g.t.Helper()
	next := g.config + ".new"
	err := os.WriteFile(next, []byte(text), 0o600)
	if err == nil {
		err = os.Rename(next, g.config)
	}
	if err != nil {
		g.t.Fatal(err)
	}
}

// Join starts the gateway of a site that was not there, with a network file.
func (g *Gateway) Join(text string) {
	g.t.Helper()
	g.config = filepath.Join(filepath.Dir(g.cluster.path), "network-"+g.Name+".yaml")
	g.write(text)
	g.cluster.started = append(g.cluster.started, g.Name)
	g.start()
	g.Ready()
}

// Quit stops the gateway of a site that leaves the network for good.
func (g *Gateway) Quit() {
	g.t.Helper()
	g.process.Stop(20 * time.Second)
	g.cluster.names = slices.DeleteFunc(g.cluster.names, func(s string) bool { return s == g.Name })
}

// Config is what a gateway says of its network file.
type Config struct {
	Hash, Text string
	Refused    *struct {
		At     time.Time
		Faults []string
	}
	Pending *struct {
		At           time.Time
		NeedsRestart []string `json:"needs_restart"`
	}
	Last *struct {
		Diff []struct{ What, Was, Is string }
	} `json:"last_change"`
	Sites []struct {
		Site, Hash string
		Same       *bool
	}
}

// Config asks a gateway for its network file.
func (g *Gateway) Config() (v Config, err error) { return v, g.Ask("/api/v1/config", &v) }

// Hash is the hash of a network file.
func Hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:8])
}

// Give gives a gateway another network file, tells it, and waits until it has made up its mind: nil when it has taken the file, else why not.
// A gateway that does not run takes it when it is started.
func (g *Gateway) Give(text string) error {
	g.t.Helper()
	began := time.Now()
	if was, err := os.ReadFile(g.config); err == nil && string(was) == text && g.process.Running() == nil {
		g.process.Signal(syscall.SIGHUP) // it need not look again by itself
	} else {
		g.write(text)
	}
	if g.process.Running() != nil {
		return nil
	}
	var why error
	Eventually(g.t, 30*time.Second, g.Name+" makes up its mind about a network file", func() error {
		v, err := g.Config()
		switch {
		case err != nil:
			return err
		case v.Hash == Hash(text) && v.Refused == nil && v.Pending == nil:
			why = nil
		case v.Refused != nil && v.Refused.At.After(began):
			why = errors.New(strings.Join(v.Refused.Faults, "; "))
		case v.Pending != nil && v.Pending.At.After(began):
			why = errors.New("needs a restart: " + strings.Join(v.Pending.NeedsRestart, "; "))
		default:
			return fmt.Errorf("it still has %s", v.Hash)
		}
		return nil
	})
	return why
}

// Upgrade stops a gateway in an orderly way and starts another program in its place, on the same store; "" is the one of the tests.
func (g *Gateway) Upgrade(program string) {
	g.t.Helper()
	if program == "" {
		program = Binary(g.t)
	}
	g.process.Stop(20 * time.Second)
	g.process.path = program
	g.Restart()
}

// Before builds the gateway's program as it was so many commits ago. Without the history the test is skipped.
func Before(t testing.TB, commits int) string {
	t.Helper()
	dir := t.TempDir()
	git := exec.Command("git", "archive", "--format=tar", fmt.Sprintf("HEAD~%d", commits))
	git.Dir = Root()
	tar := exec.Command("tar", "-x", "-C", dir)
	var err error
	if tar.Stdin, err = git.StdoutPipe(); err != nil {
		t.Fatal(err)
	}
	if err = tar.Start(); err != nil {
		t.Skipf("there is no tar: %v", err)
	}
	if err = errors.Join(git.Run(), tar.Wait()); err != nil {
		t.Skipf("the version of %d commits ago is not here: %v", commits, err)
	}
	bin := filepath.Join(t.TempDir(), "meridian-before")
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", bin, "./cmd/meridian")
	build.Dir = dir
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("the version of %d commits ago cannot be built: %v\n%s", commits, err, out)
	}
	return bin
}
