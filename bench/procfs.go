package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of CPU time in /proc/PID/stat. The kernel shows 100 ticks a second to programs on every architecture that
// Go runs on, whatever its own timer does.
const tick = 10 * time.Millisecond

// procStat is the part of /proc/PID/stat that the benchmarks read.
type procStat struct {
	parent int
	cpu    time.Duration // user and system time of all threads, also of those that have ended
}

// parseStat reads the content of a stat file. The second field is the command in parentheses and may hold spaces and
// parentheses of its own, so counting begins behind the last one.
func parseStat(content []byte) (procStat, error) {
	end := bytes.LastIndexByte(content, ')')
	if end < 0 {
		return procStat{}, fmt.Errorf("no command in %q", content)
	}
	fields := strings.Fields(string(content[end+1:]))
	const state, parent, user, system = 0, 1, 11, 12 // fields 3, 4, 14 and 15 of proc(5)
	if len(fields) <= system {
		return procStat{}, fmt.Errorf("%d fields behind the command, want more than %d", len(fields), system)
	}
	var n [3]int64
	for i, at := range [...]int{parent, user, system} {
		v, err := strconv.ParseInt(fields[at], 10, 64)
		if err != nil {
			return procStat{}, fmt.Errorf("field %d: %w", at+3, err)
		}
		n[i] = v
	}
	return procStat{parent: int(n[0]), cpu: time.Duration(n[1]+n[2]) * tick}, nil
}

// parseMemory reads a line like "VmRSS:   1234 kB" of /proc/PID/status and returns bytes.
func parseMemory(status []byte, name string) (int64, error) {
	for line := range strings.Lines(string(status)) {
		rest, ok := strings.CutPrefix(line, name+":")
		if !ok {
			continue
		}
		fields := strings.Fields(rest)
		if len(fields) != 2 || fields[1] != "kB" {
			return 0, fmt.Errorf("unexpected line %q", line)
		}
		kib, err := strconv.ParseInt(fields[0], 10, 64)
		return kib << 10, err
	}
	return 0, fmt.Errorf("no %s", name)
}

// parseSchedstat reads the content of a thread's schedstat file: the time it has run, in nanoseconds, comes first.
func parseSchedstat(content []byte) (time.Duration, error) {
	fields := strings.Fields(string(content))
	if len(fields) != 3 {
		return 0, fmt.Errorf("%d fields, want 3", len(fields))
	}
	ns, err := strconv.ParseInt(fields[0], 10, 64)
	return time.Duration(ns), err
}

// cpuOf returns the CPU time used so far by a process and its living children (a web server's workers).
func cpuOf(pid int) (time.Duration, error) {
	total, err := ownCPU(pid)
	if err != nil {
		return 0, err
	}
	for _, child := range childrenOf(pid) {
		c, err := cpuOf(child)
		if err == nil { // a child that has just ended is no fault
			total += c
		}
	}
	return total, nil
}

// ownCPU sums the threads, which the kernel counts in nanoseconds; the sum for the process comes in ticks and is used only where
// the kernel has no such files. Threads that have ended are not in it: none of the measured programs ends threads under load.
func ownCPU(pid int) (time.Duration, error) {
	var total time.Duration
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	for _, path := range threads {
		content, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		ran, err := parseSchedstat(content)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", path, err)
		}
		total += ran
	}
	if total > 0 {
		return total, nil
	}
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	own, err := parseStat(content)
	if err != nil {
		return 0, fmt.Errorf("/proc/%d/stat: %w", pid, err)
	}
	return own.cpu, nil
}

// childrenOf lists the living children of a process. Threads may each have children, so all of them are asked.
func childrenOf(pid int) []int {
	var children []int
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, list := range lists {
		content, err := os.ReadFile(list)
		if err != nil {
			continue
		}
		for _, f := range strings.Fields(string(content)) {
			if child, err := strconv.Atoi(f); err == nil {
				children = append(children, child)
			}
		}
	}
	if lists == nil || children != nil {
		return children
	}
	return childrenByParent(pid)
}

// childrenByParent finds children by looking at everybody's parent: kernels without /proc/PID/task/TID/children need it.
func childrenByParent(pid int) []int {
	var children []int
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		content, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		if st, err := parseStat(content); err == nil && st.parent == pid {
			if child, err := strconv.Atoi(filepath.Base(filepath.Dir(path))); err == nil {
				children = append(children, child)
			}
		}
	}
	return children
}

// memoryOf returns the resident memory of a process in bytes, now and at its highest.
func memoryOf(pid int) (now, peak int64, err error) {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0, err
	}
	if now, err = parseMemory(content, "VmRSS"); err != nil {
		return 0, 0, err
	}
	if peak, err = parseMemory(content, "VmHWM"); err != nil {
		peak = now // some kernels do not keep it
	}
	return now, peak, nil
}

// parseMounts returns the type of the file system that holds dir, from the content of /proc/mounts: the mount point with the
// longest path above dir, the last one when several lie over each other.
func parseMounts(mounts []byte, dir string) string {
	best, kind := -1, "unknown"
	for line := range strings.Lines(string(mounts)) {
		f := strings.Fields(line)
		if len(f) < 3 {
			continue
		}
		point := strings.ReplaceAll(f[1], `\040`, " ")
		above := point == "/" || point == dir || strings.HasPrefix(dir, point+"/")
		if above && len(point) >= best {
			best, kind = len(point), f[2]
		}
	}
	return kind
}
