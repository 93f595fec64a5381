package chaos

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// Sample is what one gateway and its store take at a moment.
type Sample struct {
	At          time.Duration // since the soak began
	Store, Site string
	// Memory is resident, in bytes; Disk and RedisMemory are what the store takes.
	Memory, Disk, RedisMemory float64
	Goroutines, Files, Keys   float64
	Requests                  int // made so far, in the whole network
	InUse                     float64
	Written, Faults           int
}

// sample asks a gateway and its store; ok=false while they do not answer.
func (w *World) sample(site string) (s Sample, ok bool) {
	s.Store, s.Site = w.Store, site
	text, err := harness.GetRaw(w.Net.At(site).Admin("/metrics"))
	if err != nil {
		return s, false
	}
	for name, to := range map[string]*float64{"process_resident_memory_bytes": &s.Memory, "go_goroutines": &s.Goroutines, "process_open_fds": &s.Files,
		"go_memstats_heap_alloc_bytes": &s.InUse} {
		v, known := metric(string(text), name)
		if !known {
			return s, false
		}
		*to = v
	}
	if r := w.Redis[site]; r != nil {
		keys, err := r.Do("DBSIZE")
		if err != nil {
			return s, false
		}
		s.Keys, _ = strconv.ParseFloat(keys, 64)
		memory, err := r.Info("used_memory")
		s.RedisMemory = float64(memory)
		return s, err == nil
	}
	s.Disk = float64(sizeOf(filepath.Join(filepath.Dir(w.Net.Path()), "store-"+site)))
	return s, true
}

// metric is a value in the text of /metrics, of a metric that has one value.
func metric(text, name string) (float64, bool) {
	for line := range strings.Lines(text) {
		rest, ok := strings.CutPrefix(line, name)
		if !ok || rest[0] != ' ' && rest[0] != '{' {
			continue
		}
		words := strings.Fields(rest)
		v, err := strconv.ParseFloat(words[len(words)-1], 64)
		return v, err == nil
	}
	return 0, false
}

// sizeOf is how much the files below a folder take.
func sizeOf(dir string) (n int64) {
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil //nolint:nilerr // a file that has just gone takes nothing
		}
		if info, err := d.Info(); err == nil && !d.IsDir() {
			n += info.Size()
		}
		return nil
	})
	return n
}

// Trend is how something went: its medians in the second and in the last quarter of the time.
type Trend struct {
	Store, Site, What string
	Second, Last      float64
	// Limit is the ratio up to which it counts as flat.
	Limit float64
}

// Ratio is how it grew.
func (t Trend) Ratio() float64 {
	if t.Second == 0 {
		return 1
	}
	return t.Last / t.Second
}

// Flat reports whether it did not grow.
func (t Trend) Flat() bool { return t.Ratio() <= t.Limit }

// measures are what is looked at, with the ratio up to which it is flat. What a ledger keeps of every request is taken by request.
func measures() []struct {
	what  string
	limit float64
	of    func(Sample) float64
} {
	return []struct {
		what  string
		limit float64
		of    func(Sample) float64
	}{
		{"memory (MiB)", 1.25, func(s Sample) float64 { return s.Memory / (1 << 20) }},
		{"goroutines", 1.25, func(s Sample) float64 { return s.Goroutines }},
		{"open files", 1.25, func(s Sample) float64 { return s.Files }},
		{"store file by request (KiB)", 1.15, func(s Sample) float64 { return by(s, s.Disk/1024) }},
		{"Redis keys by request", 1.15, func(s Sample) float64 { return by(s, s.Keys) }},
		{"Redis memory by request (KiB)", 1.15, func(s Sample) float64 { return by(s, s.RedisMemory/1024) }},
	}
}

func by(s Sample, v float64) float64 { return v / float64(max(s.Requests, 1)) }

// Trends compares the second quarter of a time with the last one, for each gateway.
func Trends(all []Sample, took time.Duration) (out []Trend) {
	groups := make(map[[2]string][]Sample)
	for _, s := range all {
		groups[[2]string{s.Store, s.Site}] = append(groups[[2]string{s.Store, s.Site}], s)
	}
	for _, m := range measures() {
		for _, store := range []string{Embedded, OnRedis} {
			for _, site := range []string{"oslo", "rome", "paris"} {
				list := groups[[2]string{store, site}]
				t := Trend{Store: store, Site: site, What: m.what, Limit: m.limit}
				t.Second = median(list, m.of, func(s Sample) bool { return s.At >= took/4 && s.At < took/2 })
				t.Last = median(list, m.of, func(s Sample) bool { return s.At >= took*3/4 })
				if t.Second > 0 || t.Last > 0 {
					out = append(out, t)
				}
			}
		}
	}
	return out
}

func median(all []Sample, of func(Sample) float64, in func(Sample) bool) float64 {
	var values []float64
	for _, s := range all {
		if in(s) {
			values = append(values, of(s))
		}
	}
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	return values[len(values)/2]
}

// TrendTable is trends for people.
func TrendTable(all []Trend) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-31s %-9s %-6s %11s %11s %7s  %s\n", "median of", "store", "site", "2nd quarter", "last", "ratio", "")
	for _, t := range all {
		word := "flat"
		if !t.Flat() {
			word = fmt.Sprintf("GROWS (limit %.2f)", t.Limit)
		}
		fmt.Fprintf(&b, "%-31s %-9s %-6s %11.2f %11.2f %7.2f  %s\n", t.What, t.Store, t.Site, t.Second, t.Last, t.Ratio(), word)
	}
	return b.String()
}

// CSVHead names the columns of [Sample.CSV].
const CSVHead = "seconds,store,site,memory_bytes,heap_bytes,goroutines,open_files,store_bytes,redis_keys,redis_bytes,requests,commits,faults"

// CSV is a sample as a line.
func (s Sample) CSV() string {
	return fmt.Sprintf("%.0f,%s,%s,%.0f,%.0f,%.0f,%.0f,%.0f,%.0f,%.0f,%d,%d,%d", s.At.Seconds(), s.Store, s.Site, s.Memory, s.InUse, s.Goroutines,
		s.Files, s.Disk, s.Keys, s.RedisMemory, s.Requests, s.Written, s.Faults)
}
