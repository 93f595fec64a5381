package replicate

import (
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/request"
)

func whats(marks []request.Mark) []request.What {
	var out []request.What
	for _, m := range marks {
		out = append(out, m.What)
	}
	return out
}

// What a commit did is told by the difference of the entries alone.
func TestMarks(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	v := func(num, seq uint64, site request.Site) request.Version {
		return request.Version{Epoch: request.Epoch{Num: num, Site: site}, Seq: seq}
	}
	sent := now.Add(-250 * time.Millisecond)
	snapshot := &request.Snapshot{Owner: "paris", At: now.Add(-2 * time.Second), Terms: request.Terms{Route: "kb"}}
	removal := &request.Snapshot{Owner: "paris", At: now, Terms: request.Terms{Mode: request.Remove}}
	owned := request.Entry{ID: "a", Role: request.Owner, Owner: "oslo", Version: v(1, 1, "oslo")}
	change := func(e request.Entry, f func(*request.Entry)) request.Entry { f(&e); return e }
	with := func(in request.Intent) request.Entry {
		return change(owned, func(e *request.Entry) { e.Intent = &in })
	}
	granting := change(owned, func(e *request.Entry) {
		e.Role, e.Owner, e.Grant = request.Granting, "paris", &request.Grant{To: "paris", At: now.Add(-time.Second)}
	})
	for name, c := range map[string]struct {
		was, is request.Entry
		want    []request.Mark
	}{
		"created": {change(request.Entry{ID: "a", Role: request.Creating, Intent: &request.Intent{Kind: request.Create, Op: "o", Version: v(1, 1, "oslo"), Sent: sent, Entry: "rome"}}, func(*request.Entry) {}),
			owned, []request.Mark{{At: now, What: request.MarkCreated, Version: v(1, 1, "oslo"), Op: "o", From: "rome", Took: 0.25}}},
		"updated": {with(request.Intent{Kind: request.Update, Op: "o", Version: v(1, 2, "oslo"), Sent: sent}), change(owned, func(e *request.Entry) { e.Version = v(1, 2, "oslo") }),
			[]request.Mark{{At: now, What: request.MarkUpdated, Version: v(1, 2, "oslo"), Op: "o", Took: 0.25}}},
		"a write that did not happen": {with(request.Intent{Kind: request.Update, Op: "o", Version: v(1, 2, "oslo"), Sent: sent}), owned, nil},
		"applied": {request.Entry{ID: "a", Role: request.Copy, Intent: &request.Intent{Kind: request.Apply, Version: v(1, 4, "paris"), Snapshot: snapshot}},
			request.Entry{ID: "a", Role: request.Copy, Version: v(1, 4, "paris")}, []request.Mark{{At: now, What: request.MarkApplied, Version: v(1, 4, "paris"), From: "paris", Route: "kb", Took: 2}}},
		"removed": {request.Entry{ID: "a", Role: request.Copy, Intent: &request.Intent{Kind: request.Apply, Version: v(1, 4, "paris"), Snapshot: removal}},
			request.Entry{ID: "a", Role: request.Away, Version: v(1, 4, "paris")}, []request.Mark{{At: now, What: request.MarkRemoved, Version: v(1, 4, "paris"), From: "paris"}}},
		"planned": {owned, change(owned, func(e *request.Entry) { e.Plan = &request.Plan{To: "paris", By: "ann"} }),
			[]request.Mark{{At: now, What: request.MarkPlanned, Version: v(1, 1, "oslo"), To: "paris", By: "ann"}}},
		"released": {owned, granting, []request.Mark{{At: now, What: request.MarkReleased, Version: v(1, 1, "oslo"), To: "paris"}}},
		"handed over": {granting, change(owned, func(e *request.Entry) { e.Role, e.Owner = request.Copy, "paris" }),
			[]request.Mark{{At: now, What: request.MarkHanded, Version: v(1, 1, "oslo"), To: "paris", Took: 1}}},
		"declined": {granting, change(owned, func(e *request.Entry) { e.Version = v(3, 0, "oslo"); e.Plan = &request.Plan{To: "paris", Cause: "no"} }),
			[]request.Mark{{At: now, What: request.MarkResumed, Version: v(3, 0, "oslo"), To: "paris", Took: 1, Note: "no"}}},
		"reclaimed": {request.Entry{ID: "a", Role: request.Copy, Owner: "paris", Version: v(2, 2, "paris")},
			request.Entry{ID: "a", Role: request.Owner, Owner: "oslo", Version: v(3, 0, "oslo"), Forces: []request.Force{{By: "ann", Reason: "flood"}}},
			[]request.Mark{{At: now, What: request.MarkReclaimed, Version: v(3, 0, "oslo"), From: "paris", By: "ann", Note: "flood"}}},
		"changed behind the gateway": {owned, change(owned, func(e *request.Entry) { e.Version = v(1, 2, "oslo") }),
			[]request.Mark{{At: now, What: request.MarkNoticed, Version: v(1, 2, "oslo")}}},
		"in doubt": {with(request.Intent{Kind: request.Update, Op: "o"}), change(with(request.Intent{Kind: request.Update, Op: "o"}), func(e *request.Entry) {
			e.Doubt = &request.Doubt{Op: "o", Reason: "nobody knows"}
		}), []request.Mark{{At: now, What: request.MarkDoubted, Op: "o", Note: "nobody knows"}}},
		"begun": {owned, with(request.Intent{Kind: request.Update, Op: "o", Version: v(1, 2, "oslo")}), nil},
	} {
		t.Run(name, func(t *testing.T) {
			got := marksOf(c.was, c.is, now)
			if len(got) != len(c.want) {
				t.Fatalf("%v, want %v", whats(got), whats(c.want))
			}
			for i := range got {
				if got[i] != c.want[i] {
					t.Errorf("%+v\nwant %+v", got[i], c.want[i])
				}
			}
		})
	}
}

// A trail keeps how it began and what was last, and shares nothing with the one before.
func TestTrailIsBounded(t *testing.T) {
	t.Parallel()
	var trail []request.Mark
	for i := range 100 {
		before := trail
		trail = request.Followed(trail, []request.Mark{{Took: float64(i)}})
		if i > 0 && before[0].Took != 0 {
			t.Fatal("the trail before was changed")
		}
	}
	if len(trail) != 32 || trail[3].Took != 3 || trail[4].Took != 72 || trail[31].Took != 99 {
		t.Fatalf("%d marks: %v", len(trail), trail)
	}
}
