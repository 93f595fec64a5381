package learn

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/meridian-gateway/meridian/request"
)

// place is where the answer to a create has the id: from body (at), location, header (name), or list, where only that shows it.
type place struct{ id, from, at string }

// place finds the id of the record that a create made.
func (l *learner) place(ctx context.Context, a request.Answer) (place, error) {
	for _, p := range l.places(a) {
		ours, err := l.ours(ctx, p.id)
		if err != nil || ours {
			return p, err
		}
	}
	id, err := l.inList(ctx)
	if id != "" || err != nil {
		return place{id: id, from: "list"}, err
	}
	// It may hold nothing of what was sent. What the answer to a create names in the place of ids, and can be read, is the new record.
	for _, p := range l.places(a) {
		a, err := l.call(ctx, http.MethodGet, l.where(l.id.form, p.id), nil)
		if err != nil || a.Status == http.StatusOK {
			return p, err
		}
	}
	return place{}, nil
}

// places are where the answer to a create may have the id, the likeliest first.
func (l *learner) places(a request.Answer) (out []place) {
	v, _ := parse(a.Body)
	for _, at := range []string{l.answer + l.id.at, parentOf(l.answer) + l.id.at, l.id.at} {
		if id := l.matched(plain(member(v, at))); usable(id) {
			out = append(out, place{id, "body", at})
		}
	}
	if to := a.Header.Get("Location"); to != "" {
		out = append(out, place{l.atEnd(to), "location", ""})
	}
	walk(v, func(at string, v any) bool {
		name := strings.ToLower(last(at))
		if id := plain(v); usable(id) && (strings.HasSuffix(name, "id") || slices.Contains(usualIDs, name)) {
			out = append(out, place{id, "body", at})
		}
		return true
	})
	for _, name := range slices.Sorted(headerNames(a.Header)) {
		if strings.Contains(strings.ToLower(name), "id") && usable(a.Header.Get(name)) {
			out = append(out, place{a.Header.Get(name), "header", name})
		}
	}
	out = slices.DeleteFunc(out, func(p place) bool { return !usable(p.id) })
	return out[:min(len(out), 12)]
}

func headerNames(h http.Header) func(func(string) bool) {
	return func(yield func(string) bool) {
		for name := range h {
			if !yield(name) {
				return
			}
		}
	}
}

// matched is the id in what is at id.at.
func (l *learner) matched(s string) string {
	if l.id.match == "" {
		return s
	}
	if m := regexp.MustCompile(l.id.match).FindStringSubmatch(s); m != nil {
		return m[1]
	}
	return ""
}

// atEnd is the id at the end of an address.
func (l *learner) atEnd(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	id := last(strings.TrimSuffix(strings.TrimSuffix(u.Path, "/"), ".json"))
	if _, in, ok := strings.Cut(id, "("); ok {
		id = strings.Trim(strings.TrimSuffix(in, ")"), "'")
	}
	return id
}

// ours reports whether a record that is read by an id is the one that was made.
func (l *learner) ours(ctx context.Context, id string) (bool, error) {
	a, err := l.call(ctx, http.MethodGet, l.where(l.id.form, id), nil)
	return err == nil && a.Status == http.StatusOK && strings.Contains(string(a.Body), l.created.token), err
}

// inList is the id of the record in the list, "" when it is not there.
func (l *learner) inList(ctx context.Context) (string, error) {
	targets := []string{l.target(l.paging()), l.target()}
	for _, target := range targets {
		a, err := l.call(ctx, http.MethodGet, target, nil)
		if err != nil {
			return "", err
		}
		v, _ := parse(a.Body)
		list, _ := member(v, l.seen.items).([]any)
		for _, e := range list {
			if !strings.Contains(string(encode(e)), l.created.token) {
				continue
			}
			for _, at := range []string{l.id.at, l.seen.item + l.id.at} {
				if id := l.matched(plain(member(e, at))); usable(id) {
					return id, nil
				}
			}
		}
	}
	return "", nil
}

// identify says where the answer to the create has the id.
func (l *learner) identify(ctx context.Context, a request.Answer) error {
	p := l.created.placed
	pairs := []string{"at", quoted(l.id.at), "match", quotedOr(l.id.match), "pattern", l.pattern()}
	seen := "it works in the address of a record"
	if len(l.id.other) > 0 {
		seen += "; " + strings.Join(l.id.other, ", ") + " does not"
	}
	switch p.from {
	case "body":
		pairs = append([]string{"from", "body"}, pairs...)
		seen += "; the answer to a create has it"
		if !slices.Contains([]string{l.answer + l.id.at, parentOf(l.answer) + l.id.at, l.id.at}, p.at) {
			pairs = append(pairs, "created", quoted(p.at))
			seen += " at " + p.at
		}
	case "location":
		pairs = append([]string{"from", "location"}, pairs...)
		seen += "; of the answer to a create only Location has it"
	case "header":
		pairs = append([]string{"from", "header", "name", quoted(p.at)}, pairs...)
		seen += "; the answer to a create has it in a header"
	default:
		pairs = append([]string{"from", "body"}, pairs...)
		seen += "; the answer to a create does not have it: say from: search where the record can be found by its external id"
		l.notes = append(l.notes, "The answer to a create does not tell the id of the new record.")
	}
	l.say("id", inBraces(pairs...), seen)
	l.sayEnvelope()
	return nil
}
