package schedule

import (
	"testing"
	"time"
)

func FuzzCron(f *testing.F) {
	for _, s := range []string{"0 18 * * MON-FRI", "*/15 8-17 1,15 * *", "@daily", "0 0 29 2 *", "5/20 * * JAN-MAR 7"} {
		f.Add(s, int64(1_770_000_000))
	}
	loc := zone(f, "Australia/Lord_Howe")
	f.Fuzz(func(t *testing.T, s string, unix int64) {
		c, err := ParseCron(s)
		if err != nil {
			return
		}
		now := time.Unix(unix%4_000_000_000, 0)
		if at, ok := c.Next(now, loc, nil); ok && !at.After(now) {
			t.Errorf("%q: %s is not after %s", s, at, now)
		}
	})
}

func FuzzHours(f *testing.F) {
	f.Add("mon-fri", "09:00-17:00", int64(1_770_000_000))
	f.Add("sat", "22:00-06:00, 07:00-08:00", int64(1_790_000_000))
	loc := zone(f, "Europe/Dublin")
	f.Fuzz(func(t *testing.T, days, spans string, unix int64) {
		c, err := NewCalendar(map[string]string{days: spans}, nil, loc)
		if err != nil {
			return
		}
		now := time.Unix(unix%4_000_000_000, 0)
		o, ok := c.NextOpen(now)
		if ok && (!o.After(now) || !c.Open(o)) {
			t.Errorf("%s %s: opens at %s", days, spans, o)
		}
		if x, ok := c.NextClose(now); ok && (!x.After(now) || c.Open(x)) {
			t.Errorf("%s %s: closes at %s", days, spans, x)
		}
	})
}
