package tests

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// The gateways of a site are restarted in turn under clients that keep their connections and that do not try again: each is told to go
// before its connection is closed, so no call fails. (Without the drain each round cuts some.)
func TestReplicasDrain(t *testing.T) {
	t.Parallel()
	_, all := replicated(t, 2, false, "")
	doors := all["oslo"]
	over := make(chan struct{})
	var clients sync.WaitGroup
	for i := range 20 {
		c := &keeper{t: t, doors: doors, at: i % 2, http: &http.Client{Timeout: soon, Transport: &http.Transport{}}, name: subject(fmt.Sprintf("keeper %d", i))}
		clients.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-over:
					return
				default:
					c.call(n)
				}
			}
		})
	}
	for range harness.Rounds(2, 20) {
		for _, g := range doors {
			harness.Pause(300 * time.Millisecond)
			g.Process().Stop(30 * time.Second)
			g.Restart()
		}
	}
	close(over)
	clients.Wait()
}

// keeper is a client that keeps its connection until it is told to go, or finds nobody at home.
type keeper struct {
	t     *testing.T
	doors []*harness.Gateway
	at    int
	http  *http.Client
	name  string
}

// call writes a request in every second call: net/http repeats a read by itself when its connection is cut, and a write it does not.
func (c *keeper) call(n int) {
	method, body, want := "GET", "", http.StatusOK
	if n%2 == 0 {
		method, body, want = "POST", fmt.Sprintf(`{"subject":%q}`, fmt.Sprint(c.name, " ", n)), http.StatusCreated
	}
	req, err := http.NewRequest(method, c.doors[c.at].URL("/tickets"), strings.NewReader(body))
	if err != nil {
		c.t.Error(err)
		return
	}
	if method == "GET" {
		req.Body, req.GetBody, req.ContentLength = nil, nil, 0
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := c.http.Do(req)
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		c.at = 1 - c.at
		return
	}
	if err != nil {
		c.t.Errorf("%s at gateway %d: %v", method, c.at, err)
		return
	}
	_, err = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
	if err != nil || res.StatusCode != want {
		c.t.Errorf("%s at gateway %d: %d, %v", method, c.at, res.StatusCode, err)
	}
	if res.Close {
		c.at = 1 - c.at
	}
}
