package fieldnpm

import (
	"testing"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// The profiles say what the servers do: compared with them, nothing differs, and the record that was made for it is gone afterwards.
func TestProbe(t *testing.T) {
	each(t, func(t *testing.T, kind string) {
		w := pair(t, kind, everywhere)
		w.put("oslo", first(subject("probed")))
		out, code := harness.CLI(t, w.At("oslo").Env(), "check", w.Path(), "--probe", "oslo", "--write")
		if code != 0 {
			t.Errorf("exit %d\n%s", code, out)
		}
		if all, err := w.apis["oslo"].Records(); err != nil || len(all) != 1 {
			t.Errorf("there are %d records afterwards, want 1: %v", len(all), err)
		}
	})
}
