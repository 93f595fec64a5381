package main

import (
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"
)

func TestParseStat(t *testing.T) {
	const line = "4242 (a) b (c) S 17 4242 4242 0 -1 4194560 900 0 0 0 123 45 6 7 20 0 9 0 100 1 1\n"
	got, err := parseStat([]byte(line))
	if err != nil {
		t.Fatal(err)
	}
	if want := (procStat{parent: 17, cpu: 1680 * time.Millisecond}); got != want {
		t.Errorf("got %+v, want %+v: a command with parentheses must not shift the fields, children's time is not added", got, want)
	}
	for _, bad := range []string{"", "1 cmd S 1", "1 (cmd) S 1 2 3", "1 (c) S x 1 1 1 1 1 1 1 1 1 1 1 1", "1 (c) S 1 1 1 1 1 1 1 1 1 1 y 1 1"} {
		if got, err := parseStat([]byte(bad)); err == nil {
			t.Errorf("parseStat(%q) = %+v, want an error", bad, got)
		}
	}
}

func TestParseSchedstat(t *testing.T) {
	if got, err := parseSchedstat([]byte("123456789 42 7\n")); err != nil || got != 123456789*time.Nanosecond {
		t.Errorf("%v, %v", got, err)
	}
	for _, bad := range []string{"", "1 2", "x 2 3"} {
		if _, err := parseSchedstat([]byte(bad)); err == nil {
			t.Errorf("parseSchedstat(%q): want an error", bad)
		}
	}
}

// TestBothClocks: the threads' nanoseconds and the process's ticks must tell the same time.
func TestBothClocks(t *testing.T) {
	content, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		t.Skip(err)
	}
	st, err := parseStat(content)
	if err != nil {
		t.Fatal(err)
	}
	fine, err := ownCPU(os.Getpid())
	if err != nil || (fine-st.cpu).Abs() > 3*tick+st.cpu/2 {
		t.Errorf("threads %v, process %v, %v", fine, st.cpu, err)
	}
}

func TestParseMemory(t *testing.T) {
	const status = "Name:\tx\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\nVmRSSx: 1\n"
	if got, err := parseMemory([]byte(status), "VmRSS"); err != nil || got != 1<<20 {
		t.Errorf("VmRSS = %d, %v", got, err)
	}
	if _, err := parseMemory([]byte(status), "VmSwap"); err == nil {
		t.Error("a missing line must be an error")
	}
	if _, err := parseMemory([]byte("VmRSS: 12\n"), "VmRSS"); err == nil {
		t.Error("a line without its unit must be an error")
	}
}

func TestParseMounts(t *testing.T) {
	const mounts = "/dev/sda1 / ext4 rw 0 0\ntmpfs /tmp tmpfs rw 0 0\n/dev/sdb /tmp/my\\040disk xfs rw 0 0\n"
	for dir, want := range map[string]string{
		"/home/x": "ext4", "/tmp": "tmpfs", "/tmp/a": "tmpfs", "/tmpfile": "ext4", "/tmp/my disk/a": "xfs",
	} {
		if got := parseMounts([]byte(mounts), dir); got != want {
			t.Errorf("parseMounts(%q) = %q, want %q", dir, got, want)
		}
	}
}

func TestOwnProcess(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("there is no /proc")
	}
	before, err := cpuOf(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for x, deadline := uint64(1), time.Now().Add(10*time.Second); ; x = x*6364136223846793005 + 1 {
		if x%(1<<20) != 0 && x&0xffff != 1 {
			continue
		}
		now, err := cpuOf(os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		if now > before {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("CPU time does not grow while this test computes")
		}
	}
	now, peak, err := memoryOf(os.Getpid())
	if err != nil || now < 1<<20 || peak < now/2 {
		t.Errorf("memoryOf = %d, %d, %v", now, peak, err)
	}
}

func TestChildren(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("there is no /proc")
	}
	child := exec.Command("cat") // waits for its input
	in, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Skip(err)
	}
	defer func() { _ = in.Close(); _ = child.Wait() }()
	for name, find := range map[string]func(int) []int{"children": childrenOf, "parent": childrenByParent} {
		found := false
		for _, pid := range find(os.Getpid()) {
			found = found || pid == child.Process.Pid
		}
		if !found {
			t.Errorf("by %s: the child is not found", name)
		}
	}
}
