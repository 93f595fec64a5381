package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
)

// Alive tells whether this process still works, as a supervisor asks before it restarts it: each listener serves, the admin API answers
// a call, and the engine gives its lock away. It is bounded by ctx. Nothing outside is asked: neither another site, a request API nor
// a store that is away is mended by a restart.
func (a *App) Alive(ctx context.Context) error {
	if a.stopping.Load() {
		return nil // it ends by itself, within the time of the drain
	}
	if name := a.ended.Load(); name != nil {
		return fmt.Errorf("the %s serves no longer", *name)
	}
	free := make(chan struct{})
	go func() {
		_ = a.engine.Away()
		_ = a.network.Load().Hash
		close(free)
	}()
	select {
	case <-free:
	case <-ctx.Done():
		return errors.New("the engine does not answer")
	}
	return a.answers(ctx)
}

// answers makes a call of the admin API over the network, as a probe does.
func (a *App) answers(ctx context.Context) error {
	if a.certs.admin != nil {
		// The certificate is for the name that operators use, which is not how this process reaches itself.
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", dialable(a.addresses.Admin))
		if err != nil {
			return fmt.Errorf("the admin API does not answer: %w", err)
		}
		return conn.Close()
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+dialable(a.addresses.Admin)+"/healthz", nil)
	if err != nil {
		return err
	}
	t := &http.Transport{Proxy: nil, DisableKeepAlives: true}
	defer t.CloseIdleConnections()
	resp, err := t.RoundTrip(r)
	if err != nil {
		return fmt.Errorf("the admin API does not answer: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<10))
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the admin API answers %s to /healthz", resp.Status)
	}
	return nil
}

// dialable is the address by which a listener is reached from this machine.
func dialable(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return listen
	}
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return net.JoinHostPort(host, port)
}
