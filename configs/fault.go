package configs

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Fault is one thing that is wrong with a network file, or that should be looked at.
type Fault struct {
	File string
	// Line and Column count from 1, the column in characters.
	Line, Column int
	// Message says what is wrong, Hint what to do.
	Message, Hint string
	Warning       bool
	// Unknown tells that the file is right, and a variable or file that it names is not there.
	Unknown bool
}

// String is the fault in one line: file:line:column: message (hint).
func (f Fault) String() string {
	s := fmt.Sprintf("%s:%d:%d: %s", f.File, f.Line, f.Column, f.Message)
	if f.Hint != "" {
		s += " (" + f.Hint + ")"
	}
	return s
}

// Faults are all that is wrong with a network file, in the order of the file.
type Faults []Fault

// Error is one line for each fault.
func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i := range f {
		lines[i] = f[i].String()
	}
	return strings.Join(lines, "\n")
}

// Render shows each fault with the line of the file it is in and a caret under the column, secrets in it masked. Source is
// the text of the file.
func (f Faults) Render(source []byte) string {
	lines := strings.Split(string(source), "\n")
	var b strings.Builder
	for _, x := range f {
		b.WriteString(x.String() + "\n")
		if x.Line < 1 || x.Line > len(lines) {
			continue
		}
		line := masked(strings.TrimRight(lines[x.Line-1], "\r"))
		// The caret stands under its character also where tabs are in front of it.
		before := []rune(line)
		before = before[:min(max(x.Column-1, 0), len(before))]
		for i, r := range before {
			if r != '\t' {
				before[i] = ' '
			}
		}
		fmt.Fprintf(&b, "%5d | %s\n      | %s^\n", x.Line, line, string(before))
	}
	return b.String()
}

var (
	userinfo = regexp.MustCompile(`//[^/@\s]*@`)
	// A value is in quotes, or it ends where a mapping in one line has its next.
	scalar  = `"(?:[^"\\]|\\.)*"?|'(?:[^']|'')*'?|(?:\$\{[^}]*\}|[^\s,{}\[\]"'])(?:\$\{[^}]*\}|[^,}\]])*`
	secrets = regexp.MustCompile(`\b((?:peer_key|password|bearer|token|[Aa]uthorization|[A-Za-z-]*[Kk]ey|[A-Za-z_-]*[Ss]ecret|[A-Za-z_-]*[Tt]oken)["']?\s*:\s*)(` + scalar + `)`)
	inLogin = regexp.MustCompile(`\b([A-Za-z_][A-Za-z0-9_-]*)(["']?\s*:\s*)(` + scalar + `)`)
	// shown are values that are no secrets but stand for them.
	shown = regexp.MustCompile(`^["']?(\$\{[^}]*\}|\{[A-Za-z0-9_]+\})["']?$`)
)

// masked is a line of the file without what may be a secret in it; all else stays in its place.
func masked(line string) string {
	line = userinfo.ReplaceAllStringFunc(line, func(m string) string { return "//" + stars(m[2:len(m)-1]) + "@" })
	// Under a login a secret may have any name.
	if i := strings.Index(line, "login"); i >= 0 {
		line = line[:i] + inLogin.ReplaceAllStringFunc(line[i:], func(m string) string {
			sub := inLogin.FindStringSubmatch(m)
			switch sub[1] {
			case "method", "path", "from", "at", "name", "lifetime", "basic", "status", "expired", "username":
				return m
			}
			return sub[1] + sub[2] + starred(sub[3])
		})
	}
	return secrets.ReplaceAllStringFunc(line, func(m string) string {
		sub := secrets.FindStringSubmatch(m)
		return sub[1] + starred(sub[2])
	})
}

func starred(value string) string {
	if shown.MatchString(strings.TrimSpace(value)) {
		return value
	}
	return stars(value)
}

func stars(s string) string { return strings.Repeat("*", utf8.RuneCountInString(s)) }

func (f Faults) sort() Faults {
	slices.SortStableFunc(f, func(a, b Fault) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Column - b.Column
	})
	return slices.Compact(f)
}

// Nearest is a hint at the name that is spelled most alike; where there is none, at what there is, if that is little.
func Nearest(word string, known []string) string {
	known = slices.Clone(known)
	slices.Sort(known)
	best, least := "", min(1+utf8.RuneCountInString(word)/4, 3)+1
	for _, k := range known {
		if d := distance(strings.ToLower(word), k); d < least && d < len(k) {
			best, least = k, d
		}
	}
	switch {
	case best != "":
		return fmt.Sprintf("did you mean %q?", best)
	case len(known) == 0:
		return ""
	case len(known) > 12:
		return "known are " + strings.Join(known[:12], ", ") + " and others"
	}
	return "known are " + strings.Join(known, ", ")
}

// distance is how many letters are to be put in, left out or changed to make b of a.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
