package gateway

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/request"
)

func finds(e request.Entry) func(context.Context, string, string) (request.Entry, []request.Delivery, bool, error) {
	return func(context.Context, string, string) (request.Entry, []request.Delivery, bool, error) {
		return e, nil, true, nil
	}
}

func TestReadHasReceipt(t *testing.T) {
	t.Parallel()
	b := setup(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Meridian-Owner", "liar")
		echo(w, r)
	}, func(o *Options) { o.Stale = func(s request.Site) bool { return s == "tokyo" } })
	b.engine.find = finds(request.Entry{ID: gid, Role: request.Copy, Owner: "tokyo", Local: "a/1", Version: at(7),
		Updated: time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)})
	for _, path := range []string{"/tickets/tokyo:17?x=1;y", "/tickets/tokyo%3A17?x=1;y"} {
		res, body := b.do(t, "GET", path, "", "Meridian-Min-Version: 1.7")
		if !strings.HasPrefix(body, "GET /tickets/a%2F1?x=1;y\n") {
			t.Errorf("%s: the upstream saw %s", path, body)
		}
		for k, want := range map[string]string{"Meridian-Request": string(gid), "Meridian-Owner": "tokyo", "Meridian-Version": "1.7",
			"Meridian-Role": "copy", "Meridian-As-Of": "2026-03-01T09:00:00Z", "Meridian-Stale": "true", "Etag": `"1.7"`} {
			if res.Header.Get(k) != want || len(res.Header[k]) != 1 {
				t.Errorf("%s: %s %q, want %q", path, k, res.Header[k], want)
			}
		}
	}
}

// A local record with exactly that id wins, and is read as it was asked for.
func TestReadLocalWins(t *testing.T) {
	t.Parallel()
	b := setup(t, func(w http.ResponseWriter, r *http.Request) { w.Header().Set("ETag", `"theirs"`); echo(w, r) })
	b.engine.find = finds(request.Entry{ID: gid, Role: request.Owner, Owner: "chicago", Local: "tokyo:17", Version: at(1)})
	res, body := b.do(t, "GET", "/tickets/tokyo%3A17", "")
	if !strings.HasPrefix(body, "GET /tickets/tokyo%3A17\n") || res.Header.Get("Etag") != `"theirs"` || res.Header.Get("Meridian-As-Of") != "" {
		t.Errorf("%v %s", res.Header, body)
	}
}

func TestReadNeverFailsByTheStore(t *testing.T) {
	t.Parallel()
	b := setup(t, echo)
	b.engine.find = func(context.Context, string, string) (request.Entry, []request.Delivery, bool, error) {
		return request.Entry{}, nil, false, &request.Error{Kind: request.StoreDown, Err: errors.New("down")}
	}
	res, body := b.do(t, "GET", "/tickets/17", "")
	if res.StatusCode != 200 || !strings.HasPrefix(body, "GET /tickets/17\n") || res.Header.Get("Meridian-Request") != "" {
		t.Errorf("%d %v %s", res.StatusCode, res.Header, body)
	}
}

func TestReadOfWhatIsNotHere(t *testing.T) {
	t.Parallel()
	b := setup(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404) })
	b.engine.find = finds(request.Entry{ID: gid, Role: request.Tombstone, Owner: "tokyo", Version: at(9)})
	if res, body := b.do(t, "GET", "/tickets/tokyo:17", ""); res.StatusCode != 410 || res.Header.Get("Meridian-Version") != "1.9" {
		t.Errorf("deleted: %d %s", res.StatusCode, body)
	}
	b.engine.find = finds(request.Entry{ID: gid, Role: request.Creating, Owner: "tokyo"})
	if res, body := b.do(t, "GET", "/tickets/tokyo:17", ""); res.StatusCode != 503 || res.Header.Get("Retry-After") == "" {
		t.Errorf("not yet: %d %s", res.StatusCode, body)
	}
	b.engine.find = finds(request.Entry{ID: gid, Role: request.Owner, Owner: "chicago", Local: "17", Version: at(9)})
	if res, _ := b.do(t, "GET", "/tickets/17", ""); res.StatusCode != 404 || res.Header.Get("Meridian-Version") != "" {
		t.Errorf("the upstream's own 404: %d %v", res.StatusCode, res.Header)
	}
}

func TestMinVersion(t *testing.T) {
	t.Parallel()
	b := setup(t, echo)
	var asked atomic.Int64
	b.engine.find = func(context.Context, string, string) (request.Entry, []request.Delivery, bool, error) {
		return request.Entry{ID: gid, Role: request.Copy, Owner: "tokyo", Local: "17", Version: at(uint64(asked.Add(1)))}, nil, true, nil
	}
	if res, _ := b.do(t, "GET", "/tickets/17", "", "Meridian-Min-Version: 1.4"); res.StatusCode != 200 || res.Header.Get("Meridian-Version") != "1.4" {
		t.Errorf("%d %v after %d", res.StatusCode, res.Header, asked.Load())
	}
	b.engine.find = finds(request.Entry{ID: gid, Role: request.Copy, Owner: "tokyo", Local: "17", Version: at(1)})
	if res, body := b.do(t, "GET", "/tickets/17", "", "Meridian-Min-Version: 2.1"); res.StatusCode != 503 || !strings.Contains(body, "not-yet") ||
		res.Header.Get("Meridian-Version") != "1.1" {
		t.Errorf("%d %v %s", res.StatusCode, res.Header, body)
	}
	if res, _ := b.do(t, "GET", "/tickets/17", "", "Meridian-Min-Version: soon"); res.StatusCode != 400 {
		t.Errorf("garbage: %d", res.StatusCode)
	}
}

func TestOperations(t *testing.T) {
	t.Parallel()
	b := setup(t, nobody(t))
	b.engine.operation = func(_ context.Context, id string) (request.Operation, error) {
		if id != "OP 1" {
			return request.Operation{}, &request.Error{Kind: request.NotFound}
		}
		return request.Operation{ID: id, Request: gid, Outcome: request.InDoubt, Version: at(3), Owner: "tokyo", Reason: "no answer"}, nil
	}
	_, body := b.do(t, "GET", "/.meridian/operations/OP%201", "")
	if want := `{"operation":"OP 1","request":"` + string(gid) + `","state":"in-doubt","version":"1.3","owner":"tokyo","reason":"no answer"}` + "\n"; body != want {
		t.Errorf("%s, want %s", body, want)
	}
	for path, status := range map[string]int{"/.meridian/operations/none": 404, "/.meridian/": 404, "/.meridian/x/../y": 404,
		"/.meridian/problems/in-doubt": 200, "/.meridian/problems/none": 404, "/.meridian/problems/": 200} {
		if res, body := b.do(t, "GET", path, ""); res.StatusCode != status {
			t.Errorf("%s: %d %s", path, res.StatusCode, body)
		}
	}
	if res, _ := b.do(t, "POST", "/.meridian/operations/x", "{}"); res.StatusCode != 405 {
		t.Errorf("POST: %d", res.StatusCode)
	}
}
