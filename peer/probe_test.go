package peer

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/meridian-gateway/meridian/request"
)

// probing runs Probe for the rest of the bubble; stop ends it.
func probing(c *Client) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); c.Probe(ctx) }()
	return func() { cancel(); <-ended }
}

func TestProbesKeepTheStatusRight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ups := atomic.Int32{}
		c, p, stop := bubble(t, &fake{}, func(o *ClientOptions) { o.OnUp = func(request.Site) { ups.Add(1) } })
		defer stop()
		end := probing(c)
		defer end()
		synctest.Wait()
		if s := c.Status("rome"); !s.Up || ups.Load() != 1 {
			t.Fatalf("not up at once: %+v", s)
		}
		for range 20 {
			time.Sleep(5 * time.Second)
			if s := c.Status("rome"); !s.Up || time.Since(s.LastHello) > 5*time.Second {
				t.Fatalf("%v since the last probe", time.Since(s.LastHello))
			}
		}
		p.set(errRefused, false)
		time.Sleep(6 * time.Second)
		if s := c.Status("rome"); s.Up || s.HelloError == "" {
			t.Errorf("still up: %+v", s)
		}
		time.Sleep(time.Minute)
		if s := c.Status("rome"); s.Up || s.Breaker == "closed" {
			t.Errorf("after a minute: %+v", s)
		}
		p.set(nil, false)
		time.Sleep(6 * time.Second)
		if s := c.Status("rome"); !s.Up || s.Breaker != "closed" || s.HelloError != "" || ups.Load() != 2 {
			t.Errorf("not back: %+v, up %d times", s, ups.Load())
		}
	})
}

func TestABlackHoleIsSeenByProbesAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p, stop := bubble(t, &fake{}, nil)
		defer stop()
		end := probing(c)
		defer end()
		synctest.Wait()
		p.set(nil, true)
		time.Sleep(9 * time.Second) // an interval and a timeout
		if s := c.Status("rome"); s.Up {
			t.Errorf("%+v", s)
		}
		time.Sleep(30 * time.Second)
		if s := c.Status("rome"); s.Breaker == "closed" {
			t.Errorf("%+v", s)
		}
	})
}

func TestAPeerWithoutItsUpstreamStaysBehindTheBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var upstream atomic.Bool
		c, p, stop := bubble(t, &fake{hello: func() Greeting { return Greeting{Upstream: upstream.Load()} }}, nil)
		defer stop()
		p.set(errRefused, false)
		for range 5 {
			_, _ = c.Write(t.Context(), "rome", update())
		}
		p.set(nil, false)
		end := probing(c)
		defer end()
		time.Sleep(time.Minute)
		if s := c.Status("rome"); s.Breaker == "closed" || s.Up || s.Upstream || s.HelloError != "" {
			t.Errorf("%+v", s)
		}
		upstream.Store(true)
		time.Sleep(6 * time.Second)
		if s := c.Status("rome"); s.Breaker != "closed" || !s.Up || !s.Upstream {
			t.Errorf("%+v", s)
		}
	})
}

// What a peer says of its upstream keeps the breaker from closing, and traffic from nothing: each time the breaker has been open for as
// long as it is at most, one call finds out.
func TestTrafficFindsOutWhetherAnUpstreamIsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		state := Unavailable
		c, _, stop := bubble(t, &fake{
			hello: func() Greeting { return Greeting{Upstream: false} },
			apply: func(_ context.Context, s request.Snapshot) Ack {
				return Ack{Request: s.ID, State: state, Version: s.Version}
			},
		}, nil)
		defer stop()
		end := probing(c)
		defer end()
		deliver := func() {
			if err := c.Deliver(t.Context(), "rome", []request.Snapshot{shot(gid, 1)}, func(Ack) {}); err != nil {
				t.Fatal(err)
			}
		}
		for range 5 {
			deliver()
		}
		for range 10 {
			start := time.Now()
			for !c.Ready("rome") {
				if time.Sleep(100 * time.Millisecond); time.Since(start) > openMost {
					t.Fatalf("no call may find out for %v: %+v", time.Since(start), c.Status("rome"))
				}
			}
			deliver()
		}
		state = Delivered
		time.Sleep(openMost)
		deliver()
		if s := c.Status("rome"); s.Breaker != "closed" {
			t.Errorf("%+v", s)
		}
	})
}

func TestAClockTwoHoursOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{}
		c, _, stop := bubble(t, f, func(o *ClientOptions) { o.Now = func() time.Time { return time.Now().Add(2 * time.Hour) } })
		defer stop()
		_, err := c.Hello(t.Context(), "rome")
		wantKind(t, err, request.Forbidden)
		s := c.Status("rome")
		within(t, -s.Skew, 2*time.Hour-time.Second, 2*time.Hour+time.Second)
		if s.Up || s.HelloError == "" || s.Breaker != "closed" {
			t.Errorf("%+v", s)
		}
		_, err = c.Write(t.Context(), "rome", update())
		wantKind(t, err, request.Forbidden) // refused, and not in doubt: at no moment could it have been taken
		if n, _ := f.counts(); n != 0 {
			t.Errorf("%d writes ran", n)
		}
	})
}

func TestSkewAndDriftAreMeasured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hash := "h2"
		c, _, stop := bubble(t, &fake{}, func(o *ClientOptions) {
			o.Now = func() time.Time { return time.Now().Add(-10 * time.Second) }
			o.ConfigHash = func() string { return hash }
		})
		defer stop()
		if _, err := c.Hello(t.Context(), "rome"); err != nil {
			t.Fatal(err)
		}
		s := c.Status("rome")
		within(t, s.Skew, 9900*time.Millisecond, 10100*time.Millisecond)
		if !s.Drift || s.ConfigHash != "h1" {
			t.Errorf("%+v", s)
		}
		if hash = "h1"; c.Status("rome").Drift {
			t.Error("drift with the same file")
		}
	})
}

func TestSkewLeavesOutTheWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _, stop := bubble(t, &fake{hello: func() Greeting { time.Sleep(2 * time.Second); return Greeting{Upstream: true} }}, nil)
		defer stop()
		if _, err := c.Hello(t.Context(), "rome"); err != nil {
			t.Fatal(err)
		}
		// All of the two seconds were on one side: half of them is the error that cannot be known.
		within(t, c.Status("rome").Skew, 900*time.Millisecond, 1100*time.Millisecond)
	})
}

func TestPeersCanChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _, stop := bubble(t, &fake{}, nil)
		defer stop()
		end := probing(c)
		defer end()
		synctest.Wait()
		before := c.dest("rome")
		if err := c.SetPeers(map[request.Site]Peer{"rome": {URL: "http://rome.test"}, "paris": {URL: "http://rome.test"}}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		if c.dest("rome") != before || !c.Status("rome").Up {
			t.Error("a destination that stayed the same was made anew")
		}
		if s := c.Status("paris"); s.LastHello.IsZero() || s.HelloError == "" { // rome answers there, and is not paris
			t.Errorf("%+v", s)
		}
		if err := c.SetPeers(map[request.Site]Peer{"rome": {URL: "ftp://rome"}}); err == nil || c.dest("paris") == nil {
			t.Errorf("%v", err)
		}
		if err := c.SetPeers(nil); err != nil || c.Ready("rome") || len(c.Sites()) != 0 {
			t.Errorf("%v %v", err, c.Sites())
		}
	})
}
