package rows

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/meridian-gateway/meridian/request"
)

// fill sets every exported field below v to something, so that a field added to the nouns later and forgotten here fails.
func fill(v reflect.Value, n *int) {
	*n++
	switch v.Interface().(type) {
	case time.Time:
		v.Set(reflect.ValueOf(time.Date(2026, 11, 23, 1, 2, 3, *n, time.UTC)))
		return
	case request.Epoch:
		v.Set(reflect.ValueOf(request.Epoch{Num: uint64(*n), Site: "oslo"}))
		return
	case request.Version:
		v.Set(reflect.ValueOf(request.Version{Epoch: request.Epoch{Num: uint64(*n), Site: "rome"}, Seq: 7}))
		return
	case request.Fields:
		v.Set(reflect.ValueOf(request.Fields{{Name: "b<", Value: json.RawMessage("{ \"n\" : 1.10,\n\"h\":\"<&>\"}")},
			{Name: "a", Value: json.RawMessage("12345678901234567890")}}))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString("s" + strings.Repeat("x", *n))
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(*n))
	case reflect.Uint64:
		v.SetUint(uint64(*n))
	case reflect.Float64:
		v.SetFloat(1.5)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), n)
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), n)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0), n)
		fill(v.Index(1), n)
	case reflect.Map:
		k, x := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(k, n)
		fill(x, n)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(k, x)
	default:
		panic("fill: " + v.Kind().String())
	}
}

func filled[T any]() (v T) {
	n := 0
	fill(reflect.ValueOf(&v).Elem(), &n)
	return v
}

func TestEntryComesBackWhole(t *testing.T) {
	bare := filled[request.Entry]()
	bare.Intent, bare.Fields = nil, request.Fields{}
	for name, e := range map[string]request.Entry{"full": filled[request.Entry](), "zero": {}, "no intent": bare} {
		b, err := AppendEntry(nil, &e)
		if err != nil {
			t.Fatal(name, err)
		}
		got, err := DecodeEntry(b)
		if err != nil {
			t.Fatal(name, err)
		}
		if d := cmp.Diff(e, got); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func TestDeliveryComesBackWhole(t *testing.T) {
	long := filled[request.Delivery]()
	long.Cause = strings.Repeat("é\x00", 70000)
	for _, d := range []request.Delivery{filled[request.Delivery](), {}, long} {
		got, rest, err := DecodeDelivery(d.Request, AppendDelivery(nil, d))
		if err != nil || len(rest) != 0 {
			t.Fatal(err, len(rest))
		}
		if x := cmp.Diff(d, got); x != "" {
			t.Error(x)
		}
	}
}

// TestOlderFormatsAreRead builds by hand what was written before: entries of four sets, deliveries of thirteen columns.
func TestOlderFormatsAreRead(t *testing.T) {
	e := request.Entry{ID: "r1", Fields: request.Fields{{Name: "a", Value: json.RawMessage("1.10")}}}
	old := []byte{formatFour}
	for _, f := range []request.Fields{e.Fields, nil, nil, nil} {
		old = appendFields(old, f)
	}
	bare := e
	bare.Fields = nil
	rest, err := json.Marshal(bare)
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeEntry(append(old, rest...))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(e, got); d != "" {
		t.Error(d)
	}
	d := filled[request.Delivery]()
	d.Terms = request.Terms{Mode: "data", Route: "r", Pool: "p"}
	row := AppendDelivery(nil, d)
	if row[len(row)-1] != 0xa0 {
		t.Fatalf("the last column is %x, want an empty text", row[len(row)-1])
	}
	row[0]--
	back, left, err := DecodeDelivery(d.Request, row[:len(row)-1])
	if err != nil || len(left) != 0 {
		t.Fatal(err, len(left))
	}
	if x := cmp.Diff(d, back); x != "" {
		t.Error(x)
	}
}

// TestManySetsOfFields keeps the bytes of fields in a queue, and tells no fields from empty ones.
func TestManySetsOfFields(t *testing.T) {
	odd := request.Fields{{Name: "n", Value: json.RawMessage("{ \"b\" : 1.10 ,\"<\":\"é\"}")}}
	e := request.Entry{ID: "r1", Queue: make([]request.Queued, 300)}
	for i := range e.Queue {
		e.Queue[i] = request.Queued{Op: "o", Fields: [3]request.Fields{nil, {}, odd}[i%3], Pre: [3]request.Fields{odd, nil, {}}[i%3]}
	}
	b, err := AppendEntry(nil, &e)
	if err != nil {
		t.Fatal(err)
	}
	if e.Queue[2].Fields == nil {
		t.Fatal("encoding took the fields out of the original")
	}
	got, err := DecodeEntry(b)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(e, got); d != "" {
		t.Error(d)
	}
	b[1]++ // one set more than there are places for
	if _, err := DecodeEntry(b); !errors.Is(err, ErrDamaged) {
		t.Errorf("a wrong number of sets: %v", err)
	}
}

func TestCloneSharesNothingThatChanges(t *testing.T) {
	e := filled[request.Entry]()
	c := Clone(e)
	if d := cmp.Diff(e, c); d != "" {
		t.Fatal(d)
	}
	shared(t, "Entry", reflect.ValueOf(e), reflect.ValueOf(c))
}

func shared(t *testing.T, path string, a, b reflect.Value) {
	if a.Type() == reflect.TypeFor[request.Fields]() || a.Type() == reflect.TypeFor[time.Time]() {
		return
	}
	switch a.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		if a.Pointer() == b.Pointer() {
			t.Errorf("%s is shared", path)
		}
		if a.Kind() == reflect.Pointer {
			shared(t, path, a.Elem(), b.Elem())
		}
		if a.Kind() == reflect.Slice && a.Len() > 0 {
			shared(t, path+"[0]", a.Index(0), b.Index(0))
		}
	case reflect.Struct:
		for i := range a.NumField() {
			shared(t, path+"."+a.Type().Field(i).Name, a.Field(i), b.Field(i))
		}
	}
}

func TestFlippedBitsAreErrors(t *testing.T) {
	e := filled[request.Entry]()
	b, err := AppendEntry(nil, &e)
	if err != nil {
		t.Fatal(err)
	}
	b = Seal(b, "k")
	for i := range b {
		b[i] ^= 1 << (i % 8)
		if _, err := Unseal(b, "k"); !errors.Is(err, ErrDamaged) {
			t.Fatalf("byte %d flipped: %v", i, err)
		}
		b[i] ^= 1 << (i % 8)
	}
	if _, err := Unseal(b, "k"); err != nil {
		t.Fatal(err)
	}
	if _, err := Unseal(b, "other"); !errors.Is(err, ErrDamaged) {
		t.Fatal("a value under another's key was taken")
	}
	if _, err := Unseal(b[:3], "k"); !errors.Is(err, ErrDamaged) {
		t.Fatal(err)
	}
}

func FuzzDecode(f *testing.F) {
	e, d := filled[request.Entry](), filled[request.Delivery]()
	b, _ := AppendEntry(nil, &e)
	f.Add(b)
	f.Add(AppendDelivery(nil, d))
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _ = DecodeEntry(b)
		_, _, _ = DecodeDelivery("x", b)
	})
}
