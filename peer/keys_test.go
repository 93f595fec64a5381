package peer

import (
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/meridian-gateway/meridian/request"
)

// turning is a set of keys that can be replaced.
type turning struct{ p atomic.Pointer[[][]byte] }

func turned(list ...string) *turning {
	t := &turning{}
	t.turn(list...)
	return t
}

func (t *turning) turn(list ...string) {
	out := make([][]byte, len(list))
	for i, k := range list {
		out[i] = []byte(k)
	}
	t.p.Store(&out)
}

func (t *turning) keys() [][]byte { return *t.p.Load() }

// A key is replaced at one site after the other, in either order, and at no step is a call refused; a site that has only the old one
// when the others have only the new one is.
func TestKeysAreReplaced(t *testing.T) {
	t.Parallel()
	rome, oslo := turned("old"), turned("old")
	so, co := romeOptions(), ClientOptions{}
	so.Key, so.Keys = nil, rome.keys
	f := &fake{}
	srv := httptest.NewServer(NewServer(f, so))
	t.Cleanup(srv.Close)
	co = osloOptions(srv.URL)
	co.Key, co.Keys = nil, oslo.keys
	c := client(t, co)
	try := func(step string) {
		t.Helper()
		if _, err := c.Hello(t.Context(), "rome"); err != nil {
			t.Errorf("%s: %v", step, err)
		}
		acks := 0
		if err := c.Deliver(t.Context(), "rome", []request.Snapshot{shot(gid, 1)}, func(Ack) { acks++ }); err != nil || acks != 1 {
			t.Errorf("%s: a delivery: %v, %d acks", step, err, acks)
		}
	}
	try("before")
	for _, step := range []struct {
		at   *turning
		list string
	}{{rome, "old new"}, {oslo, "old new"}, {oslo, "new old"}, {rome, "new old"}, {rome, "new"}, {oslo, "new"},
		{oslo, "new third"}, {rome, "new third"}, {rome, "third new"}, {oslo, "third new"}, {oslo, "third"}, {rome, "third"}} {
		step.at.turn(strings.Fields(step.list)...)
		try("at " + step.list)
	}
	oslo.turn("new")
	if _, err := c.Hello(t.Context(), "rome"); err == nil {
		t.Error("a key that is no longer one of the network's is taken")
	}
	oslo.turn()
	if _, err := c.Hello(t.Context(), "rome"); err == nil {
		t.Error("a call without a signature is taken")
	}
}
