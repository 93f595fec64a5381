package probe

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/meridian-gateway/meridian/profile"
	"github.com/meridian-gateway/meridian/request"
)

// The bounds of a look: so many pages of a list, and so many records in mind.
const (
	mostPages   = 3
	mostSamples = 300
)

// look does what only reads.
func (l *looking) look(ctx context.Context) {
	l.list(ctx)
	if len(l.samples) > 0 {
		l.shown()
		l.times()
		l.one(ctx)
	}
	if len(l.samples) > 0 && !l.Write {
		l.filter(ctx)
	}
	l.unknown(ctx)
}

// list reads the first pages.
func (l *looking) list(ctx context.Context) {
	can, since := l.c.CanList()
	if !can {
		l.say(Note, Finding{What: "list", Profile: "no list", API: "not looked at: seed, verify and watch need one", Write: `list: {path: "{path}"}`})
		return
	}
	says := "everything is listed each time"
	if since {
		says = "what changed since a time"
	}
	pages := l.c.List(time.Time{})
	ended := false
	for range mostPages {
		call, more := pages.Call()
		if ended = !more; ended {
			break
		}
		a, err := l.API.Do(ctx, call, true)
		if err != nil {
			l.say(Failed, Finding{What: "list", Profile: says, API: broken(err)})
			return
		}
		items, err := pages.Take(a)
		if err != nil {
			l.unlisted(a, says, err)
			return
		}
		for _, item := range items {
			l.keep(item)
		}
	}
	api := fmt.Sprintf("%d records", len(l.samples))
	if !ended {
		api = fmt.Sprintf("%d records on the first %d pages", len(l.samples), mostPages)
	}
	if total, ok := pages.Total(); ok {
		api += fmt.Sprintf(", %d in all", total)
	}
	l.say(Equal, Finding{What: "list", Profile: says, API: api})
}

// keep notes a record that the list shows.
func (l *looking) keep(item profile.Listed) {
	if len(l.samples) >= mostSamples {
		return
	}
	s := sample{local: item.Local, record: item.Record}
	if item.Record != nil {
		s.fields, _ = l.c.FromRecord(item.Record)
	}
	l.samples = append(l.samples, s)
	if item.Changed.After(l.newest) {
		l.newest = item.Changed
	}
}

// unlisted says why an answer is no list, and where the records seem to be.
func (l *looking) unlisted(a request.Answer, says string, err error) {
	f := Finding{What: "list", Profile: says + "; items at " + orRoot(l.d.Items), API: detail(err)}
	if a.Status >= 300 {
		f.API = "the list is answered " + answered(a)
		l.say(Failed, f)
		return
	}
	if found, ok := findList(a.Body, l.c.Name()); ok {
		switch {
		case found.items != l.d.Items:
			f.Write = "envelope: {items: " + quoted(found.items) + "}"
			if found.items == "" {
				f.Write = "" // the preset's, or none: the whole answer
			}
			f.API += "; a list of objects is at " + orRoot(found.items)
		case len(found.ids) > 0:
			f.Write = "id: {at: " + quoted(found.ids[0]) + "}"
			f.API += "; " + found.ids[0] + " looks like an id"
		}
	}
	l.say(Failed, f)
}

func orRoot(pointer string) string {
	if pointer == "" {
		return "the whole answer"
	}
	return pointer
}

// detail is what an error says, without where it is from.
func detail(err error) string {
	if e, ok := err.(*request.Error); ok && e.Detail != "" {
		return e.Detail
	}
	return err.Error()
}

// shown looks whether the fields of the profile are in the records, and have values that it knows.
func (l *looking) shown() {
	var seen int
	there := make(map[string]int)
	odd := make(map[string]map[string]bool)
	wrong := make(map[string]string)
	for _, s := range l.samples {
		if s.record == nil {
			continue
		}
		seen++
		for _, f := range l.d.Fields {
			v, ok := s.fields.Get(f.Name)
			if !ok {
				continue
			}
			there[f.Name]++
			if string(v) == "null" {
				continue
			}
			if len(f.Values) > 0 && !listed(f.Values, v) {
				if odd[f.Name] == nil {
					odd[f.Name] = make(map[string]bool)
				}
				odd[f.Name][cut(string(v), 40)] = true
			}
			if f.Type != "" && !isOf(f.Type, v) && wrong[f.Name] == "" {
				wrong[f.Name] = cut(string(v), 60)
			}
		}
	}
	if seen == 0 {
		return
	}
	for _, f := range l.d.Fields {
		says := "at " + f.Read
		switch {
		case f.Read == "" || f.Fixed:
		case there[f.Name] == 0:
			l.say(Note, Finding{What: "field " + f.Name, Profile: says, API: fmt.Sprintf("in none of %d records: is the pointer right?", seen)})
		case wrong[f.Name] != "":
			l.say(Differs, Finding{What: "field " + f.Name, Profile: f.Type, API: "shows " + wrong[f.Name] + ", which cannot be read as that",
				Write: typed(f, wrong[f.Name])})
		case len(odd[f.Name]) > 0:
			l.say(Note, Finding{What: "field " + f.Name, Profile: fmt.Sprintf("%d values", len(f.Values)),
				API: "shows " + strings.Join(names(anyOf(odd[f.Name])), ", ") + ", which is not listed and passes as it is"})
		}
	}
}

// typed is what to write for a field whose values are not as its type says.
func typed(f profile.DescribedField, value string) string {
	v, _ := parse([]byte(value))
	if f.Type == "time" {
		if as := timeFormat(v); as != "" {
			return fmt.Sprintf("fields: {%s: {as: %s}}", name(f.Name), quoted(as))
		}
	}
	return ""
}

// times looks whether records show when they changed.
func (l *looking) times() {
	if l.d.Since == "" || !l.newest.IsZero() {
		return
	}
	f := Finding{What: "time of change", Profile: "at " + l.d.Since, API: "no record of the list shows a time there that can be read"}
	for _, s := range l.samples {
		v, _ := parse(s.record)
		if o, is := v.(object); is {
			if at, _ := changedAt(o); at != "" {
				f.API += "; " + at + " looks like it"
				f.Write = "list: {since: " + quoted(at) + "}"
			}
			break
		}
	}
	l.say(Differs, f)
}

// one reads a single record, and one that is not there.
func (l *looking) one(ctx context.Context) {
	if !l.c.Can(profile.Read) {
		return
	}
	s := l.samples[0]
	a, err := l.API.Do(ctx, l.c.ReadCall(s.local), true)
	if err != nil {
		l.say(Failed, Finding{What: "read", Profile: l.says(profile.Read), API: broken(err)})
		return
	}
	l.judgeRead(a, s.local, "")
	if l.Write {
		return // the record that is made and deleted tells better
	}
	none := elsewhere(s.local)
	if a, err = l.API.Do(ctx, l.c.ReadCall(none), true); err == nil {
		l.gone(a, "read of "+none+", which should not be there", profile.Read)
	}
}

// elsewhere is an id of the same kind that no record should have.
func elsewhere(local string) string {
	if strings.Trim(local, "0123456789") == "" {
		return strings.Repeat("9", max(9, len(local)))[:max(9, len(local))]
	}
	out := []byte(local)
	for i := max(0, len(out)-8); i < len(out); i++ {
		switch b := out[i]; {
		case b >= '0' && b <= '9':
			out[i] = '0' + (b-'0'+7)%10
		case b >= 'a' && b <= 'f':
			out[i] = 'a' + (b-'a'+3)%6
		case b >= 'a' && b <= 'z':
			out[i] = 'a' + (b-'a'+7)%26
		case b >= 'A' && b <= 'Z':
			out[i] = 'A' + (b-'A'+7)%26
		}
	}
	return string(out)
}

// says is what the profile says of a kind of call.
func (l *looking) says(v profile.Verb) string {
	k, ok := l.d.Calls[v]
	if !ok {
		return "no such call"
	}
	text := k.Method + " " + statuses(k.Status)
	if len(k.Gone) > 0 && v != profile.List {
		text += ", gone " + statuses(k.Gone)
	}
	return text
}

// gone looks at the answer to a call for a record that is not there.
func (l *looking) gone(a request.Answer, what string, v profile.Verb) {
	k := l.d.Calls[v]
	f := Finding{What: what, Profile: "gone " + statuses(k.Gone), API: answered(a)}
	switch verdict := l.c.Judge(v, a); {
	case verdict == profile.Gone:
		l.say(Equal, f)
	case verdict == profile.Accepted && v == profile.Delete:
		l.say(Equal, f)
	case a.Status < 300:
		l.say(Failed, f)
	default:
		f.Write = fmt.Sprintf("%s: {gone: %s}", v, withStatus(a.Status, k.Gone))
		l.say(Differs, f)
	}
}

// judgeRead looks at the answer to a read. want is a text that must be in the record, "" for none. It reports whether the record was
// there as the profile says.
func (l *looking) judgeRead(a request.Answer, local, want string) (record []byte, ok bool) {
	f := Finding{What: "read", Profile: l.says(profile.Read) + "; record at " + orRoot(l.d.Answer), API: fmt.Sprint(a.Status)}
	if v := l.c.Judge(profile.Read, a); v != profile.Accepted {
		f.API = answered(a)
		if a.Status < 300 {
			f.Write = fmt.Sprintf("read: {status: %s}", withStatus(a.Status, l.d.Calls[profile.Read].Status))
		}
		l.say(Failed, f)
		return nil, false
	}
	record, ok = l.c.Answered(a, local)
	if ok {
		l.say(Equal, f)
		return record, true
	}
	f.API = l.c.Unshown(a, local)
	v, _ := parse(a.Body)
	f.Write = l.whereRecord(v, local, want)
	l.say(Failed, f)
	return nil, false
}

// whereRecord is what to write so that the record in an answer is found: by a text that is in it, or by its id.
func (l *looking) whereRecord(v any, local, want string) string {
	if want != "" {
		for _, at := range whereText(v, want) {
			for _, f := range l.d.Fields {
				if within, ok := strings.CutSuffix(at, f.Read); ok && f.Read != "" && within != l.d.Answer {
					return "envelope: {answer: " + quoted(within) + "}"
				}
			}
		}
	}
	for _, at := range whereID(v, local) {
		for _, id := range l.d.At {
			if within, ok := strings.CutSuffix(at, id); ok && within != l.d.Answer {
				return "envelope: {answer: " + quoted(within) + "}"
			}
		}
	}
	for _, at := range whereID(v, local) {
		if strings.Count(at, "/") <= 2 {
			return "id: {at: " + quoted(strings.TrimPrefix(at, l.d.Answer)) + "}"
		}
	}
	return ""
}

// filter looks whether a list of what changed since a time is one.
func (l *looking) filter(ctx context.Context) {
	if can, since := l.c.CanList(); !can || !since {
		return
	}
	later := l.newest
	if later.IsZero() || l.Now().After(later) {
		later = l.Now()
	}
	f := Finding{What: "list since a time", Profile: "shows what changed after it"}
	pages := l.c.List(later.Add(48 * time.Hour))
	call, _ := pages.Call()
	a, err := l.API.Do(ctx, call, true)
	if err != nil {
		l.say(Failed, Finding{What: f.What, Profile: f.Profile, API: broken(err)})
		return
	}
	items, err := pages.Take(a)
	switch {
	case a.Status >= 400:
		f.API = "it does not take a time in the future: " + answered(a)
		l.say(Note, f)
	case err != nil:
		f.API = detail(err)
		l.say(Failed, f)
	case len(items) > 0:
		f.API = fmt.Sprintf("gives %d records for a time in the future: it does not know this filter", len(items))
		f.Write = `list: {path: "{path}"} # without {since}, or with the parameter that the API knows`
		l.say(Differs, f)
	default:
		f.API = "gives none for a time in the future"
		l.say(Equal, f)
	}
}

// nobody is an id that is that of no request: they begin with the time.
const nobody = request.ID("00000000000000000000000000")

// unknown searches for a request that there is none of.
func (l *looking) unknown(ctx context.Context) {
	call, can := l.c.FindCall(nobody)
	if !can {
		l.say(Note, Finding{What: "external id", Profile: "cannot be searched for",
			API: "not looked at: a create whose answer is lost waits for a person", Write: `external_id: {field: /external_id, find: "{path}?external_id={value}"}`})
		return
	}
	f := Finding{What: "search for an unknown id", Profile: "finds none"}
	a, err := l.API.Do(ctx, call, true)
	if err != nil {
		l.say(Failed, Finding{What: f.What, Profile: f.Profile, API: broken(err)})
		return
	}
	_, err = l.c.Found(a, nobody)
	count := 0
	if found, ok := findList(a.Body, l.c.Name()); ok {
		count = found.count
	}
	switch {
	case a.Status >= 300 && err != nil:
		f.API = "the search is answered " + answered(a)
		l.say(Failed, f)
	case err != nil:
		f.API = detail(err)
		l.say(Failed, f)
	case count > 0:
		f.API = fmt.Sprintf("gives %d records that do not have it: it does not know the filter, or no record has the field. What it gives is checked", count)
		l.say(Note, f)
	default:
		f.API = "finds none"
		l.say(Equal, f)
	}
}
