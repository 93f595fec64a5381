package probe

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// object is a JSON object; numbers in it are json.Number.
type object = map[string]any

// parse reads one JSON value; ok is false for anything else.
func parse(text []byte) (v any, ok bool) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if d.Decode(&v) != nil {
		return nil, false
	}
	_, err := d.Token()
	return v, errors.Is(err, io.EOF)
}

// names are the members of an object, sorted.
func names(o object) []string { return slices.Sorted(maps.Keys(o)) }

// deepest bounds how far into a value is looked.
const deepest = 5

// walk visits a value and all within it, with the pointer to each, objects by the names of their members. It does not go on below where
// visit says false. Of lists of more than a few elements only the first are visited.
func walk(v any, visit func(at string, v any) bool) { walkFrom("", v, 0, visit) }

func walkFrom(at string, v any, depth int, visit func(string, any) bool) {
	if !visit(at, v) || depth >= deepest {
		return
	}
	switch v := v.(type) {
	case object:
		for _, name := range names(v) {
			walkFrom(at+"/"+escape(name), v[name], depth+1, visit)
		}
	case []any:
		for i, e := range v[:min(len(v), 5)] {
			walkFrom(fmt.Sprintf("%s/%d", at, i), e, depth+1, visit)
		}
	}
}

// escape is a name as a pointer has it.
func escape(name string) string {
	return strings.NewReplacer("~", "~0", "/", "~1", "[", "~2", "]", "~3").Replace(name)
}

// at is what a pointer made of names leads to.
func at(v any, pointer string) (any, bool) {
	if pointer == "" {
		return v, true
	}
	for _, step := range strings.Split(strings.TrimPrefix(pointer, "/"), "/") {
		step = strings.NewReplacer("~1", "/", "~2", "[", "~3", "]", "~0", "~").Replace(step)
		switch x := v.(type) {
		case object:
			inner, there := x[step]
			if !there {
				return nil, false
			}
			v = inner
		case []any:
			var i int
			if _, err := fmt.Sscanf(step, "%d", &i); err != nil || i < 0 || i >= len(x) {
				return nil, false
			}
			v = x[i]
		default:
			return nil, false
		}
	}
	return v, true
}

// whereText are the pointers to texts that hold a text.
func whereText(v any, text string) (out []string) {
	walk(v, func(at string, v any) bool {
		if s, is := v.(string); is && strings.Contains(s, text) {
			out = append(out, at)
		}
		return true
	})
	return out
}

// whereID are the pointers to scalars that are an id.
func whereID(v any, id string) (out []string) {
	walk(v, func(at string, v any) bool {
		if id != "" && plain(v) == id {
			out = append(out, at)
		}
		return true
	})
	return out
}

// plain is a scalar as text, "" for everything else.
func plain(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return ""
}

// parentOf is the pointer to what holds what a pointer leads to.
func parentOf(pointer string) string {
	if i := strings.LastIndexByte(pointer, '/'); i > 0 {
		return pointer[:i]
	}
	return ""
}

// last is the last name of a pointer, as it is written there.
func last(pointer string) string { return pointer[strings.LastIndexByte(pointer, '/')+1:] }

// texts is a value as JSON text.
func texts(v any) json.RawMessage {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(v) != nil {
		return json.RawMessage("null") // what was parsed can be written
	}
	return bytes.TrimSpace(b.Bytes())
}

// same reports whether two JSON texts are the same value.
func same(a, b []byte) bool {
	x, ok1 := parse(a)
	y, ok2 := parse(b)
	return ok1 && ok2 && bytes.Equal(texts(x), texts(y))
}

// cut shortens a text to n characters.
func cut(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}
