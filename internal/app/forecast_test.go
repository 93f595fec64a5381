package app

import (
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/meridian-gateway/meridian/gateway"
)

// A backlog goes through quiet, a cut link, and the time after it is mended; the forecast made during the cut is held against what then is.
func TestForecast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f forecasts
		const limit = time.Minute
		owed, delivered := 0.0, 0.0
		var oldest time.Duration
		// run goes on for a time: in come and out go in a second, as far as there is anything.
		run := func(d time.Duration, in, out float64) {
			for range int(d / sampleEvery) {
				time.Sleep(sampleEvery)
				owed += in * sampleEvery.Seconds()
				gone := min(owed, out*sampleEvery.Seconds())
				owed, delivered = owed-gone, delivered+gone
				f.note("rome", sample{time.Now(), int(math.Round(owed)), int(math.Round(delivered))})
			}
		}
		look := func(down bool) *gateway.Forecast {
			t.Helper()
			c, ok := f.of("rome", sample{time.Now(), int(math.Round(owed)), int(math.Round(delivered))})
			if !ok {
				t.Fatal("nothing is known")
			}
			c.Down, c.Limit, c.Oldest = down, limit, oldest
			return gateway.Foresee(c)
		}
		near := func(what string, got, want float64) {
			t.Helper()
			if math.Abs(got-want) > max(0.02, want/50) {
				t.Errorf("%s: %v, want %v", what, got, want)
			}
		}
		if _, ok := f.of("rome", sample{at: time.Now()}); ok {
			t.Error("a forecast from nothing")
		}
		run(5*time.Minute, 10, 30) // all that comes goes
		if q := look(false); q.Trend != gateway.Steady || q.Owed != 0 || q.Limit != nil || q.Hour != 0 || q.CatchUp != nil {
			t.Errorf("%+v", q)
		}
		run(10*time.Minute, 5, 0) // the link is cut
		oldest = 30 * time.Second
		cut := look(true)
		if cut.Trend != gateway.Growing || cut.Limit == nil || cut.CatchUp == nil {
			t.Fatalf("%+v", cut)
		}
		near("in", cut.In, 5)
		near("out", cut.Out, 0)
		near("until the limit", *cut.Limit, 30)
		near("best", cut.Best, 10)
		run(time.Hour, 5, 0)
		near("owed after an hour", float64(cut.Hour), owed)
		// At the fastest that was seen, with as much coming.
		took := 0.0
		for owed > 0 {
			run(sampleEvery, 5, 10)
			took += sampleEvery.Seconds()
			if oldest = 2 * time.Hour; owed > 1000 {
				if m := look(false); *m.Limit != 0 {
					t.Fatalf("%+v", m)
				}
			}
		}
		if math.Abs(took-*cut.CatchUp) > 2*sampleEvery.Seconds() {
			t.Errorf("it took %v s, foretold were %v", took, *cut.CatchUp)
		}
		oldest = 0
		run(10*time.Minute, 4, 2) // not fast enough: the oldest ages by half a second in a second
		oldest = 50 * time.Second
		if slow := look(false); slow.Trend != gateway.Growing || slow.Limit == nil {
			t.Errorf("%+v", slow)
		} else {
			near("until the limit", *slow.Limit, 20)
		}
		run(6*time.Minute, 1, 2)
		if m := look(false); m.Trend != gateway.Shrinking || m.Limit != nil {
			t.Errorf("%+v", m)
		}
	})
}

// Looks that come too fast do not count, and an outage as old as the gateway has no best.
func TestForecastFromLittle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f forecasts
		for i := range 100 {
			f.note("rome", sample{time.Now(), i, 0})
			time.Sleep(time.Second)
		}
		if n := len(f.sites["rome"].seen); n != 10 {
			t.Errorf("%d looks", n)
		}
		c, ok := f.of("rome", sample{time.Now(), 100, 0})
		c.Down, c.Limit = true, time.Minute
		if got := gateway.Foresee(c); !ok || got.CatchUp != nil || got.Best != 0 || got.Hour < 3600 || got.Trend != gateway.Growing {
			t.Errorf("%+v", got)
		}
	})
}
