package cli

import (
	"strings"
	"unicode"

	"golang.org/x/text/width"
)

// cells is how many columns of a terminal a text takes: two for a wide character of East Asia, none for a mark on the one before.
func cells(s string) int {
	n := 0
	for _, r := range s {
		n += cellsOf(r)
	}
	return n
}

func cellsOf(r rune) int {
	switch {
	case r < 0x20 || unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case r < 0x1100:
		return 1
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// head is as much of s as fits into n columns, and what is left.
func head(s string, n int) (string, string) {
	used := 0
	for i, r := range s {
		if used += cellsOf(r); used > n {
			return s[:i], s[i:]
		}
	}
	return s, ""
}

// wrapped breaks a text into lines of at most n columns, between words where it can be.
func wrapped(s string, n int) []string {
	if cells(s) <= n {
		return []string{s}
	}
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(s) {
		switch {
		case line == "":
			line = word
		case cells(line)+1+cells(word) <= n:
			line += " " + word
		default:
			lines, line = append(lines, line), word
		}
		for cells(line) > n {
			part, rest := head(line, n)
			if part == "" { // a wide character where there is room for half of it
				break
			}
			lines, line = append(lines, part), rest
		}
	}
	return append(lines, line)
}

// shortened is s in at most n columns, with an ellipsis where something was left out.
func shortened(s string, n int) string {
	if cells(s) <= n {
		return s
	}
	part, _ := head(s, max(n-1, 0))
	return strings.TrimRight(part, " ") + "…"
}

// fit makes columns narrower until they take no more than most in all: the widest first, none below least, and only those that may wrap.
func fit(widths []int, wraps []bool, gap, most int) bool {
	const least = 16
	for {
		sum, widest := gap*(len(widths)-1), -1
		for i, w := range widths {
			if sum += w; wraps[i] && w > least && (widest < 0 || w > widths[widest]) {
				widest = i
			}
		}
		switch {
		case sum <= most:
			return true
		case widest < 0:
			return false
		}
		widths[widest]--
	}
}
