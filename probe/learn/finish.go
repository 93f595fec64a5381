package learn

import (
	"context"
	"fmt"
	"net/http"
	"slices"
)

// empty finds out what becomes of null, and how a text is emptied.
func (l *learner) empty(ctx context.Context) error {
	name := l.created.body
	u := l.created.update
	if _, sent := l.created.sent[name]; !sent || u.method == "" || plain(l.created.first[name]) == "" {
		return nil
	}
	if _, _, err := l.change(ctx, u, object{name: mark}); err != nil {
		return err
	}
	after, a, err := l.change(ctx, u, object{name: nil})
	if err != nil {
		return err
	}
	l.created.nulled = true
	value, there := after[name]
	switch {
	case a.Status < 300 && (!there || value == nil):
		l.say("null", "", fmt.Sprintf("null was written to %s and is no value, as usual", name))
		return nil
	case a.Status < 300 && value == "":
		l.say("null", `""`, fmt.Sprintf("null was written to %s and came back as \"\"", name))
		return nil
	}
	refused := fmt.Sprintf("null is ignored (%s still has its text)", name)
	if a.Status >= 300 {
		refused = "null is refused: " + l.told(a)
	}
	after, a, err = l.change(ctx, u, object{name: ""})
	switch {
	case err != nil:
		return err
	case a.Status < 300 && plain(after[name]) == "":
		l.say("null", `""`, refused+`; "" empties it`)
	default:
		l.say("null", "", refused+`, and so is "": nothing was found that takes a value away`)
	}
	return nil
}

// stale finds out whether the API refuses a write over a newer state.
func (l *learner) stale(ctx context.Context) error {
	u := l.created.update
	if u.method == "" {
		return nil
	}
	if l.created.match {
		l.say("etag", "true", "a change without If-Match is refused")
		return nil
	}
	if l.id.header != "" {
		_, a, err := l.change(ctx, u, object{l.created.title: l.text() + ", stale"}, "If-Match", `"meridian-probe"`)
		switch {
		case err != nil:
			return err
		case a.Status == 412 || a.Status == 409:
			l.say("etag", "true", fmt.Sprintf("a change with another If-Match is answered %d", a.Status))
			return nil
		case a.Status < 300:
			l.say("etag", "", "there is an ETag, but If-Match is ignored: a change with a wrong one was made")
		default:
			l.say("etag", "", "there is an ETag, and a change with a wrong If-Match is answered "+l.told(a))
		}
	}
	return l.version(ctx)
}

// version finds out whether a member of the record is the version that a write may name.
func (l *learner) version(ctx context.Context) error {
	now, err := l.fetch(ctx, l.id.value)
	if err != nil {
		return err
	}
	for _, name := range names(now) {
		if !versions.MatchString(name) || equal(now[name], l.created.first[name]) {
			continue
		}
		_, a, err := l.change(ctx, l.created.update, object{l.created.title: l.text() + ", stale", name: l.created.first[name]})
		if err != nil {
			return err
		}
		if a.Status >= 400 {
			stale := ""
			if a.Status != 409 && a.Status != 412 {
				stale = fmt.Sprintf("[%d]", a.Status)
			}
			l.say("etag", inBraces("field", quoted("/"+escape(name)), "stale", stale), fmt.Sprintf("a change with an old %s is answered %d", name, a.Status))
			return nil
		}
		if l.lines["etag"].value == "" {
			l.say("etag", "", name+" counts changes, but a change with an old one is made all the same")
		}
	}
	return nil
}

// found finds out how the record is found by the id of a request.
func (l *learner) found(ctx context.Context) error {
	name := l.externalName()
	sent := plain(l.created.sent[name])
	now, err := l.fetch(ctx, l.id.value)
	if err != nil {
		return err
	}
	if sent == "" || plain(now[name]) != sent {
		if l.member(name) != nil && sent != "" {
			l.say("external_id", "", name+" does not keep what is written to it; name a text that is free, as in {field: /external_id}")
			return nil
		}
		l.created.external = ""
		return l.external(ctx, "", "")
	}
	l.created.done = true
	return l.external(ctx, "/"+escape(name), sent)
}

// delete finds out how a record is deleted, and how a deleted one looks.
func (l *learner) delete(ctx context.Context) error {
	before, err := l.fetch(ctx, l.id.value)
	if err != nil {
		return err
	}
	id := l.id.value
	call := func() (int, string, error) {
		var header []string
		if l.created.match {
			header = []string{"If-Match", l.id.header}
		}
		a, err := l.call(ctx, http.MethodDelete, l.where(l.id.form, id), nil, header...)
		return a.Status, l.told(a), err
	}
	status, told, err := call()
	if err != nil {
		return err
	}
	if status == 404 || status == 405 || status == 501 {
		l.say("delete", "false", "DELETE is answered "+told+": it is not there")
		return nil
	}
	if status >= 300 {
		l.say("delete", l.lines["delete"].value, "assumed: DELETE is answered "+told)
		return nil
	}
	a, err := l.call(ctx, http.MethodGet, l.where(l.id.form, id), nil)
	if err != nil {
		return err
	}
	gone := slices.Clone(l.id.gone)
	seen := fmt.Sprintf("DELETE is answered %d; reading it afterwards %d", status, a.Status)
	if a.Status == http.StatusOK {
		seen += l.soft(before, a.Body)
	} else if a.Status == 404 || a.Status == 410 {
		l.made = slices.DeleteFunc(l.made, func(m string) bool { return m == id })
		if !slices.Contains(gone, a.Status) {
			gone = append(gone, a.Status)
		}
	}
	again, _, err := call()
	if err != nil {
		return err
	}
	seen += fmt.Sprintf(", deleting it again %d", again)
	if again >= 400 && !slices.Contains(gone, again) {
		gone = append(gone, again)
	}
	l.say("delete", inBraces("method", http.MethodDelete, "path", quoted(l.id.form), "status", fmt.Sprintf("[%d]", status), "gone", inBrackets(gone)), seen)
	return nil
}

// soft says how a record looks that is shown although it was deleted.
func (l *learner) soft(before object, body []byte) string {
	v, _ := parse(body)
	after, _ := member(v, l.answer).(object)
	for _, name := range names(after) {
		if t := l.member(name); !equal(before[name], after[name]) && (t == nil || !t.isTime() || before[name] == nil) && after[name] != nil {
			values := ""
			if _, scalar := after[name].(bool); scalar || len(plain(after[name])) < 20 && formatOf(name, after[name]) == "" {
				values = "[" + string(encode(after[name])) + "]"
			}
			l.say("deleted", inBraces("at", quoted("/"+escape(name)), "values", values), fmt.Sprintf("the record was still shown, with %s in %s", said(after[name]), name))
			l.made = slices.DeleteFunc(l.made, func(m string) bool { return m == l.id.value })
			return ": it is still shown, as deleted"
		}
	}
	return ": it is still there, unchanged"
}

// remove removes what is still there of what was made, and says what could not be.
func (l *learner) remove(ctx context.Context) []string {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	out := slices.Clone(l.stray)
	for _, id := range l.made {
		if why := l.removeOne(ctx, id); why != "" {
			out = append(out, fmt.Sprintf("%s (%s)", id, why))
		}
	}
	l.made, l.stray = nil, nil
	return out
}

// removeOne removes one record; why is "" when it is gone.
func (l *learner) removeOne(ctx context.Context, id string) (why string) {
	if _, err := l.fetch(ctx, id); err != nil {
		return err.Error()
	}
	var header []string
	if l.created.match && l.id.header != "" {
		header = []string{"If-Match", l.id.header}
	}
	a, err := l.call(ctx, http.MethodDelete, l.where(l.id.form, id), nil, header...)
	switch {
	case err != nil:
		return err.Error()
	case a.Status < 300:
		return ""
	}
	if after, err := l.call(ctx, http.MethodGet, l.where(l.id.form, id), nil); err == nil && slices.Contains(l.id.gone, after.Status) {
		return ""
	}
	return "DELETE is answered " + l.told(a)
}
