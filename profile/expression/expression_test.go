package expression

import (
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestRun(t *testing.T) {
	values := map[string]json.RawMessage{
		"record": json.RawMessage(`{"first":"Ann","last":"Lee","n":7,"price":12345678901234567890.10,"none":null,"due":"2026-01-02T15:04:05+02:00",
		  "tags":["a","b"],"list":[{"id":1,"v":"x"},{"id":2,"v":"y"}],"Field With Space":"f","o":{"p":{"q":1}},"big":9007199254740993,"ok":true}`),
		"value": json.RawMessage(`{ "a" : [1.10, 1E2] }`),
	}
	for text, want := range map[string]string{
		`value`:                                   `{ "a" : [1.10, 1E2] }`,
		`value.a[0] + value.a[1]`:                 `101.1`,
		`record.first + " " + record.last`:        `"Ann Lee"`,
		`record.first + record.none`:              `null`,
		`record.nothing.at.all`:                   `null`,
		`record["Field With Space"]`:              `"f"`,
		`record.price`:                            `12345678901234567890.10`,
		`[record.price, record.big]`:              `[12345678901234567890.10,9007199254740993]`,
		`record.price > 1`:                        `true`,
		`record.price == record.price`:            `true`,
		`record.price * 2`:                        "error: cannot be computed",
		`record.n * 2 - 1`:                        `13`,
		`record.n / 2`:                            `3.5`,
		`record.n / 7`:                            `1`,
		`record.n % 4`:                            `3`,
		`record.n % 0`:                            "error: cannot be computed",
		`record.n / 0`:                            "error: no number",
		`record.first * 2`:                        "error: a text * a number cannot be computed",
		`lower(record.first)`:                     `"ann"`,
		`lower(record.none)`:                      `null`,
		`upper(trim(" x "))`:                      `"X"`,
		`record.none ?? "else"`:                   `"else"`,
		`record.ok ? 1 : 2`:                       `1`,
		`record.none ? 1 : 2`:                     `2`,
		`record.n ? 1 : 2`:                        "error: a number is no condition",
		`record.n > 5 && record.first == "Ann"`:   `true`,
		`record.none > 5`:                         `false`,
		`record.first > 5`:                        "error: have no order",
		`record.n in [1, 7]`:                      `true`,
		`record.first not in record.tags`:         `true`,
		`"p" in record.o`:                         `true`,
		`record.none in record.tags`:              `false`,
		`"x" in record.none`:                      `false`,
		`len(record.none)`:                        `0`,
		`len(record.tags)`:                        `2`,
		`record.tags[-1]`:                         `"b"`,
		`record.tags[5]`:                          `null`,
		`join(record.tags, "; ")`:                 `"a; b"`,
		`split("a,b", ",")`:                       `["a","b"]`,
		`split(record.none, ",")`:                 `null`,
		`split("a,b", ",")[1]`:                    `"b"`,
		`map(split("a, b", ","), trim(#))`:        `["a","b"]`,
		`filter(record.list, #.id == 2)[0].v`:     `"y"`,
		`find(record.list, .id == 1).v`:           `"x"`,
		`find(record.none, .id == 1).v`:           `null`,
		`map(record.none, #.v)`:                   `[]`,
		`count(record.list, .nothing)`:            `0`,
		`replace(record.first, "n", "m")`:         `"Amm"`,
		`toJSON(record.o)`:                        `"{\"p\":{\"q\":1}}"`,
		`fromJSON("[1, 12345678901234567890]")`:   `[1,12345678901234567890]`,
		`fromJSON("[1")`:                          "error: a text is no JSON",
		`string(record.big)`:                      `"9007199254740993"`,
		`string(record.price)`:                    `"12345678901234567890.10"`,
		`string(1.50)`:                            `"1.5"`,
		`string(record.none)`:                     `null`,
		`string(record.o)`:                        "error: an object is no text",
		`int("7")`:                                `7`,
		`{"a": record.n, "b": [record.ok]}`:       `{"a":7,"b":[true]}`,
		`record.due.Format("2006-01-02")`:         `"2026-01-02"`,
		`date(record.due)`:                        `"2026-01-02T13:04:05Z"`,
		`date(record.due).In("Asia/Tokyo").Day()`: `2`,
		`date(record.none)`:                       `null`,
		`date("")`:                                `null`,
		`date(record.none).Format("2006")`:        `null`,
		`date("2026-01-02")`:                      `"2026-01-02T00:00:00Z"`,
		`date("2026-01-02 15:04:05")`:             `"2026-01-02T15:04:05Z"`,
		`date("2026-01-02T15:04:05.120+0200")`:    `"2026-01-02T13:04:05.12Z"`,
		`date("02.01.2026", "02.01.2006")`:        `"2026-01-02T00:00:00Z"`,
		`date("02.07.2026 12:00", "02.01.2006 15:04", "Europe/Oslo")`: `"2026-07-02T10:00:00Z"`,
		`date(1700000000)`:                                        `"2023-11-14T22:13:20Z"`,
		`date(1700000000123)`:                                     `"2023-11-14T22:13:20.123Z"`,
		`date("1700000000", "unix")`:                              `"2023-11-14T22:13:20Z"`,
		`date(5, "unix-ms")`:                                      `"1970-01-01T00:00:00.005Z"`,
		`date(1e300)`:                                             "error: there is no such year",
		`date("soon")`:                                            "error: the text is no time",
		`date(record.ok)`:                                         "error: true or false is no time",
		`date("1.1.2026", "2.1.2006", "Local")`:                   `error: there is no zone "Local"`,
		`date(record.due).Unix()`:                                 `1767359045`,
		`(date("2026-01-02") - date("2026-01-01")).Hours()`:       `24`,
		`date("2026-01-02") + duration("36h")`:                    `"2026-01-03T12:00:00Z"`,
		`date("2026-01-02").Add(duration("1h"))`:                  `"2026-01-02T01:00:00Z"`,
		`date("2026-01-02").Add(1)`:                               "error: not the arguments",
		`date("2026-01-02").Hours()`:                              "error: a time has no such method",
		`date("2026-01-02") < date("2026-01-03")`:                 `true`,
		`date("2026-01-02") == date("2026-01-02T01:00:00+01:00")`: `true`,
		`duration("90m")`:                                         `"1h30m0s"`,
		`let x = record.n; x + x`:                                 `14`,
		`record.first | lower() | replace("a", "o")`:              `"onn"`,
		`record.first matches "^A"`:                               `true`,
		`record.none matches "^A"`:                                `false`,
		`record.first contains "nn"`:                              `true`,
		`record.tags?.[0]`:                                        `"a"`,
		`record?.o?.p?.q`:                                         `1`,
		`1..3`:                                                    `[1,2,3]`,
		`1..1000000`:                                              "error: memory budget exceeded",
		`map(1..9000, record)`:                                    "error: the result is too long",
		`toJSON(map(1..9000, record))`:                            "error: the result is too long",
		`join(map(1..20000, "0123456789012345678901234567890123456789012345678901234567890123456789"))`: "error: the result is too long",
	} {
		e, err := Compile(text, "value", "record")
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		got, err := e.Run(values)
		if wrong, is := strings.CutPrefix(want, "error: "); is {
			if err == nil || !strings.Contains(err.Error(), wrong) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%s: %.200s %v, want the error %s", text, got, err, wrong)
			}
		} else if err != nil || string(got) != want {
			t.Errorf("%s: %.200s %v, want %s", text, got, err, want)
		}
	}
}

func TestFaults(t *testing.T) {
	for text, want := range map[string]string{
		``:                               "1: the expression ends too early",
		`valu`:                           "1: there is no valu here",
		`1 + fields.x`:                   "5: there is no fields here",
		`now()`:                          "1: there is no function now",
		`::now()`:                        "3: there is no function now",
		`repeat("x", 10)`:                "1: there is no function repeat",
		`timezone("Local")`:              "1: there is no function timezone",
		`$env`:                           "1: there is no $env here",
		`value.Local()`:                  "7: there is no such method",
		`value["For" + "mat"]("x")`:      "21: unexpected token",
		`map(value, map(#, #))`:          "12: map inside the condition of map",
		`value +`:                        "7: the expression ends too early",
		`"x`:                             "3: a text is not closed",
		`value value`:                    "7: unexpected token Identifier",
		`1 + "x"`:                        "3: invalid operation",
		`99999999999999999999`:           "20: the number is too big",
		`let value = 1; value`:           "5: value is the name of what the expression sees",
		`date()`:                         "1: not enough arguments",
		`lower(1)`:                       "7: cannot use int",
		strings.Repeat("1+", 5000) + "1": "0: an expression has at most 8192 bytes",
		strings.Repeat("1+", 3000) + "1": "0: ",
		"\xff":                           "0: an expression is not valid",
	} {
		_, err := Compile(text, "value", "record")
		var f *Fault
		if !errors.As(err, &f) {
			t.Errorf("%.40s: %v", text, err)
			continue
		}
		at, message, _ := strings.Cut(want, ": ")
		if at != "0" && at != strconv.Itoa(f.At) || !strings.HasPrefix(f.Message, message) {
			t.Errorf("%.40s: at %d: %s, want %s", text, f.At, f.Message, want)
		}
	}
}

func TestReads(t *testing.T) {
	for text, want := range map[string]string{
		`value`:                          "value",
		`record.a.b + record["c d"]`:     "a, a/b, c d",
		`record.a.Format("2006")`:        "a",
		`record?.a?.b`:                   "a, a/b",
		`record`:                         "all",
		`toJSON(record)`:                 "all",
		`record[value.x]`:                "all, value",
		`let r = record; r.a`:            "all",
		`map(record.list, #.record)`:     "list",
		`record.list[0].x`:               "list",
		`record.Format("x")`:             "all",
		`1`:                              "",
		`"value"`:                        "",
		`{"value": 1}.value`:             "",
		`record.a == 1 ? value : record`: "a, all, value",
	} {
		e, err := Compile(text, "value", "record")
		if err != nil {
			t.Error(text, err)
			continue
		}
		paths, all := e.Reads("record")
		var got []string
		for _, p := range paths {
			got = append(got, strings.Join(p, "/"))
		}
		if e.Sees("value") {
			got = append(got, "value")
		}
		if all {
			got = append(got, "all")
		}
		slices.Sort(got)
		if have := strings.Join(slices.Compact(got), ", "); have != want {
			t.Errorf("%s reads %s, want %s", text, have, want)
		}
	}
}

// No expression over any value ends the process, or makes anything but JSON.
func FuzzExpression(f *testing.F) {
	for _, text := range []string{`value`, `date(value, "2006").Format("02")`, `record.a[0].b ?? value + 1`, `map(value, #.x)`, `let x = value; x > 2 ? lower(x) : [x, {"a": x}]`,
		`value in record.a and not (value matches "a+")`, `join(split(value, ","), "-")`, `value | trim() | upper()`, `1..value`, `value[1:]`, `record?.x ** -2`} {
		f.Add(text, `"2026,x"`, `{"a":[{"b":1e400}]}`)
		f.Add(text, `[1,"x",null,{"x":-0.0}]`, `null`)
	}
	f.Fuzz(func(t *testing.T, text, value, record string) {
		e, err := Compile(text, "value", "record")
		if err != nil {
			var fault *Fault
			if !errors.As(err, &fault) || strings.Contains(fault.Message, "\n") {
				t.Fatalf("%q", err)
			}
			return
		}
		values := map[string]json.RawMessage{}
		if json.Valid([]byte(value)) {
			values["value"] = json.RawMessage(value)
		}
		if json.Valid([]byte(record)) {
			values["record"] = json.RawMessage(record)
		}
		out, err := e.Run(values)
		if err != nil {
			return
		}
		again, err := e.Run(values)
		if !json.Valid(out) || err != nil || string(again) != string(out) {
			t.Fatalf("%s over %s and %s: %s, then %s %v", text, value, record, out, again, err)
		}
	})
}
