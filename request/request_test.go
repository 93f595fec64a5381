package request

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"
)

func TestIDs(t *testing.T) {
	at := time.UnixMilli(1469918176385)
	a, b := NewID(at), NewID(at.Add(time.Millisecond))
	if a[:10] != "01ARYZ6S41" { // the time of the ULID specification's own example
		t.Errorf("%s does not begin with its time", a)
	}
	if a >= b {
		t.Errorf("%s was made before %s", a, b)
	}
	for _, id := range []ID{a, b} {
		if got, err := ParseID(string(id)); got != id || err != nil {
			t.Error(got, err)
		}
	}
	for _, bad := range []string{"", "1", "01ARYZ6S41TSV4RRFFQ69G5FA", "81ARYZ6S41TSV4RRFFQ69G5FAV", "01aryz6s41tsv4rrffq69g5fav", "01ARYZ6S41TSV4RRFFQ69G5FAU", `01ARYZ6S41" OR 1=1 --12345`} {
		if _, err := ParseID(bad); err == nil {
			t.Errorf("%q is no id", bad)
		}
	}
}

func TestVersionsAreComparedLeftToRight(t *testing.T) {
	v := func(num uint64, site Site, seq uint64) Version { return Version{Epoch{num, site}, seq} }
	order := []Version{{}, v(1, "a", 0), v(1, "a", 9), v(1, "b", 1), v(2, "a", 0), v(2, "a", 1), v(10, "a", 1)}
	for i, a := range order {
		for j, b := range order {
			if got := a.Compare(b); got != max(min(i-j, 1), -1) {
				t.Errorf("%s against %s: %d", a.Mark(), b.Mark(), got)
			}
		}
		back, err := ParseMark(a.Mark())
		if back != a || err != nil {
			t.Errorf("%s came back as %v, %v", a.Mark(), back, err)
		}
	}
	for _, bad := range []string{"1", "1.2", "@a.1", "1@.1", "x@a.1", "1@a.", "1@a.-1", "1@a.281474976710656", "999999999999999999999@a.1"} {
		if _, err := ParseMark(bad); err == nil {
			t.Errorf("%q is no version", bad)
		}
	}
}

func TestFieldsKeepTheirBytes(t *testing.T) {
	text := `{ "big": 12345678901234567890,"exact":1.10 , "a\"b" : {"x" :[1, 2]},"s":"<&>\u00e9","n":null}`
	f, err := ParseFields([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(f.Names()); got != `[big exact a"b s n]` {
		t.Error(got)
	}
	for name, want := range map[string]string{"big": "12345678901234567890", "exact": "1.10", `a"b`: `{"x" :[1, 2]}`, "s": `"<&>\u00e9"`, "n": "null"} {
		if v, ok := f.Get(name); !ok || string(v) != want {
			t.Errorf("%s is %s", name, v)
		}
	}
	again, err := ParseFields(f.AppendJSON(nil))
	if err != nil || !slices.EqualFunc(f, again, func(a, b Field) bool { return a.Name == b.Name && bytes.Equal(a.Value, b.Value) }) {
		t.Error(again, err)
	}
	other, _ := ParseFields([]byte(`{"n":null,"s":"<&>\u00e9","a\"b":{"x":[1,2]},"exact":1.10,"big":12345678901234567890}`))
	if f.Hash() != other.Hash() {
		t.Error("order or white space changes the hash")
	}
	if f.Hash() == f.With("exact", json.RawMessage("1.1")).Hash() {
		t.Error("a value does not change the hash")
	}
}

func TestMergeLeavesTheOriginal(t *testing.T) {
	a, _ := ParseFields([]byte(`{"x":1,"y":2}`))
	b, _ := ParseFields([]byte(`{"y":null,"z":3}`))
	if got := string(a.Merge(b).AppendJSON(nil)); got != `{"x":1,"y":null,"z":3}` {
		t.Error(got)
	}
	if got := string(a.AppendJSON(nil)); got != `{"x":1,"y":2}` {
		t.Error("the original became", got)
	}
	if got := fmt.Sprint(a.Missing(b), a.Without("x").Names()); got != "[x] [y]" {
		t.Error(got)
	}
}

func TestKindsAreFoundThroughCauses(t *testing.T) {
	err := fmt.Errorf("while: %w", &Error{Op: "peer.Write", Kind: Doubtful, Request: "R", Detail: "no answer", Err: errors.New("reset")})
	if KindOf(err) != Doubtful || KindOf(errors.New("x")) != Internal {
		t.Error(KindOf(err))
	}
	if got := err.Error(); got != "while: peer.Write R: no answer: reset" {
		t.Error(got)
	}
}

func FuzzParseFields(f *testing.F) {
	for _, s := range []string{`{}`, `{"a":1}`, `{"a":{"b":[1,"]}"]},"c":"\\"}`, `{"a":1,}`, `{"a"`, `{"a":}`, `[]`, `{"\u0061":1e5}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := ParseFields(text)
		if !json.Valid(text) {
			return // it only has to end
		}
		var want map[string]json.RawMessage
		if json.Unmarshal(text, &want) != nil || want == nil {
			if err == nil && len(bytes.TrimSpace(text)) > 0 && bytes.TrimSpace(text)[0] != '{' {
				t.Errorf("%q is not an object", text)
			}
			return
		}
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if out := got.AppendJSON(nil); !json.Valid(out) {
			t.Errorf("%q became %q", text, out)
		}
	})
}

func TestTimeOfAnID(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 23, 20, 15, 3, 217e6, time.UTC)
	if got := NewID(at).Time(); !got.Equal(at) {
		t.Errorf("%s, want %s", got, at)
	}
	if got := ID("nothing").Time(); !got.IsZero() {
		t.Errorf("%s of no id", got)
	}
}
