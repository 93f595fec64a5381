package learn

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/meridian-gateway/meridian/request"
)

// creating is what is known of writing records.
type creating struct {
	done     bool   // one was made
	envelope string // of calls
	kind     string // type beside the record, as JSON:API has it
	media    string // of bodies, "" for JSON
	external string // pointer to the member for the id of a request
	nulled   bool   // it was seen what becomes of null

	placed      place
	title, body string   // members that hold the text, the latter "" where there is none
	token       string   // in the text, and in no other record
	refused     []string // members that the text was refused in
	sent        object   // the record as it was sent
	first       object   // as it was then
	match       bool     // writes demand If-Match
	stamp       string   // the member with the version that writes demand
	update      updating
}

// updating is how records are changed.
type updating struct {
	method, media string
	full          bool
	status        int
}

// write makes a record, changes it and deletes it.
func (l *learner) write(ctx context.Context) error {
	if err := l.assume(ctx); err != nil { // what is not seen afterwards stays so
		return err
	}
	l.created.external = ""
	a, err := l.create(ctx)
	if err != nil || !l.created.done {
		l.sayMembers()
		return err
	}
	if err := l.identify(ctx, a); err != nil {
		return err
	}
	if l.id.value == "" || len(l.made) == 0 {
		return nil
	}
	for _, step := range []func(context.Context) error{l.update, l.replace, l.own, l.empty, l.stale, l.found, l.delete} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	l.sayMembers()
	l.sayList(l.query2())
	return nil
}

// usualTitles and usualBodies are the names of the members that hold a text, the likeliest first.
var (
	usualTitles = []string{"title", "subject", "summary", "name", "short_description", "short description", "headline", "description", "text"}
	usualBodies = []string{"description", "body", "details", "notes", "content", "text", "comment", "comments", "detailed description", "summary"}
)

// choose finds the members that are written.
func (l *learner) choose() {
	pick := func(usual []string, not string) string {
		best, rank := "", len(usual)
		for _, t := range l.members {
			i := slices.Index(usual, strings.ToLower(t.name))
			if i >= 0 && i < rank && t.own == "" && t.name != not && (t.kind() == "text" || len(t.kinds) == 0) && !t.isTime() {
				best, rank = t.name, i
			}
		}
		return best
	}
	l.created.title = pick(usualTitles, "")
	for _, t := range l.members {
		if l.created.title == "" && t.kind() == "text" && t.own == "" && !t.isTime() {
			l.created.title = t.name
		}
	}
	if l.created.title == "" {
		l.created.title = "title"
	}
	l.created.body = pick(usualBodies, l.created.title)
	if len(l.members) == 0 {
		l.created.body = "description"
	}
	l.created.token = string(request.NewID(l.o.Now()))[16:]
}

// text is what is written, with the token that tells this record from all others.
func (l *learner) text() string { return mark + " " + l.created.token }

// shape is a way of sending a new record.
type shape struct {
	envelope, media string
	least           bool // nothing besides the text and what was set
}

// key is what is sent, for telling whether it was sent before.
func (s shape) key(record object) string {
	return s.envelope + " " + s.media + " " + string(encode(record))
}

// told is the shape in words.
func (s shape) told() string {
	if s.envelope == "" {
		return "POST of the bare record:"
	}
	return "POST of the record in " + s.envelope + ":"
}

// shapes are those that are tried: as answers are first.
func (l *learner) shapes() (out []shape) {
	envelopes := []string{l.answer, ""}
	if l.id.read == nil {
		one := strings.TrimSuffix(l.o.Collection, "s")
		envelopes = []string{"", "/" + one, "/data", "/fields", "/values"}
	}
	media := []string{""}
	if l.created.kind != "" {
		media = []string{"application/vnd.api+json", ""}
	}
	for i, e := range envelopes {
		if slices.Contains(envelopes[:i], e) {
			continue
		}
		for _, m := range media {
			out = append(out, shape{e, m, false}, shape{e, m, true})
		}
	}
	return out
}

// mostRefusals bounds how often a create is tried.
const mostRefusals = 16

// create makes a record, in the first shape that the API takes.
func (l *learner) create(ctx context.Context) (a request.Answer, err error) {
	if l.seen.item == "/attributes" && len(l.seen.elements) > 0 {
		l.created.kind = plain(l.seen.elements[0]["type"])
	}
	l.choose()
	var why []string
	shapes := l.shapes()
	tried := make(map[string]bool)
	for i := 0; i < len(shapes) && len(tried) < mostRefusals; i++ {
		s := shapes[i]
		record, known := l.fresh(s.least), len(l.members)
		for !tried[s.key(record)] && len(tried) < mostRefusals {
			tried[s.key(record)] = true
			if a, err = l.post(ctx, s, record); err != nil {
				l.lost(ctx)
				return a, err
			}
			if a.Status < 300 || !l.amend(a, record) {
				break
			}
		}
		switch {
		case a.Status < 300:
			kept, err := l.kept(ctx, a, s, record)
			if err != nil || kept {
				return a, err
			}
			if known == 0 && len(l.members) > 0 { // now it is known what records look like
				l.choose()
				shapes, i = l.shapes(), -1
				continue
			}
			why = append(why, fmt.Sprintf("%s it is answered %s, and the record is not found, or does not hold what was sent", s.told(), l.told(a)))
		case a.Status == http.StatusUnsupportedMediaType && s.media == "":
			shapes = slices.Insert(shapes, i+1, shape{s.envelope, "application/vnd.api+json", true}, shape{s.envelope, formMedia, true})
		case a.Status == http.StatusNotFound || a.Status == http.StatusMethodNotAllowed || a.Status == http.StatusNotImplemented ||
			a.Status == http.StatusUnauthorized || a.Status == http.StatusForbidden || a.Status >= 500:
			i = len(shapes)
			why = append(why, s.told()+" it is answered "+l.told(a))
		default:
			why = append(why, s.told()+" it is refused: "+l.told(a))
		}
	}
	why = slices.Compact(why)
	l.ended = "No record could be made. " + strings.Join(why[:min(len(why), 4)], "; ") +
		". Say what the API wants with --set MEMBER=VALUE; until then the proposal assumes what it says of writing."
	return a, nil
}

const formMedia = "application/x-www-form-urlencoded"

// fresh is a record to be made.
func (l *learner) fresh(least bool) object {
	record := object{}
	put(record, "/"+escape(l.created.title), l.text())
	if !least {
		if l.created.body != "" {
			record[l.created.body] = l.text()
		}
		record[l.externalName()] = string(request.NewID(l.o.Now()))
	}
	for _, s := range l.o.Set {
		v, _ := parse(s.Value)
		at := s.Name
		if !strings.HasPrefix(at, "/") {
			at = "/" + escape(at)
		}
		put(record, at, v)
	}
	return record
}

// externalName is the member that may hold the id of a request: a known one, or one that an API without a schema takes.
func (l *learner) externalName() string {
	for _, t := range l.members {
		if slices.Contains(externals[:], strings.ToLower(t.name)) && t.own == "" {
			return t.name
		}
	}
	return "external_id"
}

// post sends a new record.
func (l *learner) post(ctx context.Context, s shape, record object) (request.Answer, error) {
	return l.send(ctx, writing{shape: s, method: http.MethodPost, target: l.path + l.suffix, record: record})
}

// writing is a call with a record in a shape; id is that of the record, "" for a new one.
type writing struct {
	shape
	method, target, id string
	record             object
	header             []string
}

// send makes a call with a record.
func (l *learner) send(ctx context.Context, w writing) (request.Answer, error) {
	var body any = w.record
	if w.envelope != "" {
		around := object{}
		put(around, w.envelope, w.record)
		if l.created.kind != "" {
			put(around, "/data/type", l.created.kind)
			if w.id != "" {
				put(around, "/data/id", w.id)
			}
		}
		body = around
	}
	text := encode(body)
	if w.media == formMedia {
		text = []byte(form("", body).Encode())
	}
	return l.call(ctx, w.method, w.target, text, append([]string{"Content-Type", cmp.Or(w.media, "application/json")}, w.header...)...)
}

// form is a value as a form has it: ticket[subject]=x.
func form(name string, v any) url.Values {
	out := url.Values{}
	o, is := v.(object)
	if !is {
		out.Set(name, plain(v))
		return out
	}
	for _, k := range names(o) {
		inner := k
		if name != "" {
			inner = name + "[" + k + "]"
		}
		for key, values := range form(inner, o[k]) {
			out[key] = values
		}
	}
	return out
}

// isSet reports whether a member was set by the user.
func (l *learner) isSet(name string) bool {
	return slices.ContainsFunc(l.o.Set, func(s Setting) bool { return s.Name == name || s.Name == "/"+escape(name) })
}

// kept finds the record that a create made, and reports whether it holds what was sent.
func (l *learner) kept(ctx context.Context, a request.Answer, s shape, record object) (bool, error) {
	if l.id.read == nil { // the list was empty: now it is not
		if err := l.again(ctx); err != nil {
			return false, err
		}
	}
	p, err := l.place(ctx, a)
	if err != nil {
		return false, err
	}
	if p.id == "" {
		l.stray = append(l.stray, fmt.Sprintf("one that a create answered with %s made: its id is not found", l.told(a)))
		return false, nil
	}
	l.made = append(l.made, p.id)
	o, err := l.fetch(ctx, p.id)
	if err != nil || !strings.Contains(plain(o[l.created.title]), l.created.token) {
		return false, err
	}
	l.created.done, l.created.envelope, l.created.media, l.created.sent, l.created.first = true, s.envelope, s.media, record, o
	l.created.placed, l.id.value = p, p.id
	l.demanded(record, o)
	status := "[" + fmt.Sprint(a.Status) + "]"
	seen := fmt.Sprintf("answered %d", a.Status)
	l.say("create", inBraces("method", http.MethodPost, "path", quoted("{path}"+l.suffix), "status", status), seen)
	switch s.media {
	case formMedia:
		l.say("encoding", "form", "JSON is refused")
	case "":
	default:
		l.say("content_type", s.media, "it is the one that is taken")
	}
	return true, nil
}

// demanded notes what a new record was given because it was refused without, or because the user said so; o is the record that came of it.
func (l *learner) demanded(record, o object) {
	l.extend(o)
	for _, name := range names(record) {
		if name == l.created.title || name == l.created.body || name == l.externalName() {
			continue
		}
		t := l.member(name)
		switch v := record[name].(type) {
		case object, []any, nil:
			l.notes = append(l.notes, "A new record wants "+name+", which is more than one value: describe what it is made of.")
		default:
			if t == nil {
				l.notes = append(l.notes, "A new record wants "+name+", which records do not show: describe where it is written.")
			} else {
				t.preset = string(encode(v))
			}
		}
	}
}

// again looks at the list once more, which shows a record now.
func (l *learner) again(ctx context.Context) error {
	l.seen, l.listed, l.notes = shown{}, nil, nil
	for _, step := range []func(context.Context) error{l.list, l.address, l.traits, l.pages, l.since} {
		if err := step(ctx); err != nil {
			if request.KindOf(err) == request.Unavailable {
				return err
			}
			return nil // the list does not show it
		}
	}
	return nil
}

// lost looks for a record whose create was not answered.
func (l *learner) lost(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	if id, err := l.inList(ctx); err == nil && id != "" {
		l.made = append(l.made, id)
		return
	}
	l.stray = append(l.stray, fmt.Sprintf("one whose %s is %q, if it was made: the call was not answered", l.created.title, l.text()))
}

// patience is how long removing may take.
const patience = 30 * time.Second

// fetch reads a record.
func (l *learner) fetch(ctx context.Context, id string) (object, error) {
	a, err := l.call(ctx, http.MethodGet, l.where(l.id.form, id), nil)
	if err != nil || a.Status != http.StatusOK {
		return nil, err
	}
	l.id.header = a.Header.Get("Etag")
	v, _ := parse(a.Body)
	o, _ := member(v, l.answer).(object)
	return o, nil
}
