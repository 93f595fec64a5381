package peer

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/meridian-gateway/meridian/request"
)

func deepText(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }

func many[T any](n int, x T) []T {
	out := make([]T, n)
	for i := range out {
		out[i] = x
	}
	return out
}

// What no honest gateway sends is answered, signed, with its kind, and never reaches the handler.
func TestForgedHandoverIsRefused(t *testing.T) {
	const invalid, forbidden = request.Invalid, request.Forbidden
	for name, test := range map[string]struct {
		kind  request.ErrKind
		spoil func(*handoverWire)
	}{
		"of another's reign":     {forbidden, func(h *handoverWire) { h.Snapshot.Version.Epoch.Site = "paris" }},
		"of the target's reign":  {forbidden, func(h *handoverWire) { h.Snapshot.Version.Epoch.Site = "rome" }},
		"to another":             {forbidden, func(h *handoverWire) { h.Epoch.Site = "paris" }},
		"to itself":              {forbidden, func(h *handoverWire) { h.Epoch.Site = "oslo" }},
		"a jump":                 {invalid, func(h *handoverWire) { h.Epoch.Num = 99 }},
		"the same epoch":         {invalid, func(h *handoverWire) { h.Epoch.Num = 4 }},
		"no epoch":               {forbidden, func(h *handoverWire) { h.Epoch = request.Epoch{} }},
		"no reign":               {invalid, func(h *handoverWire) { h.Snapshot.Version.Epoch.Num, h.Epoch.Num = 0, 1 }},
		"no version":             {invalid, func(h *handoverWire) { h.Snapshot.Version, h.Epoch.Num = request.Version{}, 1 }},
		"an unknown stage":       {invalid, func(h *handoverWire) { h.Stage = "seize" }},
		"no stage":               {invalid, func(h *handoverWire) { h.Stage = "" }},
		"deleted, granted":       {invalid, func(h *handoverWire) { h.Snapshot.Deleted = true }},
		"deleted, prepared":      {invalid, func(h *handoverWire) { h.Stage, h.Snapshot.Deleted = request.Prepare, true }},
		"an id":                  {invalid, func(h *handoverWire) { h.Snapshot.ID = "../x" }},
		"no id":                  {invalid, func(h *handoverWire) { h.Snapshot.ID = "" }},
		"no collection":          {invalid, func(h *handoverWire) { h.Snapshot.Collection = "" }},
		"a stranger holds":       {invalid, func(h *handoverWire) { h.Holders[0].Site = "atlantis" }},
		"nobody holds":           {invalid, func(h *handoverWire) { h.Holders[0].Site = "" }},
		"the new owner holds":    {invalid, func(h *handoverWire) { h.Holders[0].Site = "rome" }},
		"a stranger on the path": {invalid, func(h *handoverWire) { h.Path[0] = "atlantis" }},
		"hops":                   {invalid, func(h *handoverWire) { h.Hops = 65 }},
		"negative hops":          {invalid, func(h *handoverWire) { h.Hops = -1 }},
		"holders":                {invalid, func(h *handoverWire) { h.Holders = many(257, request.Debt{Site: "paris"}) }},
		"holders of the state":   {invalid, func(h *handoverWire) { h.Snapshot.Holders = many(257, request.Site("paris")) }},
		"a long path":            {invalid, func(h *handoverWire) { h.Path = many(65, request.Site("paris")) }},
		"routes":                 {invalid, func(h *handoverWire) { h.Routes = many(17, "sun") }},
		"forces":                 {invalid, func(h *handoverWire) { h.Snapshot.Forces = many(65, request.Force{}) }},
		"operations":             {invalid, func(h *handoverWire) { h.Snapshot.Ops = many(65, request.Op{}) }},
		"no object":              {invalid, func(h *handoverWire) { h.Snapshot.Fields = []byte(`[1]`) }},
		"a deep value":           {invalid, func(h *handoverWire) { h.Snapshot.Fields = []byte(`{"a":` + deepText(65) + `}`) }},
	} {
		var h handed
		w := handoverOut(release())
		test.spoil(&w)
		call := raw(HandoverPath, message(w))
		res := call.send(NewServer(&fake{hand: h.take}, romeOptions()))
		e, ok := problemError("x", res.Code, res.Body.Bytes())
		if !ok || e.Kind != test.kind || !signedAnswer(call, res) || h.n.Load() > 0 {
			t.Errorf("%s: %d %s, handled %d times", name, res.Code, res.Body, h.n.Load())
		}
	}
}

func TestHandoverAtItsLimits(t *testing.T) {
	var h handed
	w := handoverOut(release())
	w.Holders, w.Snapshot.Holders, w.Path = many(256, request.Debt{Site: "paris"}), many(256, request.Site("paris")), many(64, request.Site("paris"))
	w.Routes, w.Hops = many(16, "sun"), 64
	w.Snapshot.Forces, w.Snapshot.Ops = many(64, request.Force{}), many(64, request.Op{})
	w.Snapshot.Fields = []byte(`{"a":` + deepText(64) + `}`)
	if res := raw(HandoverPath, message(w)).send(NewServer(&fake{hand: h.take}, romeOptions())); res.Code != 200 || h.n.Load() != 1 {
		t.Errorf("%d %s", res.Code, res.Body)
	}
}

func TestMalformedHandovers(t *testing.T) {
	good, err := marshal(message(handoverOut(release())))
	if err != nil {
		t.Fatal(err)
	}
	swap := func(old, by string) string {
		if !strings.Contains(string(good), old) {
			t.Fatalf("%s is not in %s", old, good)
		}
		return strings.Replace(string(good), old, by, 1)
	}
	for name, body := range map[string]string{
		"cut":                    string(good[:len(good)/2]),
		"two texts":              string(good) + `{}`,
		"from another":           swap(`"from":"oslo"`, `"from":"paris"`),
		"another network":        swap(`"network":"n"`, `"network":"m"`),
		"another version":        swap(`"v":1`, `"v":2`),
		"a member twice":         swap(`"stage":"grant"`, `"stage":"prepare","stage":"grant"`),
		"a field twice":          swap(`"t":`, `"n":`),
		"the epoch over 2^48":    swap(`"5@rome"`, `"281474976710656@rome"`),
		"the epoch an object":    swap(`"5@rome"`, `{"Num":5,"Site":"rome"}`),
		"half a number":          swap(`"hops":1`, `"hops":1.5`),
		"a time that is none":    swap(`"due":"2026-03-04T05:06:07.000000008Z"`, `"due":"soon"`),
		"no text at all":         "",
		"null":                   `null`,
		"an order instead":       `{"v":1,"network":"n","from":"oslo","body":{"request":"` + string(gid) + `","to":"paris"}}`,
		"nothing in the message": `{"v":1,"network":"n","from":"oslo"}`,
	} {
		var h handed
		res := raw(HandoverPath, body).send(NewServer(&fake{hand: h.take}, romeOptions()))
		e, ok := problemError("x", res.Code, res.Body.Bytes())
		if !ok || e.Kind != request.Invalid && e.Kind != request.Forbidden || h.n.Load() > 0 {
			t.Errorf("%s: %d %s, handled %d times", name, res.Code, res.Body, h.n.Load())
		}
	}
	later := raw(HandoverPath, swap(`"stage":`, `"from a later version":[1],"stage":`))
	if res := later.send(NewServer(&fake{}, romeOptions())); res.Code != 200 {
		t.Errorf("unknown members must be ignored: %s", res.Body)
	}
}

func TestHandoverCarriesEveryField(t *testing.T) {
	sent := filled[request.Handover](t)
	if d := cmp.Diff(sent, overTheWire(t, sent)); d != "" {
		t.Errorf("a hand-over changed on the wire (-sent +received):\n%s", d)
	}
	order, verdict, standing := filled[request.Order](t), filled[request.Verdict](t), filled[request.Standing](t)
	if got := again(t, order); got != order {
		t.Errorf("%+v became %+v", order, got)
	}
	if got := again(t, verdict); got != verdict {
		t.Errorf("%+v became %+v", verdict, got)
	}
	if d := cmp.Diff(standing, again(t, standing)); d != "" {
		t.Errorf("a standing changed on the wire (-sent +received):\n%s", d)
	}
}

type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

func again[T any](t failer, x T) (y T) {
	t.Helper()
	text, err := marshal(x)
	if err == nil {
		err = unmarshal(text, &y)
	}
	if err != nil {
		t.Fatalf("%+v: %v", x, err)
	}
	return y
}

func overTheWire(t failer, h request.Handover) request.Handover {
	t.Helper()
	w := again(t, handoverOut(h))
	got, err := w.in()
	if err != nil {
		t.Fatalf("%+v: %v", h, err)
	}
	return got
}

func TestAnyHandoverTravels(t *testing.T) {
	s := &server{o: romeOptions()}
	rapid.Check(t, func(t *rapid.T) {
		h := anyHandover(t)
		got := overTheWire(t, h)
		if d := cmp.Diff(h, got); d != "" {
			t.Fatalf("(-sent +received):\n%s", d)
		}
		if err := s.checkHandover(&got, "oslo"); err != nil {
			t.Fatalf("refused: %v", err)
		}
		if err := s.checkHandover(&got, "paris"); request.KindOf(err) != request.Forbidden {
			t.Fatalf("from another it ended with %v", err)
		}
	})
}

func FuzzHandover(f *testing.F) {
	for _, stage := range []request.Stage{request.Prepare, request.GrantIt, request.CancelIt} {
		h := release()
		h.Stage = stage
		text, _ := marshal(handoverOut(h))
		f.Add(text)
	}
	f.Add([]byte(`{"stage":"grant","epoch":"2@rome","snapshot":{"id":"` + string(gid) + `","collection":"t","version":"1@oslo.1"},"holders":[{"site":"oslo"}]}`))
	s := &server{o: romeOptions()}
	f.Fuzz(func(t *testing.T, b []byte) {
		var w handoverWire
		if unmarshal(b, &w) != nil {
			return
		}
		h, err := w.in()
		if err != nil || s.checkHandover(&h, "oslo") != nil {
			return
		}
		last := h.Snapshot.Version.Epoch
		if last.Site != "oslo" || h.Epoch.Site != "rome" || h.Epoch.Num != last.Num+1 || len(h.Holders) > 256 || h.Hops < 0 || len(h.Snapshot.Ops) > MaxOps {
			t.Fatalf("taken: %s", b)
		}
		got := overTheWire(t, h)
		if got.Epoch != h.Epoch || got.Snapshot.Version != h.Snapshot.Version || got.Snapshot.Fields.Hash() != h.Snapshot.Fields.Hash() || len(got.Holders) != len(h.Holders) {
			t.Fatalf("%s became %+v", b, got)
		}
	})
}

func FuzzOrder(f *testing.F) {
	f.Add([]byte(`{"request":"` + string(gid) + `","to":"paris","mode":"move","by":"x"}`))
	f.Add([]byte(`{"request":"` + string(gid) + `","return":true}`))
	s := &server{o: romeOptions()}
	f.Fuzz(func(t *testing.T, b []byte) {
		var o request.Order
		if unmarshal(b, &o) != nil || s.checkOrder(o) != nil {
			return
		}
		if o.Return == (o.To != "") || o.To != "" && !sites(o.To) {
			t.Fatalf("taken: %s", b)
		}
		if got := again(t, o); got != o {
			t.Fatalf("%+v became %+v", o, got)
		}
	})
}

func FuzzProblem(f *testing.F) {
	f.Add(425, []byte(`{"kind":"not-yet","owner":"rome","epoch":"3@rome","retry_ms":1000}`))
	f.Add(503, []byte(`{"kind":"handing-over","owner":"rome","epoch":"3@rome"}`))
	f.Fuzz(func(t *testing.T, status int, b []byte) {
		e, ok := problemError("x", status, b)
		if !ok {
			return
		}
		if e.Owner != e.Epoch.Site || e.Owner != "" && e.Kind != request.NotYet || e.Retry < 0 || e.Retry > maxRetry {
			t.Fatalf("%d %s became %+v", status, b, e)
		}
	})
}
