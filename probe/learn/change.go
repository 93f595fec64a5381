package learn

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/meridian-gateway/meridian/request"
)

// change sends members of the record, and reads it afterwards. record is nil when it is refused.
func (l *learner) change(ctx context.Context, u updating, members object, header ...string) (record object, a request.Answer, err error) {
	before, err := l.fetch(ctx, l.id.value)
	if err != nil {
		return nil, a, err
	}
	send := members
	if u.full {
		send = object{}
		for name, v := range before {
			if t := l.member(name); t == nil || t.own == "" {
				send[name] = v
			}
		}
		for name, v := range members {
			send[name] = v
		}
	}
	if l.created.stamp != "" && len(header) == 0 {
		send = clone(send)
		if _, given := members[l.created.stamp]; !given {
			send[l.created.stamp] = before[l.created.stamp]
		}
	}
	if l.created.match && len(header) == 0 {
		header = []string{"If-Match", l.id.header}
	}
	a, err = l.send(ctx, writing{shape: shape{envelope: l.created.envelope, media: orElse(u.media, l.created.media)}, method: u.method,
		target: l.where(l.id.form, l.id.value), id: l.id.value, record: send, header: header})
	if err != nil || a.Status >= 300 {
		return nil, a, err
	}
	record, err = l.fetch(ctx, l.id.value)
	return record, a, err
}

func clone(o object) object {
	out := object{}
	for k, v := range o {
		out[k] = v
	}
	return out
}

func orElse(s, other string) string {
	if s != "" {
		return s
	}
	return other
}

// member is a member by its name, nil when none was seen.
func (l *learner) member(name string) *trait {
	for _, t := range l.members {
		if t.name == name {
			return t
		}
	}
	return nil
}

// update finds out how a record is changed.
func (l *learner) update(ctx context.Context) error {
	var refusals []string
	ways := []updating{{method: http.MethodPatch}, {method: http.MethodPut}, {method: http.MethodPut, full: true}, {method: http.MethodPost}}
	for i := 0; i < len(ways); i++ {
		u := ways[i]
		text := fmt.Sprintf("%s, changed %d", l.text(), i+1)
		after, a, err := l.change(ctx, u, object{l.created.title: text})
		if err != nil {
			return err
		}
		if a.Status >= 300 {
			if again := l.demand(ctx, a); again {
				i--
				continue
			}
			if a.Status == http.StatusUnsupportedMediaType && u.media == "" {
				u.media = "application/merge-patch+json"
				ways = slices.Insert(ways, i+1, u)
			}
			refusals = append(refusals, fmt.Sprintf("%s is answered %s", u.method, l.told(a)))
			continue
		}
		if plain(after[l.created.title]) != text {
			refusals = append(refusals, fmt.Sprintf("%s is answered %d and changes nothing", u.method, a.Status))
			continue
		}
		u.status = a.Status
		seen := fmt.Sprintf("%s is answered %d, and keeps what it does not name", u.method, a.Status)
		if lost := l.lostBy(after); lost != "" && !u.full {
			u.full = true
			seen = fmt.Sprintf("%s is answered %d and takes away what it does not name (%s): it replaces", u.method, a.Status, lost)
			if _, _, err := l.change(ctx, u, l.created.sent); err != nil {
				return err
			}
		} else if u.full {
			seen = fmt.Sprintf("%s of the whole record is answered %d", u.method, a.Status)
		}
		if len(refusals) > 0 {
			seen += "; " + strings.Join(refusals, "; ")
		}
		l.created.update = u
		l.sayUpdate(seen)
		return nil
	}
	l.ended = "No way was found to change a record: " + strings.Join(refusals, "; ") + ". What the proposal says of it is assumed"
	return nil
}

// sayUpdate says how a record is changed.
func (l *learner) sayUpdate(seen string, more ...string) {
	u := l.created.update
	body := "merge"
	if u.full {
		body = "full"
	}
	l.say("update", inBraces(append([]string{"method", u.method, "path", quoted(l.id.form), "body", body, "status", fmt.Sprintf("[%d]", u.status),
		"gone", inBrackets(l.id.gone), "content_type", quotedOr(u.media)}, more...)...), seen)
}

// lostBy names the members that were sent and are no longer there.
func (l *learner) lostBy(after object) string {
	var out []string
	for _, name := range names(l.created.sent) {
		was, now := l.created.first[name], after[name]
		if name != l.created.title && was != nil && plain(was) != "" && (now == nil || now == "") {
			out = append(out, name)
		}
	}
	return strings.Join(out, ", ")
}

// versions are the names of members that hold the version of a record.
var versions = regexp.MustCompile(`(?i)(^|_)((lock|row|content)_?)?(version|rev|revision)$|^(lock|row|content)version$|^sys_mod_count$`)

// demand looks whether a refusal asks for the version of the record: then the next call has it.
func (l *learner) demand(_ context.Context, a request.Answer) bool {
	asks := slices.Contains([]int{400, 403, 409, 412, 422, 428}, a.Status)
	if asks && l.id.header != "" && !l.created.match && (a.Status == 428 || a.Status == 412 || strings.Contains(strings.ToLower(string(a.Body)), "match")) {
		l.created.match = true
		return true
	}
	for _, name := range names(l.created.first) {
		if asks && l.created.stamp == "" && versions.MatchString(name) {
			l.created.stamp = name
			return true
		}
	}
	return false
}

// replace finds out what PUT does where it is not the way of changing.
func (l *learner) replace(ctx context.Context) error {
	u := l.created.update
	if u.method == "" {
		return nil
	}
	if u.method == http.MethodPut {
		delete(l.lines, "replace")
		if !u.full {
			l.say("replace", "false", "PUT is how a record is changed, and merges")
		}
		return nil
	}
	// What is there to be left out, so that it shows whether the rest goes.
	put := updating{method: http.MethodPut}
	whole := object{}
	left := ""
	before, err := l.fetch(ctx, l.id.value)
	if err != nil {
		return err
	}
	for name, v := range before {
		switch t := l.member(name); {
		case t != nil && t.own != "":
		case name == l.leftOut(before):
			left = name
		default:
			whole[name] = v
		}
	}
	after, a, err := l.change(ctx, put, whole)
	if err == nil && a.Status < 300 && left == l.externalName() {
		if _, _, err := l.change(ctx, u, object{left: l.created.sent[left]}); err != nil {
			return err
		}
	}
	switch {
	case err != nil:
		return err
	case a.Status == 404 || a.Status == 405 || a.Status == 501:
		l.say("replace", "false", fmt.Sprintf("PUT is answered %d: it is not there", a.Status))
	case a.Status >= 300:
		l.say("replace", "false", fmt.Sprintf("PUT is answered %s; describe it where clients use it", l.told(a)))
	case left == "":
		l.say("replace", l.lines["replace"].value, fmt.Sprintf("PUT is answered %d; whether it takes away what it does not name was not seen", a.Status))
	case plain(after[left]) == "":
		l.say("replace", inBraces("method", http.MethodPut, "path", quoted(l.id.form), "body", "full", "status", fmt.Sprintf("[%d]", a.Status), "gone", inBrackets(l.id.gone)),
			fmt.Sprintf("PUT is answered %d, and takes away what it does not name", a.Status))
	default:
		l.say("replace", "false", fmt.Sprintf("PUT is answered %d and keeps what it does not name: it is another way to change a record", a.Status))
		l.sayUpdate(l.lines["update"].seen+"; PUT does the same", "also", inBrackets([]string{quoted("PUT " + l.id.form)}))
	}
	return nil
}

// leftOut is a member whose absence shows what a replacement does, "" when there is none.
func (l *learner) leftOut(of object) string {
	for _, name := range []string{l.created.body, l.externalName()} {
		if _, sent := l.created.sent[name]; sent && name != l.created.title && plain(of[name]) != "" {
			return name
		}
	}
	return ""
}

// mostTried bounds how many members are tried to be changed.
const mostTried = 12

// own finds out which members are the API's own: those that change by themselves, and those that do not let themselves be changed.
func (l *learner) own(ctx context.Context) error {
	now, err := l.fetch(ctx, l.id.value)
	if err != nil || now == nil {
		return err
	}
	l.extend(now)
	tried := 0
	for _, t := range l.members {
		was, is := l.created.first[t.name], now[t.name]
		_, sent := l.created.sent[t.name]
		switch {
		case t.own == "the id" || sent:
			continue
		case t.own == byName && is == nil:
			t.own = "" // the API did not make it
			if c := l.changed(); c == t {
				l.unsince(t)
			}
			continue
		case !equal(was, is):
			t.own = "it changes by itself"
			continue
		}
		if t.own != "" || is == nil || l.created.update.full || l.created.update.method == "" || tried == mostTried {
			continue
		}
		other, sure := t.another(is)
		if other == nil {
			continue
		}
		tried++
		after, a, err := l.change(ctx, l.created.update, object{t.name: other})
		switch {
		case err != nil:
			return err
		case a.Status >= 300 && forbidden.MatchString(refusal(a.Body)):
			t.own = "a change of it is refused"
		case a.Status >= 300:
			t.note = fmt.Sprintf("a change to %s is refused: %s", said(other), l.told(a))
		case equal(after[t.name], is) && (sure || t.kind() == "integer"):
			t.own = "a change of it is ignored"
		case equal(after[t.name], is):
			t.note = fmt.Sprintf("a change to %s is ignored: either it is the API's own, or it takes only certain values", said(other))
		}
	}
	return nil
}

// forbidden is what refusals say of members that cannot be written at all.
var forbidden = regexp.MustCompile(`(?i)read.?only|unexpected|unrecogni[sz]ed|unknown (field|member|attribute|property|parameter)|invalid.field|immutable|(can ?not|may not|not allowed to|can't) be (set|changed|modified|updated|edited|assigned)|not (settable|editable|writable|updatable)`)

// unsince takes back that changes are listed by a member that the API does not keep.
func (l *learner) unsince(t *trait) {
	l.changes = ""
	l.listed = slices.DeleteFunc(l.listed, func(x line) bool { return x.key == "since" || x.key == "format" || x.key == "grain" })
	l.listed = append(l.listed, line{seen: t.name + " is not kept by the API itself, so it does not tell changes: the whole list is read"})
}

// extend takes in members that only the new record has.
func (l *learner) extend(record object) {
	for _, name := range names(record) {
		if l.member(name) == nil {
			t := &trait{name: name, kinds: map[string]bool{}, values: map[string]bool{}, format: "?"}
			t.see(record[name])
			t.own = l.ownByName(t)
			l.members = append(l.members, t)
		}
	}
	slices.SortFunc(l.members, func(a, b *trait) int { return strings.Compare(a.name, b.name) })
}

// another is a value of the same kind, nil when there is none; sure says that the member is known to take it.
func (t *trait) another(v any) (other any, sure bool) {
	switch v := v.(type) {
	case string:
		for value := range t.values {
			if value != v && len(t.values) < most {
				return value, true
			}
		}
		if t.isTime() {
			return nil, false
		}
		return mark, false
	case json.Number:
		if n, err := v.Int64(); err == nil && !t.isTime() {
			return json.Number(fmt.Sprint(n + 1)), false
		}
	case bool:
		return !v, true
	}
	return nil, false
}
