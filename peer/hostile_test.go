package peer

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/request"
)

// call is a raw message from oslo to rome, which a test bends before it is sent.
type rawCall struct {
	path   string
	m      mark
	key    []byte
	body   []byte
	header func(http.Header)
}

func raw(path string, body any) *rawCall {
	text, ok := body.(string)
	if !ok {
		b, err := marshal(body)
		if err != nil {
			panic(err)
		}
		text = string(b)
	}
	m := mark{method: "POST", path: path, from: "oslo", to: "rome", time: time.Now().UnixMilli(), nonce: newNonce(), digest: digest([]byte(text))}
	return &rawCall{path: path, m: m, key: testKey, body: []byte(text)}
}

func (c *rawCall) send(h http.Handler) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, c.path, bytes.NewReader(c.body))
	put(r.Header, c.m, signer{key: c.key, network: "n"}.call(c.m))
	if c.header != nil {
		c.header(r.Header)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func message[T any](body T) envelope[T] {
	return envelope[T]{head{V: 1, Network: "n", From: "oslo"}, body}
}

func signedAnswer(c *rawCall, w *httptest.ResponseRecorder) bool {
	m, signature, ok := take(w.Result().Header)
	m.status, m.path = w.Code, c.path
	s := signer{key: testKey, network: "n"}
	return ok && m.nonce == c.m.nonce && m.digest == digest(w.Body.Bytes()) && s.same(s.answer(m), signature)
}

func TestForgedCallsAreRefused(t *testing.T) {
	good := func() *rawCall { return raw(WritePath, message(writeOut(update(), "oslo"))) }
	for name, test := range map[string]struct {
		bend   func(*rawCall)
		status int
		signed bool
	}{
		"as it should be": {func(*rawCall) {}, 200, true},
		"another key":     {func(c *rawCall) { c.key = []byte("guess") }, 401, false},
		"no key":          {func(c *rawCall) { c.key = nil }, 401, false},
		"no marks":        {func(c *rawCall) { c.header = func(h http.Header) { clear(h) } }, 401, false},
		"body changed":    {func(c *rawCall) { c.body = append(c.body, ' ') }, 400, true},
		"digest changed":  {func(c *rawCall) { c.header = func(h http.Header) { h.Set(headerDigest, digest(nil)) } }, 401, false},
		"digest left out": {func(c *rawCall) { c.m.digest = "" }, 401, false},
		"sender changed":  {func(c *rawCall) { c.header = func(h http.Header) { h.Set(headerFrom, "paris") } }, 401, false},
		"sender twice":    {func(c *rawCall) { c.header = func(h http.Header) { h.Add(headerFrom, "paris") } }, 401, false},
		"time changed": {func(c *rawCall) {
			c.header = func(h http.Header) { h.Set(headerTime, strconv.FormatInt(c.m.time+1, 10)) }
		}, 401, false},
		"time no number":    {func(c *rawCall) { c.header = func(h http.Header) { h.Set(headerTime, "1e3") } }, 401, false},
		"nonce changed":     {func(c *rawCall) { c.header = func(h http.Header) { h.Set(headerNonce, newNonce()) } }, 401, false},
		"nonce short":       {func(c *rawCall) { c.m.nonce = "1" }, 401, false},
		"for another path":  {func(c *rawCall) { c.path = HelloPath }, 401, false},
		"to another site":   {func(c *rawCall) { c.m.to = "paris" }, 403, true},
		"from this site":    {func(c *rawCall) { c.m.from = "rome" }, 403, true},
		"from nowhere":      {func(c *rawCall) { c.m.from = "atlantis" }, 403, true},
		"two hours late":    {func(c *rawCall) { c.m.time -= 7200_000 }, 401, true},
		"two hours early":   {func(c *rawCall) { c.m.time += 7200_000 }, 401, true},
		"61 seconds":        {func(c *rawCall) { c.m.time -= 61_000 }, 401, true},
		"50 seconds":        {func(c *rawCall) { c.m.time -= 50_000 }, 200, true},
		"time out of range": {func(c *rawCall) { c.m.time = 1<<63 - 1 }, 401, false},
	} {
		f := &fake{}
		c := good()
		test.bend(c)
		w := c.send(NewServer(f, romeOptions()))
		if w.Code != test.status || signedAnswer(c, w) != test.signed {
			t.Errorf("%s: status %d, signed %v: %s", name, w.Code, signedAnswer(c, w), w.Body)
		}
		if n, _ := f.counts(); (n == 1) != (test.status == 200) {
			t.Errorf("%s: %d writes ran", name, n)
		}
	}
}

func TestReplaysAreRefused(t *testing.T) {
	f := &fake{}
	h := NewServer(f, romeOptions())
	c := raw(WritePath, message(writeOut(update(), "oslo")))
	if w := c.send(h); w.Code != 200 {
		t.Fatal(w.Code, w.Body)
	}
	// The refusal must not be signed: it carries the nonce of a call that was accepted.
	if w := c.send(h); w.Code != 401 || signedAnswer(c, w) {
		t.Errorf("a replay got %d, signed %v", w.Code, signedAnswer(c, w))
	}
	if n, _ := f.counts(); n != 1 {
		t.Errorf("%d writes ran", n)
	}
}

func TestMessagesThatNoPeerMaySend(t *testing.T) {
	write := func(change func(*writeWire)) *rawCall {
		w := writeOut(update(), "oslo")
		change(&w)
		return raw(WritePath, message(w))
	}
	parcel := func(count int, shots ...request.Snapshot) *rawCall {
		b, _ := marshal(head{V: 1, Network: "n", From: "oslo", Count: count})
		for _, s := range shots {
			line, _ := marshal(snapshotOut(s))
			b = append(append(append(b, '\n'), line...), []byte{}...)
		}
		return raw(DeliverPath, string(append(b, '\n')))
	}
	foreign, buried := shot(gid, 1), shot(gid, 1)
	foreign.Version.Epoch.Site = "paris"
	buried.Version.Epoch.Site, buried.Deleted, buried.Fields = "paris", true, nil
	many := make([]request.Snapshot, 65)
	for i := range many {
		many[i] = shot(request.NewID(time.Unix(int64(i), 0)), 1)
	}
	via := func(n int) (v []request.Site) {
		for i := range n {
			v = append(v, request.Site(fmt.Sprint("s", i)))
		}
		return append(v, "oslo")
	}
	for name, test := range map[string]struct {
		call *rawCall
		kind request.ErrKind
	}{
		"another version":         {raw(HelloPath, `{"v":2,"network":"n","from":"oslo","body":{}}`), request.Invalid},
		"no version":              {raw(HelloPath, `{"network":"n","from":"oslo","body":{}}`), request.Invalid},
		"another network":         {raw(HelloPath, `{"v":1,"network":"m","from":"oslo","body":{}}`), request.Forbidden},
		"envelope of another":     {raw(HelloPath, `{"v":1,"network":"n","from":"paris","body":{}}`), request.Forbidden},
		"not JSON":                {raw(HelloPath, `hello`), request.Invalid},
		"empty":                   {raw(WritePath, ``), request.Invalid},
		"two texts":               {raw(HelloPath, `{"v":1,"network":"n","from":"oslo","body":{}}{}`), request.Invalid},
		"came through here":       {write(func(w *writeWire) { w.Via = []request.Site{"rome", "oslo"} }), request.Loop},
		"nine sites":              {write(func(w *writeWire) { w.Via = via(8) }), request.Loop},
		"seventeen sites":         {write(func(w *writeWire) { w.Via = via(16) }), request.Invalid},
		"passed on by another":    {write(func(w *writeWire) { w.Via = []request.Site{"oslo", "paris"} }), request.Forbidden},
		"entered elsewhere":       {write(func(w *writeWire) { w.Entry = "paris" }), request.Forbidden},
		"no operation":            {write(func(w *writeWire) { w.Op = "" }), request.Invalid},
		"kind apply":              {write(func(w *writeWire) { w.Kind = request.Apply }), request.Invalid},
		"id no id":                {write(func(w *writeWire) { w.Request = "../x" }), request.Invalid},
		"snapshot of another":     {parcel(1, foreign), request.Forbidden},
		"deletion of another":     {parcel(1, buried), request.Forbidden},
		"one of another in two":   {parcel(2, many[0], foreign), request.Forbidden},
		"delivery cut at a line":  {parcel(2, many[0]), request.Invalid},
		"delivery with one extra": {parcel(1, many[:2]...), request.Invalid},
		"65 snapshots":            {parcel(65, many...), request.Invalid},
		"no snapshot":             {parcel(0), request.Invalid},
		"delivery cut in a line":  {func() *rawCall { c := parcel(1, many[0]); return raw(DeliverPath, string(c.body[:len(c.body)-9])) }(), request.Invalid},
		"resolve nothing":         {raw(ResolvePath, message(resolveWire{})), request.Invalid},
		"holders of nothing":      {raw(HoldersPath, message(holdersWire{Request: "x"})), request.Invalid},
		"operation nothing":       {raw(OperationPath, message(operationWire{})), request.Invalid},
	} {
		f := &fake{}
		w := test.call.send(NewServer(f, romeOptions()))
		e, ok := problemError("x", w.Code, w.Body.Bytes())
		if !ok || e.Kind != test.kind || w.Code != statusOf(test.kind) || !signedAnswer(test.call, w) {
			t.Errorf("%s: %d %s, want kind %s", name, w.Code, w.Body, test.kind)
		}
		if writes, applied := f.counts(); writes+applied > 0 {
			t.Errorf("%s: it was done", name)
		}
	}
	f := &fake{}
	if w := write(func(w *writeWire) { w.Via, w.Entry = via(7), "s3" }).send(NewServer(f, romeOptions())); w.Code != 200 {
		t.Errorf("eight sites are allowed: %s", w.Body)
	}
	unknown := raw(HelloPath, `{"v":1,"network":"n","from":"oslo","later":[1],"body":{"later":true}}`)
	if w := unknown.send(NewServer(f, romeOptions())); w.Code != 200 {
		t.Errorf("unknown members must be ignored: %s", w.Body)
	}
}

func TestOversizedCalls(t *testing.T) {
	f := &fake{}
	o := romeOptions()
	o.MaxBody = 1000
	h := NewServer(f, o)
	c := raw(WritePath, strings.Repeat(" ", 1001))
	if w := c.send(h); w.Code != 413 || !signedAnswer(c, w) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	c = raw(WritePath, strings.Repeat(" ", 1001))
	r := httptest.NewRequest(http.MethodPost, c.path, io.MultiReader(bytes.NewReader(c.body))) // of unknown length
	r.ContentLength = -1
	put(r.Header, c.m, signer{key: testKey, network: "n"}.call(c.m))
	w := httptest.NewRecorder()
	if h.ServeHTTP(w, r); w.Code != 413 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	cl, _ := pair(t, f, nil)
	huge := update()
	huge.Fields = request.Fields{{Name: "x", Value: request.Quote(strings.Repeat("x", MaxBatchBytes))}}
	_, err := cl.Write(t.Context(), "rome", huge)
	wantKind(t, err, request.TooLarge)
}

func TestUnsignedNetworks(t *testing.T) {
	f := &fake{}
	o := romeOptions()
	o.Key = nil
	srv := httptest.NewServer(NewServer(f, o))
	defer srv.Close()
	co := osloOptions(srv.URL)
	co.Key = nil
	c := client(t, co)
	if _, err := c.Write(t.Context(), "rome", update()); err != nil {
		t.Error(err)
	}
	acks := 0
	if err := c.Deliver(t.Context(), "rome", []request.Snapshot{shot(gid, 1)}, func(Ack) { acks++ }); err != nil || acks != 1 {
		t.Error(err, acks)
	}
	for name, bend := range map[string]func(*mark){"to another": func(m *mark) { m.to = "paris" }, "from nowhere": func(m *mark) { m.from = "atlantis" },
		"from itself": func(m *mark) { m.from = "rome" }} {
		call := raw(WritePath, message(writeOut(update(), "oslo")))
		call.key = nil
		bend(&call.m)
		if w := call.send(NewServer(f, o)); w.Code != 403 {
			t.Errorf("%s: %d", name, w.Code)
		}
	}
	// One side with a key and one without do not talk, in either direction.
	_, err := client(t, osloOptions(srv.URL)).Write(t.Context(), "rome", update())
	wantKind(t, err, request.Doubtful)
	signed := httptest.NewServer(NewServer(f, romeOptions()))
	defer signed.Close()
	co.Peers = map[request.Site]Peer{"rome": {URL: signed.URL}}
	_, err = client(t, co).Write(t.Context(), "rome", update())
	wantKind(t, err, request.Doubtful)
}

// spoil changes answers on their way back.
func spoil(change func(r *http.Request, rec *httptest.ResponseRecorder)) func(http.Handler) http.Handler {
	return func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			rec := httptest.NewRecorder()
			h.ServeHTTP(rec, r)
			change(r, rec)
			for k, v := range rec.Header() {
				if k != "Content-Length" {
					w.Header()[k] = v
				}
			}
			w.WriteHeader(rec.Code)
			_, _ = w.Write(rec.Body.Bytes())
		})
	}
}

func TestForgedAnswersAreNotBelieved(t *testing.T) {
	var old http.Header
	for name, change := range map[string]func(*http.Request, *httptest.ResponseRecorder){
		"body changed":   func(_ *http.Request, rec *httptest.ResponseRecorder) { rec.Body.WriteByte(' ') },
		"status changed": func(_ *http.Request, rec *httptest.ResponseRecorder) { rec.Code = 409 },
		"not signed":     func(_ *http.Request, rec *httptest.ResponseRecorder) { rec.Header().Del(headerSignature) },
		"other sender":   func(_ *http.Request, rec *httptest.ResponseRecorder) { rec.Header().Set(headerFrom, "paris") },
		"proxy's page": func(_ *http.Request, rec *httptest.ResponseRecorder) {
			clear(rec.Header())
			rec.Code = 404
			rec.Body = bytes.NewBufferString("<html>")
		},
		"an old answer": func(_ *http.Request, rec *httptest.ResponseRecorder) {
			for k := range old {
				rec.Header()[k] = old[k]
			}
		},
		"a redirect": func(_ *http.Request, rec *httptest.ResponseRecorder) {
			clear(rec.Header())
			rec.Header().Set("Location", "http://127.0.0.1:1/")
			rec.Code = 307
		},
		"too long": func(_ *http.Request, rec *httptest.ResponseRecorder) {
			rec.Body = bytes.NewBuffer(make([]byte, MaxBatchBytes+(64<<10)+1))
		},
	} {
		f := &fake{}
		c, _ := pair(t, f, nil)
		if old == nil {
			w := raw(WritePath, message(writeOut(update(), "oslo"))).send(NewServer(f, romeOptions()))
			old = w.Header().Clone()
		}
		c, _ = pair(t, f, spoil(change))
		_, err := c.Write(t.Context(), "rome", update())
		wantKind(t, err, request.Doubtful)
		if s := c.Status("rome"); s.LastError == "" || !s.LastSuccess.IsZero() {
			t.Errorf("%s: %+v", name, s)
		}
		if _, err = c.Resolve(t.Context(), "rome", "tickets", "rome", "17"); request.KindOf(err) != request.Unavailable {
			t.Errorf("%s: a question ended with %v", name, err)
		}
	}
}

// One who can hold back and repeat messages cannot make a client believe that an accepted write was refused.
func TestARefusalCannotBeProvoked(t *testing.T) {
	f := &fake{}
	c, _ := pair(t, f, func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			r.Body = io.NopCloser(bytes.NewReader(body))
			h.ServeHTTP(httptest.NewRecorder(), r)
			r.Body = io.NopCloser(bytes.NewReader(body))
			h.ServeHTTP(w, r)
		})
	})
	_, err := c.Write(t.Context(), "rome", update())
	wantKind(t, err, request.Doubtful)
	if n, _ := f.counts(); n != 1 {
		t.Errorf("%d writes ran", n)
	}
}

func TestForgedAcksAreNotBelieved(t *testing.T) {
	lines := func(rec *httptest.ResponseRecorder) [][]byte { return bytes.SplitAfter(rec.Body.Bytes(), []byte("\n")) }
	for name, test := range map[string]struct {
		change func(*http.Request, *httptest.ResponseRecorder)
		acks   int
	}{
		"changed": {func(_ *http.Request, rec *httptest.ResponseRecorder) {
			rec.Body = bytes.NewBuffer(bytes.Replace(rec.Body.Bytes(), []byte("parked"), []byte("delivered"), 1))
		}, 0},
		"swapped": {func(_ *http.Request, rec *httptest.ResponseRecorder) {
			l := lines(rec)
			rec.Body = bytes.NewBuffer(bytes.Join([][]byte{l[1], l[0], l[2]}, nil))
		}, 0},
		"one twice": {func(_ *http.Request, rec *httptest.ResponseRecorder) {
			l := lines(rec)
			rec.Body = bytes.NewBuffer(bytes.Join([][]byte{l[0], l[0], l[2]}, nil))
		}, 1},
		"one missing": {func(_ *http.Request, rec *httptest.ResponseRecorder) {
			l := lines(rec)
			rec.Body = bytes.NewBuffer(bytes.Join([][]byte{l[0], l[2]}, nil))
		}, 1},
		"no end": {func(_ *http.Request, rec *httptest.ResponseRecorder) {
			l := lines(rec)
			rec.Body = bytes.NewBuffer(bytes.Join(l[:2], nil))
		}, 2},
		"something behind": {func(_ *http.Request, rec *httptest.ResponseRecorder) { rec.Body.WriteString("{}\n") }, 2},
		"endless line":     {func(_ *http.Request, rec *httptest.ResponseRecorder) { rec.Body = bytes.NewBuffer(make([]byte, 1<<20)) }, 0},
		"head not signed":  {func(_ *http.Request, rec *httptest.ResponseRecorder) { rec.Header().Del(headerSignature) }, 0},
	} {
		f := &fake{apply: func(_ context.Context, s request.Snapshot) Ack { return Ack{State: Parked} }}
		c, _ := pair(t, f, spoil(test.change))
		acks := 0
		err := c.Deliver(t.Context(), "rome", []request.Snapshot{shot(gid, 1), shot(gid, 2)}, func(a Ack) {
			if acks++; a.State != Parked {
				t.Errorf("%s: believed %+v", name, a)
			}
		})
		if request.KindOf(err) != request.Doubtful || acks != test.acks {
			t.Errorf("%s: %v, %d acks, want %d", name, err, acks, test.acks)
		}
	}
}

func TestNonceMemoryIsBounded(t *testing.T) {
	n := newNonces(1000)
	now := time.Unix(1_700_000_000, 0)
	taken, refused := 0, 0
	for range 100_000 {
		now = now.Add(20 * time.Millisecond) // 50 calls a second: some 5,000 in memory, if there were room
		switch n.take(newNonce(), now, now) {
		case fresh:
			taken++
		case full:
			refused++
		}
		if n.count > 1000 {
			t.Fatalf("%d remembered", n.count)
		}
	}
	if taken < 10_000 || refused == 0 {
		t.Errorf("%d taken, %d refused", taken, refused)
	}
	// As long as a call would be in time it is remembered.
	n = newNonces(1000)
	call := newNonce()
	at := now.Add(window) // by a clock that is early
	for off := -window; off <= window; off += time.Second {
		want := replayed
		if off == -window {
			want = fresh
		}
		if got := n.take(call, at, at.Add(off)); got != want {
			t.Fatalf("%v: %v, want %v", off, got, want)
		}
		n.take(newNonce(), at.Add(off), at.Add(off))
	}
}
