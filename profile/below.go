package profile

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Below tells of which described record a call may change something that the profile does not describe: its path is that of a record,
// or leads on from there. It is for calls that Match does not know. ok is false for reads and for everything else.
func (p *Profile) Below(method, escapedPath string) (c *Collection, id string, ok bool) {
	switch method {
	case http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete:
	default:
		return nil, "", false
	}
	for _, name := range p.Order() {
		c := p.Collections[name]
		if c.content != nil && c.content.put != nil && c.content.put.method == method { // the bytes of a file that has its record already
			if id := c.content.put.path.idIn(escapedPath); id != "" && c.validID(id) && strings.HasPrefix(escapedPath, c.content.put.path.path.literals[0]) {
				return c, id, true
			}
		}
		k := c.calls[Read]
		if c.parent != "" || k == nil || len(k.path.path.names) != 1 || k.path.path.names[0] != "id" {
			continue
		}
		before, after := k.path.path.literals[0], k.path.path.literals[1]
		rest, found := strings.CutPrefix(escapedPath, before)
		if !found {
			continue
		}
		raw, more, _ := strings.Cut(rest, "/")
		if close, _, _ := strings.Cut(after, "/"); close != "" { // ) or .json
			if cut, had := strings.CutSuffix(raw, close); had {
				raw = cut
			} else if more == "" {
				continue
			}
		}
		id, err := url.PathUnescape(raw)
		if err == nil && c.validID(id) && !slices.Contains(p.actions(before), id) {
			return c, id, true
		}
	}
	return nil, "", false
}

// Carries reports whether clients bring files in the call that makes a record of another collection, as a form: the making of files is
// not theirs, and has the same path.
func (p *Profile) Carries(m Match) bool {
	k := m.Collection.calls[Create]
	if m.Verb != Create || m.Collection.parent == "" || m.Collection.IsFile() || k == nil {
		return false
	}
	for _, c := range p.Collections {
		if own := c.calls[Create]; c.IsFile() && c.rides && c.parent == m.Collection.parent && own != nil && own.method == k.method && own.path.source == k.path.source {
			return true
		}
	}
	return false
}

// actions are words that stand in the place of an id in calls that the profile describes.
func (p *Profile) actions(before string) []string {
	var out []string
	for _, c := range p.Collections {
		for _, k := range c.calls {
			if rest, ok := strings.CutPrefix(k.path.path.literals[0], before); ok {
				word, _, _ := strings.Cut(rest, "/")
				out = append(out, word)
			}
		}
	}
	return out
}
