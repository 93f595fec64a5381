package chaos

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// The columns of the matrix, in order.
const (
	colCreate = iota
	colUpdate
	colForward
	colFan
	colMove
	colDelete
)

// ColumnNames are the headings.
func ColumnNames() []string {
	return []string{"create", "update at owner", "forwarded write", "fan-out", "hand-over", "delete"}
}

// round is one strike of a fault with all operations under way.
type round struct {
	Bout
	name  string
	stop  chan struct{}
	all   sync.WaitGroup
	first time.Duration // how long a write with a key is repeated

	mu       sync.Mutex
	subjects [6][]string
	moves    int
}

// given is a request that is there before the fault.
type given struct{ subject, ref, id, owner string }

func (r *round) subject(col int) string {
	s := fmt.Sprintf("%s/%s/%d", r.name, ColumnNames()[col], r.History.Next())
	r.mu.Lock()
	defer r.mu.Unlock()
	r.subjects[col] = append(r.subjects[col], s)
	return s
}

// give makes requests that a site owns.
func (r *round) give(col int, owner string, n int) ([]given, error) {
	out := make([]given, 0, n)
	for range n {
		s := r.subject(col)
		x, ref := r.Create(Order{Site: owner, Subject: s, Keyed: true, Patience: 10 * time.Second})
		if ref == "" {
			return nil, fmt.Errorf("a request cannot be made at %s before the fault: %v", owner, x.Answers)
		}
		out = append(out, given{s, ref, x.Request, owner})
	}
	return out, nil
}

// job is one client's work: what it does again and again until the round ends.
type job func(keyed bool)

// prepare makes the requests that the operations need, has them copied everywhere, and returns the clients' work.
func (r *round) prepare() (jobs []job, err error) {
	a, b, c := r.At, r.Others[0], r.Others[1]
	type want struct {
		col   int
		owner string
		n     int
	}
	made := make(map[want][]given)
	for _, w := range []want{{colUpdate, a, 2}, {colForward, a, 2}, {colForward, b, 2}, {colFan, b, 2}, {colFan, c, 1}, {colMove, a, 2}, {colMove, b, 1}, {colDelete, a, 6}, {colDelete, b, 3}} {
		if made[w], err = r.give(w.col, w.owner, w.n); err != nil {
			return nil, err
		}
		list := made[w]
		for _, x := range list {
			switch {
			case w.col == colUpdate:
				jobs = append(jobs, r.writes(x, a), r.reads(x, b))
			case w.col == colForward && w.owner == a:
				jobs = append(jobs, r.writes(x, b))
			case w.col == colForward:
				jobs = append(jobs, r.writes(x, a))
			case w.col == colFan:
				jobs = append(jobs, r.writes(x, x.owner), r.reads(x, a))
			case w.col == colMove:
				jobs = append(jobs, r.writes(x, a), r.writes(x, b), r.moving(x), r.reads(x, c))
			}
		}
		if w.col == colDelete {
			jobs = append(jobs, r.deletes(list))
		}
	}
	jobs = append(jobs, r.creates(a, ""), r.creates(a, `,"category":"chair"`), r.creates(b, `,"category":"chair"`))
	return jobs, r.copied()
}

// copied waits until every request is at every site.
func (r *round) copied() error {
	return harness.Poll(30*time.Second, func() error {
		for _, site := range r.Net.Sites() {
			if h, err := r.Net.At(site).Health(); err != nil || h.Owed() > 0 {
				return fmt.Errorf("before the fault %s owes %d (%v)", site, h.Owed(), err)
			}
		}
		return nil
	})
}

func (r *round) writes(x given, site string) job {
	pen := r.NewPen()
	return func(keyed bool) {
		r.Update(Order{Site: site, Subject: x.subject, Ref: x.ref, Pen: pen, Keyed: keyed, Patience: r.first})
	}
}

func (r *round) reads(x given, site string) job {
	return func(bool) { r.Read(r.name, site, x.subject, x.ref) }
}

func (r *round) creates(site, extra string) job {
	return func(keyed bool) {
		r.Create(Order{Site: site, Subject: r.subject(colCreate), Extra: extra, Keyed: keyed, Patience: r.first})
	}
}

// deletes removes one request after the other, at its owner's site or by way of another.
func (r *round) deletes(list []given) job {
	return func(bool) {
		if len(list) == 0 {
			harness.Pause(20 * time.Millisecond)
			return
		}
		x := list[0]
		list = list[1:]
		site := []string{r.At, r.Others[0]}[rand.IntN(2)]
		r.Delete(Order{Site: site, Subject: x.subject, Ref: x.ref, Keyed: true, Patience: r.first})
		harness.Pause(r.Hold / 8)
	}
}

// moving orders a hand-over to any of two sites.
func (r *round) moving(x given) job {
	return func(bool) {
		to := []string{r.At, r.Others[0]}[rand.IntN(2)]
		at := r.Net.Sites()[rand.IntN(3)]
		if a := r.Net.At(at).Transfer(x.id, to, "ownership"); a.Status/100 == 2 {
			r.mu.Lock()
			r.moves++
			r.mu.Unlock()
		}
		harness.Pause(50 * time.Millisecond)
	}
}

// run lets the clients loose, strikes, and lets them go on for a little while after that.
func (r *round) run(strike func(Bout) error) error {
	jobs, err := r.prepare()
	if err != nil {
		return err
	}
	for i, do := range jobs {
		r.all.Go(func() {
			for n := i; ; n++ {
				select {
				case <-r.stop:
					return
				case <-time.After(5*time.Millisecond + rand.N(25*time.Millisecond)):
					do(n%2 == 0)
				}
			}
		})
	}
	harness.Pause(60 * time.Millisecond)
	err = strike(r.Bout)
	harness.Pause(150 * time.Millisecond)
	close(r.stop)
	r.all.Wait()
	return err
}

// every is all subjects of the round.
func (r *round) every() []string { return slices.Concat(r.subjects[:]...) }
