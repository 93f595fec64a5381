package learn

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
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

// names are those of the members of an object, sorted.
func names(o object) []string { return slices.Sorted(maps.Keys(o)) }

// deepest bounds how far into a value is looked.
const deepest = 4

// walk visits a value and all objects and members within it, with the pointer to each. It does not go on below where visit says false,
// and not into lists.
func walk(v any, visit func(at string, v any) bool) { walkFrom("", v, 0, visit) }

func walkFrom(at string, v any, depth int, visit func(string, any) bool) {
	if !visit(at, v) || depth == deepest {
		return
	}
	if o, is := v.(object); is {
		for _, name := range names(o) {
			walkFrom(at+"/"+escape(name), o[name], depth+1, visit)
		}
	}
}

// escape is a name as a pointer of a profile has it.
func escape(name string) string {
	return strings.NewReplacer("~", "~0", "/", "~1", "[", "~2", "]", "~3").Replace(name)
}

// member is what a pointer made of names leads to, nil when there is nothing.
func member(v any, pointer string) any {
	for step := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		if pointer == "" {
			return v
		}
		o, is := v.(object)
		if !is {
			return nil
		}
		v = o[strings.NewReplacer("~1", "/", "~2", "[", "~3", "]", "~0", "~").Replace(step)]
	}
	return v
}

// put sets what a pointer made of names leads to.
func put(o object, pointer string, value any) {
	steps := strings.Split(strings.TrimPrefix(pointer, "/"), "/")
	for i, step := range steps {
		step = strings.NewReplacer("~1", "/", "~2", "[", "~3", "]", "~0", "~").Replace(step)
		if i == len(steps)-1 {
			o[step] = value
			return
		}
		inner, is := o[step].(object)
		if !is {
			inner = object{}
			o[step] = inner
		}
		o = inner
	}
}

// plain is a text or a number as text, "" for everything else.
func plain(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return ""
}

// shows reports whether a value has a scalar somewhere in it that is the text.
func shows(v any, text string) (is bool) {
	walk(v, func(_ string, v any) bool {
		is = is || plain(v) == text
		return !is
	})
	return is
}

// parentOf is the pointer to what holds what a pointer leads to, last its last name.
func parentOf(pointer string) string { return pointer[:max(0, strings.LastIndexByte(pointer, '/'))] }

func last(pointer string) string { return pointer[strings.LastIndexByte(pointer, '/')+1:] }

// encode is a value as JSON text.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(v) != nil {
		return []byte("null") // what was parsed can be written
	}
	return bytes.TrimSpace(b.Bytes())
}

// equal reports whether two values are the same.
func equal(a, b any) bool { return bytes.Equal(encode(a), encode(b)) }

// cut shortens a text to n characters.
func cut(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}

// said is a value for a comment: what it is, and only a little of it.
func said(v any) string {
	if v == nil {
		return "null"
	}
	return cut(string(encode(v)), 40)
}

// plural is "1 record", "2 records".
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprint(n, " ", noun, "s")
}

// whole reports whether a number is one without a fraction.
func whole(n json.Number) bool {
	_, err := strconv.ParseInt(n.String(), 10, 64)
	return err == nil
}
