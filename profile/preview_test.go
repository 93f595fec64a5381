package profile

import (
	"strings"
	"testing"

	"github.com/meridian-gateway/meridian/request"
)

// What is shown of a delivery is what is sent: the call is made by the same code, and what does not come through is named.
func TestPreview(t *testing.T) {
	t.Parallel()
	p, problems := Compile("desk", Spec{Preset: "rest", Collections: map[string]CollectionSpec{"tickets": {Path: "/api/tickets",
		Fields: map[string]FieldSpec{"summary": {At: "/title", MaxLength: 5, TooLong: "truncate"}}, Drop: []string{"secret"}}}})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	c := p.Collections["tickets"]
	f := request.Fields{{Name: "summary", Value: []byte(`"broken leg"`)}, {Name: "status", Value: []byte(`"open"`)}, {Name: "secret", Value: []byte(`1`)}}
	got, err := c.Preview("", f, Marks{})
	if err != nil {
		t.Fatal(err)
	}
	real, err := c.CreateCall(f, Marks{})
	if err != nil || string(got.Call.Body) != string(real.Body) || got.Call.Method != "POST" || got.Call.Target != "/api/tickets" {
		t.Errorf("%s %s %s, %v", got.Call.Method, got.Call.Target, got.Call.Body, err)
	}
	left := map[string]string{}
	for _, l := range got.Left {
		left[l.Field] = l.Why
	}
	if len(left) != 2 || !strings.Contains(left["summary"], `"broke`) || !strings.Contains(left["secret"], "no place") {
		t.Errorf("%v", left)
	}
	if got, err = c.Preview("7", f, Marks{}); err != nil || got.Call.Method != "PATCH" || got.Call.Target != "/api/tickets/7" {
		t.Errorf("%+v, %v", got.Call, err)
	}
}
