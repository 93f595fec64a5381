package tests

import (
	"fmt"
	"testing"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// Mode data, whether as a copy or as a transfer, leaves the owner where it is; the copy cannot be changed on its own, only through
// the owner.
func TestOwnershipDataMode(t *testing.T) {
	t.Parallel()
	n := harness.Start(t, harness.Network{Sites: []harness.Site{
		{Name: "oslo", API: harness.NewJSONServer(t, 0)}, {Name: "rome", API: harness.NewJSONServer(t, 1)},
	}, Routes: `
- {name: as-transfer, on: [create], at: [oslo], when: kind == "transfer", transfer: {to: rome, mode: data}}
- {name: as-copy, on: [create], at: [oslo], when: kind == "copy", copy: {to: rome, mode: data}}
`})
	oslo, rome := n.At("oslo"), n.At("rome")
	for _, kind := range []string{"transfer", "copy"} {
		name := subject("data by " + kind)
		made := oslo.Create("/tickets", ticket(name, fmt.Sprintf(`"kind":%q`, kind))).Want(201).WantReceipt("oslo")
		if got := made.Header.Get("Meridian-Intended-Owner"); got != "" {
			t.Errorf("%s: a copy has the intended owner %q", kind, got)
		}
		copied := rome.WantCopy(name, soon, nil)
		done := rome.Patch("/tickets/"+copied.ID(), `{"n":1}`).Want(200).WantReceipt("oslo")
		if _, seq := done.Version(); seq != 2 {
			t.Errorf("%s: the write at the copy is version %s", kind, done.Header.Get("Meridian-Version"))
		}
		n.WantSame(name, soon, "oslo", "rome")
		n.WantOwner(made.Request(), "oslo", soon)
	}
}

// An independent copy is a plain record: nothing follows it, nothing is said of it, and it can be changed and deleted on its own.
func TestOwnershipIndependentCopy(t *testing.T) {
	t.Parallel()
	n := harness.Start(t, harness.Network{Sites: harness.Fakes(t, "oslo", "rome"), Routes: `
- {name: apart, on: [create], at: [oslo], copy: {to: rome, mode: independent}}
`})
	oslo, rome := n.At("oslo"), n.At("rome")
	name := subject("independent")
	made := oslo.Create("/tickets", ticket(name, `"n":0`)).Want(201).WantReceipt("oslo")
	apart := rome.WantCopy(name, soon, map[string]any{"n": 0})
	n.Settled(soon)
	if len(made.Copies()) != 0 {
		t.Errorf("the receipt names %v", made.Copies())
	}
	read := rome.Get("/tickets/" + apart.ID()).Want(200)
	if read.Request() != "" || read.Owner() != "" {
		t.Errorf("an independent copy has the receipt %v", read.Header)
	}
	oslo.Patch("/tickets/"+made.ID(), `{"n":1}`).Want(200)
	mine := rome.Patch("/tickets/"+apart.ID(), `{"n":2}`).Want(200)
	if mine.Request() == made.Request() {
		t.Error("a write of the independent copy is one of the request")
	}
	n.Settled(soon)
	oslo.WantCopy(name, soon, map[string]any{"n": 1})
	rome.WantCopy(name, soon, map[string]any{"n": 2})
	oslo.Delete("/tickets/"+made.ID()).Want(200, 204)
	n.Settled(soon)
	rome.WantCopy(name, soon, map[string]any{"n": 2})
	rome.Delete("/tickets/"+apart.ID()).Want(200, 204)
	rome.WantNone(name, soon)
}

// Mode move, on create, on update and by hand: the target owns, the source's record goes, and only after the target has it. By the
// target's id the request is still found at the source.
func TestOwnershipMove(t *testing.T) {
	t.Parallel()
	n := harness.Start(t, harness.Network{Sites: harness.Fakes(t, "oslo", "rome"), Routes: `
- {name: move-new, on: [create], at: [oslo], when: kind == "new", transfer: {to: rome, mode: move, forward: later}}
- {name: move-old, on: [update], at: [oslo], when: kind == "old", transfer: {to: rome, mode: move}}
`})
	oslo, rome := n.At("oslo"), n.At("rome")
	for _, how := range []string{"create", "update", "hand"} {
		name := subject("moved on " + how)
		body := map[string]string{"create": `"kind":"new"`}[how]
		made := oslo.Create("/tickets", ticket(name, body)).Want(201).WantReceipt("oslo")
		switch how {
		case "update":
			oslo.Patch("/tickets/"+made.ID(), `{"kind":"old"}`).Want(200)
		case "hand":
			oslo.Transfer(made.Request(), "rome", "move").Want(202)
		}
		rec := rome.WantCopy(name, soon, nil)
		oslo.WantNone(name, soon)
		n.WantOwner(made.Request(), "rome", soon)
		n.Settled(soon)
		wantGoneAfter(t, oslo, rome, name, made.ID())
		oslo.Get("/tickets/" + made.ID()).Want(404)
		oslo.Patch("/tickets/"+made.ID(), `{"n":1}`).Want(404)
		rome.Patch("/tickets/"+rec.ID(), `{"n":2}`).Want(200).WantReceipt("rome")
		n.Settled(soon)
		oslo.WantNone(name, soon)
		// What has moved away comes back whole when it is returned.
		rome.Command(made.Request(), "return", "").Want(202)
		n.WantOwner(made.Request(), "oslo", soon)
		oslo.WantCopy(name, soon, map[string]any{"n": 2})
	}
}

// wantGoneAfter wants the record of a name to have been deleted at the source only after the target's API had made it.
func wantGoneAfter(t *testing.T, source, target *harness.Gateway, name, id string) {
	t.Helper()
	var made []harness.Entry
	for _, e := range target.Fake().Commits("") {
		if rec, err := harness.ParseRecord(e.Body); err == nil && rec["subject"] == name {
			made = append(made, e)
		}
	}
	for _, e := range source.Fake().Commits("DELETE") {
		if e.ID == id && (len(made) == 0 || e.At.Before(made[0].At)) {
			t.Errorf("%s was deleted at %s at %v; %s has it since %v", name, source.Name, e.At, target.Name, made)
		}
	}
}

// Archiving takes the records of all holders away but for those that are kept, and gives the request to the archive.
func TestOwnershipArchive(t *testing.T) {
	t.Parallel()
	n := harness.Start(t, harness.Network{Sites: harness.Fakes(t, "oslo", "rome", "legal", "vault"), Routes: `
- {name: spread, on: [create], at: [oslo], copy: {to: [rome, legal]}}
- {name: shelve, on: [update], when: status == "closed", archive: {to: vault, keep: [legal]}}
- {name: bury, on: [update], when: status == "buried", archive: {to: vault}}
`})
	oslo, rome, legal, vault := n.At("oslo"), n.At("rome"), n.At("legal"), n.At("vault")
	for _, status := range []string{"closed", "buried"} {
		name := subject("archived " + status)
		made := oslo.Create("/tickets", ticket(name, `"n":0`)).Want(201)
		rome.WantCopy(name, soon, nil)
		kept := legal.WantCopy(name, soon, nil)
		rome.Patch("/tickets/oslo:"+made.ID(), fmt.Sprintf(`{"status":%q,"n":1}`, status)).Want(200)
		n.WantOwner(made.Request(), "vault", soon)
		stored := vault.WantCopy(name, soon, map[string]any{"status": status, "n": 1})
		oslo.WantNone(name, soon)
		rome.WantNone(name, soon)
		wantGoneAfter(t, oslo, vault, name, made.ID())
		if status == "closed" {
			n.WantSame(name, soon, "vault", "legal")
			legal.Get("/tickets/" + kept.ID()).Want(200).WantReceipt("vault")
			legal.Patch("/tickets/"+kept.ID(), `{"n":2}`).Want(200).WantReceipt("vault")
			n.WantSame(name, soon, "vault", "legal")
		} else {
			legal.WantNone(name, soon)
		}
		vault.Patch("/tickets/"+stored.ID(), `{"n":3}`).Want(200)
		n.Settled(soon)
		oslo.WantNone(name, soon)
		rome.WantNone(name, soon)
	}
}

// on_delete says per route what a deletion does to a copy: with cascade it goes, with keep it stays as a plain record.
func TestOwnershipOnDelete(t *testing.T) {
	t.Parallel()
	n := harness.Start(t, harness.Network{Sites: harness.Fakes(t, "oslo", "rome", "paris"), Routes: `
- {name: keeps, on: [create], at: [oslo], copy: {to: rome, on_delete: keep}}
- {name: cascades, on: [create], at: [oslo], copy: {to: paris, on_delete: cascade}}
`})
	oslo, rome, paris := n.At("oslo"), n.At("rome"), n.At("paris")
	for _, by := range []string{"oslo", "paris"} {
		name := subject("deleted by " + by)
		made := oslo.Create("/tickets", ticket(name, "")).Want(201)
		kept, gone := rome.WantCopy(name, soon, nil), paris.WantCopy(name, soon, nil)
		n.Settled(soon)
		n.At(by).Delete("/tickets/"+map[string]string{"oslo": made.ID(), "paris": gone.ID()}[by]).Want(200, 204).WantReceipt("oslo")
		oslo.WantNone(name, soon)
		paris.WantNone(name, soon)
		n.Settled(soon)
		read := rome.Get("/tickets/" + kept.ID()).Want(200)
		if read.Request() != "" {
			t.Errorf("what was kept has the receipt %v", read.Header)
		}
		oslo.WantNone(name, soon)
		paris.WantNone(name, soon)
		oslo.Get("/tickets/"+made.ID()).Want(404, 410)
	}
}

// What on_delete: keep left at a site is an ordinary record from then on: it can be changed and deleted, and nobody else hears of it.
func TestOwnershipKeptRecordIsPlain(t *testing.T) {
	t.Parallel()
	n := harness.Start(t, harness.Network{Sites: harness.Fakes(t, "oslo", "rome"), Routes: `
- {name: keeps, on: [create], at: [oslo], copy: {to: rome, on_delete: keep}}
`})
	oslo, rome := n.At("oslo"), n.At("rome")
	name := subject("kept")
	made := oslo.Create("/tickets", ticket(name, "")).Want(201)
	kept := rome.WantCopy(name, soon, nil)
	n.Settled(soon)
	oslo.Delete("/tickets/"+made.ID()).Want(200, 204)
	n.Settled(soon)
	done := rome.Patch("/tickets/"+kept.ID(), `{"n":1}`).Want(200)
	if done.Request() == made.Request() {
		t.Error("a write of what was kept is one of the deleted request")
	}
	n.Settled(soon)
	rome.WantCopy(name, soon, map[string]any{"n": 1})
	oslo.WantNone(name, 0)
	rome.Delete("/tickets/"+kept.ID()).Want(200, 204)
	rome.WantNone(name, soon)
}

// A route that deletes the copies leaves the request with its owner, and a later route can bring them back; one that deletes the
// request takes it from everywhere for good.
func TestOwnershipDeleteRoutes(t *testing.T) {
	t.Parallel()
	n := harness.Start(t, harness.Network{Sites: harness.Fakes(t, "oslo", "rome", "paris"), Routes: `
- {name: spread, on: [create, update], at: [oslo], when: status == "open", copy: {to: all}}
- {name: withdraw, on: [update], when: status == "canceled", delete: {copies: all}}
- {name: shred, on: [update], when: status == "void", delete: {}}
`})
	oslo, rome, paris := n.At("oslo"), n.At("rome"), n.At("paris")
	name := subject("withdrawn")
	made := oslo.Create("/tickets", ticket(name, "")).Want(201)
	first := rome.WantCopy(name, soon, nil)
	paris.WantCopy(name, soon, nil)

	rome.Patch("/tickets/"+first.ID(), `{"status":"canceled"}`).Want(200, 204)
	rome.WantNone(name, soon)
	paris.WantNone(name, soon)
	n.Settled(soon)
	oslo.Get("/tickets/" + made.ID()).Want(200).WantReceipt("oslo")
	done := oslo.Patch("/tickets/"+made.ID(), `{"n":1}`).Want(200).WantReceipt("oslo")
	if len(done.Copies()) != 0 {
		t.Errorf("after its copies were withdrawn the receipt names %v", done.Copies())
	}
	rome.Get("/tickets/" + first.ID()).Want(404)

	oslo.Patch("/tickets/"+made.ID(), `{"status":"open"}`).Want(200)
	n.WantSame(name, soon, n.Sites()...)
	n.Settled(soon)

	oslo.Patch("/tickets/"+made.ID(), `{"status":"void"}`).Want(200)
	for _, site := range n.Sites() {
		n.At(site).WantNone(name, soon)
	}
	n.Settled(soon)
	oslo.Get("/tickets/"+made.ID()).Want(404, 410)
	for _, site := range n.Sites() {
		n.At(site).Kill()
		n.At(site).Restart()
	}
	n.Settled(soon)
	for _, site := range n.Sites() {
		n.At(site).WantNone(name, 0)
	}
}
