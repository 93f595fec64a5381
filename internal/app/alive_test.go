package app_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/internal/app"
)

// breakable is a listener that stops working when told.
type breakable struct {
	net.Listener
	once sync.Once
}

func (b *breakable) fail() { b.once.Do(func() { _ = b.Listener.Close() }) }

// A gateway is alive though its peers and its API are away, and is not when one of its listeners has gone.
func TestAlive(t *testing.T) {
	p := start(t, "  - {name: r, on: [create], copy: {to: all}}\n")
	defer p.stop()
	if err := p.apps["rome"].Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.apis["oslo"].CloseClientConnections()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := p.apps["oslo"].Alive(ctx); err != nil {
		t.Errorf("not alive with another site away: %v", err)
	}
	var all []*breakable
	n := p.network("  - {name: r, on: [create], copy: {to: all}}\n")
	a, err := app.Start(t.Context(), app.Options{Network: n, Site: "rome", Listen: func(network, addr string) (net.Listener, error) {
		l, err := net.Listen(network, addr)
		if err != nil {
			return nil, err
		}
		all = append(all, &breakable{Listener: l})
		return all[len(all)-1], nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = a.Stop(context.WithoutCancel(t.Context())) }()
	if err := a.Alive(ctx); err != nil {
		t.Fatalf("not alive: %v", err)
	}
	all[0].fail()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for err = nil; err == nil; err = a.Alive(ctx) {
		<-tick.C
	}
	if errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "peer listener serves no longer") {
		t.Errorf("with a listener gone: %v", err)
	}
}
