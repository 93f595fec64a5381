package peer

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/meridian-gateway/meridian/request"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake is a Handler out of functions; what is nil answers kindly.
type fake struct {
	write func(ctx context.Context, from request.Site, w request.Write) (Reply, error)
	apply func(ctx context.Context, s request.Snapshot) Ack
	hello func() Greeting
	hand  func(h request.Handover) (request.Verdict, error)
	order func(o request.Order) (request.Standing, error)

	digest func(from request.Site, a request.DigestAsk) (request.Digests, error)
	rejoin func(from request.Site, a request.RejoinAsk) (request.Views, error)
	audit  func(from request.Site, a request.AuditAsk) (request.Audited, error)

	mu      sync.Mutex
	writes  []request.Write
	applied []request.Snapshot
}

func (f *fake) Write(ctx context.Context, from request.Site, w request.Write) (Reply, error) {
	f.mu.Lock()
	f.writes = append(f.writes, w)
	f.mu.Unlock()
	if f.write != nil {
		return f.write(ctx, from, w)
	}
	return Reply{Op: w.Op, Version: request.First("rome")}, nil
}

func (f *fake) Apply(ctx context.Context, _ request.Site, s request.Snapshot) Ack {
	f.mu.Lock()
	f.applied = append(f.applied, s)
	f.mu.Unlock()
	if f.apply != nil {
		return f.apply(ctx, s)
	}
	return Ack{Request: s.ID, Version: s.Version, Local: "l-1", State: Delivered}
}

func (f *fake) Resolve(_ context.Context, _ request.Site, collection string, site request.Site, local string) (request.ID, error) {
	if collection+string(site)+local == "ticketsrome17" {
		return gid, nil
	}
	return "", &request.Error{Op: "x", Kind: request.NotFound, Detail: "no such record"}
}

func (f *fake) Operation(_ context.Context, _ request.Site, _ request.ID, op string) (request.Op, error) {
	return request.Op{ID: op, Outcome: request.Done, Status: 200}, nil
}

func (f *fake) Holders(_ context.Context, _ request.Site, id request.ID, v request.Version) ([]request.Delivery, error) {
	return []request.Delivery{{Request: id, Site: "paris", Acked: v}}, nil
}

func (f *fake) Handover(_ context.Context, _ request.Site, h request.Handover) (request.Verdict, error) {
	if f.hand != nil {
		return f.hand(h)
	}
	return request.Verdict{State: request.Ready}, nil
}

func (f *fake) Order(_ context.Context, _ request.Site, o request.Order) (request.Standing, error) {
	if f.order != nil {
		return f.order(o)
	}
	return request.Standing{Owner: o.To}, nil
}

func (f *fake) Digest(_ context.Context, from request.Site, a request.DigestAsk) (request.Digests, error) {
	if f.digest != nil {
		return f.digest(from, a)
	}
	return request.Digests{Sums: make([]byte, 8*request.DigestBuckets)}, nil
}

func (f *fake) Rejoin(_ context.Context, from request.Site, a request.RejoinAsk) (request.Views, error) {
	if f.rejoin != nil {
		return f.rejoin(from, a)
	}
	return request.Views{Life: "l1"}, nil
}

func (f *fake) Audit(_ context.Context, from request.Site, a request.AuditAsk) (request.Audited, error) {
	if f.audit != nil {
		return f.audit(from, a)
	}
	return request.Audited{Done: true}, nil
}

func (f *fake) Hello(context.Context, request.Site) Greeting {
	if f.hello != nil {
		return f.hello()
	}
	return Greeting{Upstream: true, Incarnation: "i1", Software: "1.0"}
}

func (f *fake) counts() (writes, applied int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.writes), len(f.applied)
}

var testKey = []byte("a key of the network")

func sites(s request.Site) bool { return s == "oslo" || s == "rome" || s == "paris" }

func romeOptions() ServerOptions {
	return ServerOptions{Self: "rome", Network: "n", Key: testKey, Sites: sites, ConfigHash: func() string { return "h1" }}
}

func osloOptions(url string) ClientOptions {
	return ClientOptions{Self: "oslo", Network: "n", Key: testKey, Peers: map[request.Site]Peer{"rome": {URL: url}}, ConfigHash: func() string { return "h1" }}
}

func client(t *testing.T, o ClientOptions) *Client {
	t.Helper()
	c, err := NewClient(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// pair is oslo's client and rome's server over loopback; around wraps the server.
func pair(t *testing.T, f *fake, around func(http.Handler) http.Handler) (*Client, *httptest.Server) {
	t.Helper()
	h := NewServer(f, romeOptions())
	if around != nil {
		h = around(h)
	}
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return client(t, osloOptions(srv.URL)), srv
}

func update() request.Write {
	return request.Write{Op: "op-1", Kind: request.Update, Collection: "tickets", Request: gid, Entry: "oslo",
		Fields: request.Fields{{Name: "title", Value: request.Quote("x")}}}
}

func shot(id request.ID, seq uint64) request.Snapshot {
	return request.Snapshot{ID: id, Collection: "tickets", Owner: "oslo", Version: request.Version{Epoch: request.Epoch{Num: 1, Site: "oslo"}, Seq: seq},
		Fields: request.Fields{{Name: "title", Value: request.Quote("x")}}}
}

func wantKind(t *testing.T, err error, kind request.ErrKind) {
	t.Helper()
	if err == nil || request.KindOf(err) != kind {
		t.Errorf("error %v of kind %q, want kind %q", err, request.KindOf(err), kind)
	}
}

// pipes is a network inside the process, in which time can be that of a synctest bubble.
type pipes struct {
	mu    sync.Mutex
	dials int
	down  error         // what dialing gives
	hole  bool          // connections that nobody serves
	conns chan net.Conn // to the listener
	done  chan struct{}
	held  []net.Conn
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), done: make(chan struct{})} }

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	p.mu.Lock()
	p.dials++
	down, hole := p.down, p.hole
	p.mu.Unlock()
	if down != nil {
		return nil, down
	}
	near, far := net.Pipe()
	p.mu.Lock()
	p.held = append(p.held, far)
	p.mu.Unlock()
	if hole {
		return near, nil
	}
	select {
	case p.conns <- far:
		return near, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *pipes) set(down error, hole bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down, p.hole = down, hole
	for _, c := range p.held {
		_ = c.Close()
	}
	p.held = nil
}

func (p *pipes) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.dials
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Close() error   { close(p.done); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

// bubble is oslo's client and rome's server over pipes. stop must be called before the bubble ends.
func bubble(t *testing.T, f *fake, set func(*ClientOptions)) (c *Client, p *pipes, stop func()) {
	t.Helper()
	p = newPipes()
	srv := &http.Server{Handler: NewServer(f, romeOptions())}
	served := make(chan struct{})
	go func() { defer close(served); _ = srv.Serve(p) }()
	o := osloOptions("http://rome.test")
	o.DialContext = p.dial
	if set != nil {
		set(&o)
	}
	c = client(t, o)
	return c, p, func() {
		c.Close()
		p.set(nil, false)
		_ = srv.Close()
		<-served
	}
}

func within(t *testing.T, got, least, most time.Duration) {
	t.Helper()
	if got < least || got > most {
		t.Errorf("took %v, want %v to %v", got, least, most)
	}
}

// PutPart has all that it is given.
func (f *fake) PutPart(_ context.Context, _ request.Site, p request.Part) (int64, error) {
	return p.Offset + int64(len(p.Bytes)), nil
}

// Part has a file of two parts.
func (f *fake) Part(_ context.Context, _ request.Site, p request.Part) (request.Part, error) {
	p.Size = request.MaxPart + 10
	p.Bytes = make([]byte, min(request.MaxPart, p.Size-p.Offset))
	return p, nil
}

// nothingDone is a fake that does not remember, for benchmarks.
type nothingDone struct{ *fake }

func (nothingDone) Write(_ context.Context, _ request.Site, w request.Write) (Reply, error) {
	return Reply{Op: w.Op, Version: request.First("rome")}, nil
}

func (nothingDone) Apply(_ context.Context, _ request.Site, s request.Snapshot) Ack {
	return Ack{Version: s.Version, Local: "17", State: Delivered}
}
