package chaos

import (
	"testing"
	"time"
)

// What grows is told from what does not, by the medians of the second and the last quarter.
func TestTrends(t *testing.T) {
	t.Parallel()
	var all []Sample
	for i := range 100 {
		all = append(all, Sample{At: time.Duration(i) * time.Second, Store: Embedded, Site: "oslo", Memory: float64(50<<20 + i<<20), Goroutines: float64(40 + i%2),
			Requests: 10 * (i + 1), Disk: float64(10 * (i + 1) * 2048)})
	}
	want := map[string]bool{"memory (MiB)": false, "goroutines": true, "store file by request (KiB)": true}
	for _, x := range Trends(all, 100*time.Second) {
		flat, known := want[x.What]
		if !known || x.Flat() != flat {
			t.Errorf("%+v: flat %v, ratio %.2f", x, x.Flat(), x.Ratio())
		}
		delete(want, x.What)
	}
	if len(want) > 0 {
		t.Errorf("not measured: %v", want)
	}
}

func TestMetric(t *testing.T) {
	t.Parallel()
	const text = "# HELP go_goroutines how many\ngo_goroutines_other 3\ngo_goroutines{network=\"a b\",site=\"oslo\"} 42\nplain 1.5e+07\n"
	for name, want := range map[string]float64{"go_goroutines": 42, "plain": 15e6} {
		if got, ok := metric(text, name); !ok || got != want {
			t.Errorf("%s is %v (%v), want %v", name, got, ok, want)
		}
	}
	if got, ok := metric(text, "go"); ok {
		t.Errorf("a metric that is not there is %v", got)
	}
}
