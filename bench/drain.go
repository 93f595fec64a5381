package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"
)

// measureDrain fills a backlog while the other site's gateway is stopped, starts it again and watches the backlog go, on the
// embedded store and on Redis.
func measureDrain(ctx context.Context, b *bench) error {
	for _, s := range b.systems { // they would only be in the way
		s.stop()
	}
	b.systems = nil
	for _, kind := range []struct {
		name    string
		backlog int
		tenths  time.Duration // of the time that is left
		store   func(context.Context) (func(string) string, error)
	}{
		{"embedded", b.backlog, 9, func(context.Context) (func(string) string, error) {
			return embeddedStore(filepath.Join(b.shop.dir, "drain")), nil
		}},
		{"redis everysec", max(1, b.backlog/20), 10, func(ctx context.Context) (func(string) string, error) {
			_, addr, err := b.redis(ctx, "everysec")
			return redisStore(addr), err
		}},
	} {
		at, err := kind.store(ctx)
		if err != nil {
			return err
		}
		left := time.Until(b.until) * kind.tenths / 10
		d := drain{bench: b, name: "meridian, " + kind.name, backlog: kind.backlog, fill: left * 9 / 20, empty: left / 2}
		if err := d.run(ctx, at); err != nil {
			return fmt.Errorf("%s: %w", d.name, err)
		}
	}
	return nil
}

// stop ends everything that belongs to the system.
func (s *system) stop() {
	for _, p := range s.all {
		p.stop()
	}
	if s.store != nil {
		s.store.stop()
	}
	s.world.stop()
}

// drain is one backlog on one store.
type drain struct {
	*bench
	name        string
	backlog     int
	fill, empty time.Duration // bounds
}

func (d *drain) add(name, unit string, v float64) {
	d.report.add(figure{Part: "drain", Name: name, System: d.name, Unit: unit}, []float64{v}, nil)
}

func (d *drain) run(ctx context.Context, store func(string) string) error {
	w, err := d.shop.world(2)
	if err != nil {
		return err
	}
	defer w.stop()
	n, err := d.network("drain-"+fmt.Sprint(d.backlog), w.at.Sites, store)
	if err != nil {
		return err
	}
	defer n.stop()
	if err := n.start(ctx); err != nil {
		return err
	}
	a, other := n.Sites[0], n.Sites[1]
	other.gateway.stop() // the link is cut
	o, err := d.load.do(job{
		Kind: loadMixed, Addr: a.Listen, Pool: d.name, Size: recordSize, Conns: writeConns,
		Seconds: d.fill.Seconds(), Max: int64(d.backlog) * 10 / 9,
	})
	if err != nil {
		return err
	}
	if o.Failed > 0 {
		d.report.note("drain: %s: %d of %d writes failed while the link was cut: %s", d.name, o.Failed, o.Calls, o.Fault)
	}
	before, err := w.standings(ctx)
	if err != nil {
		return err
	}
	d.say("  %s: %d requests behind after %.0f s", d.name, before[1].Behind, o.Seconds)
	d.add("backlog when the link was back", "requests", float64(before[1].Behind))
	d.add("accepted a second while the link was cut", "/s", o.perSecond())
	if now, _, err := memoryOf(a.gateway.cmd.Process.Pid); err == nil {
		d.add("memory of the accepting gateway with the backlog", "MiB", mib(now))
	}
	return d.empties(ctx, n, w, before[1].Behind)
}

// empties starts the other site's gateway and measures until nothing is behind.
func (d *drain) empties(ctx context.Context, n *network, w *world, backlog int) error {
	a, other := n.Sites[0].gateway, n.Sites[1]
	if err := w.mark(ctx); err != nil {
		return err
	}
	cpu, began := a.cpu(), time.Now()
	if err := n.launch(other); err != nil {
		return err
	}
	left, err := w.settled(ctx, d.empty)
	if err != nil {
		return err
	}
	after, err := w.standings(ctx)
	if err != nil {
		return err
	}
	b := after[1]
	delivered := float64(backlog - left)
	if b.First.IsZero() || delivered < 1 {
		return fmt.Errorf("nothing was delivered within %v; %s", d.empty, a.tell())
	}
	if left > 0 {
		d.report.note("drain: %s: %d of %d were still behind after %.0f s; the rate is of those delivered", d.name, left, backlog, d.empty.Seconds())
	}
	d.add("from the other gateway's start to the first delivery", "s", b.First.Sub(began).Seconds())
	if took := b.Last.Sub(b.First).Seconds(); took > 0 {
		d.add("deliveries a second until empty", "/s", delivered/took)
	}
	d.add("CPU per delivery, sending gateway", "us", float64((a.cpu()-cpu).Microseconds())/delivered)
	d.add("CPU per delivery, receiving gateway", "us", float64(other.gateway.cpu().Microseconds())/delivered)
	if left == 0 && b.Creates != after[0].Creates {
		d.report.note("drain: %s: %d records at the first site, %d at the other", d.name, after[0].Creates, b.Creates)
	}
	return nil
}

func mib(bytes int64) float64 { return float64(bytes) / (1 << 20) }
