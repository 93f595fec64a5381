package probe

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/meridian-gateway/meridian/profile"
	"github.com/meridian-gateway/meridian/request"
)

// placed finds out where the answer to the create has the id, and whether it is the one that reading wants.
func (m *made) placed(ctx context.Context, a request.Answer) {
	f := Finding{What: "id of a new record", Profile: m.idSaid()}
	created, err := m.c.Created(a)
	if m.d.From == "search" {
		created.Local = m.searched(ctx)
		err = nil
	}
	if err == nil && m.is(ctx, created.Local) {
		m.local = created.Local
		f.API = fmt.Sprintf("%s, as it should be", m.local)
		m.say(Equal, f)
		m.twins(a)
		if created.Record == nil {
			m.say(Note, Finding{What: "answer to the create", Profile: "-", API: "does not hold the record, which is read afterwards"})
		}
		return
	}
	switch {
	case err == nil && created.Local == "":
		f.API = "it is not found"
	case err == nil:
		f.API = fmt.Sprintf("%s, by which it cannot be read", created.Local)
	default:
		f.API = detail(err)
	}
	at, from := m.guessID(ctx, a)
	switch {
	case from == "body":
		f.API += fmt.Sprintf("; %s is at %s", m.local, at)
		f.Write = fmt.Sprintf("id: {from: body, at: %s}", quoted(at))
	case from == "location":
		f.API += fmt.Sprintf("; %s is in Location", m.local)
		f.Write = "id: {from: location}"
	case from == "search":
		f.API += fmt.Sprintf("; the answer does not tell it, the list shows %s", m.local)
		f.Write = "id: {from: search} # with external_id"
	default:
		m.report.Left = append(m.report.Left, Left{m.c.Name(), "", m.text, "its id could not be found out"})
	}
	m.say(Failed, f)
	if f.Write != "" {
		m.report.Findings[len(m.report.Findings)-1].State = Differs
	}
}

// twins notes another member that looks like an id and has the same value by chance: which of them works in addresses shows only when
// they differ.
func (m *made) twins(a request.Answer) {
	v, _ := parse(a.Body)
	var others []string
	for _, at := range whereID(v, m.local) {
		at = strings.TrimPrefix(at, m.d.Answer)
		if idRank(last(at)) >= 0 && !slices.Contains(m.d.At, at) && strings.Count(at, "/") == 1 {
			others = append(others, at)
		}
	}
	differ := slices.ContainsFunc(m.samples, func(s sample) bool {
		v, _ := parse(s.record)
		return slices.ContainsFunc(others, func(o string) bool { is, ok := at(v, o); return ok && plain(is) != s.local })
	})
	if m.d.From == "body" && len(others) > 0 && !differ {
		m.say(Note, Finding{What: "id of a new record", Profile: m.idSaid(), API: strings.Join(others, " and ") + " has the same value: with a second record it would show which one is right"})
	}
}

// idSaid is where the profile says that the id of a new record is.
func (m *made) idSaid() string {
	switch m.d.From {
	case "header":
		return "header " + m.d.Name
	case "location":
		return "location"
	case "search":
		return "found by the external id"
	}
	return "body, at " + strings.Join(m.d.At, " or ")
}

// is reports whether an id is that of the record: reading it gives the text.
func (m *made) is(ctx context.Context, local string) bool {
	if local == "" {
		return false
	}
	if !m.c.Can(profile.Read) {
		return m.listed(ctx) == local
	}
	return m.reads(ctx, local)
}

// reads reports whether what is read under an id has the text of the record.
func (m *made) reads(ctx context.Context, local string) bool {
	if !m.c.Can(profile.Read) {
		return false
	}
	a, err := m.API.Do(ctx, m.c.ReadCall(local), true)
	return err == nil && a.Status < 300 && strings.Contains(string(a.Body), string(m.id))
}

// guessID looks for an id by which the record can be read: in the answer, its Location, or the list.
func (m *made) guessID(ctx context.Context, a request.Answer) (pointer, from string) {
	v, _ := parse(a.Body)
	type candidate struct {
		at, id string
		rank   int
	}
	var list []candidate
	walk(v, func(at string, v any) bool {
		if rank := idRank(last(at)); rank >= 0 && plain(v) != "" && len(plain(v)) < 200 {
			list = append(list, candidate{at, plain(v), rank})
		}
		return true
	})
	slices.SortStableFunc(list, func(a, b candidate) int { return cmp.Compare(a.rank, b.rank) })
	for _, c := range list[:min(len(list), 6)] {
		if m.is(ctx, c.id) {
			m.local = c.id
			return strings.TrimPrefix(c.at, m.d.Answer), "body"
		}
	}
	if id := lastPart(a.Header.Get("Location")); m.is(ctx, id) {
		m.local = id
		return "", "location"
	}
	if id := m.listed(ctx); id != "" {
		m.local = id
		return "", "search"
	}
	return "", ""
}

// lastPart is what stands at the end of an address, without a query and without parentheses and suffixes around it.
func lastPart(address string) string {
	address, _, _ = strings.Cut(address, "?")
	s := last(strings.TrimSuffix(address, "/"))
	if _, in, ok := strings.Cut(s, "("); ok {
		return strings.Trim(strings.TrimSuffix(in, ")"), "'")
	}
	return strings.TrimSuffix(s, ".json")
}

// searched is the id of the record in a search by its external id, which may trail behind; "" when it does not show.
func (m *made) searched(ctx context.Context) string {
	call, can := m.c.FindCall(m.id)
	if !can {
		return ""
	}
	for began := m.Now(); ; {
		if a, err := m.API.Do(ctx, call, true); err == nil {
			hits, err := m.c.Found(a, m.id)
			if err == nil && len(hits) > 0 && (hits[0].Record != nil || m.reads(ctx, hits[0].Local)) {
				return hits[0].Local
			}
		}
		if m.Now().Sub(began) >= min(m.c.SearchLag(), patience) || m.Wait(ctx, 250*time.Millisecond) != nil {
			return ""
		}
	}
}

// listed is the id of the record in a search by its external id, or in the list; "" when neither shows it.
func (m *made) listed(ctx context.Context) string {
	if id := m.searched(ctx); id != "" {
		return id
	}
	pages := m.c.List(m.Now().Add(-time.Hour))
	for range mostPages {
		call, more := pages.Call()
		if !more {
			return ""
		}
		a, err := m.API.Do(ctx, call, true)
		if err != nil {
			return ""
		}
		items, err := pages.Take(a)
		if err != nil {
			return ""
		}
		for _, item := range items {
			if strings.Contains(string(item.Record), string(m.id)) {
				return item.Local
			}
		}
	}
	return ""
}
