package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"
)

// passed is one way for a call to reach the upstream, with what was measured in each round.
type passed struct {
	name  string
	addr  string
	path  string
	proc  *process               // nil: there is nothing in between
	verbs []string               // nil: all
	took  map[string]*passRounds // by verb
}

type passRounds struct {
	cpu, rate, p50, p99 []float64
}

const (
	passConns = 16
	// passRate is that of the open load: low enough that even the slowest proxy has time to spare, so that latency is that of one
	// call and not that of a queue.
	passRate = 800
)

// measurePass compares ways to the same upstream: directly, through Meridian, and through other proxies.
func measurePass(ctx context.Context, b *bench) error {
	w, err := b.shop.world(1)
	if err != nil {
		return err
	}
	defer w.stop()
	ways, err := b.ways(ctx, w.at.Sites[0])
	defer func() {
		for _, p := range ways {
			if p.proc != nil {
				p.proc.stop()
			}
		}
	}()
	if err != nil {
		return err
	}
	before, all := b.load.cpu(), int64(0)
	for round := range b.turns(ctx) {
		for _, verb := range []string{"GET", "POST"} {
			for _, p := range rotated(ways, round) {
				if ctx.Err() != nil {
					return ctx.Err()
				}
				calls, err := b.passRound(p, verb)
				if err != nil {
					return err
				}
				all += calls
			}
		}
	}
	if all > 0 {
		own := float64((b.load.cpu() - before).Microseconds()) / float64(all)
		b.report.add(figure{Part: "pass", Name: "CPU per call of the load generator itself", System: "generator", Unit: "us"}, []float64{own}, nil)
	}
	b.reportPass(ways)
	return nil
}

// ways starts every proxy before the upstream.
func (b *bench) ways(ctx context.Context, upstream string) ([]*passed, error) {
	const path = "/plain/page"
	ways := []*passed{{name: "direct", addr: upstream, path: path}}
	bare, addr, err := b.proxy(roleBare, proxySpec{Upstream: upstream})
	if err != nil {
		return ways, err
	}
	ways = append(ways, &passed{name: "bare", addr: addr, path: path, proc: bare})
	if b.meridian != "" {
		through, err := b.throughMeridian(ctx, upstream, path)
		ways = append(ways, through...)
		if err != nil {
			b.fault(err)
		}
	}
	for _, other := range []struct {
		name  string
		start func(context.Context, string) (*process, string, error)
	}{{"nginx", b.nginx}, {"caddy", b.caddy}} {
		p, addr, err := other.start(ctx, upstream)
		if err != nil {
			b.fault(err)
		} else if p != nil {
			ways = append(ways, &passed{name: other.name, addr: addr, path: path, proc: p})
		}
	}
	return ways, nil
}

// throughMeridian starts a gateway alone before the upstream: a path that is none of its business, and a record that is.
func (b *bench) throughMeridian(ctx context.Context, upstream, path string) ([]*passed, error) {
	n, err := b.network("pass", []string{upstream}, embeddedStore(filepath.Join(b.shop.dir, "pass")))
	if err != nil {
		return nil, err
	}
	if err := n.start(ctx); err != nil {
		n.stop()
		return nil, err
	}
	front, proc := n.Sites[0].Listen, n.Sites[0].gateway
	plain := &passed{name: "meridian", addr: front, path: path, proc: proc}
	record, err := firstRecord(front)
	if err != nil {
		return []*passed{plain}, err
	}
	described := &passed{name: "meridian, a described record", addr: front, path: "/tickets/" + record, proc: proc, verbs: []string{"GET"}}
	return []*passed{plain, described}, nil
}

// firstRecord creates a record of one KB through the gateway and returns its id.
func firstRecord(front string) (string, error) {
	c := client{job: job{Addr: front}, wire: wire{addr: front, until: time.Now().Add(10 * time.Second)}}
	defer c.wire.close()
	status, body, err := c.wire.do(layOut("POST", "/tickets", front, creation(1, pageSize)))
	if err != nil {
		return "", err
	}
	id := idOf(body)
	if status != 201 || id == "" {
		return "", fmt.Errorf("a create through the gateway: %d %s", status, body)
	}
	return id, nil
}

// passRound measures one way once: warm, then as fast as it goes, then at a fixed rate. It returns how many calls it made.
func (b *bench) passRound(p *passed, verb string) (int64, error) {
	if p.verbs != nil && p.verbs[0] != verb {
		return 0, nil
	}
	if p.took == nil {
		p.took = map[string]*passRounds{"GET": {}, "POST": {}}
	}
	j := job{Kind: loadFixed, Addr: p.addr, Method: verb, Path: p.path, Body: verb == "POST", Conns: passConns, Seconds: b.seconds / 8}
	warm, err := b.load.do(j)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", p.name, err)
	}
	j.Seconds = b.seconds
	var before time.Duration
	if p.proc != nil {
		before = p.proc.cpu()
	}
	closed, err := b.load.do(j)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", p.name, err)
	}
	took := p.took[verb]
	if p.proc != nil {
		took.cpu = append(took.cpu, float64((p.proc.cpu()-before).Microseconds())/float64(closed.Calls))
	}
	took.rate = append(took.rate, closed.perSecond())
	j.Rate = passRate
	open, err := b.load.do(j)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", p.name, err)
	}
	took.p50, took.p99 = append(took.p50, open.P50), append(took.p99, open.P99)
	if failed := warm.Failed + closed.Failed + open.Failed; failed > 0 {
		b.report.note("pass: %s: %d calls failed: %s", p.name, failed, errors.Join(faults(warm, closed, open)...))
	}
	return warm.Calls + closed.Calls + open.Calls, nil
}

func faults(all ...outcome) (out []error) {
	for _, o := range all {
		if o.Fault != "" {
			out = append(out, errors.New(o.Fault))
		}
	}
	return out
}

func (b *bench) reportPass(ways []*passed) {
	direct, bare := ways[0], ways[1]
	for _, verb := range []string{"GET", "POST"} {
		for _, p := range ways {
			t := p.took[verb]
			if t == nil || len(t.rate) == 0 {
				continue
			}
			add := func(name, unit string, rounds []float64, judge func(float64) *target) {
				b.report.add(figure{Part: "pass", Name: verb + " 1 KB: " + name, System: p.name, Unit: unit}, rounds, judge)
			}
			if p == direct {
				add("calls a second, the load generator's ceiling", "/s", t.rate, nil)
				add("p50, p99 follow as added to this p50", "us", t.p50, nil)
				continue
			}
			add("CPU per call of the proxy", "us", t.cpu, nil)
			if p != bare && bare.took[verb] != nil {
				var judge func(float64) *target
				if p.name == "meridian" {
					judge = atMost(1.1)
				}
				add("CPU per call, of bare's", "x", ratios(t.cpu, bare.took[verb].cpu), judge)
			}
			add("calls a second", "/s", t.rate, nil)
			if d := direct.took[verb]; d != nil {
				add(fmt.Sprintf("added p50 at %d/s", passRate), "us", differences(t.p50, d.p50), nil)
				add(fmt.Sprintf("added p99 at %d/s", passRate), "us", differences(t.p99, d.p99), nil)
			}
		}
	}
}
