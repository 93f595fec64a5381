package probe

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/meridian-gateway/meridian/profile"
	"github.com/meridian-gateway/meridian/request"
)

// since looks whether the list, or that of what changed, shows the record, which by now may be a closed one.
func (m *made) since(ctx context.Context) {
	can, since := m.c.CanList()
	if !can {
		return
	}
	lag, grain := m.c.Lag()
	f := Finding{What: "list shows the record", Profile: "it does"}
	if since {
		f = Finding{What: "list of what changed", Profile: "shows a new record"}
	}
	if lag > patience {
		f.API = fmt.Sprintf("not looked at: it may take %s", lag)
		m.say(Note, f)
		if since && len(m.samples) > 0 {
			m.filter(ctx)
		}
		return
	}
	began := m.Now()
	from := began.Add(-time.Minute - grain)
	if !since {
		from = time.Time{}
	}
	for {
		if _, ok := m.inList(ctx, from); ok {
			f.API = "it is there"
			m.say(Equal, f)
			if since {
				m.filter(ctx)
			}
			return
		}
		if ctx.Err() == nil && m.Now().Sub(began) < lag+2*time.Second && m.Wait(ctx, 250*time.Millisecond) == nil {
			continue
		}
		f.API = fmt.Sprintf("it is not there within %s: are some hidden, such as closed ones, unless the path asks for them?", lag+2*time.Second)
		if !since && len(m.samples) >= mostSamples {
			f.API = "it is not there; the list is long, and only its beginning was looked at"
			m.say(Note, f)
			return
		}
		m.say(Failed, f)
		return
	}
}

// inList is the record in a list of what changed since a time; ok is false when it is not there.
func (m *made) inList(ctx context.Context, from time.Time) (record []byte, ok bool) {
	pages := m.c.List(from)
	for range 20 {
		call, more := pages.Call()
		if !more {
			break
		}
		a, err := m.API.Do(ctx, call, true)
		if err != nil {
			break
		}
		items, err := pages.Take(a)
		if err != nil {
			break
		}
		if i := slices.IndexFunc(items, func(i profile.Listed) bool { return i.Local == m.local }); i >= 0 {
			return items[i].Record, true
		}
	}
	return nil, false
}

// children makes, reads, changes and deletes a child of each kind below the record.
func (m *made) children(ctx context.Context) {
	for _, name := range m.Profile.Order() {
		c := m.Profile.Collections[name]
		if c.Parent() == m.c.Name() {
			m.of(c.Under(m.local)).cycle(ctx)
		}
	}
}

// delete deletes the record, looks whether it is gone, and deletes it again.
func (m *made) delete(ctx context.Context) {
	if !m.c.Can(profile.Delete) {
		m.say(Note, Finding{What: "delete", Profile: "no such call", API: "not tried: a deletion at another site waits for a person"})
		return
	}
	f := Finding{What: "delete", Profile: m.says(profile.Delete)}
	a, err := m.end(ctx)
	if err != nil {
		f.API = broken(err)
		m.say(Failed, f)
		return
	}
	f.API = fmt.Sprint(a.Status)
	switch {
	case m.c.Judge(profile.Delete, a) == profile.Accepted:
		m.say(Equal, f)
	case a.Status < 300:
		f.Write = fmt.Sprintf("delete: {status: %s}", withStatus(a.Status, m.d.Calls[profile.Delete].Status))
		m.say(Differs, f)
	default:
		f.API = "refused: " + answered(a)
		m.say(Failed, f)
		return
	}
	m.gone = true
	m.report.Removed++
	if m.d.Calls[profile.Delete].Sends || !m.c.Can(profile.Read) {
		return // it is closed, and not gone
	}
	m.buried(ctx)
	if call, err := m.c.DeleteCall(m.local, m.last); err == nil {
		if a, err := m.API.Do(ctx, call, true); err == nil {
			m.gone2(a)
		}
	}
}

// gone2 looks at the answer to a second deletion.
func (m *made) gone2(a request.Answer) {
	if m.c.NeedsCurrent(profile.Delete) && m.c.Judge(profile.Delete, a) == profile.Stale {
		m.say(Equal, Finding{What: "second delete", Profile: m.says(profile.Delete), API: fmt.Sprint(a.Status)})
		return
	}
	m.looking.gone(a, "second delete", profile.Delete)
}

// buried reads the record after its deletion.
func (m *made) buried(ctx context.Context) {
	a, err := m.API.Do(ctx, m.c.ReadCall(m.local), true)
	if err != nil {
		return
	}
	record, shown := m.c.Answered(a, m.local)
	if !shown {
		m.looking.gone(a, "read after the delete", profile.Read)
		return
	}
	f := Finding{What: "read after the delete", Profile: "gone " + statuses(m.d.Calls[profile.Read].Gone)}
	if m.d.Deleted != "" {
		f.Profile += ", or " + m.d.Deleted
	}
	if m.c.Deleted(record) {
		f.API = fmt.Sprintf("%d, and the record says that it is deleted", a.Status)
		m.say(Equal, f)
		return
	}
	f.API = fmt.Sprintf("%d: it is still there", a.Status)
	if sign := m.sign(record); sign != "" {
		f.API += ", and says so at " + sign
		v, _ := parse(record)
		is, _ := at(v, sign)
		f.Write = fmt.Sprintf("deleted: {at: %s, values: [%s]}", quoted(sign), string(texts(is)))
		m.say(Differs, f)
		return
	}
	m.gone = false
	m.report.Removed--
	m.say(Failed, f)
}

// sign is the pointer to what tells that a record is deleted: a member that changed with the deletion.
func (m *made) sign(record []byte) string {
	was, _ := parse(m.record)
	is, _ := parse(record)
	before, ok1 := was.(object)
	after, ok2 := is.(object)
	if !ok1 || !ok2 {
		return ""
	}
	best := ""
	for _, n := range names(after) {
		if same(texts(before[n]), texts(after[n])) || isTime(n, after[n]) != "" && !strings.Contains(strings.ToLower(n), "delet") {
			continue
		}
		if best == "" || strings.Contains(strings.ToLower(n), "delet") {
			best = "/" + escape(n)
		}
	}
	return best
}
