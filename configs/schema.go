package configs

import (
	_ "embed" // for the schema
	"encoding/json"
	"reflect"
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
	props["profiles"] = map[string]any{"type": "object", "description": schemaNotes["profiles"], "additionalProperties": schemaOf(reflect.TypeFor[profile.Spec]())}
	return json.MarshalIndent(s, "", "  ")
}

// schemaNotes are the keys that an editor should say something about.
var schemaNotes = map[string]string{
	"network":      "Name of the whole network.",
	"peer_key":     "Shared key that signs calls between gateways; needed unless all peers are on this machine.",
	"profiles":     "How the request APIs speak.",
	"sites":        "The sites, by name.",
	"routes":       "What goes where, in order.",
	"upstream":     "Address of the site's request API.",
	"listen":       "HOST:PORT to listen on.",
	"url":          "Address under which the other gateways reach this one.",
	"store":        "file:PATH (default file:data/SITE), redis://, rediss://, redis+sentinel:// or redis+cluster://.",
	"when":         "Condition over the canonical fields, e.g. category == \"chair\" && changed(\"status\").",
	"on":           "Events: create, update, delete, arrive, returned.",
	"at":           "Where it applies: sites of a route, a pointer of a field or an id, open or close of a schedule.",
	"to":           "Site, list of sites, or all.",
	"external_id":  "Field that carries the global id, to find a create again whose answer was lost.",
	"quiescence":   "How long a call may still take effect after its connection died (default: timeout).",
	"unreachable":  "Create while the owner cannot be reached: accept (default) or refuse.",
	"read_only":    "Pointers to fields that the API sets itself.",
	"read_back":    "Do not trust the answer of a write: read and compare.",
	"local":        "Fields that are never copied and never overwritten.",
	"lag_limit":    "Age of the oldest delivery from which a destination counts as degraded (default 60s).",
	"preset":       "What is not said below comes from here; rest is the plain convention.",
	"fields":       "Canonical name: pointer into the record, or more.",
	"values":       "Canonical value: local value.",
	"credentials":  "Of the gateway's own calls: basic, bearer or headers.",
	"holidays":     "Dates such as 2026-12-25.",
	"body_timeout": "How long a body may take to arrive.",
}

var (
	yamlUnmarshaler = reflect.TypeFor[yaml.Unmarshaler]()
	durationType    = reflect.TypeFor[time.Duration]()
)

func schemaOf(t reflect.Type) map[string]any {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t == durationType:
		return map[string]any{"type": "string", "pattern": "^([0-9.]+(ns|us|µs|ms|s|m|h))+$"}
	case t.Kind() == reflect.Struct && t != reflect.TypeFor[yaml.Node]():
		return structSchema(t)
	case reflect.PointerTo(t).Implements(yamlUnmarshaler):
		return map[string]any{} // several forms
	case t.Kind() == reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": schemaOf(t.Elem())}
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
		if d, ok := schemaNotes[key]; ok {
			s["description"] = d
		}
		props[key] = s
	}
	out := map[string]any{"type": "object", "additionalProperties": false, "properties": props}
	if reflect.PointerTo(t).Implements(yamlUnmarshaler) && t != reflect.TypeFor[profile.Spec]() && t != reflect.TypeFor[profile.CollectionSpec]() {
		out["type"] = []string{"object", "string", "boolean", "null"}
	}
	return out
}
