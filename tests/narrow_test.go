package tests

import (
	"fmt"
	"testing"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// narrow is a json-server of which only some fields are known, one of them short.
type narrow struct{ *harness.JSONServer }

func (narrow) Profile() string {
	return harness.RestProfile + `    others: drop
    fields:
      subject: /title
      status: {at: /state, values: {open: 1, waiting: 1, closed: 2}}
      summary: {at: /brief, max_length: 10, too_long: truncate}
`
}

// A request that goes to a site which holds less of it, is owned and changed there and comes back has lost nothing on the way.
func TestNothingIsLostAtANarrowSite(t *testing.T) {
	t.Parallel()
	n := harness.Start(t, harness.Network{Sites: []harness.Site{{Name: "oslo", API: harness.NewJSONServer(t, 0)},
		{Name: "rome", API: narrow{harness.NewJSONServer(t, 0)}}}, Routes: everywhere})
	made := n.At("oslo").Create("/tickets", `{"subject":"lamp","status":"waiting","summary":"longer than ten characters","priority":3,"parts":["bulb"]}`).Want(201)
	at := func(site, what string, want map[string]any) harness.Record {
		t.Helper()
		var rec harness.Record
		harness.Eventually(t, soon, what+" at "+site, func() error {
			records, err := n.At(site).API().Records()
			if err != nil || len(records) != 1 {
				return fmt.Errorf("%d records (%v)", len(records), err)
			}
			rec = records[0]
			return rec.Fields(want)
		})
		return rec
	}
	copied := at("rome", "the copy", map[string]any{"title": "lamp", "state": 1, "brief": "longer tha", "priority": nil, "parts": nil})
	if out, code := n.At("oslo").CLI("transfer", made.ID(), "--to", "rome", "--wait", "15s"); code != 0 {
		t.Fatalf("transfer: exit %d\n%s", code, out)
	}
	n.At("rome").Patch("/tickets/"+copied.ID(), `{"title":"lamp, green","shelf":"B4"}`).Want(200).WantReceipt("rome")
	all := map[string]any{"subject": "lamp, green", "status": "waiting", "summary": "longer than ten characters", "priority": 3, "shelf": nil}
	at("oslo", "changed at the narrow owner", all)
	at("rome", "its own member", map[string]any{"title": "lamp, green", "shelf": "B4", "state": 1})
	if out, code := n.At("rome").CLI("return", copied.ID(), "--wait", "15s"); code != 0 {
		t.Fatalf("return: exit %d\n%s", code, out)
	}
	n.At("rome").Patch("/tickets/"+copied.ID(), `{"state":2}`).Want(200).WantReceipt("oslo")
	all["status"] = "closed"
	at("oslo", "closed at the narrow copy", all)
	if out, code := n.At("oslo").CLI("verify"); code != 0 {
		t.Errorf("verify: exit %d\n%s", code, out)
	}
}
