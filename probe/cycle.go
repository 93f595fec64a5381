package probe

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/meridian-gateway/meridian/profile"
	"github.com/meridian-gateway/meridian/request"
)

// text is what stands in records that are made here; the id makes each another one.
func text(id request.ID) string { return "Meridian probe " + string(id) + ", may be deleted" }

// made is the record that is made, and what is known of it.
type made struct {
	*looking
	id   request.ID
	text string
	main string // the field that has the text
	// fields are what it was made of, record and now what the API shows, local its id.
	fields request.Fields
	local  string
	record []byte
	last   profile.Current // what the last deletion was told
	gone   bool
}

// cycle makes a record, reads, changes and deletes it. It always tries to remove what it made.
func (l *looking) cycle(ctx context.Context) {
	if !l.c.Can(profile.Create) || l.c.IsFile() {
		return
	}
	if !l.Write {
		l.say(Would, Finding{What: "write", Profile: l.says(profile.Create),
			API: fmt.Sprintf("not tried: with --write a record %q is made, read, changed and deleted", text("…"))})
		return
	}
	m := &made{looking: l, id: request.NewID(l.Now())}
	if !m.create(ctx) {
		return
	}
	defer m.remove(context.WithoutCancel(ctx))
	if !m.read(ctx) || ctx.Err() != nil {
		return
	}
	for _, step := range []func(context.Context){m.find, m.update, m.sets, m.empty, m.version, m.since, m.children, m.delete} {
		if step(ctx); ctx.Err() != nil {
			return
		}
	}
}

// create makes the record; ok says that it is there, and under which id.
func (m *made) create(ctx context.Context) (ok bool) {
	m.choose()
	call, err := m.c.CreateCall(m.fields, profile.Marks{Request: m.id})
	f := Finding{What: "create", Profile: m.says(profile.Create)}
	if err != nil {
		f.API = "not tried: " + detail(err)
		m.say(Failed, f)
		return false
	}
	a, err := m.API.Do(ctx, call, true)
	if err != nil {
		f.API = broken(err)
		m.say(Failed, f)
		if request.KindOf(err) == request.Doubtful {
			m.recover(context.WithoutCancel(ctx))
		}
		return false
	}
	f.API = fmt.Sprint(a.Status)
	switch {
	case m.c.Judge(profile.Create, a) == profile.Accepted:
		m.say(Equal, f)
	case a.Status < 300:
		f.Write = fmt.Sprintf("create: {status: %s}", withStatus(a.Status, m.d.Calls[profile.Create].Status))
		m.say(Differs, f)
	default:
		f.API = "refused: " + answered(a)
		f.Write = ""
		m.say(Failed, f)
		m.say(Note, Finding{What: "create", Profile: "-", API: "it was sent " + cut(string(call.Body), 200) + "; name the fields that it wants with --record FILE"})
		return false
	}
	m.placed(ctx, a)
	return m.local != ""
}

// recover looks for a record whose create was not answered, to remove it.
func (m *made) recover(ctx context.Context) {
	if m.local = m.listed(ctx); m.local != "" {
		m.remove(ctx)
		return
	}
	m.report.Left = append(m.report.Left, Left{m.c.Name(), "", m.text, "the create was not answered, and no list or search shows whether it was done"})
}

// choose says what the record is made of: the text where people look first, what is required, and the fields with values of their own.
func (m *made) choose() {
	m.text, m.main = text(m.id), m.mainField()
	for _, f := range m.d.Fields {
		if f.Name == m.main && f.Max > 0 {
			m.text = cut(m.text, f.Max)
		}
	}
	m.fields = m.fields.With(m.main, request.Quote(m.text))
	for _, f := range m.d.Fields {
		_, given := m.Record.Get(f.Name)
		switch {
		case f.Name == m.main || f.Write == "" || f.Fixed || f.Late || given:
		case len(f.Values) > 0:
			m.fields = m.fields.With(f.Name, json.RawMessage(f.Values[0]))
		case f.Required, longText(f): // many an API wants a description, too
			m.fields = m.fields.With(f.Name, m.value(f))
		}
	}
	for _, name := range m.d.Required {
		if _, there := m.fields.Get(name); !there {
			m.fields = m.fields.With(name, m.value(profile.DescribedField{Name: name}))
		}
	}
	m.fields = m.fields.Merge(m.Record.Without(m.main)) // the text is what the record is known by
}

// mainField is the canonical field in which people look first.
func (m *made) mainField() string {
	usual := []string{"subject", "title", "summary", "name", "short_description", "description", "text", "body", "notes"}
	best, rank := "", len(usual)+1
	for _, f := range m.d.Fields {
		if f.Write == "" || f.Read == "" || f.Fixed || f.Late || len(f.Values) > 0 || f.Type != "" && f.Type != "text" || f.Max > 0 && f.Max < 45 {
			continue
		}
		i := slices.Index(usual, strings.ToLower(f.Name))
		if i < 0 {
			i = len(usual)
		}
		if i < rank {
			best, rank = f.Name, i
		}
	}
	if best != "" {
		return best
	}
	for _, name := range usual {
		for _, s := range m.samples {
			if v, ok := s.fields.Get(name); ok && len(v) > 0 && v[0] == '"' {
				return name
			}
		}
	}
	return usual[0]
}

// longText reports whether a field is one that people write sentences into.
func longText(f profile.DescribedField) bool {
	long := []string{"description", "details", "detail", "notes", "note", "body", "text", "content", "long_description"}
	return slices.Contains(long, strings.ToLower(f.Name)) && len(f.Values) == 0 && (f.Type == "" || f.Type == "text") && (f.Max == 0 || f.Max >= 20)
}

// value is something for a field that is required: as a record has it that is there, or of its type.
func (m *made) value(f profile.DescribedField) json.RawMessage {
	for _, s := range m.samples {
		if v, ok := s.fields.Get(f.Name); ok && string(v) != "null" && string(v) != `""` && !longText(f) {
			return v
		}
	}
	switch f.Type {
	case "integer", "number":
		return json.RawMessage("1")
	case "boolean":
		return json.RawMessage("false")
	case "time":
		return request.Quote(m.Now().UTC().Add(24 * time.Hour).Truncate(time.Hour).Format(time.RFC3339))
	case "list":
		return json.RawMessage("[]")
	}
	return request.Quote("Meridian probe")
}

// read reads the record as it was made, and compares it.
func (m *made) read(ctx context.Context) bool {
	if !m.c.Can(profile.Read) {
		if !m.again(ctx) {
			return true
		}
	} else {
		a, err := m.API.Do(ctx, m.c.ReadCall(m.local), true)
		if err != nil {
			m.say(Failed, Finding{What: "read", Profile: m.says(profile.Read), API: broken(err)})
			return false
		}
		record, ok := m.judgeRead(a, m.local, m.text)
		if !ok {
			return false
		}
		m.record = record
	}
	got, err := m.c.FromRecord(m.record)
	if err != nil {
		m.say(Failed, Finding{What: "read", Profile: m.says(profile.Read), API: detail(err)})
		return false
	}
	m.compare("create", m.fields, got)
	m.hidden(ctx)
	return true
}

// compare says which fields of a write are not in the record afterwards, and which the API made by itself.
func (m *made) compare(what string, sent, got request.Fields) {
	ignored := profile.Diff(m.c.Expect(sent), got.Only(sent.Names()...))
	ignored = slices.DeleteFunc(ignored, func(n string) bool { _, asked := sent.Get(n); return !asked })
	f := Finding{What: "fields after the " + what, Profile: "kept", API: "all are kept"}
	if len(ignored) == 0 {
		m.say(Equal, f)
		return
	}
	var parts []string
	for _, n := range ignored {
		was, _ := sent.Get(n)
		is, there := got.Get(n)
		if !there {
			is = json.RawMessage("nothing")
		}
		parts = append(parts, fmt.Sprintf("%s was sent as %s and is %s", n, cut(string(was), 60), cut(string(is), 60)))
	}
	f.API = strings.Join(parts, "; ")
	if m.c.ReadBack() {
		f.Profile = "read_back"
		f.API += "; deliveries of such fields park and say so"
		m.say(Note, f)
		return
	}
	f.Write = "read_back: true # or another pointer, or values, for " + strings.Join(ignored, ", ")
	m.say(Differs, f)
}

// hidden reads the record without credentials.
func (m *made) hidden(ctx context.Context) {
	if m.Anonymous || !m.c.Can(profile.Read) {
		return
	}
	if _, alive := m.Profile.Alive(); alive || slices.ContainsFunc(m.report.Findings, func(f Finding) bool { return strings.HasPrefix(f.Write, "alive:") }) {
		return
	}
	a, err := m.API.Do(ctx, m.c.ReadCall(m.local), false)
	if err == nil && slices.Contains(m.d.Calls[profile.Read].Gone, a.Status) {
		m.say(Differs, Finding{What: "read without credentials", Profile: "no alive", API: fmt.Sprintf("%d, as if the record were gone", a.Status),
			Write: "alive: {path: /ME, at: /id} # of the profile: a read that needs credentials"})
	}
}

// remove removes the record, if it is still there, and says when it cannot.
func (m *made) remove(ctx context.Context) {
	if m.gone || m.local == "" {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	why := "the API has no call that deletes"
	if !m.c.Can(profile.Delete) && m.c.Parent() != "" {
		return // it goes with what it belongs to
	}
	if m.c.Can(profile.Delete) {
		a, err := m.end(ctx)
		switch {
		case err != nil:
			why = broken(err)
		case a.Status < 300 || m.c.Judge(profile.Delete, a) == profile.Gone:
			m.report.Removed++
			m.gone = true
			return
		default:
			why = "its deletion is answered " + answered(a)
		}
	}
	m.report.Left = append(m.report.Left, Left{m.c.Name(), m.local, m.text, why})
}

// end sends the call that deletes, with the state that it may want.
func (m *made) end(ctx context.Context) (request.Answer, error) {
	now, err := m.current(ctx, profile.Delete)
	if err != nil {
		return request.Answer{}, err
	}
	m.last = now
	call, err := m.c.DeleteCall(m.local, now)
	if err != nil {
		return request.Answer{}, err
	}
	return m.API.Do(ctx, call, true)
}

// current is the record as it is, where a call of the verb wants to know.
func (m *made) current(ctx context.Context, v profile.Verb) (profile.Current, error) {
	if !m.c.NeedsCurrent(v) {
		return profile.Current{}, nil
	}
	if !m.c.Can(profile.Read) {
		return profile.Current{Record: m.record}, nil
	}
	a, err := m.API.Do(ctx, m.c.ReadCall(m.local), true)
	if err != nil {
		return profile.Current{}, err
	}
	record, ok := m.c.Answered(a, m.local)
	if !ok {
		return profile.Current{}, fmt.Errorf("the record cannot be read: %s", m.c.Unshown(a, m.local))
	}
	return profile.Current{Record: record, Version: m.c.ETag(a, record)}, nil
}

// header is a call with one more header.
func header(call request.Call, name, value string) request.Call {
	h := call.Header.Clone()
	if h == nil {
		h = make(http.Header)
	}
	h.Set(name, value)
	call.Header = h
	return call
}
