package cli

import (
	"context"
	"strings"
	"testing"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

// Doubts lists what there is.
func (e *engine) Doubts(context.Context, request.ID, int) ([]store.Record, error) {
	return e.list, e.err
}

func TestDoubts(t *testing.T) {
	t.Parallel()
	e := &engine{}
	run := serve(t, e)
	if code, out, _ := run("", "doubts", "list"); code != 0 || out != "Nothing is in doubt.\n" {
		t.Errorf("%d %q", code, out)
	}
	if code, out, _ := run("", "doubts", "show", "17"); code != 0 || !strings.Contains(out, "Nothing of the request is in doubt") {
		t.Errorf("%d %q", code, out)
	}
	entry := request.Entry{Role: request.Creating, Owner: "chicago", Doubt: &request.Doubt{Reason: "the answer was lost", Since: nine()},
		Intent: &request.Intent{Kind: request.Create, Op: "op-1", Version: at(1, 1, "chicago"), Sent: nine()}}
	e.look = always(entry)
	e.list = []store.Record{e.look(1)}
	code, out, _ := run("", "doubts", "list")
	if want := string(gid) + " tickets chicago create 2026-03-01 09:00:00Z op-1 not looked for yet"; code != 0 || !strings.Contains(squeezed(out), want) {
		t.Errorf("%d %s", code, out)
	}
	code, out, _ = run("", "doubts", "show", "17")
	for _, want := range []string{"doing create of version 1.1", "why the answer was lost", "meridian doubts adopt " + string(gid) + " LOCALID --site chicago",
		"meridian doubts retry " + string(gid) + " --site chicago", "meridian doubts abandon " + string(gid) + " --site chicago the request is forgotten"} {
		if code != 0 || !strings.Contains(squeezed(out), want) {
			t.Errorf("%d: no %q in %s", code, want, out)
		}
	}
	for _, args := range [][]string{{"adopt", "17", "9"}, {"retry", "17"}, {"retry", "17", "--force"}, {"abandon", "17"}} {
		if code, out, errs := run("", append([]string{"doubts"}, args...)...); code != 0 || out != string(gid)+" is settled.\n" {
			t.Errorf("%v: %d %q %q", args, code, out, errs)
		}
	}
	for _, args := range [][]string{{"adopt", "17"}, {"retry"}, {"abandon", "17", "--force"}} {
		if code, _, _ := run("", append([]string{"doubts"}, args...)...); code != Misused {
			t.Errorf("%v: %d", args, code)
		}
	}
}
