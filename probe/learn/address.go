package learn

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/meridian-gateway/meridian/request"
)

// identity is how records are known: the pointer to the id, an expression where the id is only a part of what is there, and the address
// of a record, with {path} and {id}.
type identity struct {
	at, match, form string
	value           string   // the id of one record
	record          object   // that record, as the list shows it
	read            []byte   // the answer to reading it, nil when it was not read
	gone            []int    // what reading a record that is not there is answered
	header          string   // the tag in the answer to reading it
	other           []string // pointers that look like ids and do not work in addresses
}

// forms are the addresses of a record that are tried.
var forms = [...]string{"{path}/{id}", "{path}/{id}.json", "{path}({id})", "{path}('{id}')"}

// usualIDs are the names of ids, the likeliest first.
var usualIDs = []string{"id", "_id", "uuid", "guid", "sys_id", "documentid", "key", "number", "iid", "ref", "code"}

// links are members that may hold the address of a record.
var links = [...]string{"/_links/self/href", "/links/self", "/self", "/url", "/href", "/@id", "/@odata.id", "/uri", "/resource_uri"}

// address finds which member is the id, and where a record is read by it.
func (l *learner) address(ctx context.Context) error {
	l.id = identity{at: "/id", form: "{path}/{id}" + l.suffix, gone: []int{404}}
	if len(l.seen.elements) == 0 {
		l.sayAddress("assumed: there was no record to try it with")
		return nil
	}
	forms := slices.Clone(forms[:])
	if l.suffix != "" {
		forms = slices.Insert(forms, 0, "{path}/{id}"+l.suffix)
	}
	for _, c := range l.candidates() {
		for i, form := range forms {
			if slices.Contains(forms[:i], form) {
				continue
			}
			c.form = form
			found, err := l.try(ctx, &c)
			if err != nil {
				return err
			}
			if found {
				c.other = l.id.other
				l.id = c
				l.alike()
				l.record()
				return l.missing(ctx)
			}
		}
		l.id.other = append(l.id.other, c.at)
	}
	return wrong(fmt.Sprintf("no record of the list can be read by itself: tried %s at %s", strings.Join(l.id.other, ", "),
		strings.Join(forms, ", ")))
}

// alike notes other members that have the same value as the id in every record that was seen: which of them it is cannot be told.
func (l *learner) alike() {
	if l.seen.bare {
		return
	}
	for _, name := range names(l.seen.records[0]) {
		at := "/" + escape(name)
		if at != l.id.at && !slices.ContainsFunc(l.seen.elements, func(e object) bool {
			id := plain(member(e, l.id.at))
			return id == "" || plain(member(e, l.seen.item+at)) != id
		}) {
			l.notes = append(l.notes, at+" is the same as "+l.id.at+" in all records that were seen: which of them is the id in addresses has to be looked up.")
		}
	}
}

// candidates are members that may be the id: those with the usual names first, then the ends of links.
func (l *learner) candidates() (out []identity) {
	if l.seen.bare {
		return []identity{{at: "/id", value: plain(l.seen.elements[0][""]), record: object{}}}
	}
	rank := func(name string) int {
		n := strings.ToLower(name)
		if i := slices.Index(usualIDs, n); i >= 0 {
			return i
		}
		if strings.HasSuffix(n, "id") {
			return len(usualIDs)
		}
		return len(usualIDs) + 1
	}
	add := func(of []object, most int) {
		all := names(of[0])
		slices.SortStableFunc(all, func(a, b string) int { return rank(a) - rank(b) })
		for _, name := range all {
			id := identity{at: "/" + escape(name), value: plain(of[0][name]), record: l.seen.records[0]}
			if rank(name) <= most && usable(id.value) && unique(of, name) && !slices.ContainsFunc(out, func(o identity) bool { return o.at == id.at }) {
				out = append(out, id)
			}
		}
	}
	add(l.seen.elements, len(usualIDs))
	add(l.seen.records, len(usualIDs))
	for _, at := range links {
		address, is := member(l.seen.elements[0], at).(string)
		if m := atEnd.FindStringSubmatch(address); is && m != nil {
			out = append(out, identity{at: at, match: atEnd.String(), value: m[1], record: l.seen.records[0]})
		}
	}
	add(l.seen.records, len(usualIDs)+1)
	return out[:min(len(out), 8)]
}

// atEnd is the id at the end of an address.
var atEnd = regexp.MustCompile(`([A-Za-z0-9_-]+)(?:\.json)?/?$`)

func usable(id string) bool {
	return id != "" && id != "0" && len(id) <= 128 && !strings.ContainsAny(id, " /\\?#\n\t")
}

// unique reports whether a member is another text or number in each object.
func unique(of []object, name string) bool {
	seen := make(map[string]bool)
	for _, o := range of {
		v := plain(o[name])
		if v == "" || seen[v] {
			return false
		}
		seen[v] = true
	}
	return true
}

// where is the address of a record.
func (l *learner) where(form, id string) string {
	return strings.NewReplacer("{path}", l.path, "{id}", url.PathEscape(id)).Replace(form)
}

// try reads a record by a candidate.
func (l *learner) try(ctx context.Context, c *identity) (bool, error) {
	a, err := l.call(ctx, http.MethodGet, l.where(c.form, c.value), nil)
	if err != nil {
		return false, err
	}
	v, ok := parse(a.Body)
	o, is := v.(object)
	if a.Status != http.StatusOK || !ok || !is || !shows(o, c.value) && c.match == "" {
		return false, nil
	}
	if list := member(v, l.seen.items); l.seen.items != "" && list != nil && !l.seen.bare {
		if many, is := list.([]any); is && len(many) != 1 {
			return false, nil // the list again
		}
	}
	c.read, c.header = a.Body, a.Header.Get("Etag")
	return true, nil
}

// record finds the record in the answer to reading it: the object that has most of its members.
func (l *learner) record() {
	v, _ := parse(l.id.read)
	best := -1
	walk(v, func(at string, v any) bool {
		o, is := v.(object)
		if !is {
			return false
		}
		n := 0
		for name := range l.id.record {
			if _, there := o[name]; there {
				n++
			}
		}
		if len(l.id.record) == 0 {
			n = len(o) - strings.Count(at, "/")
		}
		if n > best {
			best, l.answer = n, at
		}
		return true
	})
	read, _ := member(v, l.answer).(object)
	more := 0
	for name, value := range read {
		if _, there := l.id.record[name]; !there && value != nil && !strings.HasPrefix(name, "@") && !strings.HasPrefix(name, "_") {
			more++
		}
	}
	how := fmt.Sprintf("GET %s is answered 200", l.where(l.id.form, "ID"))
	if l.answer != "" {
		how += ", the record in " + l.answer
	}
	l.sayAddress(how)
	if more > 0 {
		l.bared = true
		l.sayList("")
	}
	l.seen.whole = read
	l.sayEnvelope()
}

// sayAddress says what is known of the id and of reading.
func (l *learner) sayAddress(seen string) {
	from := inBraces("from", "body", "at", quoted(l.id.at), "match", quotedOr(l.id.match), "pattern", l.pattern())
	how := "it works in the address of a record"
	if len(l.id.other) > 0 {
		how += "; " + strings.Join(l.id.other, ", ") + " does not"
	}
	if l.id.read == nil {
		how = "assumed"
	}
	l.say("id", from, how)
	l.say("read", inBraces("method", "GET", "path", quoted(l.id.form), "status", "[200]", "gone", inBrackets(l.id.gone)), seen)
}

var usualID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// pattern is what ids look like, "" for the usual.
func (l *learner) pattern() string {
	if l.id.value == "" || usualID.MatchString(l.id.value) {
		return ""
	}
	return quoted(`[^/?#\s]+`)
}

// missing reads a record that is not there.
func (l *learner) missing(ctx context.Context) error {
	a, err := l.call(ctx, http.MethodGet, l.where(l.id.form, nobody(l.id.value)), nil)
	if err != nil {
		return err
	}
	seen := l.lines["read"].seen + fmt.Sprintf("; of an id that nobody has: %d", a.Status)
	switch a.Status {
	case 404, 410:
		l.id.gone = []int{a.Status}
	case 400, 422, 500:
		l.id.gone = []int{404, a.Status}
		seen += ", taken for gone: look whether it says so of other things too"
	default:
		seen += ", which tells nothing"
		if a.Status == http.StatusForbidden {
			seen += ": it may mean rights"
		}
	}
	l.sayAddress(seen)
	return nil
}

// nobody is an id of the same kind that no record has.
func nobody(like string) string {
	digits := !strings.ContainsFunc(like, func(r rune) bool { return r < '0' || r > '9' })
	if digits {
		return "9" + strings.Repeat("8", min(max(len(like), 6), 8))
	}
	var raw [64]byte
	_, _ = rand.Read(raw[:]) // never fails
	random := hex.EncodeToString(raw[:])
	for len(like) < 10 { // of short ids there are not many
		like += like
	}
	out := []byte(like)
	for i, c := range out {
		switch {
		case c >= '0' && c <= '9':
			out[i] = '0' + random[i%64]%10
		case c >= 'a' && c <= 'f', c >= 'A' && c <= 'F':
			out[i] = 'a' + random[i%64]%6
		case c >= 'g' && c <= 'z', c >= 'G' && c <= 'Z':
			out[i] = 'g' + random[i%64]%20
		}
	}
	return string(out)
}

// alive looks whether the list wants credentials at all.
func (l *learner) alive(ctx context.Context) error {
	if !l.o.Credentials || strings.Contains(l.o.Keep, "alive:") {
		return nil
	}
	call := request.Call{Method: http.MethodGet, Target: l.target(), Header: http.Header{"Accept": {"application/json"}}}
	a, err := l.o.Do(ctx, call, false)
	switch {
	case err != nil:
		return nil // it is only a hint
	case a.Status == http.StatusUnauthorized || a.Status == http.StatusForbidden:
		l.say("alive", inBraces("path", quoted(l.target())), fmt.Sprintf("%d without credentials, so 200 shows that they work", a.Status))
	default:
		l.say("alive", "", fmt.Sprintf("the list is answered %d without credentials too; name a read that only works with them, as in alive: {path: /api/me}: it tells a deletion from a lost right", a.Status))
	}
	return nil
}
