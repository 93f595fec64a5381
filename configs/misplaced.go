package configs

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// meant is the hint at an unknown key: one that is spelled alike, else where a key of this name belongs, else what is known here.
func meant(key string, known []string) string {
	near := Nearest(key, known)
	const few = 5 // are said: among so many it is plain which one was meant
	if strings.HasPrefix(near, "did you mean") || len(known) <= few {
		return near
	}
	if places := belongs(reflect.TypeFor[fileSpec](), key, "", nil); len(places) > 0 && len(places) <= 3 {
		return fmt.Sprintf("%s belongs under %s", key, strings.Join(places, " or "))
	}
	return near
}

// belongs finds where in the network file a key has its place: the paths of the mappings that know it.
func belongs(t reflect.Type, key, path string, found []string) []string {
	switch t.Kind() {
	case reflect.Pointer:
		return belongs(t.Elem(), key, path, found)
	case reflect.Slice:
		return belongs(t.Elem(), key, path+"[…]", found)
	case reflect.Map:
		return belongs(t.Elem(), key, path+".NAME", found)
	case reflect.Struct:
	default:
		return found
	}
	if t == reflect.TypeFor[yaml.Node]() {
		return found
	}
	for i := range t.NumField() {
		name := t.Field(i).Tag.Get("yaml")
		if name == "" {
			continue
		}
		if name == key && path != "" && !slices.Contains(found, path) {
			found = append(found, path)
		}
		found = belongs(t.Field(i).Type, key, strings.TrimPrefix(path+"."+name, "."), found)
	}
	return found
}

// unclosed finds the line of a text, near the one in which a parser gave up, that opens a bracket, a brace or a quote and does not close
// it. Parsers notice some lines later, or name the line before. The line is 0 where there is none, or where several are as near.
func unclosed(text string, near int) (line, column int, what string) {
	const far = 12
	least, twice := far+1, false
	for i, l := range strings.Split(text, "\n") {
		col, open := leftOpen(l)
		if col == 0 {
			continue
		}
		switch d := max(i+1-near, near-i-1); {
		case d < least:
			line, column, what, least, twice = i+1, col, open, d, false
		case d == least:
			twice = true
		}
	}
	if twice || least > far {
		return 0, 0, ""
	}
	return line, column, what
}

var bareVariable = regexp.MustCompile(`[{,]\s*[\w-]+:\s+(\$\{)`)

// unquoted finds a ${VARIABLE} that stands within braces without quotes, near the line in which a parser gave up. The line is 0 where
// there is none.
func unquoted(text string, near int) (line, column int) {
	for i, l := range strings.Split(text, "\n") {
		at := bareVariable.FindStringSubmatchIndex(l)
		if at != nil && i+1 >= near-1 && i+1 <= near+2 {
			return i + 1, utf8.RuneCountInString(l[:at[2]]) + 1
		}
	}
	return 0, 0
}

// leftOpen is the column of what a line opens and does not close, 0 for nothing.
func leftOpen(line string) (column int, what string) {
	var open []int
	runes := []rune(line)
	for i := 0; i < len(runes); i++ {
		switch r := runes[i]; r {
		case '#':
			if i == 0 || runes[i-1] == ' ' {
				i = len(runes)
			}
		case '{', '[':
			open = append(open, i)
		case '}', ']':
			open = open[:max(len(open)-1, 0)]
		case '"', '\'':
			if i > 0 && !strings.ContainsRune(" :[{,", runes[i-1]) {
				continue // inside of a plain value
			}
			end := quoteEnd(runes, i)
			if end < 0 {
				return i + 1, string(r)
			}
			if rest := strings.TrimLeft(string(runes[end+1:]), " "); rest != "" && !strings.ContainsAny(rest[:1], ",]}:#") {
				return end + 1, string(r) // it was closed too early: the value goes on
			}
			i = end
		}
	}
	if len(open) > 0 {
		return open[len(open)-1] + 1, string(runes[open[len(open)-1]])
	}
	return 0, ""
}

// quoteEnd is the index of the quote that closes the one at i, -1 where none does.
func quoteEnd(runes []rune, i int) int {
	for j := i + 1; j < len(runes); j++ {
		switch {
		case runes[j] == '\\' && runes[i] == '"':
			j++
		case runes[j] == runes[i]:
			return j
		}
	}
	return -1
}
