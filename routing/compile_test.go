package routing

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/meridian-gateway/meridian/request"
)

// What is wrong with a condition is said where it is, in words for the person who wrote it.
func TestConditionProblems(t *testing.T) {
	t.Parallel()
	for when, want := range map[string]string{
		`status = "open"`:                         `7: = is no comparison (write == to compare)`,
		`status == "open`:                         `15: a text is not closed (texts stand in "" or '')`,
		`status == `:                              `9: the expression ends too early`,
		`status is "open"`:                        `7: unexpected token Identifier("is") (is there an operator missing, such as && or ==? A text stands in quotes)`,
		`chnaged("status")`:                       `0: there is no function chnaged (did you mean changed?)`,
		`status == "a" && frobnicate(x)`:          `17: there is no function frobnicate`,
		`changed(status)`:                         `0: changed needs the name of one field, in quotes (changed("status"))`,
		`changed()`:                               `0: changed needs the name of one field, in quotes (changed("status"))`,
		`age("x") > duration("30d")`:              `11: "30d" is not a duration (as in duration("720h"), duration("15m"); there are no days, write 24h)`,
		`"x"`:                                     `0: expected bool, but got string (a condition is true or false, as in status == "open")`,
		`site == 3`:                               `5: invalid operation: == (mismatched types string and int)`,
		`now > "2026"`:                            `4: invalid operation: > (mismatched types time.Time and string)`,
		`status matches "("`:                      "",
		`any(a, any(b, # == 1))`:                  `7: any inside the condition of any is not allowed (look at one list at a time)`,
		`all(a, count(filter(#.b, true)) == 1)`:   `13: filter inside the condition of all is not allowed (look at one list at a time)`,
		`$env["x"] == 1`:                          `0: $env is not there in conditions (fields stand by their bare names, or as in field("due-date"))`,
		`a == 1 && ` + strings.Repeat("a", 9000):  `0: a condition has at most 8192 bytes`,
		strings.Repeat("a == 1 && ", 800) + "b":   "",
		strings.Repeat("(", 700) + "b":            "",
		`1e999 == a`:                              `6: the number is too big`,
		`a == 0xffffffffffffffffffffffffffffffff`: "",
	} {
		_, problems := Compile([]Route{{Name: "r", On: []Event{Create}, When: when, Copy: &Action{All: true}}}, sites)
		if len(problems) != 1 {
			t.Errorf("%.60s: problems %+v, want one", when, problems)
			continue
		}
		p := problems[0]
		got := fmt.Sprintf("%d: %s", p.Offset, p.Message)
		if p.Hint != "" {
			got += " (" + p.Hint + ")"
		}
		if want != "" && got != want || strings.Contains(got, "\n") {
			t.Errorf("%.60s:\ngot  %s\nwant %s", when, got, want)
		}
	}
}

func TestRouteProblems(t *testing.T) {
	t.Parallel()
	_, problems := Compile([]Route{
		{Name: "a", On: []Event{"craete"}, At: []request.Site{"paris"}, Transfer: to("rome")},
		{Name: "b", On: []Event{Create}, Transfer: to("chicago", "upholstery")},
		{Name: "c", On: []Event{Create}, Copy: to()},
		{Name: "d", On: []Event{Create}, Transfer: &Action{All: true}},
	}, sites)
	var got []string
	for _, p := range problems {
		got = append(got, fmt.Sprintf("%d %s: %s", p.Route, p.Path, p.Message))
	}
	want := []string{`0 on: there is no event "craete"`, `0 at: there is no site "paris"`, `0 transfer.to: there is no site "rome"`,
		"1 transfer.to: a request goes to exactly one site", "2 copy.to: a copy goes to one site at least",
		"3 transfer.to: a request goes to exactly one site"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	declared := Declared{Collection: "tickets", Fields: []string{"status", "category", "priority"}}
	compile := func(when string, d Declared) (string, *Table) {
		table, problems := Compile([]Route{{Name: "r", Collection: "tickets", On: []Event{Create}, When: when, Copy: &Action{All: true}}}, sites, d)
		if table != nil {
			problems = table.Warnings()
		}
		var out []string
		for _, p := range problems {
			out = append(out, fmt.Sprintf("%d %s %s", p.Offset, p.Message, p.Hint))
		}
		return strings.Join(out, "; "), table
	}
	for when, want := range map[string]string{
		`status == "x" && skill == "y"`: ``,
		`stauts == "x"`:                 `0 no profile names a field "stauts" did you mean status?`,
		`changed("categroy")`:           `0 no profile names a field "categroy" did you mean category?`,
		`old.prioritty == 1`:            `4 no profile names a field "prioritty" did you mean priority?`,
		`entred_by == "mary"`:           `0 no profile names a field "entred_by" did you mean entered_by?`,
		`stat == "x"`:                   ``,
	} {
		if got, table := compile(when, declared); got != want || table == nil {
			t.Errorf("%s: got %q, want %q", when, got, want)
		}
	}
	declared.Closed = true
	if got, table := compile(`stauts == "x" && skill == "y"`, declared); table != nil ||
		got != `0 there is no field "stauts" did you mean status?; 17 there is no field "skill" ` {
		t.Errorf("closed: got %q", got)
	}
}

func TestRings(t *testing.T) {
	t.Parallel()
	arriving := []Event{Create, Arrive}
	at := func(s ...request.Site) []request.Site { return s }
	for name, c := range map[string]struct {
		routes []Route
		want   []string
	}{
		"there and back": {[]Route{
			{Name: "out", On: []Event{Create}, At: at("chicago"), When: `category == "chair"`, Transfer: to("upholstery")},
			{Name: "back", On: arriving, At: at("upholstery"), When: `status == "open"`, Transfer: to("chicago")},
		}, []string{"a request can go round in a ring: chicago -> upholstery -> chicago, by the routes out, back"}},
		"conditions exclude each other": {[]Route{
			{Name: "out", On: arriving, At: at("chicago"), When: `category == "chair"`, Transfer: to("upholstery")},
			{Name: "back", On: arriving, At: at("upholstery"), When: `category in ["desk", "lamp"]`, Transfer: to("chicago")},
		}, nil},
		"other collections": {[]Route{
			{Name: "out", Collection: "a", On: arriving, At: at("chicago"), Transfer: to("upholstery")},
			{Name: "back", Collection: "b", On: arriving, At: at("upholstery"), Transfer: to("chicago")},
		}, nil},
		"only writes move": {[]Route{
			{Name: "out", On: []Event{Create, Update}, At: at("chicago"), Transfer: to("upholstery")},
			{Name: "back", On: []Event{Update}, At: at("upholstery"), Transfer: to("chicago")},
		}, nil},
		"one route, all sites": {[]Route{{Name: "all", On: arriving, Transfer: to("chicago")}}, nil},
		"three": {[]Route{
			{Name: "one", On: arriving, At: at("chicago"), Transfer: to("upholstery")},
			{Name: "two", On: arriving, At: at("upholstery"), Transfer: to("san-francisco")},
			{Name: "three", On: arriving, At: at("san-francisco"), Transfer: to("chicago")},
		}, []string{"a request can go round in a ring: chicago -> upholstery -> san-francisco -> chicago, by the routes one, two, three"}},
	} {
		var got []string
		for _, w := range mustCompile(t, c.routes).Warnings() {
			got = append(got, w.Message)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestUnindexed(t *testing.T) {
	t.Parallel()
	table := mustCompile(t, []Route{
		{Name: "a", On: []Event{Create}, When: `x == 1 || x in [2]`, Copy: &Action{All: true}},
		{Name: "b", On: []Event{Create}, When: `x > 1`, Copy: &Action{All: true}},
		{Name: "c", On: []Event{Create}, When: `x == 1 || y == 1`, Copy: &Action{All: true}},
		{Name: "d", On: []Event{Create}, Copy: &Action{All: true}},
	})
	if diff := cmp.Diff([]string{"b", "c"}, table.Unindexed()); diff != "" {
		t.Error(diff)
	}
}

func TestExplain(t *testing.T) {
	t.Parallel()
	on := []Event{Create}
	table := mustCompile(t, []Route{
		{Name: "timed", Schedule: &Schedule{}, Copy: &Action{All: true}},
		{Name: "articles", Collection: "articles", On: on, Copy: &Action{All: true}},
		{Name: "updates", On: []Event{Update, Arrive}, Copy: &Action{All: true}},
		{Name: "elsewhere", On: on, At: []request.Site{"chicago", "upholstery"}, Copy: &Action{All: true}},
		{Name: "false", On: on, When: `category == "chair" and (id == 12345678901234567890 or owner == "x") && site != "y"`, Copy: &Action{All: true}},
		{Name: "broken", On: on, When: `category == "chair" && category > 3`, Copy: &Action{All: true}},
		{Name: "first", On: on, Transfer: to("chicago")},
		{Name: "second", On: on, Transfer: to("upholstery")},
		{Name: "here", On: on, Copy: to("san-francisco")},
	})
	got := table.Explain(Input{Event: Create, Collection: "tickets", Site: "san-francisco", Owner: "san-francisco",
		New: fields(t, `{"category":"chair","id":12345678901234567891}`), Now: noon})
	want := []Reason{
		{Route: "timed", Cause: BySchedule, Why: "it runs by a schedule, not by an event"},
		{Route: "articles", Cause: Collection, Why: "it is for collection articles, not for tickets"},
		{Route: "updates", Cause: WrongEvent, Why: "it is for update, arrive, not for create"},
		{Route: "elsewhere", Cause: WrongSite, Why: "it applies at chicago, upholstery, not at san-francisco"},
		{Route: "false", Cause: Condition, Why: "its condition is false", Part: `id == 12345678901234567890 or owner == "x"`,
			Values: []Value{{"id", []byte("12345678901234567891")}, {"owner", []byte(`"san-francisco"`)}}},
		{Route: "broken", Cause: Failed, Why: "its condition cannot be computed: a text and a number have no order (at character 33)",
			Part: "category > 3", Values: []Value{{"category", []byte(`"chair"`)}}},
		{Route: "first", Fired: true, Cause: Fires, Why: "it matches"},
		{Route: "second", Cause: Shadowed, By: "first", Why: "it matches, but first comes first"},
		{Route: "here", Cause: AlreadyHere, Why: "it matches, but the request is there already"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
