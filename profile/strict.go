package profile

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/meridian-gateway/meridian/request"
)

// Unusual reports whether a call has a path of a described collection and a method that no request API has: nobody knows what it
// would do there.
func (p *Profile) Unusual(method, escapedPath string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return false
	}
	var caught caught
	for _, t := range p.matcher {
		if t.exact.find(strings.TrimSuffix(escapedPath, "/"), &caught) != nil || t.plain.find(plain(escapedPath), &caught) != nil {
			return true
		}
	}
	return false
}

// homes are the paths below which records of described collections are.
func (m matcher) homes() [][]string {
	var out [][]string
	for _, t := range m {
		for written := range t.written {
			literal, _, named := strings.Cut(strings.ToLower(written), "{")
			if i := strings.LastIndexByte(literal, '/'); named && i >= 0 {
				literal = literal[:i]
			}
			home := strings.Split(strings.Trim(literal, "/"), "/")
			if home[0] != "" && !slices.ContainsFunc(out, func(h []string) bool { return slices.Equal(h, home) }) {
				out = append(out, home)
			}
		}
	}
	return out
}

// wanders refuses a path that enters a described collection and plays tricks there: who decodes or cleans it sees another one. It is
// for paths that are none of the collection's, whatever the method.
func (p *Profile) wanders(escapedPath string) error {
	if !odd(escapedPath) {
		return nil
	}
	wrong := &request.Error{Op: "profile.Match", Kind: request.Invalid,
		Detail: "the path " + clip(escapedPath) + " can be read in more than one way; write it plainly"}
	var at []string // where the path has led so far
	inside, first, twisted := false, false, false
	for raw := range strings.SplitSeq(strings.TrimSuffix(strings.TrimPrefix(escapedPath, "/"), "/"), "/") {
		all := decoded(raw)
		if inside && tricky(raw, all, first) {
			return wrong
		}
		first = false
		twisted = twisted || escapedInVain(raw, all) || strings.ContainsAny(all, `;\`) || all == "" || all == "." || all == ".."
		for s := range strings.SplitSeq(strings.ReplaceAll(all, "\\", "/"), "/") {
			s, _, _ = strings.Cut(s, ";")
			switch s {
			case "", ".":
			case "..":
				at = at[:max(0, len(at)-1)]
			default:
				at = append(at, strings.ToLower(s))
			}
			if !inside && slices.ContainsFunc(p.homes, func(h []string) bool { return slices.Equal(h, at) }) {
				if twisted {
					return wrong
				}
				inside, first = true, true
			}
		}
	}
	return nil
}

// escapedInVain reports whether a segment escapes what need not be, which only serves to hide it, unlike the blank in "Help%20Desk"; or
// what would be more than one segment.
func escapedInVain(raw, all string) bool {
	return raw != all && (strings.ContainsAny(all, "/%") ||
		!strings.EqualFold(raw, url.PathEscape(all)) && !strings.EqualFold(raw, strings.ReplaceAll(url.PathEscape(all), ":", "%3A")))
}

// decoded is a segment of a path without any escapes.
func decoded(s string) string {
	for range 8 {
		u, err := url.PathUnescape(s)
		if err != nil {
			u = decodeWhatCan(s)
		}
		if u == s {
			break
		}
		s = u
	}
	return s
}

// tricky reports whether a segment within a collection can be taken for something else; of the one in the place of an id more is asked.
func tricky(raw, all string, id bool) bool {
	if slices.Contains(strings.FieldsFunc(all, func(c rune) bool { return c == '/' || c == '\\' }), "..") || all == "." ||
		strings.Contains(all, `\`) || hidden(all) {
		return true
	}
	if !id {
		return false
	}
	once, err := url.PathUnescape(raw)
	if rest := afterSite(all); all == "" || rest == "." || rest == ".." {
		return true
	}
	return err != nil || once != all || strings.ContainsAny(all, "/;%") || !utf8.ValidString(all) || len(all) > 256
}

// hidden reports whether a text has characters that are not seen, or have others seen in another order.
func hidden(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool {
		switch {
		case r < ' ', r >= 0x7f && r < 0xa0, // control
			r >= 0x200b && r <= 0x200f, r >= 0x202a && r <= 0x202e, r >= 0x2060 && r <= 0x206f, // no width, order
			r == 0x61c, r == 0xfeff, r >= 0xfff9 && r <= 0xfffb, r >= 0xe0000 && r <= 0xe007f:
			return true
		}
		return false
	})
}
