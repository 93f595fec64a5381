package routing

import (
	"strings"
	"testing"

	"github.com/meridian-gateway/meridian/request"
)

func TestList(t *testing.T) {
	t.Parallel()
	to := &Action{To: []request.Site{"b"}}
	for _, c := range []struct{ when, index, why string }{
		{`category == "x"`, "category", ""},
		{`n > 2 && category in ["x", "y"]`, "category", ""},
		{`a == "x" || a == "y"`, "a", ""},
		{`a == "x" || b == "y"`, "", "alternatives"},
		{`a != "x"`, "", "what a value is not"},
		{`a startsWith "x"`, "", "no field's very value"},
		{``, "", "no condition"},
	} {
		table, problems := Compile([]Route{{Name: "r", On: Events(), When: c.when, Transfer: to}}, []request.Site{"a", "b"})
		if table == nil {
			t.Fatal(c.when, problems)
		}
		got := table.List()[0]
		if strings.Join(got.Index, " ") != c.index || (c.why == "") != (got.WhyNot == "") || !strings.Contains(got.WhyNot, c.why) {
			t.Errorf("%s: %v, %q", c.when, got.Index, got.WhyNot)
		}
	}
}

func TestDoes(t *testing.T) {
	t.Parallel()
	for want, r := range map[string]Route{
		"transfer to b (ownership)":             {Transfer: &Action{To: []request.Site{"b"}}},
		"transfer to b (data); copy to c, d":    {Transfer: &Action{To: []request.Site{"b"}, Mode: "data"}, Copy: &Action{To: []request.Site{"c", "d"}}},
		"copy to all other sites (independent)": {Copy: &Action{All: true, Mode: "independent"}},
		"return to the owner before":            {Return: &Action{}},
		"archive at b":                          {Archive: &Action{To: []request.Site{"b"}, Mode: "move"}},
		"delete all copies":                     {Delete: &Action{Copies: "all"}},
		"delete":                                {Delete: &Action{}},
	} {
		if got := r.Does(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
