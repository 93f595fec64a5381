package chaos

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// Load is a set of clients at all sites that make, change, move, delete and read requests, each at a pace of its own.
type Load struct {
	w      *World
	prefix string
	stop   chan struct{}
	all    sync.WaitGroup
	moved  atomic.Int64

	mu    sync.Mutex
	live  []target
	most  int
	names []string
	wrong []Violation
}

// target is a request that can be written.
type target struct{ subject, ref, site, id string }

// Mix says what a load is made of.
type Mix struct {
	// Prefix begins the subjects of its requests.
	Prefix string
	// Writers write one after the other, each after a pause of around Pace; Readers read likewise.
	Writers, Readers int
	Pace             time.Duration
	// Live is how many requests there are before some are deleted.
	Live int
	// Patience is how long a write with a key is repeated.
	Patience time.Duration
}

// Start lets the clients loose.
func (w *World) Start(m Mix) *Load {
	l := &Load{w: w, prefix: m.Prefix, stop: make(chan struct{}), most: m.Live}
	sites := w.Net.Sites()
	for i := range m.Writers {
		l.all.Go(func() { l.writer(sites[i%len(sites)], m) })
	}
	for i := range m.Readers {
		l.all.Go(func() { l.reader(fmt.Sprintf("%s reader %d", m.Prefix, i), sites[i%len(sites)], m) })
	}
	return l
}

// End stops the clients and waits for them. It returns the subjects of all requests, and what no fault excuses.
func (l *Load) End() (subjects []string, wrong []Violation) {
	close(l.stop)
	l.all.Wait()
	return l.names, l.wrong
}

// Moved is how many hand-overs were ordered.
func (l *Load) Moved() int { return int(l.moved.Load()) }

// rest pauses for around pace; false when it is over.
func (l *Load) rest(pace time.Duration) bool {
	select {
	case <-l.stop:
		return false
	case <-time.After(pace/2 + rand.N(pace+1)):
		return true
	}
}

// writer is one client. Its pens are its own, one for each request that it writes.
func (l *Load) writer(site string, m Mix) {
	desk := make(map[string]*Pen)
	for l.rest(m.Pace) {
		keyed := rand.IntN(2) == 0
		x, ok := l.pick()
		switch dice := rand.IntN(100); {
		case !ok || dice < 20:
			if !l.remove(site, m) {
				l.create(site, m, keyed)
			}
		case dice < 26:
			l.move(x)
		default:
			if desk[x.subject] == nil {
				desk[x.subject] = l.w.NewPen()
			}
			w := l.w.Update(Order{Site: site, Subject: x.subject, Ref: x.ref, Pen: desk[x.subject], Keyed: keyed, Patience: m.Patience})
			l.judge(w, x.site)
		}
	}
}

// pick is any of the live requests.
func (l *Load) pick() (target, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.live) == 0 {
		return target{}, false
	}
	return l.live[rand.IntN(len(l.live))], true
}

func (l *Load) create(site string, m Mix, keyed bool) {
	subject := fmt.Sprintf("%s/%d", l.prefix, l.w.History.Next())
	l.mu.Lock()
	l.names = append(l.names, subject)
	l.mu.Unlock()
	extra := ""
	if rand.IntN(3) == 0 {
		extra = `,"category":"chair"`
	}
	w, ref := l.w.Create(Order{Site: site, Subject: subject, Extra: extra, Keyed: keyed, Patience: m.Patience})
	l.judge(w, site)
	if ref != "" {
		l.mu.Lock()
		l.live = append(l.live, target{subject: subject, ref: ref, site: site, id: w.Request})
		l.mu.Unlock()
	}
}

// remove deletes the oldest request, once there are enough; false while there are not. From then on nobody else picks it.
func (l *Load) remove(site string, m Mix) bool {
	l.mu.Lock()
	if len(l.live) < l.most {
		l.mu.Unlock()
		return false
	}
	x := l.live[0]
	l.live = slices.Delete(l.live, 0, 1)
	l.mu.Unlock()
	w := l.w.Delete(Order{Site: site, Subject: x.subject, Ref: x.ref, Keyed: true, Patience: m.Patience})
	l.judge(w, x.site)
	return true
}

// move orders a hand-over, which may be refused, or not be heard of again.
func (l *Load) move(x target) {
	sites := l.w.Net.Sites()
	if a := l.w.Net.At(sites[rand.IntN(len(sites))]).Transfer(x.id, sites[rand.IntN(len(sites))], "ownership"); a.OK() || a.Status == 202 {
		l.moved.Add(1)
	}
}

// judge notes answers that no fault excuses. A request may not be known yet at another site than that of its entry, and may have been
// deleted by another client meanwhile.
func (l *Load) judge(w *Write, entry string) {
	for _, a := range w.Answers {
		if strings.HasSuffix(a, afterDoubt) {
			continue
		}
		switch a {
		case classOK, classNo, classDoubt, classCut, classWait, classPass:
			continue
		case classNone, classGone:
			if w.Kind != Create && (w.Site != entry || l.deleted(w.Subject)) {
				continue
			}
		}
		l.mu.Lock()
		l.wrong = append(l.wrong, Violation{RuleAnswer, w.Subject, fmt.Sprintf("a %s at %s got %v; it was told %s", w.Kind, w.Site, w.Answers, w.Said)})
		l.mu.Unlock()
		return
	}
}

// deleted reports whether a request is not picked any more.
func (l *Load) deleted(subject string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !slices.ContainsFunc(l.live, func(x target) bool { return x.subject == subject })
}

func (l *Load) reader(name, site string, m Mix) {
	for l.rest(m.Pace) {
		if x, ok := l.pick(); ok {
			l.w.Read(name, site, x.subject, x.ref)
		}
	}
}

// serves waits until a gateway serves clients.
func serves(g *harness.Gateway, patience time.Duration) error {
	return harness.Poll(patience, func() error {
		if err := g.Process().Running(); err != nil {
			return err
		}
		_, err := harness.GetRaw(g.Admin("/readyz"))
		return err
	})
}
