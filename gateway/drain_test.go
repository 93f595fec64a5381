package gateway

import (
	"context"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// A client that keeps its connection is told with the next answer that it ends, and the wait ends with the connection.
func TestDrainTellsClients(t *testing.T) {
	t.Parallel()
	d := new(Drain)
	answer := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "here") })
	srv := Server(ServerOptions{Handler: d.Handler(answer)})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = Serve(srv, l, ListenOptions{Drain: d}) }()
	t.Cleanup(func() { _ = srv.Close() })
	client := &http.Client{Transport: &http.Transport{}}
	get := func() *http.Response {
		t.Helper()
		res, err := client.Get("http://" + l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
		return res
	}
	if get().Close {
		t.Error("a client is told to go before the drain has begun")
	}
	d.Begin()
	waited := make(chan struct{})
	go func() { d.Wait(context.Background(), time.Hour); close(waited) }()
	select {
	case <-waited:
		t.Error("the drain is over while a client is connected")
	default:
	}
	if !get().Close {
		t.Error("the client is not told that its connection ends")
	}
	<-waited
	if !get().Close {
		t.Error("a client that comes late is not told")
	}
}

// The wait is over at once when nobody is there, and bounded where somebody stays.
func TestDrainIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := new(Drain)
		for _, c := range []struct {
			open int
			want time.Duration
		}{{0, 0}, {1, 3 * time.Second}} {
			d.connected(c.open)
			began := time.Now()
			d.Wait(t.Context(), 3*time.Second)
			if took := time.Since(began); took != c.want {
				t.Errorf("with %d connected it waits for %v, want %v", c.open, took, c.want)
			}
		}
	})
}
