package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// process is one program that the benchmarks have started.
type process struct {
	name string
	cmd  *exec.Cmd
	log  string // where its output goes
	// stdin and stdout are set for the bench's own roles. A role ends when its stdin does, so none survives the bench.
	stdin  io.WriteCloser
	stdout *json.Decoder
	ended  chan struct{}
}

// workshop starts programs and owns all that must be gone at the end: processes and one folder.
type workshop struct {
	dir     string // for configurations, logs and stores
	self    string // this program, which plays the roles
	running []*process
}

func newWorkshop(under string) (*workshop, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(under, "meridian-bench-")
	if err != nil {
		return nil, err
	}
	return &workshop{dir: dir, self: self}, nil
}

// close ends every process, the last one started first, and removes the folder.
func (w *workshop) close() error {
	for i := len(w.running) - 1; i >= 0; i-- {
		w.running[i].stop()
	}
	return os.RemoveAll(w.dir)
}

// start runs a program with its output in a log file. It is called from the main goroutine only, which is bound to its thread:
// on Linux the programs are told to die with the thread that started them.
func (w *workshop) start(name, program string, args ...string) (*process, error) {
	return w.launch(name, exec.Command(program, args...), false)
}

// role starts this program again as one of its roles, with its instructions as JSON.
func (w *workshop) role(name string, spec any) (*process, error) {
	text, err := json.Marshal(spec)
	if err != nil {
		return nil, err
	}
	return w.launch(name, exec.Command(w.self, "-role", name, "-spec", string(text)), true)
}

func (w *workshop) launch(name string, cmd *exec.Cmd, piped bool) (*process, error) {
	log, err := os.CreateTemp(w.dir, name+"-*.log")
	if err != nil {
		return nil, err
	}
	defer log.Close() // the child has its own
	cmd.Dir = w.dir
	cmd.Stderr, cmd.Stdout = log, log
	cmd.Env = append(os.Environ(), "HOME="+w.dir, "XDG_CONFIG_HOME="+w.dir, "XDG_DATA_HOME="+w.dir)
	dieWithParent(cmd)
	p := &process{name: name, cmd: cmd, log: log.Name(), ended: make(chan struct{})}
	if piped {
		cmd.Stdout = nil
		if p.stdin, err = cmd.StdinPipe(); err != nil {
			return nil, err
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			return nil, err
		}
		p.stdout = json.NewDecoder(out)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		_, _ = cmd.Process.Wait()
		close(p.ended)
	}()
	w.running = append(w.running, p)
	return p, nil
}

// stop ends the process: politely, and after five seconds by force. It may be called again.
func (p *process) stop() {
	if p.stdin != nil {
		_ = p.stdin.Close()
	}
	_ = p.cmd.Process.Signal(os.Interrupt)
	select {
	case <-p.ended:
		return
	case <-time.After(5 * time.Second):
	}
	_ = p.cmd.Process.Kill()
	<-p.ended
}

// cpu returns the CPU time of the process so far; zero when it has ended.
func (p *process) cpu() time.Duration {
	used, err := cpuOf(p.cmd.Process.Pid)
	if err != nil {
		return 0
	}
	return used
}

// tell returns the end of the process's output, for error messages.
func (p *process) tell() string {
	content, err := os.ReadFile(p.log)
	if err != nil {
		return ""
	}
	content = bytes.TrimSpace(content)
	if len(content) > 1200 {
		content = content[len(content)-1200:]
	}
	return fmt.Sprintf("%s says: %s", p.name, content)
}

// until calls ready every 20 ms until it returns nil. It gives up when the process ends, the time is over or ctx is.
func (p *process) until(ctx context.Context, limit time.Duration, ready func() error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	every := time.NewTicker(20 * time.Millisecond)
	defer every.Stop()
	for {
		err := ready()
		if err == nil {
			return nil
		}
		select {
		case <-every.C:
		case <-p.ended:
			return fmt.Errorf("%s has ended; %s", p.name, p.tell())
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready after %v: %w; %s", p.name, limit, err, p.tell())
		}
	}
}

// accepts reports whether something listens at addr.
func accepts(addr string) error {
	c, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return err
	}
	return c.Close()
}

// answers reports whether url is answered with 200.
func answers(url string) error {
	client := http.Client{Timeout: 2 * time.Second}
	res, err := client.Get(url)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, res.Body)
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, res.Status)
	}
	return nil
}

// freePorts returns addresses on the loopback that nobody listens on. All are held until the last is found, so they differ.
func freePorts(n int) ([]string, error) {
	var out []string
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close()
		out = append(out, l.Addr().String())
	}
	return out, nil
}

// program finds a program in .cache/bin of the project or in PATH; "" when it is in neither.
func program(name string) string {
	if local, err := filepath.Abs(filepath.Join(toolFolder, name)); err == nil {
		if info, err := os.Stat(local); err == nil && !info.IsDir() {
			return local
		}
	}
	path, err := exec.LookPath(name)
	if err != nil && !errors.Is(err, exec.ErrDot) {
		return ""
	}
	return path
}

// toolFolder holds what -install brings, relative to the project's root, where the bench is run.
const toolFolder = ".cache/bin"
