package configs

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"go.yaml.in/yaml/v3"
)

// conforms checks a value against a schema, as far as ours go.
func conforms(s map[string]any, v any, at string) []string {
	var out []string
	if any1, ok := s["anyOf"].([]any); ok {
		for _, one := range any1 {
			if len(conforms(one.(map[string]any), v, at)) == 0 {
				return nil
			}
		}
		return []string{fmt.Sprintf("%s: %v is none of the forms", at, v)}
	}
	if one, ok := s["enum"].([]any); ok && !slices.Contains(one, v) {
		out = append(out, fmt.Sprintf("%s: %v is none of %v", at, v, one))
	}
	if types := typesOf(s); types != nil && !slices.Contains(types, typeOf(v)) {
		return append(out, fmt.Sprintf("%s: %v is %s, want %v", at, v, typeOf(v), types))
	}
	if p, ok := s["pattern"].(string); ok && !regexp.MustCompile(p).MatchString(fmt.Sprint(v)) {
		out = append(out, fmt.Sprintf("%s: %v does not match %s", at, v, p))
	}
	if list, ok := v.([]any); ok && s["items"] != nil {
		for i, e := range list {
			out = append(out, conforms(s["items"].(map[string]any), e, fmt.Sprintf("%s[%d]", at, i))...)
		}
	}
	if m, ok := v.(map[string]any); ok {
		out = append(out, conformsMap(s, m, at)...)
	}
	return out
}

func conformsMap(s, m map[string]any, at string) []string {
	var out []string
	props, _ := s["properties"].(map[string]any)
	for k, e := range m {
		switch p, more := props[k], s["additionalProperties"]; {
		case p != nil:
			out = append(out, conforms(p.(map[string]any), e, at+"."+k)...)
		case more == false:
			out = append(out, at+": unknown key "+k)
		case more != nil:
			out = append(out, conforms(more.(map[string]any), e, at+"."+k)...)
		}
	}
	required, _ := s["required"].([]any)
	for _, k := range required {
		if _, ok := m[k.(string)]; !ok {
			out = append(out, fmt.Sprintf("%s: %v is missing", at, k))
		}
	}
	return out
}

func typesOf(s map[string]any) []string {
	switch t := s["type"].(type) {
	case string:
		return []string{t}
	case []any:
		var out []string
		for _, x := range t {
			out = append(out, x.(string))
		}
		return out
	}
	return nil
}

func typeOf(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case int:
		return "integer"
	case float64:
		return "number"
	case []any:
		return "array"
	case map[string]any:
		return "object"
	}
	return "string"
}

func TestSchemaTakesExamplesAndNamesFaults(t *testing.T) {
	t.Parallel()
	var schema map[string]any
	if err := json.Unmarshal(Schema, &schema); err != nil {
		t.Fatal(err)
	}
	check := func(text []byte) []string {
		var v map[string]any
		text = regexp.MustCompile(`(?m)^( +)null:`).ReplaceAll(text, []byte(`$1"null":`)) // as an editor takes it; here it would be no text
		if err := yaml.Unmarshal(text, &v); err != nil {
			t.Fatal(err)
		}
		return conforms(schema, v, "")
	}
	files, _ := filepath.Glob("*/network.yaml")
	files = append(files, "testdata/full/all.yaml", "describe/desks.yaml")
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, fault := range check(text) {
			t.Errorf("%s: %s", f, fault)
		}
	}
	for _, bad := range []string{"network: n", "network: n\nprofiles: {}\nsites: {}\nrutes: []", "network: n\nprofiles: {}\nsites: {a: {listn: x}}",
		"network: n\nprofiles: {p: {timeout: 5 bags}}\nsites: {}", "network: n\nprofiles: {}\nsites: {}\nroutes: [{copy: {to: {}}}]",
		"network: n\nprofiles: {}\nsites: {}\ndefaults: {writes: perhaps}"} {
		if len(check([]byte(bad))) == 0 {
			t.Errorf("the schema takes %q", bad)
		}
	}
}

// An editor has a sentence to say about each key.
func TestEveryKeyHasANote(t *testing.T) {
	t.Parallel()
	var schema any
	if err := json.Unmarshal(Schema, &schema); err != nil {
		t.Fatal(err)
	}
	var walk func(key string, v any)
	walk = func(key string, v any) {
		switch v := v.(type) {
		case []any:
			for _, e := range v {
				walk(key, e)
			}
		case map[string]any:
			if d, is := v["description"].(string); is && d == "" {
				t.Errorf("notes.go says nothing about %q", key)
			}
			for k, e := range v {
				walk(k, e)
			}
		}
	}
	walk("", schema)
}
