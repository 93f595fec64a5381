package profile

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/meridian-gateway/meridian/request"
)

// Listed is one record of a list.
type Listed struct {
	Local string
	// Record is out of its envelope; nil when the list shows only ids.
	Record []byte
	// Changed is when the record says that it last changed; zero when it does not say.
	Changed time.Time
}

// lister is how records are listed, besides the call.
type lister struct {
	changed  pointer // to the time of the last change
	clock    clock
	grain    time.Duration
	lag      time.Duration
	earliest time.Time
	size     int
	first    int
	next     pointer
	total    pointer
	idsOnly  bool
	// only and skip say which elements are records: those of which all of only hold, and none of skip.
	only, skip []condition
}

// The bounds of a walk: so many pages, and so many in a row with nothing new on them. A list that goes on beyond is no list.
const (
	mostPages = 100_000
	mostIdle  = 100
)

// Pages walks through a list of records, one call at a time. It is for one goroutine.
type Pages struct {
	c    *Collection
	call *call
	v    vars
	// target is the address of the next page where the API gave it, "" where it is made of the profile's.
	target string
	origin string // path of the first call
	// part says that not all records of the collection are asked for: what an API calls its total may be the number of all.
	part bool

	page, offset int
	most, last   int // the longest page so far; how far the last one was from the one before it
	pages, idle  int
	done         bool
	// moved says that a page after the first brought something new: the API knows what it is asked for.
	moved bool
	seen  map[string]bool
	asked map[string]bool // addresses and cursors that were used
	total int
	known bool // total is
}

// CanList reports whether the profile says how records are listed; since, whether those changed after a time are.
func (c *Collection) CanList() (ok, since bool) {
	k := c.calls[List]
	if k == nil || k.path.source == "" {
		return false, false
	}
	return true, k.has("since")
}

// Lag is how young a change may be and not be shown by a list yet; Grain is how coarse the clock of its times is.
func (c *Collection) Lag() (lag, grain time.Duration) { return c.lister.lag, c.lister.grain }

// List begins a walk through the records that changed at or after a time, or through all of them when it is zero. It may show older
// ones too, each at most once, and such that are Deleted.
func (c *Collection) List(since time.Time) *Pages {
	p := &Pages{c: c, call: c.calls[List], seen: make(map[string]bool), asked: make(map[string]bool)}
	if ok, _ := c.CanList(); !ok {
		p.done = true
		return p
	}
	l := c.lister
	p.part = c.under != "" || !since.IsZero() && p.call.has("since")
	if since.IsZero() {
		since = l.earliest
	} else if since = since.Add(-l.grain); l.grain > 0 {
		since = since.Truncate(l.grain)
	}
	p.page, p.offset = l.first, l.first
	p.v = vars{"parent": request.Quote(c.under), "since": l.clock.write(since, l.grain), "size": jsonInt(l.size)}
	p.origin = p.call.path.path.fill(func(name string) string { return escapeSegment(p.v.text(name)) })
	return p
}

func jsonInt(n int) json.RawMessage { return json.RawMessage(strconv.Itoa(n)) }

// Call is the call for the next page; ok is false when there is none.
func (p *Pages) Call() (call request.Call, ok bool) {
	if p.done {
		return request.Call{}, false
	}
	p.v["page"], p.v["offset"] = jsonInt(p.page), jsonInt(p.offset)
	k := *p.call
	if len(p.v["cursor"]) == 0 {
		k.path = k.path.without("cursor")
		k.send = dropName(k.send, "cursor")
	}
	call = p.c.made(&k, p.v)
	if p.target != "" {
		call.Target = p.target
	}
	return call, true
}

// Total is how many records the API says there are in all; ok is false while it has not said.
func (p *Pages) Total() (n int, ok bool) { return p.total, p.known }

// Take reads the answer to Call: the records on that page that were on none before. The error has Kind Doubtful: it is not such a
// list, or it is not known to be all of it. After an error there is no further page.
func (p *Pages) Take(a request.Answer) ([]Listed, error) {
	if p.done {
		return nil, p.doubt("the list is at its end")
	}
	items, gone, err := p.items(a)
	if err != nil {
		return nil, err
	}
	p.pages++
	p.count(a)
	var out []Listed
	n, fresh := 0, 0
	if !gone {
		var broken error
		members(items, func(m member) bool {
			n++
			element := items[m.from:m.until]
			l, err := p.c.listed(element)
			counts := p.c.counts(element) && !p.c.alien(l.Local)
			if !counts && err != nil {
				return true // of another kind
			}
			if broken = err; err == nil && !p.seen[l.Local] {
				p.seen[l.Local] = true
				fresh++
				if counts {
					out = append(out, l)
				}
			}
			return broken == nil
		})
		if broken != nil {
			return nil, p.doubt(broken.Error())
		}
	}
	if fresh > 0 {
		p.moved, p.idle = p.moved || p.pages > 1, 0
	} else {
		p.idle++
	}
	if err := p.advance(a, n, fresh); err != nil {
		return nil, err
	}
	return out, nil
}

// items are the elements of the list in an answer; gone says that the API means that there are none.
func (p *Pages) items(a request.Answer) (list []byte, gone bool, err error) {
	switch {
	case slices.Contains(p.call.gone, a.Status):
		return nil, true, nil
	case a.Status == 404 && p.pages > 0 && p.asksItself() && !p.call.has("cursor"):
		return nil, true, nil // some APIs have no page behind the last one
	case !slices.Contains(p.call.status, a.Status):
		return nil, false, p.doubt(fmt.Sprintf("the list was answered with %d", a.Status))
	case a.Status == 204 && len(a.Body) == 0:
		return nil, true, nil
	case !valid(a.Body):
		return nil, false, p.doubt("the answer is not JSON")
	}
	list, ok := p.c.listIn(a.Body)
	if !ok {
		return nil, false, p.doubt("the answer holds no list where the profile says")
	}
	return list, false, nil
}

func (p *Pages) doubt(detail string) error {
	p.done = true
	return &request.Error{Op: "profile.Pages", Kind: request.Doubtful, Detail: "listing " + p.c.name + ": " + detail}
}

// count takes down how many there are in all, where the answer says so.
func (p *Pages) count(a request.Answer) {
	text := a.Header.Get("X-Total-Count")
	if at := p.c.lister.total; at != nil && valid(a.Body) {
		if raw, ok := lookup(a.Body, at); ok {
			text = plainText(raw)
		}
	}
	if n, err := strconv.Atoi(text); err == nil && n >= 0 {
		p.total, p.known = n, true
	}
}

// counts reports whether an element of a list is a record of the collection.
func (c *Collection) counts(element []byte) bool {
	w, ok := c.element(element)
	if !ok {
		return true // an id alone
	}
	holds := func(k condition) bool { return k.holds(w.texts()...) }
	fails := func(k condition) bool { return !k.holds(w.texts()...) }
	return !slices.ContainsFunc(c.lister.only, fails) && !slices.ContainsFunc(c.lister.skip, holds)
}

// alien reports whether an id is none that a record of the collection has.
func (c *Collection) alien(id string) bool {
	return id != "" && c.id.pattern != nil && !c.id.pattern.MatchString(id)
}

// listed is one element of a list.
func (c *Collection) listed(element []byte) (Listed, error) {
	if element[0] != '{' && element[0] != '[' {
		l := Listed{Local: c.idText(element)}
		if !usable(l.Local) {
			return l, fmt.Errorf("an element is %s, which is no usable id", clip(string(element)))
		}
		return l, nil
	}
	w, ok := c.element(element)
	if !ok {
		return Listed{}, errors.New("an element holds no record where the profile says")
	}
	l := Listed{Local: c.idOf(w)}
	if !usable(l.Local) {
		return l, errors.New("an element shows no usable id where id.at says")
	}
	for _, text := range w.texts() {
		if raw, ok := lookup(text, c.lister.changed); ok && c.lister.changed != nil && l.Changed.IsZero() {
			l.Changed = c.lister.clock.read(raw)
		}
	}
	if !c.lister.idsOnly && c.holds(w, l.Local) {
		l.Record = slices.Clone(w.record)
	}
	return l, nil
}

// advance goes to the next page, or ends the walk. n are the elements of the page that was taken, fresh those that were new.
func (p *Pages) advance(a request.Answer, n, fresh int) error {
	complete := p.known && len(p.seen) >= p.total
	next, given := p.next(a)
	switch {
	case given && next == nil:
		p.done = true
		return nil
	case n == 0 && !given && !goesOn(a) && (p.part || p.idle > mostIdle):
		p.done = true // whatever the total says: it may be that of all records
		return nil
	case p.pages >= mostPages || p.idle > mostIdle:
		return p.doubt("the list does not end")
	case n > 0 && fresh == 0 && !p.moved && p.pages > 1 && !complete && p.asksItself() && !p.overlapping(n, fresh):
		return p.doubt("the API gives the same page again, and does not say that it is all there is; take what it does not know out of list.path")
	case given:
		return p.follow(next, n, fresh, complete)
	case p.target == "" && (p.call.has("page") || p.call.has("offset")):
		p.step(n, fresh, complete)
		return nil
	}
	p.done = true
	if !complete && p.target == "" && (goesOn(a) || (!p.part || round(n)) && counted(a) > len(p.seen)) {
		return p.doubt("there are more pages, and the profile does not say how to ask for them (list.next, {page}, {offset})")
	}
	return nil
}

// asksItself reports whether the next page is asked for by a name in the profile's own path.
func (p *Pages) asksItself() bool {
	return p.target == "" && (p.call.has("page") || p.call.has("offset") || p.call.has("cursor"))
}

// step counts on to the next page.
func (p *Pages) step(n, fresh int, complete bool) {
	size := p.c.lister.size
	p.page++
	overlapping := p.overlapping(n, fresh)
	if p.call.has("offset") {
		p.last = p.stride(n, fresh)
		p.offset += p.last
	}
	at := p.offset
	if p.call.has("page") {
		at = (p.page - p.c.lister.first) * size
	}
	// A page may be empty for what its reader may not see. It is the last one where nothing says that there are more.
	p.done = complete && p.c.lister.total != nil || fresh == 0 && !overlapping && !(p.known && at < p.total)
}

// overlapping reports whether a page may show only known records because it begins not far behind the last one.
func (p *Pages) overlapping(n, fresh int) bool {
	return p.call.has("offset") && p.target == "" && n > 0 && fresh == 0 && p.pages > 1 && p.last < p.c.lister.size
}

// stride is how far the next page is from one with n elements: as many as came, since an API may give less than it was asked for.
// Where only known ones came, what is missing is what the reader may not see, and the stride is what was asked for. Where nothing
// came it is what came at most until now or, before anything did, what was asked for.
func (p *Pages) stride(n, fresh int) int {
	size := p.c.lister.size
	switch p.most = max(p.most, n); {
	case n > 0 && fresh == 0:
		return max(size, n)
	case n > 0:
		return n
	case p.most > 0:
		return p.most
	}
	return size
}

// next is what the answer says of the next page: a JSON value, or the address in its Link header; nil when it says that there is none.
// given is false when the answer does not speak of it.
func (p *Pages) next(a request.Answer) (next json.RawMessage, given bool) {
	if at := p.c.lister.next; at != nil {
		if !valid(a.Body) {
			return nil, true
		}
		raw, ok := lookup(a.Body, at)
		switch {
		case !ok, isNull(raw), string(raw) == "false", string(raw) == `""`, string(raw) == "0":
			return nil, true
		case string(raw) == "true" && (p.call.has("page") || p.call.has("offset")):
			return nil, false // it says that there is one, and the profile how to ask for it
		}
		return json.RawMessage(raw), true
	}
	if link := linkNext(a.Header["Link"]); link != "" {
		return request.Quote(link), true
	}
	return nil, false
}

// follow takes the next page from what the answer says. Where a Link leads to another address, as those of some APIs do that know their
// collections by more than one, it says that there is a page, and the profile may say how to ask for it.
func (p *Pages) follow(next json.RawMessage, n, fresh int, complete bool) error {
	key := string(next)
	again := p.asked[key]
	p.asked[key] = true
	if again {
		if fresh > 0 && !(p.known && len(p.seen) >= p.total) {
			return p.doubt("the list goes in circles")
		}
		p.done = true
		return nil
	}
	number, err := strconv.Atoi(plainText(next))
	byLink := p.c.lister.next == nil
	switch {
	case p.call.has("cursor") && !byLink:
		p.v["cursor"] = next
		return nil
	case err == nil && p.call.has("page") && !byLink:
		p.page = number
		return nil
	case err == nil && p.call.has("offset") && !byLink:
		p.offset = number
		return nil
	}
	target, ok := p.resolve(plainText(next))
	if !ok && byLink && p.target == "" && (p.call.has("page") || p.call.has("offset")) {
		p.step(n, fresh, complete)
		p.done = false
		return nil
	}
	if !ok {
		return p.doubt("the next page is at another address: " + clip(plainText(next)))
	}
	p.target = target
	return nil
}

// resolve is the target of the call for an address that the API gave. Only its path and query count, and its path is that of the list
// or, where it names no host, another one of the same API; what is before it, as proxies and base paths make it, is left out.
func (p *Pages) resolve(address string) (string, bool) {
	u, err := url.Parse(address)
	if err != nil || u.Opaque != "" || u.User != nil || strings.ContainsAny(address, "\\\r\n\t") {
		return "", false
	}
	if u.Scheme != "" && u.Scheme != "http" && u.Scheme != "https" {
		return "", false
	}
	at := p.target
	if at == "" {
		at = p.origin
	}
	base, err := url.Parse(at)
	if err != nil {
		return "", false
	}
	foreign := u.Host != ""
	if !foreign && (u.Path == "" || u.Path[0] != '/') {
		u = base.ResolveReference(u)
	}
	full := u.EscapedPath()
	if i := strings.LastIndex(full, p.origin); i >= 0 && (i+len(p.origin) == len(full) || full[i+len(p.origin)] == '/') {
		full = full[i:]
	} else if foreign {
		return "", false
	}
	if decoded, err := url.PathUnescape(full); err != nil || path.Clean(decoded) != strings.TrimSuffix(decoded, "/") && decoded != "/" {
		return "", false
	}
	if u.RawQuery != "" {
		full += "?" + escapeTarget(u.RawQuery)
	}
	return full, full[0] == '/'
}
