package probe

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/meridian-gateway/meridian/profile"
	"github.com/meridian-gateway/meridian/request"
)

// empty gives a field no value, and looks what is there then.
func (m *made) empty(ctx context.Context) {
	name := m.spare()
	if name == "" || m.record == nil || !m.c.Can(profile.Update) {
		return
	}
	value := request.Fields{}.With(name, request.Quote("Meridian probe"))
	if had, _ := m.fields.Get(name); len(had) == 0 {
		if a, err := m.quietly(ctx, value); err != nil || a.Status >= 300 || !m.again(ctx) {
			return
		}
		if got, err := m.c.FromRecord(m.record); err != nil || !same(valueOf(got, name), valueOf(value, name)) {
			return // it does not keep the field at all
		}
	}
	f := Finding{What: "no value", Profile: "null empties " + name}
	a, err := m.quietly(ctx, request.Fields{}.With(name, json.RawMessage("null")))
	switch {
	case err != nil:
		return
	case a.Status >= 300:
		f.API = "refused: " + answered(a)
		f.Write = `null: "" # or omit`
		m.say(Differs, f)
		return
	case !m.again(ctx):
		return
	}
	got, _ := m.c.FromRecord(m.record)
	switch is := valueOf(got, name); {
	case is == nil || string(is) == "null":
		f.API = "it is empty"
		m.say(Equal, f)
	case same(is, valueOf(value, name)):
		f.API = "it keeps its value: null is ignored"
		f.Write = `null: ""`
		m.say(Differs, f)
	default:
		f.API = "it is " + string(is)
		f.Write = "null: " + string(is)
		m.say(Differs, f)
	}
}

func valueOf(f request.Fields, name string) json.RawMessage {
	v, _ := f.Get(name)
	return v
}

// spare is a field of text that can be emptied without harm; "" for none.
func (m *made) spare() string {
	for _, f := range m.d.Fields {
		if f.Name != m.main && !f.Required && !f.Fixed && f.Write != "" && f.Write == f.Read && longText(f) {
			return f.Name
		}
	}
	for _, f := range m.fields {
		described := slices.ContainsFunc(m.d.Fields, func(d profile.DescribedField) bool { return d.Name == f.Name })
		if f.Name != m.main && !described && longText(profile.DescribedField{Name: f.Name}) {
			return f.Name
		}
	}
	return ""
}

// quietly sends an update without a finding about how it was answered.
func (m *made) quietly(ctx context.Context, edits request.Fields) (request.Answer, error) {
	now, err := m.current(ctx, profile.Update)
	if err != nil {
		return request.Answer{}, err
	}
	call, err := m.c.UpdateCall(m.local, edits, profile.Marks{Request: m.id}, now)
	if err != nil {
		return request.Answer{}, err
	}
	return m.API.Do(ctx, call, true)
}

// version says something of an old state, and looks whether the API refuses it.
func (m *made) version(ctx context.Context) {
	if !m.c.Can(profile.Update) || !m.c.Can(profile.Read) || m.record == nil {
		return
	}
	if len(m.d.Version) > 0 {
		m.oldVersion(ctx)
		return
	}
	a, err := m.API.Do(ctx, m.c.ReadCall(m.local), true)
	if err != nil {
		return
	}
	tag := a.Header.Get("ETag")
	f := Finding{What: "If-Match with an old version", Profile: "not used (etag: false)"}
	if m.d.ETag {
		f.Profile = "refused (etag: true)"
	}
	now, err := m.current(ctx, profile.Update)
	if err != nil {
		return
	}
	edits := request.Fields{}.With(m.main, request.Quote(m.text))
	call, err := m.c.UpdateCall(m.local, edits, profile.Marks{Request: m.id}, now)
	if err != nil {
		return
	}
	b, err := m.API.Do(ctx, header(call, "If-Match", `"meridian-probe"`), true)
	if err != nil {
		return
	}
	refused := b.Status == http.StatusPreconditionFailed || b.Status == http.StatusConflict || b.Status == http.StatusPreconditionRequired
	switch {
	case refused && m.d.ETag:
		f.API = fmt.Sprintf("refused with %d", b.Status)
		if m.c.Judge(profile.Update, b) != profile.Stale {
			f.Write = fmt.Sprintf("update: {stale: %s}", withStatus(b.Status, m.d.Calls[profile.Update].Stale))
			m.say(Differs, f)
			return
		}
		m.say(Equal, f)
	case refused && tag != "":
		f.API = fmt.Sprintf("refused with %d, and answers have an ETag", b.Status)
		f.Write = "etag: true"
		m.say(Differs, f)
	case b.Status < 300 && m.d.ETag:
		f.API = fmt.Sprintf("ignored (%d)", b.Status)
		f.Write = "etag: false"
		m.say(Differs, f)
	case b.Status < 300:
		f.API = "ignored"
		m.say(Equal, f)
	}
}

// both are the text and, where there is one, a longer text: some versions are those of the latter alone.
func (m *made) both(word string) request.Fields {
	out := request.Fields{}.With(m.main, request.Quote(m.text))
	if name := m.spare(); name != "" {
		out = out.With(name, request.Quote("Meridian probe, "+word))
	}
	return out
}

// oldVersion changes the record, and then again from the state before.
func (m *made) oldVersion(ctx context.Context) {
	f := Finding{What: "an old version", Profile: "refused (version at " + strings.Join(m.d.Version, " or ") + ")"}
	old, err := m.current(ctx, profile.Update)
	if err != nil {
		return
	}
	if old.Version == "" {
		f.API = "no record shows a version there"
		m.say(Failed, f)
		return
	}
	if a, err := m.quietly(ctx, m.both("first")); err != nil || a.Status >= 300 {
		return
	}
	if now, err := m.current(ctx, profile.Update); err != nil || now.Version == old.Version {
		f.API = "it does not move with a change of " + strings.Join(m.both("").Names(), " and ")
		m.say(Note, f)
		return
	}
	call, err := m.c.UpdateCall(m.local, m.both("old"), profile.Marks{Request: m.id}, old)
	if err != nil {
		return
	}
	a, err := m.API.Do(ctx, call, true)
	switch {
	case err != nil:
	case m.c.Judge(profile.Update, a) == profile.Stale:
		f.API = fmt.Sprintf("refused with %d", a.Status)
		m.say(Equal, f)
	case a.Status < 300:
		f.API = fmt.Sprintf("taken (%d): a change meanwhile is overwritten", a.Status)
		f.Write = "etag: false"
		m.say(Differs, f)
	default:
		f.API = "refused with " + answered(a)
		f.Write = fmt.Sprintf("etag: {stale: %s}", withStatus(a.Status, m.d.Calls[profile.Update].Stale))
		m.say(Differs, f)
	}
}
