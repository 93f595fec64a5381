package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/meridian-gateway/meridian/request"
)

// Feed passes what happens at a site on to those who watch it (GET /api/v1/events). Its zero value is ready.
type Feed struct {
	mu        sync.Mutex
	listeners map[chan []byte]struct{}
	count     atomic.Int32
	closed    bool

	fmu  sync.Mutex // guards the look at the forwarding that all listeners share
	at   time.Time
	last []byte
}

const (
	feedListeners = 32               // at most
	feedBacklog   = 256              // events that a slow listener may be behind; more are left out
	feedEvery     = time.Second      // between two looks at the forwarding
	feedBeat      = 15 * time.Second // between two signs of life
)

// Activity is something that happened to a request, as an event.
type Activity struct {
	At         time.Time    `json:"at"`
	Kind       request.What `json:"kind"`
	Request    request.ID   `json:"request"`
	Collection string       `json:"collection"`
	Version    string       `json:"version,omitempty"`
	Site       request.Site `json:"site"` // where it happened
	From       request.Site `json:"from,omitempty"`
	To         request.Site `json:"to,omitempty"`
	Route      string       `json:"route,omitempty"`
	Seconds    float64      `json:"seconds,omitempty"`
	Note       string       `json:"note,omitempty"`
}

// Taking is the event that the network file was taken again, or refused for a reason.
type Taking struct {
	Hash    string    `json:"hash"`
	At      time.Time `json:"at"`
	Refused string    `json:"refused,omitempty"`
}

// Listeners is how many there are.
func (f *Feed) Listeners() int { return int(f.count.Load()) }

// Activity tells listeners what happened to a request. It costs nothing when there are none, and never waits for them.
func (f *Feed) Activity(a Activity) {
	if f.count.Load() > 0 {
		f.publish("activity", a)
	}
}

// Taken tells listeners of the network file.
func (f *Feed) Taken(t Taking) {
	if f.count.Load() > 0 {
		f.publish("config", t)
	}
}

func (f *Feed) publish(name string, v any) {
	event := eventOf(name, v)
	f.mu.Lock()
	defer f.mu.Unlock()
	for l := range f.listeners {
		select {
		case l <- event:
		default: // it is too slow: the next look at the forwarding tells it what counts
		}
	}
}

// eventOf is an event in the format of the HTML standard, 9.2.
func eventOf(name string, v any) []byte {
	data, err := json.Marshal(v)
	if err != nil { // only strings, numbers and times get here
		return nil
	}
	return fmt.Appendf(nil, "event: %s\ndata: %s\n\n", name, data)
}

// listen adds a listener; nil when there are too many, or the feed is closed.
func (f *Feed) listen() chan []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed || len(f.listeners) >= feedListeners {
		return nil
	}
	if f.listeners == nil {
		f.listeners = make(map[chan []byte]struct{})
	}
	l := make(chan []byte, feedBacklog)
	f.listeners[l] = struct{}{}
	f.count.Add(1)
	return l
}

func (f *Feed) leave(l chan []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := f.listeners[l]; ok {
		delete(f.listeners, l)
		f.count.Add(-1)
	}
}

// Close ends all streams, so that a server can stop.
func (f *Feed) Close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	for l := range f.listeners {
		close(l)
	}
	f.listeners = nil
	f.count.Store(0)
}

// forwarding is the event of how forwarding goes, not older than feedEvery.
func (f *Feed) forwarding(ctx context.Context, w Watcher) []byte {
	f.fmu.Lock()
	defer f.fmu.Unlock()
	if time.Since(f.at) < feedEvery/2 {
		return f.last
	}
	ctx, cancel := context.WithTimeout(ctx, probePatience)
	defer cancel()
	now, err := w.Forwarding(ctx)
	if err != nil {
		return f.last
	}
	if now.Destinations == nil {
		now.Destinations = []Destination{}
	}
	f.at, f.last = time.Now(), eventOf("forwarding", now)
	return f.last
}

// events streams what happens, until the caller goes or the gateway stops.
func (a *admin) events(w http.ResponseWriter, r *http.Request) {
	l := a.Feed.listen()
	if l == nil {
		writeProblem(w, r, problemOf(request.Unavailable, "too many are listening, or the gateway is stopping; try again later"))
		return
	}
	defer a.Feed.leave(l)
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Accel-Buffering", "no")
	if r.Method == http.MethodHead {
		return
	}
	rc := http.NewResponseController(w)
	_ = rc.SetReadDeadline(time.Time{}) // nothing more is read
	send := func(b []byte) bool {
		_ = rc.SetWriteDeadline(time.Now().Add(feedBeat))
		_, err := w.Write(b)
		return err == nil && rc.Flush() == nil
	}
	told, beat := a.Feed.forwarding(r.Context(), a.Watcher), time.Now()
	if !send([]byte("retry: 2000\n\n")) || !send(told) {
		return
	}
	tick := time.NewTicker(feedEvery)
	defer tick.Stop()
	for {
		select {
		case <-r.Context().Done():
			return
		case event, ok := <-l:
			if !ok || !send(event) {
				return
			}
		case <-tick.C:
			now := a.Feed.forwarding(r.Context(), a.Watcher)
			if string(now) == string(told) && time.Since(beat) < feedBeat {
				continue
			}
			if told, beat = now, time.Now(); !send([]byte(": alive\n\n")) || !send(now) {
				return
			}
		}
	}
}
