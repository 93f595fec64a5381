package profile

import (
	"bytes"
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/meridian-gateway/meridian/request"
)

// Judge says what an answer means for the call that it answers.
func (c *Collection) Judge(v Verb, a request.Answer) Verdict {
	k := c.calls[v]
	if k == nil {
		return Doubtful
	}
	switch {
	case slices.Contains(k.status, a.Status):
		if !readable(v, a) {
			return Doubtful
		}
		return Accepted
	case slices.Contains(k.stale, a.Status):
		return Stale
	case v == List && (slices.Contains(k.gone, a.Status) || a.Status == 404):
		return Accepted // there is nothing, or nothing more, to be listed; Pages tell
	case slices.Contains(k.gone, a.Status):
		return Gone
	}
	switch s := a.Status; {
	case s == 429 || s == 503 || s == 425, s == 403 && limited(a.Header):
		return Unavailable
	case s == 408:
		return Doubtful // some proxies say it of an API that is slow
	case s == 501 || s >= 400 && s < 500:
		return Refused
	}
	return Doubtful
}

// limited reports whether a refusal is for want of patience: some APIs say 403 to those who call too often.
func limited(h http.Header) bool {
	return h.Get("Retry-After") != "" || h.Get("X-Ratelimit-Remaining") == "0"
}

// readable tells an answer of the API from the page of a proxy or of a login, which comes with 200 as well.
func readable(v Verb, a request.Answer) bool {
	if v == Read || v == List {
		return valid(a.Body)
	}
	return !bytes.HasPrefix(bytes.TrimSpace(a.Body), []byte("<"))
}

// Created tells the id of the record that a create made: from the body, the Location or a header, as the profile says, or from
// Location where the body has none. The error has Kind Doubtful: the answer is a success without a usable id, and always where new
// records are to be searched for.
func (c *Collection) Created(a request.Answer) (Created, error) {
	made, ok := c.unwrap(a.Body)
	local := ""
	switch c.id.from {
	case "header":
		local = c.matched(a.Header.Get(c.id.name))
	case "location":
		local = c.located(a.Header.Get("Location"))
	case "search":
	default:
		if valid(a.Body) {
			local = c.createdID(made)
		}
		if local == "" {
			local = c.located(a.Header.Get("Location"))
		}
	}
	if !usable(local) {
		return Created{}, &request.Error{Op: "profile.Created", Kind: request.Doubtful, Detail: "the answer to the create holds no usable id" + c.wanted()}
	}
	out := Created{Local: local}
	first := c.content != nil && c.content.upload == uploadFirst // then no answer is the record
	if ok && !first && c.holds(made, local) {
		out.Record = made.record
	}
	return out, nil
}

// createdID is the id in the answer to a create.
func (c *Collection) createdID(made wrapped) string {
	if c.id.created != nil {
		if id := c.idAt(made, []pointer{c.id.created}); id != "" {
			return id
		}
	}
	return c.idOf(made)
}

// wanted says where the id of a new record is looked for.
func (c *Collection) wanted() string {
	switch c.id.from {
	case "header":
		return " in its header " + c.id.name
	case "location":
		return " in its Location"
	case "search":
		return ""
	}
	at := c.id.at
	if c.id.created != nil {
		at = append([]pointer{c.id.created}, at...)
	}
	return " at " + oneAfterAnother(at)
}

// Answered is the record in the answer to a read or to a write of one; ok=false when the answer does not hold the whole record
// with that id.
func (c *Collection) Answered(a request.Answer, local string) (record []byte, ok bool) {
	if a.Status < 200 || a.Status > 299 {
		return nil, false
	}
	w, ok := c.unwrap(a.Body)
	if !ok || !c.holds(w, local) {
		return nil, false
	}
	return w.record, true
}

// holds reports whether a record is the one with the id, and more than that id: some APIs answer a write with a link. Where members that no
// field names are the site's alone, they tell nothing.
func (c *Collection) holds(w wrapped, local string) bool {
	if len(c.id.at) > 0 {
		// A record that does not show its id is taken where ids come from elsewhere.
		if id := c.idOf(w); id != local && (id != "" || c.id.from == "body") {
			return false
		}
	}
	more := false
	members(w.record, func(m member) bool {
		t := c.reading[m.name]
		more = t == nil && (!c.only || c.content != nil) || t != nil && !t.hidden
		return !more
	})
	return more
}

// idText is the id that a JSON value shows, "" when it shows none: a text, or a whole number above 0.
func (c *Collection) idText(raw []byte) string {
	if isString(raw) {
		return c.matched(unquote(raw))
	}
	for i, d := range raw {
		if (d < '0' || d > '9') || i == 0 && d == '0' {
			return ""
		}
	}
	return string(raw)
}

// usable reports whether the API can be asked for an id.
func usable(id string) bool {
	if id == "" || len(id) > 256 || id == "." || id == ".." {
		return false
	}
	return !hidden(id) && !strings.ContainsRune(id, 0xfffd)
}

// matched is what the profile's expression finds in a text.
func (c *Collection) matched(s string) string {
	if c.id.match == nil {
		return s
	}
	if groups := c.id.match.FindStringSubmatch(s); groups != nil {
		return groups[1]
	}
	return ""
}

// located is the id in a Location: absolute, without host, relative, or lacking what reading has behind the id.
func (c *Collection) located(location string) string {
	if location == "" {
		return ""
	}
	if c.id.match != nil {
		return c.matched(location)
	}
	u, err := url.Parse(location)
	if err != nil || u.Opaque != "" {
		return ""
	}
	id, err := url.PathUnescape(c.locatedIn(u.EscapedPath()))
	if k := c.calls[Create]; err != nil || k != nil && id == lastSegment(k.path.path.literals[0]) { // the collection's own address
		return ""
	}
	return id
}

// locatedIn is the id in an escaped path: where the path of reading has it, counted from the end, or the last part.
func (c *Collection) locatedIn(path string) string {
	path = strings.TrimSuffix(path, "/")
	for _, v := range []Verb{Read, Update, Delete} {
		if k := c.calls[v]; k != nil && k.path.path.has("id") {
			if id := k.path.idIn(path); id != "" {
				return id
			}
			before, after := k.path.aroundID()
			return strings.TrimSuffix(strings.TrimPrefix(lastSegment(path), before), after)
		}
	}
	return lastSegment(path)
}

func lastSegment(path string) string {
	path = strings.TrimSuffix(path, "/")
	return path[strings.LastIndexByte(path, '/')+1:]
}

// Found are the records in the answer to FindCall that really carry the id, the oldest first: a filter that an API does not know
// returns everything. Those without Record are of an API that answers searches with ids alone: they are to be read, and to be taken
// only if their Stamp names the request. The error has Kind Doubtful: the answer does not tell, and in particular does not tell that there is none.
func (c *Collection) Found(a request.Answer, id request.ID) ([]Created, error) {
	switch {
	case c.find == nil:
	case slices.Contains(c.find.gone, a.Status):
		return nil, nil // the API's way of saying that there is none
	case slices.Contains(c.find.status, a.Status):
		a.Status = 200
	}
	hits, err := c.hits(a, request.Error{Op: "profile.Found", Request: id}, sought{by: "external id", call: c.find, is: func(w wrapped) bool {
		was, ok := lookup(w.record, c.external.read)
		return ok && c.carries(was, id)
	}, may: func(w wrapped) bool {
		_, shown := lookup(w.record, c.external.read)
		return c.lister.idsOnly && !shown
	}})
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(hits, c.older)
	return hits, nil
}

// sought is what a search is for: by says it in words, is tells whether a record is one, and call is the search, nil when that cut
// nothing.
type sought struct {
	by   string
	call *call
	is   func(w wrapped) bool
	// may tells whether a record that does not show it may still be one; nil: none may.
	may func(w wrapped) bool
}

// hits are the records in the answer to a search that are what was searched for, in its order. The error, begun in as, has Kind
// Doubtful.
func (c *Collection) hits(a request.Answer, as request.Error, what sought) ([]Created, error) {
	by := what.by
	doubt := func(detail string) error {
		as.Kind, as.Detail = request.Doubtful, detail
		return &as
	}
	if a.Status != 200 || !valid(a.Body) {
		return nil, doubt("the search by " + by + " was not answered with a list")
	}
	list, ok := c.listIn(a.Body)
	if !ok {
		return nil, doubt("the answer to the search by " + by + " holds no list where the profile says")
	}
	var hits []Created
	var broken error
	others := 0
	members(list, func(m member) bool {
		element := list[m.from:m.until]
		if element[0] != '{' && element[0] != '[' && what.may != nil {
			if local := c.idText(element); usable(local) {
				hits = append(hits, Created{Local: local})
				return true
			}
		}
		w, ok := c.element(element)
		if ok && !what.is(w) && what.may != nil && what.may(w) {
			if local := c.idOf(w); usable(local) {
				hits = append(hits, Created{Local: local})
				return true
			}
		}
		if !ok || !what.is(w) {
			others++
			return true
		}
		local := c.idOf(w)
		if c.alien(local) {
			return true // a record of another kind
		}
		if !usable(local) {
			broken = doubt("a record that the search by " + by + " found shows no usable id of its own")
			return false
		}
		hits = append(hits, Created{Local: local, Record: slices.Clone(w.record)})
		return true
	})
	if broken != nil {
		return nil, broken
	}
	if len(hits) == 0 && others > 0 && (goesOn(a) || counted(a) > others && what.cuts(others)) {
		return nil, doubt("the API does not filter by " + by + " and gave only a part of its records")
	}
	return hits, nil
}

// listIn are the records in an answer: where the envelope says, or the whole body; one record alone counts as a list of one.
func (c *Collection) listIn(body []byte) ([]byte, bool) {
	for _, p := range []pointer{c.envelope.items, c.envelope.answer, nil} {
		list, ok := lookup(body, p)
		if !ok || c.envelope.items != nil && p == nil && isObject(list) {
			continue
		}
		switch list[0] {
		case '[':
			return list, true
		case '{':
			if w, ok := c.element(list); ok && c.idOf(w) != "" {
				return slices.Concat([]byte("["), list, []byte("]")), true
			}
		}
	}
	return nil, false
}

// cuts reports whether an answer with n records may be only a part of them. What an API calls its total may be the number of all its
// records, and not of those that were found.
func (s sought) cuts(n int) bool {
	if s.call == nil {
		return round(n)
	}
	_, query, _ := strings.Cut(s.call.path.source, "?")
	return round(n) || slices.ContainsFunc(strings.Split(query, "&"), func(pair string) bool { return strings.HasSuffix(pair, "="+strconv.Itoa(n)) })
}

// older orders records by their time of creation where the profile knows it, else by their ids where these are numbers.
func (c *Collection) older(a, b Created) int {
	if c.created != nil {
		x, ok1 := lookup(a.Record, c.created)
		y, ok2 := lookup(b.Record, c.created)
		if ok1 && ok2 && len(x) == len(y) {
			if order := bytes.Compare(x, y); order != 0 {
				return order
			}
		}
	}
	if digits(a.Local) && digits(b.Local) {
		return cmp.Or(cmp.Compare(len(a.Local), len(b.Local)), cmp.Compare(a.Local, b.Local))
	}
	return 0
}

func digits(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r < '0' || r > '9' })
}

// ETag is the version of the state that an answer shows, as Current has it: its tag, or the JSON text of the member that holds the
// version, in the record or around it. "" where the API has none, or the answer shows none.
func (c *Collection) ETag(a request.Answer, record []byte) string {
	if len(c.version) == 0 {
		if !c.etag {
			return ""
		}
		return a.Header.Get("Etag")
	}
	w, _ := c.unwrap(a.Body)
	for _, text := range append([][]byte{record}, w.texts()...) {
		if raw, ok := c.versionIn(text); ok {
			return string(raw)
		}
	}
	return ""
}
