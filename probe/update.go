package probe

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/meridian-gateway/meridian/profile"
	"github.com/meridian-gateway/meridian/request"
)

// patience is how long is waited for a search or a list that trails behind, at most; beyond it the profile is believed.
const patience = 15 * time.Second

// find searches for the record by its external id.
func (m *made) find(ctx context.Context) {
	call, can := m.c.FindCall(m.id)
	if !can {
		return
	}
	f := Finding{What: "search by the external id", Profile: "at " + m.d.External}
	if m.record != nil && !m.carries() {
		f.API = "the record does not keep what is written there"
		f.Write = "external_id: {field: /A-FIELD-THAT-THE-API-HAS}"
		m.say(Differs, f)
		return
	}
	wait := min(m.c.SearchLag(), patience) + time.Second
	for began := m.Now(); ; {
		a, err := m.API.Do(ctx, call, true)
		if err != nil {
			m.say(Failed, Finding{What: f.What, Profile: f.Profile, API: broken(err)})
			return
		}
		hits, err := m.c.Found(a, m.id)
		switch {
		case len(hits) == 1 && hits[0].Local == m.local:
			f.API = "finds it"
			m.say(Equal, f)
			return
		case len(hits) > 0:
			f.API = fmt.Sprintf("finds %d records, and %s", len(hits), hits[0].Local)
			m.say(Failed, f)
			return
		}
		if m.Now().Sub(began) < wait && m.Wait(ctx, 250*time.Millisecond) == nil {
			continue
		}
		f.API = "does not find it"
		if err != nil {
			f.API = detail(err)
		}
		if m.c.SearchLag() > patience {
			f.API += fmt.Sprintf(" within %s; the profile says that it may take %s", patience, m.c.SearchLag())
			m.say(Note, f)
			return
		}
		m.say(Failed, f)
		return
	}
}

// carries reports whether the record shows the external id where the profile says, or that cannot be told from here.
func (m *made) carries() bool {
	v, _ := parse(m.record)
	is, there := at(v, m.d.External)
	if !there {
		return strings.Contains(m.d.External, "[")
	}
	return strings.Contains(string(texts(is)), string(m.id))
}

// update changes the text, and looks whether the rest of the record is still there.
func (m *made) update(ctx context.Context) {
	if !m.c.Can(profile.Update) || m.record == nil {
		return
	}
	if len(m.fields) == 1 {
		m.more(ctx)
	}
	before := m.record
	edits := request.Fields{}.With(m.main, request.Quote(m.text+" (changed)"))
	for _, f := range m.d.Fields {
		if f.Name == m.main && f.Max > 0 && f.Max < len(m.text)+10 {
			edits = edits.With(m.main, request.Quote(cut("Again: "+m.text, f.Max)))
		}
		if _, sent := m.fields.Get(f.Name); sent && len(f.Values) > 1 && f.Write != "" {
			edits = edits.With(f.Name, json.RawMessage(f.Values[len(f.Values)-1])) // often the end of a request's life
		}
	}
	a, ok := m.write(ctx, "update", edits, nil)
	if !ok {
		return
	}
	if _, whole := m.c.Answered(a, m.local); !whole {
		m.say(Note, Finding{What: "answer to the update", Profile: "-", API: "does not hold the record, which is read afterwards"})
	}
	if !m.again(ctx) {
		return
	}
	got, err := m.c.FromRecord(m.record)
	if err != nil {
		return
	}
	rest := m.fields.Without(edits.Names()...)
	if lost := profile.Diff(m.c.Expect(rest), got.Only(rest.Names()...)); len(lost) > 0 && m.d.Calls[profile.Update].Body != "full" {
		m.say(Differs, Finding{What: "what an update leaves out", Profile: "stays (body: merge)", API: "is gone: " + strings.Join(lost, ", "), Write: "update: {body: full}"})
	} else if len(rest) > 0 {
		m.say(Equal, Finding{What: "what an update leaves out", Profile: "stays", API: "stays"})
	}
	m.compare("update", edits, got)
	m.selfMade(before, got, edits)
	m.versions(before)
}

// more gives the record a second field, if the API keeps one that nobody described: without it nobody could tell what an update leaves
// out.
func (m *made) more(ctx context.Context) {
	const name = "description"
	if slices.ContainsFunc(m.d.Fields, func(f profile.DescribedField) bool { return f.Name == name }) {
		return
	}
	field := request.Fields{}.With(name, request.Quote("Meridian probe"))
	if a, err := m.quietly(ctx, field); err != nil || a.Status >= 300 || !m.again(ctx) {
		return
	}
	if got, err := m.c.FromRecord(m.record); err == nil && same(valueOf(got, name), valueOf(field, name)) {
		m.fields = m.fields.Merge(field)
	}
}

// write sends an update and says how it was answered; with is done to the call first.
func (m *made) write(ctx context.Context, what string, edits request.Fields, with func(request.Call) request.Call) (request.Answer, bool) {
	f := Finding{What: what, Profile: m.says(profile.Update)}
	now, err := m.current(ctx, profile.Update)
	if err == nil {
		var call request.Call
		if call, err = m.c.UpdateCall(m.local, edits, profile.Marks{Request: m.id}, now); err == nil {
			if with != nil {
				call = with(call)
			}
			var a request.Answer
			if a, err = m.API.Do(ctx, call, true); err == nil {
				return a, m.judgeWrite(f, a)
			}
		}
	}
	f.API = broken(err)
	m.say(Failed, f)
	return request.Answer{}, false
}

// judgeWrite says how an update was answered.
func (m *made) judgeWrite(f Finding, a request.Answer) bool {
	f.API = fmt.Sprint(a.Status)
	switch {
	case m.c.Judge(profile.Update, a) == profile.Accepted:
		m.say(Equal, f)
		return true
	case a.Status < 300:
		f.Write = fmt.Sprintf("update: {status: %s}", withStatus(a.Status, m.d.Calls[profile.Update].Status))
		m.say(Differs, f)
		return true
	}
	f.API = "refused: " + answered(a)
	if a.Status == http.StatusMethodNotAllowed || a.Status == http.StatusNotImplemented || a.Status == http.StatusNotFound {
		other := "PUT"
		if m.d.Calls[profile.Update].Method == "PUT" {
			other = "PATCH"
		}
		f.API += "; the record is there, so it may be the method"
		f.Write = "update: {method: " + other + "}"
		if allow := a.Header.Get("Allow"); allow != "" {
			f.API += "; the API allows " + allow
		}
	}
	if a.Status == http.StatusPreconditionRequired {
		f.API += "; it wants to know which version is changed"
		f.Write = "etag: true"
	}
	m.say(Failed, f)
	return false
}

// sets sets the fields that have calls of their own.
func (m *made) sets(ctx context.Context) {
	for _, d := range m.d.Fields {
		if !d.Set || len(d.Values) == 0 || m.record == nil {
			continue
		}
		field := request.Fields{}.With(d.Name, json.RawMessage(d.Values[len(d.Values)-1]))
		calls, err := m.c.SetCalls(m.local, field)
		if err != nil || len(calls) == 0 {
			continue
		}
		f := Finding{What: "call that sets " + d.Name, Profile: statuses(calls[0].Status)}
		a, err := m.API.Do(ctx, calls[0].Call, true)
		switch {
		case err != nil:
			f.API = broken(err)
			m.say(Failed, f)
			continue
		case slices.Contains(calls[0].Status, a.Status):
			f.API = fmt.Sprint(a.Status)
			m.say(Equal, f)
		case a.Status < 300:
			f.API = fmt.Sprint(a.Status)
			f.Write = fmt.Sprintf("fields: {%s: {set: {status: %s}}}", name(d.Name), withStatus(a.Status, calls[0].Status))
			m.say(Differs, f)
		default:
			f.API = "refused: " + answered(a)
			m.say(Failed, f)
			continue
		}
		if d.Read == "" || !m.again(ctx) {
			continue
		}
		if got, err := m.c.FromRecord(m.record); err == nil {
			m.compare("call that sets "+d.Name, field, got)
		}
	}
}

// again reads the record.
func (m *made) again(ctx context.Context) bool {
	if !m.c.Can(profile.Read) {
		record, ok := m.inList(ctx, m.Now().Add(-time.Hour))
		if ok && record != nil {
			m.record = record
		}
		return ok && record != nil
	}
	a, err := m.API.Do(ctx, m.c.ReadCall(m.local), true)
	if err != nil {
		m.say(Failed, Finding{What: "read", Profile: m.says(profile.Read), API: broken(err)})
		return false
	}
	record, ok := m.c.Answered(a, m.local)
	if ok {
		m.record = record
	}
	return ok
}

// selfMade finds what the API writes by itself: fields that nobody sent and that changed with the update are read-only.
func (m *made) selfMade(before []byte, got, edits request.Fields) {
	was, err := m.c.FromRecord(before)
	if err != nil {
		return
	}
	sent := m.fields.Merge(edits)
	var changed, added []string
	for _, f := range got {
		if _, ours := sent.Get(f.Name); ours || string(f.Value) == "null" {
			continue
		}
		if v, _ := was.Get(f.Name); string(v) != string(f.Value) {
			changed = append(changed, "/"+escape(f.Name))
		} else if self(f.Name, f.Value) {
			added = append(added, "/"+escape(f.Name))
		}
	}
	if list := append(changed, added...); len(list) > 0 {
		m.say(Differs, Finding{What: "fields that the API makes", Profile: "are written like others",
			API: strings.Join(list, ", ") + ": nobody wrote them", Write: "read_only: [" + quotedList(list) + "] # besides those that are there"})
	}
}

var versionLike = regexp.MustCompile(`(?i)(^_?rev|version|revision|lock|mod_?count|etag)`)

// versions finds members that look like the API's own version of a record, where the profile names none.
func (m *made) versions(before []byte) {
	if m.d.ETag || len(m.d.Version) > 0 {
		return
	}
	was, _ := parse(before)
	is, _ := parse(m.record)
	old, ok1 := was.(object)
	now, ok2 := is.(object)
	if !ok1 || !ok2 {
		return
	}
	for _, n := range names(now) {
		if versionLike.MatchString(n) && plain(now[n]) != "" && plain(old[n]) != plain(now[n]) {
			m.say(Note, Finding{What: "version", Profile: "none", API: "/" + escape(n) + " changes with each write: the API may refuse a write that names an old one",
				Write: "etag: {field: " + quoted("/"+escape(n)) + "}"})
			return
		}
	}
}

// self reports whether a field that nobody sent looks as if the API made it: a time or an address, not a default that people change.
func self(name string, value json.RawMessage) bool {
	v, _ := parse(value)
	lower := strings.ToLower(name)
	s, isText := v.(string)
	return strings.HasPrefix(lower, "creat") && timeFormat(v) != "" || changed.MatchString(name) && timeFormat(v) != "" ||
		isText && (strings.HasPrefix(s, "http://") || strings.HasPrefix(s, "https://")) || idRank(name) == 0 ||
		slices.Contains([]string{"self", "url", "href", "links", "_links", "etag", "collectionid", "collectionname"}, lower)
}

func quotedList(list []string) string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = quoted(s)
	}
	return strings.Join(out, ", ")
}
