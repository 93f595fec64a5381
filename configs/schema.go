package configs

import (
	_ "embed" // for the schema
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/meridian-gateway/meridian/profile"
)

// Schema is the JSON Schema (2020-12) of the network file, for editors: the first line of a file may say
// "# yaml-language-server: $schema=schema.json". Loading a file checks much more than it can say.
//
//go:embed schema.json
var Schema []byte

// buildSchema makes the schema from the types that a file is decoded into, so that the two cannot differ.
func buildSchema() ([]byte, error) {
	s := schemaOf(reflect.TypeFor[fileSpec]())
	s["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	s["title"] = "Meridian network file"
	s["required"] = []string{"network", "profiles", "sites"}
	props := s["properties"].(map[string]any)
	props["profiles"] = map[string]any{"type": "object", "description": note("profiles"), "additionalProperties": schemaOf(reflect.TypeFor[profile.Spec]())}
	return json.MarshalIndent(s, "", "  ")
}

func schemaOf(t reflect.Type) map[string]any {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t == reflect.TypeFor[time.Duration]():
		return map[string]any{"type": "string", "pattern": "^([0-9.]+(ns|us|µs|ms|s|m|h))+$"}
	case t.Kind() == reflect.Struct && t != reflect.TypeFor[yaml.Node]() && !anyForm(t):
		return structSchema(t)
	case t == reflect.TypeFor[profile.Pointers]():
		return schemaOf(reflect.TypeFor[[]string]())
	case t == reflect.TypeFor[profile.Conditions]():
		one := schemaOf(t.Elem())
		return map[string]any{"anyOf": []any{one, map[string]any{"type": "array", "items": one}}}
	case reflect.PointerTo(t).Implements(reflect.TypeFor[yaml.Unmarshaler]()):
		return map[string]any{} // several forms
	case t.Kind() == reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": schemaOf(t.Elem())}
	case t == reflect.TypeFor[[]string]():
		one := schemaOf(t.Elem())
		return map[string]any{"anyOf": []any{one, map[string]any{"type": "array", "items": one}}}
	case t.Kind() == reflect.Slice:
		return map[string]any{"type": "array", "items": schemaOf(t.Elem())}
	case t.Kind() == reflect.Bool:
		return map[string]any{"type": "boolean"}
	case t.Kind() == reflect.Int:
		return map[string]any{"type": "integer"}
	case t.Kind() == reflect.String:
		return map[string]any{"type": []string{"string", "number", "boolean"}}
	}
	return map[string]any{}
}

// anyForm reports whether a struct decodes itself and has no keys of its own: it takes any value.
func anyForm(t reflect.Type) bool {
	for i := range t.NumField() {
		if key := t.Field(i).Tag.Get("yaml"); key != "" && key != "-" {
			return false
		}
	}
	return reflect.PointerTo(t).Implements(reflect.TypeFor[yaml.Unmarshaler]())
}

// mapping reports whether a type that decodes itself has no short form.
func mapping(t reflect.Type) bool {
	return slices.Contains([]reflect.Type{reflect.TypeFor[profile.Spec](), reflect.TypeFor[profile.CollectionSpec](), reflect.TypeFor[profile.LoginSpec](),
		reflect.TypeFor[profile.TokenSpec](), reflect.TypeFor[profile.AliveSpec](), reflect.TypeFor[profile.WatchSpec](),
		reflect.TypeFor[profile.ContentSpec](), reflect.TypeFor[profile.Condition]()}, t)
}

// structSchema lists the keys. A type that decodes itself may have a short form besides the mapping.
func structSchema(t reflect.Type) map[string]any {
	props := map[string]any{}
	for i := range t.NumField() {
		f := t.Field(i)
		key, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if key == "" || key == "-" {
			continue
		}
		s := schemaOf(f.Type)
		if t == reflect.TypeFor[credentialsSpec]() && key == "login" {
			s = schemaOf(reflect.TypeFor[profile.LoginSpec]())
		}
		s["description"] = note(key)
		if one := oneOf(t, key); one != nil {
			s["enum"] = one
			delete(s, "type")
		}
		props[key] = s
	}
	out := map[string]any{"type": "object", "additionalProperties": false, "properties": props}
	if reflect.PointerTo(t).Implements(reflect.TypeFor[yaml.Unmarshaler]()) && !mapping(t) {
		out["type"] = []string{"object", "string", "boolean", "null"}
	}
	return out
}

// oneOf are the words that a key of a route, of the defaults or of a pool takes.
func oneOf(t reflect.Type, key string) []string {
	if t.PkgPath() != reflect.TypeFor[fileSpec]().PkgPath() {
		return nil
	}
	return map[string][]string{
		"unreachable": {"accept", "refuse"}, "writes": {"forward", "refuse", "queue"}, "on_delete": {"cascade", "keep"}, "store_down": {"refuse", "pass"},
		"priority": {"low", "normal", "high"}, "mode": {"ownership", "data", "independent", "move"}, "forward": {"now", "later"},
		"duplicate": {"error", "overwrite", "create"}, "copies": {"all"}, "catch_up": {"once", "skip"},
	}[key]
}
