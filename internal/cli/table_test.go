package cli

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"

	"github.com/meridian-gateway/meridian/gateway"
)

// drawn is a table as a terminal of a width gets it; 0 is a pipe.
func drawn(width int, colour bool, fill func(t table)) string {
	var b bytes.Buffer
	t := newTable(&screen{Writer: &b, width: width, colour: colour}, "REQUEST", "TO", "STATE", "ATTEMPTS", "CAUSE")
	fill(t)
	if err := t.flush(); err != nil {
		panic(err)
	}
	return b.String()
}

func rowsOf(t table) {
	t.spare("ATTEMPTS").brief(2, "meridian deliveries show REQUEST")
	t.row("01JD000000000000000000000A", "東京", state("parked"), 12, "the request API of 東京 answered 422: the field status has to be one of open, pending and closed, but is reopened")
	t.row("01JD000000000000000000000B", "chicago", state("delivered"), 1, "")
}

func TestTables(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		width  int
		colour bool
		want   string
	}{
		{"pipe", 0, false, `
REQUEST                     TO       STATE      ATTEMPTS  CAUSE
01JD000000000000000000000A  東京     parked     12        the request API of 東京 answered 422: the field status has to be one of open, pending and closed, but is reopened
01JD000000000000000000000B  chicago  delivered  1         -
`}, {"wide", 100, false, `
REQUEST                     TO       STATE      ATTEMPTS  CAUSE
01JD000000000000000000000A  東京     parked     12        the request API of 東京 answered 422: the
                                                          field status has to be one of open, pendi…
01JD000000000000000000000B  chicago  delivered  1         -
(what ends in … is cut; in whole: meridian deliveries show REQUEST)
`}, {"narrow", 70, false, `
REQUEST                     TO       STATE      CAUSE
01JD000000000000000000000A  東京     parked     the request API of
                                                東京 answered 422: th…
01JD000000000000000000000B  chicago  delivered  -
(left out for want of room: ATTEMPTS; a wider terminal has them, and
-o yaml)
(what ends in … is cut; in whole: meridian deliveries show REQUEST)
`}, {"tiny", 46, true, `
<h>REQUEST</>  01JD000000000000000000000A
<h>TO</>       東京
<h>STATE</>    <b>parked</>
<h>CAUSE</>    the request API of 東京 answered 422:
         the field status has to be one of
         open, pending and closed, but is
         reopened

<h>REQUEST</>  01JD000000000000000000000B
<h>TO</>       chicago
<h>STATE</>    <g>delivered</>
`}} {
		want := strings.NewReplacer("<h>", "\x1b[1m", "<b>", "\x1b[1;31m", "<g>", "\x1b[32m", "</>", "\x1b[0m").Replace(strings.TrimPrefix(c.want, "\n"))
		if got := drawn(c.width, c.colour, rowsOf); got != want {
			t.Errorf("%s:\n%s\nwant\n%s", c.name, got, want)
		}
	}
}

// No line is wider than the terminal, and taking the colours away gives the table without colours, whatever is in it.
func TestTablesKeepToTheTerminal(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		wide := rapid.IntRange(60, 200).Draw(t, "width")
		rows := rapid.SliceOfN(rapid.SliceOfN(rapid.String(), 5, 5), 0, 5).Draw(t, "rows")
		fill := func(t table) {
			for _, r := range rows {
				t.row(r[0], r[1], state(r[2]), r[3], r[4])
			}
		}
		text := drawn(wide, false, fill)
		for line := range strings.Lines(text) {
			if n := cells(strings.TrimSuffix(line, "\n")); n > wide {
				t.Fatalf("%d columns on a terminal of %d: %q", n, wide, line)
			}
		}
		painted := drawn(wide, true, fill)
		for _, code := range []string{"\x1b[32m", "\x1b[33m", "\x1b[1;31m", "\x1b[1m", "\x1b[2m", "\x1b[0m"} {
			painted = strings.ReplaceAll(painted, code, "")
		}
		if painted != text {
			t.Fatalf("with colours %q, without %q", painted, text)
		}
	})
}

func TestColoursOnlyWhereWanted(t *testing.T) {
	e := &engine{health: gateway.Forwarding{State: gateway.OK}}
	run := serve(t, e)
	for mode, want := range map[string]bool{"auto": false, "always": true, "never": false} {
		if code, out, errs := run("", "status", "--color", mode); code != Done || strings.Contains(out, "\x1b[") != want {
			t.Errorf("%s: %d %q %q", mode, code, out, errs)
		}
	}
	if code, _, errs := run("", "status", "--color", "red"); code != Misused || !strings.Contains(errs, "auto, always or never") {
		t.Errorf("%d %q", code, errs)
	}
}

// What is written as YAML is read back as the same value, names in the same order, numbers to the digit.
func TestYAMLIsLossless(t *testing.T) {
	t.Parallel()
	var value *rapid.Generator[any]
	value = rapid.Deferred(func() *rapid.Generator[any] {
		return rapid.OneOf(
			rapid.String().AsAny(), rapid.Bool().AsAny(), rapid.Float64Range(-1e15, 1e15).AsAny(), rapid.Just[any](nil),
			rapid.SampledFrom([]string{"", "no", "yes", "null", "~", "1.5", "0x1f", "1e3", "2026-11-23", "12:30:45", "<<", "=", "a: b", "# x", "- x", "x\n", "\nx", " x ", "x\n\n y\n", "\t", "\u0085", "!!str"}).AsAny(),
			rapid.SliceOfN(value, 0, 3).AsAny(), rapid.MapOfN(rapid.String(), value, 0, 3).AsAny())
	})
	rapid.Check(t, func(t *rapid.T) {
		text, err := json.Marshal(value.Draw(t, "value"))
		if err != nil {
			t.Skip(err)
		}
		out, err := yamlOf(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		var want, got any
		if err := json.Unmarshal(text, &want); err != nil {
			t.Fatal(err)
		}
		if err := yaml.Unmarshal(out, &got); err != nil {
			t.Fatalf("%s\n%s\n%v", text, out, err)
		}
		back, err := json.Marshal(got) // YAML knows whole numbers, JSON does not
		if err != nil {
			t.Fatalf("%s\n%s\n%v", text, out, err)
		}
		var again any
		if err := json.Unmarshal(back, &again); err != nil || !reflect.DeepEqual(want, again) {
			t.Fatalf("%s\nis as YAML\n%s\nand again\n%s", text, out, back)
		}
	})
	out, err := yamlOf([]byte(`{"z":12345678901234567890123,"a":{"list":[],"none":null},"text":"two\nlines\n","day":"2026-11-23"}`))
	if want := "z: 12345678901234567890123\na:\n  list: []\n  none: null\ntext: |\n  two\n  lines\nday: \"2026-11-23\"\n"; err != nil || string(out) != want {
		t.Errorf("%s %v", out, err)
	}
}

func TestEachAnswerAlsoAsYAML(t *testing.T) {
	t.Parallel()
	run := serve(t, &engine{})
	for _, args := range [][]string{{"status"}, {"requests", "show", "17"}, {"requests", "list"}, {"deliveries", "list"}, {"transfers"}, {"conflicts", "list"}} {
		_, plain, _ := run("", append(args, "-o", "json")...)
		code, out, errs := run("", append(args, "-o", "yaml")...)
		var want any
		var got map[string]any
		if err := json.Unmarshal([]byte(plain), &want); err != nil {
			t.Fatal(err)
		}
		if err := yaml.Unmarshal([]byte(out), &got); err != nil || code != Done {
			t.Fatalf("%v: %d %q %v", args, code, errs, err)
		}
		back, _ := json.Marshal(got)
		var again any
		_ = json.Unmarshal(back, &again)
		if !reflect.DeepEqual(want, again) {
			t.Errorf("%v: %s is not %s", args, out, plain)
		}
	}
}
