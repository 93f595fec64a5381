package chaos

import (
	"math/rand/v2"
	"syscall"
	"time"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// Bout is one strike of a fault at a site of a world.
type Bout struct {
	*World
	// At is the site that is struck; Others are the other two.
	At     string
	Others [2]string
	// Hold is how long the fault lasts.
	Hold time.Duration
}

// NewBout aims at a site.
func (w *World) NewBout(at string, hold time.Duration) Bout {
	b := Bout{World: w, At: at, Hold: hold}
	i := 0
	for _, s := range w.Net.Sites() {
		if s != at {
			b.Others[i] = s
			i++
		}
	}
	return b
}

func (b Bout) gateway() *harness.Gateway { return b.Net.At(b.At) }

func (b Bout) wait() { harness.Pause(b.Hold) }

// restart starts a gateway that was ended, and waits until it serves.
func (b Bout) restart(site string) error {
	g := b.Net.At(site)
	g.Process().Start()
	return serves(g, 2*RecoveryLimit)
}

// killWhile kills the gateway while calls to its request API are held on the way there or on the way back. What was held is lost.
func (b Bout) killWhile(hold func(*harness.Link)) error {
	link := b.gateway().Loose()
	hold(link)
	harness.Pause(b.Hold / 4)
	b.gateway().Kill()
	link.Reset()
	link.Heal()
	return b.restart(b.At)
}

// killOften kills it at random moments while the fault lasts.
func (b Bout) killOften() error {
	for end := time.Now().Add(b.Hold); time.Now().Before(end); harness.Pause(rand.N(200 * time.Millisecond)) {
		b.gateway().Kill()
		if err := b.restart(b.At); err != nil {
			return err
		}
	}
	return nil
}

// killBoth kills it and another one in turn.
func (b Bout) killBoth() error {
	for end := time.Now().Add(b.Hold); time.Now().Before(end); harness.Pause(rand.N(150 * time.Millisecond)) {
		for _, site := range []string{b.At, b.Others[0]} {
			b.Net.At(site).Kill()
			harness.Pause(rand.N(60 * time.Millisecond))
		}
		for _, site := range []string{b.Others[0], b.At} {
			if err := b.restart(site); err != nil {
				return err
			}
		}
	}
	return nil
}

// down has it away for a while.
func (b Bout) down() error {
	b.gateway().Kill()
	b.wait()
	return b.restart(b.At)
}

// rolling asks every gateway to end, one after the other, and starts it again.
func (b Bout) rolling() error {
	for _, site := range append(b.Others[:], b.At) {
		b.Net.At(site).Process().Stop(30 * time.Second)
		if err := b.restart(site); err != nil {
			return err
		}
	}
	return nil
}

// asleep stops the process for a while, as a machine does that has no memory left.
func (b Bout) asleep() error {
	b.gateway().Process().Signal(syscall.SIGSTOP)
	b.wait()
	b.gateway().Process().Signal(syscall.SIGCONT)
	return nil
}

// upstream has the writes at its request API fail for a while, each method at most times (0: all).
func (b Bout) upstream(times int, fault func(method string) *harness.Fault) error {
	api := b.gateway().Fake()
	for _, method := range []string{"POST", "PATCH", "PUT", "DELETE"} {
		x := fault(method)
		x.Times = times
		api.Inject(x)
	}
	b.wait()
	api.Clear()
	return nil
}

// unlistened has nobody listen at its request API for a while.
func (b Bout) unlistened() error {
	b.gateway().Fake().Down()
	b.wait()
	b.gateway().Fake().Up(b.T)
	return nil
}

// links are those between the site and the others, both ways.
func (b Bout) links() (out []*harness.Link) {
	for _, other := range b.Others {
		out = append(out, b.Net.Link(b.At, other), b.Net.Link(other, b.At))
	}
	return out
}

// linked has the links fail in a way for a while; with lose what was held is lost, else it arrives late.
func (b Bout) linked(fail func(*harness.Link), lose bool) error {
	for _, k := range b.links() {
		fail(k)
	}
	b.wait()
	for _, k := range b.links() {
		if lose {
			k.Reset()
		}
		k.Heal()
	}
	return nil
}

// resets breaks all connections between the site and the others again and again.
func (b Bout) resets() error {
	for end := time.Now().Add(b.Hold); time.Now().Before(end); harness.Pause(rand.N(60 * time.Millisecond)) {
		for _, k := range b.links() {
			k.Reset()
		}
	}
	return nil
}

// twice has every call between the site and the others delivered twice.
func (b Bout) twice() error {
	var all []*harness.Twice
	for _, other := range b.Others {
		for _, way := range [][2]string{{b.At, other}, {other, b.At}} {
			t, address := harness.NewTwice(b.T, b.Net.At(way[1]).PeerAddress())
			all = append(all, t)
			b.Net.Link(way[0], way[1]).Detour(address)
		}
	}
	b.wait()
	for _, k := range b.links() {
		k.Detour("")
	}
	for _, t := range all {
		t.Close()
	}
	return nil
}

func (b Bout) redis() *harness.Redis { return b.World.Redis[b.At] }

// redisGone kills the site's Redis, and starts it again.
func (b Bout) redisGone() error {
	b.redis().Kill()
	b.wait()
	b.redis().Start()
	b.redis().Ready(b.T)
	return nil
}

// redisAsleep stops the site's Redis for a while.
func (b Bout) redisAsleep() error {
	b.redis().Signal(syscall.SIGSTOP)
	b.wait()
	b.redis().Signal(syscall.SIGCONT)
	return nil
}

// redisSet sends a command that breaks Redis, and after a while one that mends it.
func (b Bout) redisSet(before, after []string) error {
	if _, err := b.redis().Do(before...); err != nil {
		return err
	}
	b.wait()
	if len(after) == 0 {
		return nil
	}
	_, err := b.redis().Do(after...)
	return err
}

// full has the disk of the site's embedded store be full for a while.
func (b Bout) full() error {
	if err := b.Disk.Fill(); err != nil {
		return err
	}
	b.wait()
	return b.Disk.Free()
}

// jumps has the site's clock jump forth and back.
func (b Bout) jumps() error {
	for _, d := range []time.Duration{time.Hour, -time.Hour, 26 * time.Hour, -26 * time.Hour, 0} {
		if err := b.Clock.Set(d); err != nil {
			return err
		}
		b.wait()
	}
	return nil
}

// expired has the site show a certificate that is no longer good, for a while, on new connections.
func (b Bout) expired() error {
	if err := b.Certs.Issue(b.At, -time.Hour); err != nil {
		return err
	}
	for end := time.Now().Add(3 * b.Hold); time.Now().Before(end); harness.Pause(b.Hold / 4) {
		for _, k := range b.links() {
			k.Reset()
		}
	}
	return b.Certs.Issue(b.At, 24*time.Hour)
}
