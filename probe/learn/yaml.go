package learn

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// order is that of the keys of a collection in the proposal.
var order = [...]string{"path", "create", "read", "update", "replace", "delete", "list", "id", "envelope", "external_id", "etag", "read_back",
	"deleted", "null", "read_only", "others"}

// yaml is the proposal as text.
func (l *learner) yaml() string {
	var b strings.Builder
	fmt.Fprintf(&b, "profiles:\n  %s:\n    preset: rest  # the plain convention; what follows is where this API is known to keep to it, or differs\n", l.o.Profile)
	for text := range strings.Lines(l.o.Keep) {
		b.WriteString("    " + strings.TrimRight(text, "\n") + "\n")
	}
	for _, key := range []string{"encoding", "content_type", "alive"} {
		if x, said := l.lines[key]; said {
			b.WriteString(x.text(4))
		}
	}
	fmt.Fprintf(&b, "    collections:\n      %s:\n", l.o.Collection)
	for _, note := range l.notes {
		b.WriteString("        # " + note + "\n")
	}
	for _, key := range order {
		if x, said := l.lines[key]; said {
			b.WriteString(x.text(8))
		}
	}
	if len(l.fields) > 0 {
		b.WriteString("        fields:  # the names on the left are those of the whole network: give all sites the same ones\n")
		for _, x := range l.fields {
			b.WriteString(x.text(10))
		}
	}
	return b.String()
}

// text is the line, or only a comment where it has no value.
func (x line) text(indent int) string {
	seen := strings.Join(strings.Fields(x.seen), " ")
	pad := strings.Repeat(" ", indent)
	if x.value == "" {
		return wrapped(x.key+": "+seen, pad+"# ")
	}
	if text := fmt.Sprintf("%s%s: %s", pad, x.key, x.value); len(text)+len(seen) <= widest {
		return text + "  # " + seen + "\n"
	}
	return wrapped(seen, pad+"# ") + fmt.Sprintf("%s%s: %s\n", pad, x.key, x.value)
}

// widest is the length of a line that is still read well.
const widest = 120

// wrapped is a text in lines that each begin with pad.
func wrapped(text, pad string) string {
	var b strings.Builder
	n := 0
	for word := range strings.FieldsSeq(text) {
		if n > 0 && n+1+len(word) > widest {
			b.WriteByte('\n')
			n = 0
		}
		if n == 0 {
			b.WriteString(pad)
			n = len(pad)
		} else {
			b.WriteByte(' ')
			n++
		}
		b.WriteString(word)
		n += len(word)
	}
	return b.String() + "\n"
}

var plainText = regexp.MustCompile(`^[A-Za-z/_][A-Za-z0-9/_.+-]*$`)

// quoted is a text in YAML, within braces too.
func quoted(s string) string {
	switch strings.ToLower(s) {
	case "true", "false", "null", "yes", "no", "on", "off", "y", "n":
		return strconv.Quote(s)
	}
	if plainText.MatchString(s) {
		return s
	}
	return string(encode(s))
}

// inBraces is a mapping in YAML, of pairs of keys and values that are YAML already; what has no value is left out.
func inBraces(pairs ...string) string {
	var out []string
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			out = append(out, pairs[i]+": "+pairs[i+1])
		}
	}
	return "{" + strings.Join(out, ", ") + "}"
}

// inBrackets is a list in YAML of values that are YAML already; "" where there is none.
func inBrackets[T any](list []T) string {
	if len(list) == 0 {
		return ""
	}
	out := make([]string, len(list))
	for i, x := range list {
		out[i] = fmt.Sprint(x)
	}
	return "[" + strings.Join(out, ", ") + "]"
}

// quotedOr is quoted, and nothing where there is nothing.
func quotedOr(s string) string {
	if s == "" {
		return ""
	}
	return quoted(s)
}

var between = regexp.MustCompile(`[^a-z0-9]+`)
var humps = regexp.MustCompile(`([a-z0-9])([A-Z])`)

// named is a name of the network for a member: small letters and underscores.
func named(member string) string {
	return strings.Trim(between.ReplaceAllString(strings.ToLower(humps.ReplaceAllString(member, "${1}_$2")), "_"), "_")
}
