package peer

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/meridian-gateway/meridian/request"
)

const gid = request.ID("01JD0000000000000000000000")

// fill sets everything reachable in v to something that is not zero, so that a field forgotten in a wire struct shows.
func fill(v reflect.Value, n *int) {
	*n++
	switch x := v.Addr().Interface().(type) {
	case *time.Time:
		*x = time.Unix(1_700_000_000, int64(*n)).UTC()
		return
	case *request.Fields:
		*x = request.Fields{{Name: "big", Value: json.RawMessage(`12345678901234567890`)}, {Name: "f", Value: json.RawMessage(`{"x":[1.10,1E2,"<&>\u00e9\/"]}`)}}
		return
	case *request.Version:
		*x = request.Version{Epoch: request.Epoch{Num: uint64(*n), Site: "oslo"}, Seq: uint64(*n)}
		return
	case *request.Child: // its local id is nobody else's business
		*x = request.Child{ID: request.NewID(time.Unix(int64(*n), 0)), Collection: "comments", Version: request.First("oslo"), Deleted: true,
			Fields: request.Fields{{Name: "f", Value: json.RawMessage("1.10")}}, File: &request.File{Name: "a", Type: "b/c", Size: 3, SHA256: "d"}}
		return
	case *request.Epoch:
		*x = request.Epoch{Num: uint64(*n), Site: "oslo"}
		return
	case *request.ID:
		*x = gid
		return
	case *request.Trace:
		*x = request.Trace(fmt.Sprintf("00-%032x-%016x-01 v=%d", *n, *n, *n))
		return
	case *http.Header:
		*x = http.Header{"X-A": {"b", "c"}}
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(fmt.Sprintf("s%d", *n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(*n))
	case reflect.Uint64, reflect.Uint8:
		v.SetUint(uint64(*n % 200))
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), n)
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), n)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0), n)
		fill(v.Index(1), n)
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		key, val := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key, n)
		fill(val, n)
		v.SetMapIndex(key, val)
	default:
		panic("cannot fill " + v.Type().String())
	}
}

func filled[T any](t *testing.T) T {
	t.Helper()
	var x T
	n := 0
	fill(reflect.ValueOf(&x).Elem(), &n)
	return x
}

func TestSnapshotCarriesEveryField(t *testing.T) {
	want := filled[request.Snapshot](t)
	text, err := marshal(snapshotOut(want))
	if err != nil {
		t.Fatal(err)
	}
	var w snapshotWire
	if err := unmarshal(text, &w); err != nil {
		t.Fatal(err)
	}
	got, err := w.in()
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("a snapshot changed on the wire (-sent +received):\n%s", d)
	}
}

func TestWriteCarriesEveryFieldButTheCall(t *testing.T) {
	want := filled[request.Write](t)
	want.Call, want.Raw = nil, ""
	want.Via = []request.Site{"paris", "oslo"}
	text, err := marshal(writeOut(want, "oslo"))
	if err != nil {
		t.Fatal(err)
	}
	var w writeWire
	if err := unmarshal(text, &w); err != nil {
		t.Fatal(err)
	}
	got, err := w.in()
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("a write changed on the wire (-sent +received):\n%s", d)
	}
}

func TestReplyCarriesEveryField(t *testing.T) {
	want := filled[Reply](t)
	text, err := marshal(replyOut(want))
	if err != nil {
		t.Fatal(err)
	}
	var w replyWire
	if err := unmarshal(text, &w); err != nil {
		t.Fatal(err)
	}
	got, err := w.in()
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("a reply changed on the wire (-sent +received):\n%s", d)
	}
}

func TestValuesStayExact(t *testing.T) {
	for _, value := range []string{`12345678901234567890`, `1.10`, `1E2`, `-0`, `"<a href=\"x\">&\/\u00e9\ud83d\ude00"`, `"\u2028"`, "\"\u2028\"", `{"b":1,"a":{"c":[1.0,2e+0]}}`, `null`} {
		f := request.Fields{{Name: "v <&>", Value: json.RawMessage(value)}}
		text, err := marshal(snapshotOut(request.Snapshot{ID: gid, Fields: f}))
		if err != nil {
			t.Fatalf("%s: %v", value, err)
		}
		s, err := snapshotIn(text)
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := s.Fields.Get("v <&>"); string(got) != value {
			t.Errorf("sent %s, received %s", value, got)
		}
	}
	f := request.Fields{{Name: "v", Value: json.RawMessage("{\n  \"a\": 1\r\n}")}}
	text, err := marshal(snapshotOut(request.Snapshot{ID: gid, Fields: f}))
	if err != nil || strings.ContainsAny(string(text), "\r\n") {
		t.Errorf("a snapshot must be one line: %q, %v", text, err)
	}
}

func TestMalformedSnapshots(t *testing.T) {
	deep := strings.Repeat("[", 65) + strings.Repeat("]", 65)
	ops := strings.TrimSuffix(strings.Repeat(`{"id":"x","kind":"update","version":"","outcome":"done","at":"2026-01-01T00:00:00Z"},`, 65), ",")
	forces := strings.TrimSuffix(strings.Repeat(`{"epoch":"2@oslo","base":"1@rome.1","at":"2026-01-01T00:00:00Z"},`, 65), ",")
	for name, text := range map[string]string{
		"not an object":     `[]`,
		"duplicate":         `{"id":"a","id":"b"}`,
		"duplicate field":   `{"fields":{"a":1,"a":2}}`,
		"deep duplicate":    `{"fields":{"a":{"x":1,"x":2}}}`,
		"invalid UTF-8":     "{\"id\":\"\xff\"}",
		"lone surrogate":    `{"fields":{"a":"\ud800"}}`,
		"cut":               `{"id":"a"`,
		"two texts":         `{} {}`,
		"fields an array":   `{"fields":[1]}`,
		"too deep":          `{"fields":{"a":` + deep + `}}`,
		"counter":           `{"version":"1@oslo.9223372036854775808"}`,
		"epoch":             `{"former":[{"epoch":"281474976710656@oslo","until":"2026-01-01T00:00:00Z"}]}`,
		"too many ops":      `{"ops":[` + ops + `]}`,
		"too many forces":   `{"forces":[` + forces + `]}`,
		"wrong type":        `{"id":7}`,
		"number that is no": `{"fields":{"a":01}}`,
	} {
		_, err := snapshotIn([]byte(text))
		if request.KindOf(err) != request.Invalid {
			t.Errorf("%s: %v, want kind invalid", name, err)
		}
	}
	var w snapshotWire
	if err := unmarshal([]byte(`{"id":"a","from a later version":{"x":1},"ID":"b"}`), &w); err != nil || w.ID != "a" {
		t.Errorf("unknown members must be ignored, names are case-sensitive: %v %q", err, w.ID)
	}
}

func TestNewestOperationsAndForcesAreKept(t *testing.T) {
	s := request.Snapshot{ID: gid}
	for i := range 70 {
		s.Ops = append(s.Ops, request.Op{ID: fmt.Sprint(i)})
		s.Forces = append(s.Forces, request.Force{Epoch: request.Epoch{Num: uint64(i), Site: "oslo"}})
	}
	if f := snapshotOut(s).Forces; len(f) != maxForces || f[maxForces-1].Epoch.Num != 69 || len(s.Forces) != 70 {
		t.Errorf("%d forces, newest %s", len(f), f[len(f)-1].Epoch)
	}
	if ops := snapshotOut(s).Ops; len(ops) != MaxOps || ops[MaxOps-1].ID != "69" {
		t.Errorf("%d operations, newest %s", len(ops), ops[len(ops)-1].ID)
	}
}

func kilobyte() request.Snapshot {
	s := request.Snapshot{ID: gid, Collection: "tickets", Version: request.First("oslo"), Owner: "oslo", Origin: "oslo", EnteredBy: "anna",
		Locals: map[request.Site]string{"oslo": "17", "rome": "a-5"}, At: time.Unix(1_700_000_000, 0)}
	for i := range 14 {
		s.Fields = append(s.Fields, request.Field{Name: fmt.Sprintf("field_%d", i), Value: request.Quote(strings.Repeat("some text ", 4))})
	}
	s.Fields = append(s.Fields, request.Field{Name: "nested", Value: json.RawMessage(`{"id":12345678901234567890,"tags":["a","b"],"n":1.10}`)})
	return s
}

func BenchmarkEncode(b *testing.B) {
	s := kilobyte()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := marshal(snapshotOut(s)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	text, err := marshal(snapshotOut(kilobyte()))
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := snapshotIn(text); err != nil {
			b.Fatal(err)
		}
	}
}

func FuzzSnapshot(f *testing.F) {
	text, _ := marshal(snapshotOut(kilobyte()))
	f.Add(text)
	f.Add([]byte(`{"id":"x","version":"1@oslo.1","fields":{"a":{"b":[1,2,{"c":"\ud83d\ude00"}]}}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := snapshotIn(b)
		if err != nil {
			return
		}
		again, err := marshal(snapshotOut(s))
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		s2, err := snapshotIn(again)
		if err != nil || s2.Version != s.Version || s2.Fields.Hash() != s.Fields.Hash() {
			t.Fatalf("%q became %q (%v)", b, again, err)
		}
	})
}

func FuzzWrite(f *testing.F) {
	text, _ := marshal(envelope[writeWire]{head{V: 1, Network: "n", From: "oslo"}, writeOut(request.Write{Op: "op", Kind: request.Update}, "oslo")})
	f.Add(text)
	f.Fuzz(func(t *testing.T, b []byte) {
		var e envelope[writeWire]
		if unmarshal(b, &e) != nil {
			return
		}
		w, err := e.Body.in()
		if err == nil && checkWrite(w, "oslo", "rome") == nil && (len(w.Via) > maxLoop || w.Op == "") {
			t.Fatalf("taken: %+v", w)
		}
	})
}

func FuzzParcel(f *testing.F) {
	f.Add([]byte("{\"v\":1,\"count\":2}\n{}\n{}\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, lines, err := parcelIn(b)
		if err == nil && (len(lines) != h.Count || len(lines) == 0 || len(lines) > MaxBatch) {
			t.Fatalf("%d lines, count %d", len(lines), h.Count)
		}
	})
}

func FuzzAckLine(f *testing.F) {
	s := signer{key: []byte("key"), network: "n"}
	m := mark{from: "rome", to: "oslo", nonce: newNonce()}
	good, _ := s.ackText(m, 0, ackWire{State: Delivered})
	f.Add(good)
	f.Add(s.endText(m, 1))
	f.Fuzz(func(t *testing.T, b []byte) {
		// Signed with another nonce: nothing that a fuzzer finds may pass for an ack.
		m := mark{from: "rome", to: "oslo", nonce: strings.Repeat("0", nonceLength)}
		r := &ackReader{c: &Client{keys: keys{one: s.key, network: s.network}}, of: []request.ID{gid}, m: m, seen: make([]bool, 1), each: func(a Ack) { t.Fatalf("believed: %+v", a) }}
		if _, err := r.line(b); err == nil {
			t.Fatalf("taken: %s", b)
		}
	})
}
