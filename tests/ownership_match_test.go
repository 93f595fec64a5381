package tests

import (
	"fmt"
	"testing"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// matching pairs by the business key number, in each of the three ways, for copies and for transfers.
const matching = `- {name: copy-error, on: [create], at: [oslo], when: kind == "copy-error", copy: {to: rome, match: [number]}}
- {name: copy-overwrite, on: [create], at: [oslo], when: kind == "copy-overwrite", copy: {to: rome, match: [number], duplicate: overwrite}}
- {name: copy-create, on: [create], at: [oslo], when: kind == "copy-create", copy: {to: rome, match: [number], duplicate: create}}
- {name: move-error, on: [create], at: [oslo], when: kind == "move-error", transfer: {to: rome, forward: later, match: [number]}}
- {name: move-overwrite, on: [create], at: [oslo], when: kind == "move-overwrite", transfer: {to: rome, forward: later, match: [number], duplicate: overwrite}}
`

// A record of the same matter is at the target already.
func TestOwnershipMatch(t *testing.T) {
	t.Parallel()
	n := harness.Start(t, harness.Network{Sites: harness.Fakes(t, "oslo", "rome"), Routes: matching})
	oslo, rome := n.At("oslo"), n.At("rome")
	enter := func(kind string) (name, number, theirs string, made harness.Answer) {
		name, number = subject("matched by "+kind), fmt.Sprintf("N-%s", kind)
		theirs = rome.Fake().Put("tickets", map[string]any{"subject": "from before " + kind, "number": number, "room": "7"})
		made = oslo.Create("/tickets", ticket(name, fmt.Sprintf(`"number":%q,"kind":%q`, number, kind))).Want(201)
		return name, number, theirs, made
	}
	wantCount := func(number string, want int) []harness.Record {
		t.Helper()
		hits, err := rome.Find("number", number)
		if err != nil || len(hits) != want {
			t.Errorf("Rome has %d records with number %s, want %d: %v (%v)", len(hits), number, want, hits, err)
		}
		return hits
	}

	// overwrite: the record that is there becomes the copy, and keeps what the request does not say.
	name, number, theirs, made := enter("copy-overwrite")
	if rec := rome.WantCopy(name, soon, map[string]any{"status": "open"}); rec.ID() != theirs {
		t.Errorf("the copy is record %s, want %s", rec.ID(), theirs)
	}
	wantCount(number, 1)
	rome.Patch("/tickets/"+theirs, `{"n":1}`).Want(200).WantReceipt("oslo")
	n.WantOwner(made.Request(), "oslo", soon)
	oslo.WantCopy(name, soon, map[string]any{"n": 1})

	// create: another one beside it.
	name, number, theirs, _ = enter("copy-create")
	if rec := rome.WantCopy(name, soon, nil); rec.ID() == theirs {
		t.Error("the copy is the record that was there")
	}
	wantCount(number, 2)

	// error: the delivery is parked, tells why, and touches nothing; when the cause is gone it can be repeated.
	name, number, theirs, made = enter("copy-error")
	h := oslo.WantHealth("the delivery is parked", soon, func(h harness.Health) bool { return h.To("rome").Parked == 1 })
	if h.State != "degraded" {
		t.Errorf("health is %s", h.State)
	}
	if hit := wantCount(number, 1); len(hit) == 1 && hit[0]["subject"] == name {
		t.Error("the record that was there was changed")
	}
	if list, err := oslo.Deliveries("parked"); err != nil || len(list) != 1 || list[0].Request != made.Request() || list[0].Cause == "" {
		t.Errorf("parked deliveries: %+v (%v)", list, err)
	}
	rome.Fake().Remove("tickets", theirs)
	if out, code := oslo.CLI("deliveries", "retry", made.Request()); code != 0 {
		t.Errorf("retry: exit %d\n%s", code, out)
	}
	rome.WantCopy(name, soon, nil)
	n.Settled(soon)

	// The same for transfers: with error the owner stays, the transfer is parked and tells why; ordered again it works.
	name, number, theirs, made = enter("move-error")
	x := oslo.WantTransfer(made.Request(), "parked", soon)
	if x.Cause == "" || x.To != "rome" || x.Route != "move-error" {
		t.Errorf("the parked transfer is %+v", x)
	}
	oslo.WantHealth("a transfer is parked", soon, func(h harness.Health) bool { return h.State == "degraded" && h.Transfers.Parked == 1 })
	wantCount(number, 1)
	oslo.Patch("/tickets/"+made.ID(), `{"n":1}`).Want(200).WantReceipt("oslo")
	rome.Fake().Remove("tickets", theirs)
	oslo.Transfer(made.Request(), "rome", "ownership").Want(202)
	n.WantOwner(made.Request(), "rome", soon)
	n.WantSame(name, soon, "oslo", "rome")

	name, number, theirs, made = enter("move-overwrite")
	n.WantOwner(made.Request(), "rome", soon)
	if rec := rome.WantCopy(name, soon, nil); rec.ID() != theirs {
		t.Errorf("Rome owns it as record %s, want %s", rec.ID(), theirs)
	}
	wantCount(number, 1)
	rome.Patch("/tickets/"+theirs, `{"n":2}`).Want(200).WantReceipt("rome")
	oslo.WantCopy(name, soon, map[string]any{"n": 2})
	oslo.WantHealth("nothing is parked any more", soon, func(h harness.Health) bool { return h.State == "ok" })
}
