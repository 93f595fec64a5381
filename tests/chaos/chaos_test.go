package chaos

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/tests/harness"
)

func TestMain(m *testing.M) {
	code := m.Run()
	harness.Tidy()
	os.Exit(code)
}

// The matrix, in part: some faults of every kind, once, under all operations. With MERIDIAN_LONG=1 all of it.
func TestMatrix(t *testing.T) {
	t.Parallel()
	setups := []Setup{{Store: Embedded}, {Store: OnRedis}}
	rounds := 1
	if harness.Long() {
		setups[0].Disk = true
		setups, rounds = append(setups, Setup{Store: Embedded, Certs: true, Clock: true}), 3
	}
	for i, s := range setups {
		t.Run(fmt.Sprintf("%s %d", s.Store, i), func(t *testing.T) {
			t.Parallel()
			m := Matrix{Rounds: rounds, Hold: 400 * time.Millisecond, Patience: 90 * time.Second, Say: t.Logf, Sample: !harness.Long()}
			rows := m.Run(s, func() *World { return NewWorld(t, s) })
			for _, r := range rows {
				if !r.Good() {
					t.Errorf("%s\n%s", r.Line(), MatrixTable([]Row{r}))
				}
			}
			if len(rows) == 0 {
				t.Error("no fault was tried")
			}
		})
	}
}

// The loop of kills, in part.
func TestKills(t *testing.T) {
	t.Parallel()
	for _, store := range []string{Embedded, OnRedis} {
		t.Run(store, func(t *testing.T) {
			t.Parallel()
			n := harness.Rounds(12, 500)
			tally := Kills{Kills: n, Round: min(n, 60), Patience: 2 * time.Minute, Say: t.Logf}.Run(NewWorld(t, Setup{Store: store}))
			for _, v := range tally.Violations {
				t.Error(v)
			}
			if tally.Slow() || tally.Killed < n || tally.Writes[Acked] < n {
				t.Errorf("%d kills\n%s", tally.Killed, tally.Table())
			}
		})
	}
}
