package tests

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// A schedule archives what is closed, and nothing else: also what was closed while its gateway was down, and what a client closed
// elsewhere. What is in the archive already is left alone, though the rule holds for it too.
func TestOwnershipScheduledArchive(t *testing.T) {
	t.Parallel()
	n := harness.Start(t, harness.Network{Sites: harness.Fakes(t, "oslo", "rome", "vault"), Routes: `
- {name: spread, on: [create], at: [oslo], copy: {to: rome}}
- {name: shelve, schedule: {every: 1s}, when: status == "closed", archive: {to: vault}}
- {name: tick, schedule: {every: 1s}, at: [vault], when: status == "tick", copy: {to: rome}}
`})
	oslo, rome, vault := n.At("oslo"), n.At("rome"), n.At("vault")
	open := subject("stays open")
	oslo.Create("/tickets", ticket(open, "")).Want(201)
	archived := func(ref, name, id string) {
		t.Helper()
		v := n.WantOwner(ref, "vault", soon)
		oslo.WantNone(name, soon)
		rome.WantNone(name, soon)
		vault.WantCopy(name, soon, map[string]any{"status": "closed", "n": 1})
		wantGoneAfter(t, oslo, vault, name, id)
		if v.Version != "2.0" {
			t.Errorf("%s is in the archive in version %s", name, v.Version)
		}
	}
	type entry struct{ ref, name, id string }
	var all []entry
	enter := func(what string) entry {
		name := subject(what)
		made := oslo.Create("/tickets", ticket(name, `"n":0`)).Want(201)
		rome.WantCopy(name, soon, nil)
		all = append(all, entry{made.Request(), name, made.ID()})
		return all[len(all)-1]
	}
	own := enter("closed by its owner")
	oslo.Patch("/tickets/"+own.id, `{"status":"closed","n":1}`).Want(200)
	archived(own.ref, own.name, own.id)

	other := enter("closed at a copy")
	rome.Patch("/tickets/oslo:"+other.id, `{"status":"closed","n":1}`).Want(200)
	archived(other.ref, other.name, other.id)

	killed := enter("closed before a crash")
	oslo.Patch("/tickets/"+killed.id, `{"status":"closed","n":1}`).Want(200)
	oslo.Kill()
	oslo.Restart()
	archived(killed.ref, killed.name, killed.id)

	n.Cut("oslo", "vault")
	behind := enter("closed behind a cut link")
	oslo.Patch("/tickets/"+behind.id, `{"status":"closed","n":1}`).Want(200)
	if x := oslo.WantTransfer(behind.ref, "waiting", soon); x.Route != "shelve" || x.Mode != "move" {
		t.Errorf("the archiving that waits is %+v", x)
	}
	oslo.WantCopy(behind.name, 0, nil)
	rome.WantCopy(behind.name, 0, nil)
	n.Heal("oslo", "vault")
	archived(behind.ref, behind.name, behind.id)

	for range 2 { // so often at least the archive's own schedules have run since
		name := subject("tick")
		vault.Create("/tickets", fmt.Sprintf(`{"subject":%q,"status":"tick"}`, name)).Want(201)
		rome.WantCopy(name, soon, nil)
	}
	for _, x := range all {
		if v := n.WantOwner(x.ref, "vault", soon); v.Version != "2.0" {
			t.Errorf("%s was moved again, to version %s", x.name, v.Version)
		}
	}
	n.WantSame(open, soon, "oslo", "rome")
	for _, site := range n.Sites() {
		n.At(site).WantHealth("nothing is left to be moved", soon, func(h harness.Health) bool {
			return h.State == "ok" && h.Transfers.Waiting+h.Transfers.Open+h.Transfers.Parked == 0
		})
	}
	if c := vault.Fake().Commits("POST"); len(c) != len(all)+2 {
		t.Errorf("the archive's API has %d records made, want %d", len(c), len(all)+2)
	}
}

// Among sites of three kinds a request moves from each to the next, is written at all three under every owner in the words of the
// site, walks the whole way home, and is archived from a json-server into PocketBase at last.
func TestOwnershipOnMixedServers(t *testing.T) {
	t.Parallel()
	pb := harness.NewPocketBase(t)
	n := harness.Start(t, harness.Network{Sites: []harness.Site{
		{Name: "oslo", API: harness.NewJSONServer(t, 0)},
		{Name: "rome", API: harness.NewJSONServer(t, 1)},
		{Name: "paris", API: pb, Extra: fmt.Sprintf("credentials: {bearer: %q}\n", pb.Token())},
	}, Routes: everywhere + `- {name: shelve, on: [update], at: [oslo], when: status == "closed", archive: {to: paris}}
`})
	path := map[string]string{"oslo": "/tickets", "rome": "/tickets", "paris": "/api/collections/tickets/records"}
	words := func(site, status, note string) map[string]any {
		if site == "paris" {
			return map[string]any{"state": map[string]string{"open": "opened", "in progress": "in_work", "closed": "closed"}[status], "notes": note}
		}
		return map[string]any{"status": status, "description": note}
	}
	name := subject("through three kinds")
	made := n.At("oslo").Create("/tickets", ticket(name, `"description":"new"`)).Want(201).WantReceipt("oslo")
	ref, ids := made.Request(), make(map[string]string)
	for _, site := range n.Sites() {
		ids[site] = wantMixed(t, n.At(site), name, words(site, "open", "new")).ID()
	}
	epoch, status := 1, "in progress"
	writeAll := func(owner string) {
		t.Helper()
		for i, by := range n.Sites() {
			note, body := fmt.Sprintf("%s under %s in %d", by, owner, epoch), `{"status":%q,"description":%q}`
			sent := status
			if by == "paris" {
				sent, body = fmt.Sprint(words("paris", status, "")["state"]), `{"state":%q,"notes":%q}`
			}
			done := n.At(by).Patch(path[by]+"/"+ids[by], fmt.Sprintf(body, sent, note)).Want(200).WantReceipt(owner)
			if e, s := done.Version(); e != epoch || s != i+1 || done.ID() != ids[by] {
				t.Errorf("%s's write under %s has version %d.%d and id %s, want %d.%d and %s", by, owner, e, s, done.ID(), epoch, i+1, ids[by])
			}
			for _, at := range n.Sites() {
				wantMixed(t, n.At(at), name, words(at, status, note))
			}
		}
	}
	for _, to := range []string{"paris", "rome"} {
		n.At("oslo").Transfer(ref, to, "ownership").Want(202)
		n.WantOwner(ref, to, soon)
		epoch++
		writeAll(to)
	}
	for _, to := range []string{"paris", "oslo"} {
		n.At("oslo").Command(ref, "return", "").Want(202)
		if v := n.WantOwner(ref, to, soon); to == "oslo" && len(v.Path) != 0 {
			t.Errorf("home the way home is %v", v.Path)
		}
		epoch++
		writeAll(to)
	}
	n.Settled(soon)
	n.At("rome").Patch("/tickets/"+ids["rome"], `{"status":"closed","description":"done"}`).Want(200)
	n.WantOwner(ref, "paris", soon)
	if rec := wantMixed(t, n.At("paris"), name, words("paris", "closed", "done")); rec.ID() != ids["paris"] {
		t.Errorf("the archive has it as %s, before it was %s", rec.ID(), ids["paris"])
	}
	n.At("oslo").WantNone(name, soon)
	n.At("rome").WantNone(name, soon)
	n.Settled(soon)
}

// stamped is RestProfile with fields of the records themselves that say who owns them.
const stamped = harness.RestProfile + `    stamp: {owner: /sync_owner, version: /sync_version, request: /sync_id, state: /sync_state}
`

// With stamp users see in every record who owns it and which version it is; after each move and each write that is right at all
// holders, and what a client writes into such a field does not stay.
func TestOwnershipStamps(t *testing.T) {
	t.Parallel()
	sites := harness.Fakes(t, "oslo", "rome", "paris")
	for i := range sites {
		sites[i].Profile = stamped
	}
	n := harness.Start(t, harness.Network{Sites: sites, Routes: everywhere})
	oslo := n.At("oslo")
	name := subject("stamped")
	made := oslo.Create("/tickets", ticket(name, `"n":0`)).Want(201)
	ref := made.Request()
	wantStamps := func(owner, version string) {
		t.Helper()
		for _, site := range n.Sites() {
			harness.Eventually(t, soon, fmt.Sprintf("%s's record says that %s owns it in version %s", site, owner, version), func() error {
				rec, err := n.At(site).One(name)
				if err != nil {
					return err
				}
				state := "copy"
				if site == owner {
					state = "owner"
				}
				err = rec.Fields(map[string]any{"sync_owner": owner, "sync_id": ref, "sync_state": state})
				v, verr := n.At(site).Request(ref)
				if verr == nil && v.Version != version {
					verr = fmt.Errorf("the ledger is at version %s", v.Version)
				}
				return errors.Join(err, verr)
			})
		}
		marks := make([]string, 0, 3)
		for _, site := range n.Sites() {
			rec, err := n.At(site).One(name)
			if err != nil {
				t.Fatal(err)
			}
			marks = append(marks, fmt.Sprint(rec["sync_version"]))
		}
		if len(slices.Compact(slices.Clone(marks))) != 1 || marks[0] == "<nil>" {
			t.Errorf("under %s in version %s the records say that they are of version %v", owner, version, marks)
		}
	}
	wantStamps("oslo", "1.1")
	last := ""
	for i, to := range []string{"rome", "paris", "oslo"} {
		oslo.Transfer(ref, to, "ownership").Want(202)
		n.WantOwner(ref, to, soon)
		wantStamps(to, fmt.Sprintf("%d.0", i+2))
		oslo.Patch("/tickets/"+made.ID(), fmt.Sprintf(`{"n":%d,"sync_owner":"nobody"}`, i+1)).Want(200, 422)
		oslo.Patch("/tickets/"+made.ID(), fmt.Sprintf(`{"n":%d}`, i+10)).Want(200).WantReceipt(to)
		v := n.WantOwner(ref, to, soon)
		wantStamps(to, v.Version)
		for _, site := range n.Sites() {
			rec := n.At(site).WantCopy(name, soon, map[string]any{"n": i + 10})
			if got := fmt.Sprint(rec["sync_version"]); site == to && got == last {
				t.Errorf("the stamp is still %s after a move and a write", got)
			} else if site == to {
				last = got
			}
		}
	}
	n.Settled(soon)
}
