package replicate

import (
	"slices"
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

func claimed(pool string, n int) []store.Claimed {
	out := make([]store.Claimed, n)
	for i := range out {
		out[i].Pool = pool
		out[i].State = request.InFlight
	}
	return out
}

func TestPools(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	p := newPools(map[string]Pool{"bulk": {Parallel: 2, Rate: 4, Priority: "low"}, "urgent": {Priority: "high"}})
	in, out := p.admit(append(claimed("bulk", 5), claimed("", 3)...), now)
	if len(in) != 5 || len(out) != 3 {
		t.Fatalf("%d in, %d out", len(in), len(out))
	}
	if shut := p.shut(now, "low"); !slices.Equal(shut, []string{"bulk"}) {
		t.Errorf("shut %v", shut)
	}
	p.leave(in)
	if in, _ = p.admit(claimed("bulk", 5), now); len(in) != 2 { // two of four tokens are left
		t.Errorf("%d in", len(in))
	}
	p.leave(in)
	if in, _ = p.admit(claimed("bulk", 5), now); len(in) != 0 {
		t.Errorf("%d in without tokens", len(in))
	}
	if in, _ = p.admit(claimed("bulk", 5), now.Add(250*time.Millisecond)); len(in) != 1 {
		t.Errorf("%d in after a quarter of a second", len(in))
	}
	if got := p.ranks(); !slices.Equal(got, []string{"high", "normal", "low"}) {
		t.Errorf("ranks %v", got)
	}
	high, normal := p.shut(now, "high"), p.shut(now, "normal")
	slices.Sort(high)
	if !slices.Equal(high, []string{"", "bulk"}) || !slices.Equal(normal, []string{"bulk"}) {
		t.Errorf("for high %v, for normal %v", high, normal)
	}
	if got := newPools(nil).ranks(); !slices.Equal(got, []string{"low"}) {
		t.Errorf("without pools %v", got)
	}
}
