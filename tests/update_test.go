package tests

import (
	"fmt"
	"testing"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// An update at the owner's site reaches the copy; one at the copy's site is applied by the owner first, and the client reads its
// own write at once, in the answer and in the record.
func TestUpdateAtOwnerAndAtCopy(t *testing.T) {
	t.Parallel()
	n := harness.Start(t, harness.Network{Sites: harness.Fakes(t, "san-francisco", "chicago"), Routes: chairs})
	sf, chicago := n.At("san-francisco"), n.At("chicago")
	name := subject("rocking chair")
	made := sf.Create("/tickets", ticket(name, `"category":"chair"`)).Want(201).WantReceipt("chicago")
	atChicago := chicago.WantCopy(name, soon, nil)

	done := chicago.Patch("/tickets/"+atChicago.ID(), `{"status":"in progress"}`).Want(200).WantReceipt("chicago")
	if done.ID() != atChicago.ID() {
		t.Errorf("Chicago's client got id %s, want %s", done.ID(), atChicago.ID())
	}
	sf.WantCopy(name, soon, map[string]any{"status": "in progress"})

	for i := range 10 {
		note := fmt.Sprintf("note %d", i)
		mine := sf.Patch("/tickets/"+made.ID(), fmt.Sprintf(`{"note":%q}`, note)).Want(200).WantReceipt("chicago")
		if mine.ID() != made.ID() || mine.Record()["note"] != note || mine.Record()["status"] != "in progress" {
			t.Fatalf("the answer of an update at the copy's site is %s", mine.Body)
		}
		read := sf.Get("/tickets/" + made.ID()).Want(200)
		if read.Record()["note"] != note {
			t.Fatalf("the client does not read its own write: %s", read.Body)
		}
		if e, s := mine.Version(); e != 1 || s != i+3 {
			t.Errorf("update %d has version %d.%d, want 1.%d", i, e, s, i+3)
		}
		if owners, err := chicago.One(name); err != nil || owners["note"] != note {
			t.Fatalf("the owner's record is not there first: %v %v", owners, err)
		}
	}
	n.WantSame(name, soon, "san-francisco", "chicago")
	n.Settled(soon)
	if c := sf.Fake().Commits("POST"); len(c) != 1 {
		t.Errorf("San Francisco was sent %d creates", len(c))
	}
}

// PUT makes the body the whole record, at every holder, whichever site it comes from.
func TestReplace(t *testing.T) {
	t.Parallel()
	n := harness.Start(t, harness.Network{Sites: harness.Fakes(t, "oslo", "rome"), Routes: everywhere})
	oslo, rome := n.At("oslo"), n.At("rome")
	name := subject("replaced")
	made := oslo.Create("/tickets", ticket(name, `"a":1,"b":{"c":[1,2]}`)).Want(201)
	copied := rome.WantCopy(name, soon, nil)

	oslo.Put("/tickets/"+made.ID(), fmt.Sprintf(`{"subject":%q,"d":4}`, name)).Want(200).WantReceipt("oslo")
	for _, g := range []*harness.Gateway{oslo, rome} {
		g.WantCopy(name, soon, map[string]any{"a": nil, "b": nil, "status": nil, "d": 4})
	}
	if rec := oslo.WantCopy(name, soon, nil); rec["external_id"] != made.Request() {
		t.Errorf("a replace took the external id away: %v", rec)
	}
	mine := rome.Put("/tickets/"+copied.ID(), fmt.Sprintf(`{"subject":%q,"e":5}`, name)).Want(200).WantReceipt("oslo")
	if mine.Record()["d"] != nil || fmt.Sprint(mine.Record()["e"]) != "5" {
		t.Errorf("the answer of a replace at the copy's site is %s", mine.Body)
	}
	for _, g := range []*harness.Gateway{oslo, rome} {
		g.WantCopy(name, soon, map[string]any{"d": nil, "e": 5})
	}
	n.WantSame(name, soon, "oslo", "rome")
}

// What JSON can say arrives as it was said: big integers, null, nested values, odd texts.
func TestValuesAreKept(t *testing.T) {
	t.Parallel()
	n := harness.Start(t, harness.Network{Sites: harness.Fakes(t, "oslo", "rome"), Routes: everywhere})
	name := subject("values")
	body := fmt.Sprintf(`{"subject":%q,"big":9007199254740993,"price":10.50,"none":null,"deep":{"list":[1,[2,{"x":"y"}]]},"text":"<&>\u00e9\u0000\n\ud83d\ude00","empty":"","Status":"not status"}`, name)
	made := n.At("oslo").Create("/tickets", body).Want(201)
	want := map[string]any{"big": "9007199254740993", "text": "<&>é\x00\n😀", "empty": "", "Status": "not status"}
	if err := made.Record().Fields(want); err != nil {
		t.Error(err)
	}
	n.At("rome").WantCopy(name, soon, want)
	n.WantSame(name, soon, "oslo", "rome")
}

// If-Match with the version of a receipt guards against a stale write, also at the copy's site.
func TestPrecondition(t *testing.T) {
	t.Parallel()
	n := harness.Start(t, harness.Network{Sites: harness.Fakes(t, "oslo", "rome"), Routes: everywhere})
	oslo, rome := n.At("oslo"), n.At("rome")
	name := subject("guarded")
	made := oslo.Create("/tickets", ticket(name, "")).Want(201)
	copied := rome.WantCopy(name, soon, nil)
	old := made.Header.Get("ETag")
	oslo.Patch("/tickets/"+made.ID(), `{"n":1}`).Want(200)
	rome.WantCopy(name, soon, map[string]any{"n": 1})

	for _, c := range []struct {
		g  *harness.Gateway
		id string
	}{{oslo, made.ID()}, {rome, copied.ID()}} {
		call := harness.Call{Method: "PATCH", Path: "/tickets/" + c.id, Body: `{"n":2}`, Header: map[string][]string{"If-Match": {old}}}
		c.g.Do(call).WantProblem(412, "precondition")
	}
	fresh := rome.Get("/tickets/" + copied.ID()).Want(200).Header.Get("ETag")
	rome.Do(harness.Call{Method: "PATCH", Path: "/tickets/" + copied.ID(), Body: `{"n":3}`,
		Header: map[string][]string{"If-Match": {fresh}}}).Want(200)
	oslo.WantCopy(name, soon, map[string]any{"n": 3})
}
