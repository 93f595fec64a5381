package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"time"
)

// system is one whole set-up that accepts writes and brings them to two other sites.
type system struct {
	name  string
	floor string // the name of the one it is compared with; "" for a floor
	front string // where clients write
	world *world
	net   *network // nil for a floor
	// accept is the process that answers clients, all are that one and the other sites' gateways, store is Redis or nil.
	accept *process
	all    []*process
	store  *process

	creates, updates writeRounds
	lag              lagRounds
}

// holders is how many other sites get a copy.
const holders = 2

// writers starts every system that accepts writes, once; later parts find them running. They are idle while another is measured,
// which costs each measurement the same. One that cannot be started is told and left out.
func (b *bench) writers(ctx context.Context) ([]*system, error) {
	if b.systems != nil {
		return b.systems, nil
	}
	starts := []func(context.Context) (*system, error){b.floorOn("always"), b.floorOn("everysec")}
	if b.meridian != "" {
		starts = append(starts, b.onEmbedded, b.onRedis("always"), b.onRedis("everysec"))
	}
	for _, start := range starts {
		s, err := start(ctx)
		if err != nil {
			b.fault(err)
			continue
		}
		b.systems = append(b.systems, s)
	}
	b.systems = slices.DeleteFunc(b.systems, func(s *system) bool {
		if s.net == nil {
			return false
		}
		err := s.net.awaitAll(ctx)
		if err != nil {
			b.fault(err)
			s.stop()
		}
		return err != nil
	})
	if len(b.systems) == 0 {
		return nil, fmt.Errorf("nothing to measure")
	}
	return b.systems, nil
}

// floorOn starts the hand-made floor on a Redis with that policy.
func (b *bench) floorOn(policy string) func(context.Context) (*system, error) {
	return func(ctx context.Context) (*system, error) {
		w, err := b.shop.world(1 + holders)
		if err != nil {
			return nil, err
		}
		store, addr, err := b.redis(ctx, policy)
		if err != nil {
			return nil, err
		}
		p, front, err := b.proxy(roleFloor, proxySpec{Upstream: w.at.Sites[0], Holders: w.at.Sites[1:], Redis: addr})
		if err != nil {
			return nil, err
		}
		return &system{name: floorName(policy), front: front, world: w, accept: p, all: []*process{p}, store: store}, nil
	}
}

func floorName(policy string) string { return "floor, redis " + policy }

// onEmbedded starts three gateways with the embedded store, which syncs every commit: its like is the floor that does.
func (b *bench) onEmbedded(ctx context.Context) (*system, error) {
	return b.gatewaySystem(ctx, "embedded", "always", embeddedStore(filepath.Join(b.shop.dir, "embedded")), nil)
}

// onRedis starts three gateways that share one Redis with that policy.
func (b *bench) onRedis(policy string) func(context.Context) (*system, error) {
	return func(ctx context.Context) (*system, error) {
		store, addr, err := b.redis(ctx, policy)
		if err != nil {
			return nil, err
		}
		return b.gatewaySystem(ctx, "redis-"+policy, policy, redisStore(addr), store)
	}
}

// gatewaySystem launches three gateways; writers waits for all systems at once.
func (b *bench) gatewaySystem(ctx context.Context, name, like string, at func(string) string, store *process) (*system, error) {
	w, err := b.shop.world(1 + holders)
	if err != nil {
		return nil, err
	}
	n, err := b.network(name, w.at.Sites, at)
	if err != nil {
		return nil, err
	}
	if err := n.launchAll(); err != nil {
		return nil, err
	}
	all := n.gateways()
	return &system{
		name: "meridian, " + name, floor: floorName(like), front: n.Sites[0].Listen, world: w, accept: all[0], all: all, store: store, net: n,
	}, nil
}

// spent is CPU time used so far by the parts of a system.
type spent struct{ accept, all, store time.Duration }

func (s *system) spent() spent {
	out := spent{accept: s.accept.cpu()}
	for _, p := range s.all {
		out.all += p.cpu()
	}
	if s.store != nil {
		out.store = s.store.cpu()
	}
	return out
}

// likeOf returns the system that s is compared with, nil for none.
func likeOf(systems []*system, s *system) *system {
	for _, other := range systems {
		if s.floor != "" && other.name == s.floor {
			return other
		}
	}
	return nil
}

// whole checks that no copy was made twice: every site has as many records as the first.
func (s *system) whole(ctx context.Context) error {
	st, err := s.world.standings(ctx)
	if err != nil {
		return err
	}
	for i, site := range st[1:] {
		if st[0].Creates != site.Creates {
			return fmt.Errorf("%s: %d records at the first site, %d at site %d", s.name, st[0].Creates, site.Creates, i+2)
		}
	}
	return nil
}
