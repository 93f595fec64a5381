package routing

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/meridian-gateway/meridian/request"
)

// linear is Decide without the index: every route for the event, in order.
func (t *Table) linear(in Input) Decision {
	e := newEvaluation()
	e.begin(&in)
	var all []int32
	for i := range t.routes {
		r := &t.routes[i]
		if r.Schedule != nil || r.Collection != "" && r.Collection != in.Collection {
			continue
		}
		for _, ev := range r.On {
			if ev == in.Event && (len(r.At) == 0 || contains(r.At, in.Site)) {
				all = append(all, int32(i))
				break
			}
		}
	}
	return t.decide(e, all)
}

func contains(l []request.Site, s request.Site) bool {
	return strings.Contains(fmt.Sprint(l), string(s))
}

var (
	names3   = []string{"a", "b", "due-date"}
	literals = []string{`"x"`, `"y"`, `"a\"b"`, `1`, `1.0`, `2.5`, `-1`, `true`, `false`, `12345678901234567890`, `12345678901234567891`, `9007199254740993`}
	jsons    = []string{`"x"`, `"y"`, `"a\"b"`, `"\u0078"`, `1`, `1.0`, `1e0`, ` 1 `, `2.5`, `25e-1`, `-1`, `true`, `false`, `null`, `[1]`, `{"x":1}`,
		`12345678901234567890`, `12345678901234567891`, `1234567890123456789e1`, `9007199254740993`, `9007199254740992`}
)

func genName(t *rapid.T) string {
	n := rapid.SampledFrom(names3).Draw(t, "name")
	if strings.Contains(n, "-") {
		return fmt.Sprintf("field(%q)", n)
	}
	return n
}

func genCondition(t *rapid.T, depth int) string {
	lit := func() string { return rapid.SampledFrom(literals).Draw(t, "literal") }
	switch k := rapid.IntRange(0, 11).Draw(t, "kind"); {
	case k < 3 || depth == 0 && k > 7:
		return genName(t) + " == " + lit()
	case k == 3:
		return lit() + " == " + genName(t)
	case k == 4:
		return fmt.Sprintf("%s in [%s, %s]", genName(t), lit(), lit())
	case k == 5:
		return genName(t) + " != " + lit()
	case k == 6:
		return genName(t) + " > " + rapid.SampledFrom([]string{`1`, `"x"`, `2.5`, `12345678901234567890`, `b`}).Draw(t, "bound")
	case k == 7:
		return rapid.SampledFrom([]string{`changed("a")`, `old.a == "x"`, `site == "chicago"`, `!changed("b")`, `old.b in [1, "x"]`}).Draw(t, "other")
	case k < 10:
		return "(" + genCondition(t, depth-1) + " && " + genCondition(t, depth-1) + ")"
	case k == 10:
		return "(" + genCondition(t, depth-1) + " || " + genCondition(t, depth-1) + ")"
	}
	return "not (" + genCondition(t, depth-1) + ")"
}

func genRoute(t *rapid.T, i int) Route {
	r := Route{Name: fmt.Sprintf("r%d", i), On: rapid.SliceOfN(rapid.SampledFrom(Events()), 1, 3).Draw(t, "on"),
		Collection: rapid.SampledFrom([]string{"", "tickets", "articles"}).Draw(t, "collection"),
		At:         rapid.SliceOfN(rapid.SampledFrom(sites), 0, 2).Draw(t, "at")}
	if rapid.IntRange(0, 9).Draw(t, "conditional") > 0 {
		r.When = genCondition(t, 3)
	}
	target := &Action{To: []request.Site{rapid.SampledFrom(sites).Draw(t, "to")}}
	switch rapid.IntRange(0, 5).Draw(t, "action") {
	case 0:
		r.Transfer = target
	case 1:
		r.Return = &Action{}
	case 2:
		r.Archive = target
	case 3:
		r.Delete = &Action{Copies: "all"}
	default:
		r.Copy = target
	}
	return r
}

func genFields(t *rapid.T) request.Fields {
	var f request.Fields
	for _, n := range names3 {
		if rapid.Bool().Draw(t, "there") {
			f = append(f, request.Field{Name: n, Value: []byte(rapid.SampledFrom(jsons).Draw(t, "value"))})
		}
	}
	return f
}

// The index leaves out only routes that do not match.
func TestIndexIsLinearScan(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		routes := make([]Route, rapid.IntRange(1, 12).Draw(t, "routes"))
		for i := range routes {
			routes[i] = genRoute(t, i)
		}
		table, problems := Compile(routes, sites)
		if len(problems) > 0 {
			t.Fatalf("%+v", problems)
		}
		for range 4 {
			in := Input{Event: rapid.SampledFrom(Events()).Draw(t, "event"), Site: rapid.SampledFrom(sites).Draw(t, "site"), Now: noon,
				Collection: rapid.SampledFrom([]string{"tickets", "articles", "notes"}).Draw(t, "of"), Old: genFields(t), New: genFields(t),
				Except: rapid.SliceOfN(rapid.SampledFrom([]string{"r0", "r1", "r2"}), 0, 1).Draw(t, "except")}
			want, got := table.linear(in), table.Decide(in)
			if diff := cmp.Diff(summary(want), summary(got)); diff != "" {
				t.Fatalf("%s", diff)
			}
			checkReasons(t, table.Explain(in), got)
		}
	})
}

// checkReasons holds Explain against Decide.
func checkReasons(t *rapid.T, reasons []Reason, d Decision) {
	var fired []string
	for _, r := range reasons {
		if r.Fired {
			fired = append(fired, r.Route)
		}
		if r.Why == "" || r.Cause == Condition && r.Part == "" {
			t.Fatalf("no reason: %+v", r)
		}
	}
	if diff := cmp.Diff(d.Fired, fired); diff != "" {
		t.Fatalf("fired, by Decide and by Explain: %s", diff)
	}
}

// A table is used by many goroutines at once.
func TestConcurrentDecisions(t *testing.T) {
	t.Parallel()
	table := mustCompile(t, []Route{{Name: "a", On: []Event{Update}, When: `a == 1 && changed("b") && age("c") == nil`, Copy: &Action{All: true}}})
	done := make(chan string)
	for i := range 8 {
		go func() {
			bad := ""
			for n := range 200 {
				f := request.Fields{{Name: "a", Value: []byte(fmt.Sprint((n + i) % 2))}, {Name: "b", Value: []byte(`"x"`)}}
				d := table.Decide(Input{Event: Update, Site: "chicago", New: f})
				if got := len(d.Fired) == 1; got != ((n+i)%2 == 1) {
					bad = fmt.Sprintf("%s: %+v", f, d)
				}
			}
			done <- bad
		}()
	}
	for range 8 {
		if bad := <-done; bad != "" {
			t.Error(bad)
		}
	}
}

// FuzzCompile: no text makes compiling or running panic or hang.
func FuzzCompile(f *testing.F) {
	for _, s := range []string{`a == 1`, `old.a != a && changed("b")`, `age("c") > duration("1h")`, `any(a, # > 1)`, `12345678901234567890 == a`,
		`a?.b[0].c`, `let x = 1; x == a`, `{"a": 1}.a == 1`, `if a { true } else { false }`, `a..b`, `[1,2] | map(# * 2)`, `"a" matches "("`, "a\n==\n1",
		`now.Year() > 1`, `date(a)`, `$env["a"]`, `a = 1`, `reduce(1..9, #acc + #)`, `not`, `1__2345678901234567890`, "\xff", `field("")`} {
		f.Add(s)
	}
	record := request.Fields{{Name: "a", Value: []byte(`[1,{"b":"x"}]`)}, {Name: "b", Value: []byte(`"2026-01-01"`)}, {Name: "c", Value: []byte(`1e300`)}}
	f.Fuzz(func(t *testing.T, when string) {
		table, problems := Compile([]Route{{Name: "r", On: []Event{Create}, When: when, Copy: &Action{All: true}}}, sites)
		if table == nil {
			for _, p := range problems {
				if p.Message == "" || strings.Contains(p.Message, "\n") || p.Offset < 0 || p.Offset > len(when) {
					t.Errorf("%+v", p)
				}
			}
			return
		}
		in := Input{Event: Create, Site: "chicago", New: record, Now: noon}
		table.Decide(in)
		table.Explain(in)
	})
}
