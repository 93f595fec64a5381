package gateway

import (
	"context"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/meridian-gateway/meridian/profile"
	"github.com/meridian-gateway/meridian/request"
)

// The patience of reads: with the ledger, before the call passes without a receipt; and for a version that is on its way.
const (
	findPatience    = time.Second
	versionPatience = 2 * time.Second
)

// read passes a read of one record through, with a receipt added. It never fails because of the gateway's own store.
func (f *face) read(w http.ResponseWriter, r *http.Request, m profile.Match) {
	e, ok, p := f.find(r, m)
	switch {
	case p != nil:
		f.Metrics.call(callRead, p.Status)
		whoseIf(w.Header(), e, ok)
		writeProblem(w, r, *p)
		return
	case !ok, e.Apart != "" && e.Apart == m.ID:
		f.pass(w, r)
		return
	}
	path := rawPath(r)
	if e.Local != m.ID {
		// The id is another site's, or the global one.
		if e.Local == "" {
			p := absent(e)
			f.Metrics.call(callRead, p.Status)
			whose(w.Header(), e, e.Version)
			writeProblem(w, r, p)
			return
		}
		path = replaceID(path, m.RawID, url.PathEscape(e.Local))
	}
	f.proxyTo(w, r, path, e)
}

// proxyTo passes a read on to a path, with a receipt added.
func (f *face) proxyTo(w http.ResponseWriter, r *http.Request, path string, e request.Entry) {
	done := f.Metrics.began(callRead)
	proxy := *f.proxy // a copy of a handful of pointers, cheaper than a context for every call that passes
	proxy.Rewrite = func(p *httputil.ProxyRequest) { f.rewrite(p, path) }
	proxy.ModifyResponse = func(res *http.Response) error {
		f.Metrics.call(callRead, res.StatusCode)
		f.cleanAnswer(res)
		f.readReceipt(res, e)
		return nil
	}
	proxy.ServeHTTP(w, r)
	done()
}

// absent is the answer for a request that is known and has no record at this site.
func absent(e request.Entry) Problem {
	var p Problem
	switch e.Role {
	case request.Tombstone:
		p = problemOf(request.Gone, "the request was deleted in version "+e.Version.String())
	case request.Away:
		p = problemOf(request.NotFound, "the request is not held at this site; "+string(e.Owner)+" owns it")
	default:
		p = problemOf(request.NotYet, "the request has no record at this site yet")
	}
	p.Request = string(e.ID)
	return p
}

func whoseIf(h http.Header, e request.Entry, ok bool) {
	if ok {
		whose(h, e, e.Version)
	}
}

// replaceID puts another id where the profile found one. The id is near the end, so the last place counts.
func replaceID(path, old, id string) string {
	i := strings.LastIndex(path, old)
	if old == "" || i < 0 {
		return path
	}
	return path[:i] + id + path[i+len(old):]
}

// readReceipt adds what is known of a request to the answer of its read. Found before the record was read, so the version is
// never newer than the body: a write with this ETag is refused rather than wrongly taken.
func (f *face) readReceipt(res *http.Response, e request.Entry) {
	if res.StatusCode >= 300 && res.StatusCode != http.StatusNotModified {
		return
	}
	if e.Role == request.Tombstone || e.Role == request.Creating || e.Role == request.Away {
		return // a record that was left behind, or an id used again, is a plain local one
	}
	h := res.Header
	whose(h, e, e.Version)
	if h["Etag"] == nil && !e.Version.IsZero() {
		h.Set("ETag", etag(e.Version))
	}
	if e.Role == request.Owner {
		return
	}
	if !e.Updated.IsZero() {
		h.Set("Meridian-As-Of", e.Updated.UTC().Format(time.RFC3339))
	}
	if f.Stale != nil && f.Stale(e.Owner) {
		h.Set("Meridian-Stale", "true")
	}
}

// find asks the ledger, and waits for the version that the client wants at least.
func (f *face) find(r *http.Request, m profile.Match) (request.Entry, bool, *Problem) {
	least := r.Header["Meridian-Min-Version"]
	if len(least) == 0 {
		ctx, cancel := context.WithTimeout(r.Context(), findPatience)
		defer cancel()
		e, _, ok, err := f.lookUp(ctx, m)
		return e, ok && err == nil, nil
	}
	epoch, seq, err := parseVersion(strings.Trim(strings.TrimSpace(least[0]), `"`))
	if err != nil || len(least) > 1 {
		p := problemOf(request.Invalid, "Meridian-Min-Version is not a version; send EPOCH.SEQUENCE as in Meridian-Version")
		return request.Entry{}, false, &p
	}
	return f.await(r, m, epoch, seq)
}

// lookUp finds the request that a call is about: for a child that of its parent.
func (f *face) lookUp(ctx context.Context, m profile.Match) (request.Entry, []request.Delivery, bool, error) {
	if p := m.Collection.Parent(); p != "" {
		return f.Engine.Find(ctx, p, m.Parent)
	}
	return f.Engine.Find(ctx, m.Collection.Name(), m.ID)
}

// await looks again and again until the version is here or patience is over. Only reads that ask for a version come here.
func (f *face) await(r *http.Request, m profile.Match, epoch, seq uint64) (request.Entry, bool, *Problem) {
	ctx, cancel := context.WithTimeout(r.Context(), versionPatience)
	defer cancel()
	for pause := 10 * time.Millisecond; ; pause = min(2*pause, 200*time.Millisecond) {
		e, _, ok, err := f.lookUp(ctx, m)
		if v := e.Version; err == nil && ok && (v.Epoch.Num > epoch || v.Epoch.Num == epoch && v.Seq >= seq) {
			return e, true, nil
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			want := strconv.FormatUint(epoch, 10) + "." + strconv.FormatUint(seq, 10)
			p := problemOf(request.NotYet, "version "+want+" is not at this site yet")
			return e, ok && err == nil, &p
		}
	}
}
