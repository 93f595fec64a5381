package gateway

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

// Doubts lists what the operator's record is, when that is in doubt.
func (o *operator) Doubts(context.Context, request.ID, int) ([]store.Record, error) {
	if o.record.Entry.Doubt == nil {
		return nil, o.err
	}
	return []store.Record{o.record}, o.err
}

func TestDoubts(t *testing.T) {
	t.Parallel()
	o := newOperator()
	h := NewAdmin(AdminOptions{Network: "furniture", Site: "chicago", Operator: o, Watcher: o})
	if code, text := ask(h, "GET", "/api/v1/doubts", ""); code != 200 || strings.TrimSpace(text) != `{"doubts":[],"after":""}` {
		t.Errorf("nothing in doubt: %d %s", code, text)
	}
	e := &o.record.Entry
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	e.Intent = &request.Intent{Kind: request.Create, Op: "op", Version: at(1), Sent: now}
	e.Doubt = &request.Doubt{Op: "op", Kind: request.Create, Reason: "its answer was lost", Since: now}
	kid := &request.ChildWrite{Collection: "comments"}
	for _, x := range []struct {
		change  func()
		doing   string
		actions int
		command string
	}{
		{func() {}, "create", 3, "meridian doubts adopt " + string(gid) + " LOCALID --site chicago"},
		{func() { e.Doubt.Looked, e.Doubt.Candidates = now, []string{"17"} }, "create", 3, "meridian doubts adopt " + string(gid) + " 17 --site chicago"},
		{func() { e.Intent.Child = kid }, "child", 3, ""},
		{func() {
			e.Intent.Child, e.Intent.Snapshot = nil, &request.Snapshot{Terms: request.Terms{Route: "chairs"}}
		}, "copy", 3, ""},
		{func() { e.Intent.Accept = &request.Handover{} }, "hand-over", 2, ""},
	} {
		x.change()
		for _, path := range []string{"/api/v1/doubts", "/api/v1/doubts?request=tokyo:a%2F1"} {
			code, text := ask(h, "GET", path, "")
			var got doubtList
			if err := json.Unmarshal([]byte(text), &got); code != 200 || err != nil || len(got.Doubts) != 1 {
				t.Fatalf("%d %v %s", code, err, text)
			}
			d := got.Doubts[0]
			if d.Doing != x.doing || len(d.Actions) != x.actions || x.command != "" && d.Actions[0].Command != x.command || strings.Contains(text, "s3cr3t") {
				t.Errorf("%s: %s", x.doing, text)
			}
		}
	}
	if code, _ := ask(h, "GET", "/api/v1/doubts?request=nobody", ""); code != 404 {
		t.Errorf("no such request: %d", code)
	}
	if code, _ := ask(h, "POST", "/api/v1/requests/tokyo:a%2F1/settle", `{"retry":true,"force":true}`); code != 200 || !o.settled.Retry || !o.settled.Force {
		t.Errorf("%d %+v", code, o.settled)
	}
}
