package profile

import (
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/meridian-gateway/meridian/profile/presets"
)

// Every preset that is offered is whole: its text has no key that is not known, and a collection can be made with it.
func TestPresets(t *testing.T) {
	names := presets.Names()
	if len(names) == 0 || names[0] != "rest" {
		t.Fatal(names)
	}
	for _, name := range names {
		f, err := template(name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		s := Spec{Preset: name, Collections: map[string]CollectionSpec{"things": {Path: "/things"}}}
		for known, c := range f.named {
			if c.Parent == "" && c.Path == "" {
				s.Collections[known] = CollectionSpec{Path: "/left/to/say"}
			} else if c.Parent == "" {
				s.Collections[known] = CollectionSpec{}
			}
		}
		for known, c := range f.named {
			if _, there := s.Collections[c.Parent]; there && c.Path == "" {
				s.Collections[known] = CollectionSpec{Path: "/left/{parent}/to/say"}
			} else if there {
				s.Collections[known] = CollectionSpec{}
			}
		}
		if p, problems := Compile(name, s); p == nil {
			t.Errorf("%s: %+v", name, problems)
		}
	}
	_, problems := Compile("x", Spec{Preset: "dream"})
	if len(problems) != 1 || !strings.Contains(problems[0].Message, `no preset "dream"`) || !strings.Contains(problems[0].Hint, "rest") || !slices.Equal(problems[0].Path, []string{"preset"}) {
		t.Errorf("%+v", problems)
	}
	if _, err := parsePreset([]byte("collection: {paht: x}")); err == nil {
		t.Error("a preset is decoded as strictly as a file")
	}
	if _, err := parsePreset([]byte("colection: {}")); err == nil {
		t.Error("a preset is decoded as strictly as a file")
	}
	if _, err := parsePreset(nil); err == nil {
		t.Error("an empty preset is none")
	}
}

// A user who says of a well-known field no more than its values keeps the place that the preset gives it; one who gives it a place has
// it all to himself.
func TestFieldsOverPresets(t *testing.T) {
	p := profileOf(t, "preset: servicenow\ncollections: {tickets: {fields: {status: {values: {open: \"1\"}, strict: true}, priority: /urgency, place: {max_length: 5}}}}")
	c := p.Collections["tickets"]
	call, err := c.CreateCall(fieldsOf(t, `{"subject":"x","status":"open","priority":"2","place":"here"}`), Marks{})
	if got := line(call); err != nil || got != `POST /api/now/table/incident application/json {"short_description":"x","state":"1","urgency":"2","place":"here"}` {
		t.Error(got, err)
	}
	if _, err := c.CreateCall(fieldsOf(t, `{"subject":"x","status":"odd"}`), Marks{}); err == nil {
		t.Error("a value that is not listed was written")
	}
}

// A profile whose encoding and media type contradict each other is none; one of them is enough.
func TestEncodings(t *testing.T) {
	for text, want := range map[string]string{
		"encoding: form\ncontent_type: application/json": "content_type", "encoding: json\ncontent_type: application/x-www-form-urlencoded": "content_type", "retry_after: -1s": "retry_after",
	} {
		var s Spec
		if err := yaml.Unmarshal([]byte("preset: rest\ncollections: {a: {path: /a}}\n"+text), &s); err != nil {
			t.Fatal(err)
		}
		if _, problems := Compile("x", s); len(problems) != 1 || problems[0].Path[0] != want {
			t.Errorf("%s: %+v", text, problems)
		}
	}
	c := ofProfile(t, "content_type: application/x-www-form-urlencoded; charset=utf-8", "read_only: [/id]")
	call, err := c.CreateCall(fieldsOf(t, `{"a":1}`), Marks{})
	if got := line(call); err != nil || got != "POST /tickets application/x-www-form-urlencoded; charset=utf-8 a=1" {
		t.Error(got, err)
	}
	if p := profileOf(t, "preset: rest\nretry_after: 5s\ncollections: {a: {path: /a}}"); p.RetryAfter != 5e9 || p.Login != nil {
		t.Error(p.RetryAfter)
	}
}
