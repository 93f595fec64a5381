package app_test

import (
	"context"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/meridian-gateway/meridian/configs"
	"github.com/meridian-gateway/meridian/internal/app"
)

// changed is the file of a pair with texts replaced.
func (p *pair) changed(n *configs.Network, pairs ...string) *configs.Network {
	p.t.Helper()
	text := strings.NewReplacer(pairs...).Replace(p.text)
	out, err := configs.Parse("test", []byte(text), func(string) (string, bool) { return "", false })
	if err != nil {
		p.t.Fatal(err)
	}
	if out.Hash == n.Hash {
		p.t.Fatalf("nothing is replaced by %v", pairs)
	}
	return out
}

// A file with something that cannot change under way waits as a whole: nothing of it is in force, and all of it is named. Back to the
// file in force it is forgotten; a bad file is refused and told until a good one comes.
func TestReloadIsWholeOrNothing(t *testing.T) {
	before := goleak.IgnoreCurrent()
	p := start(t, `  - {name: all, on: [create], copy: {to: all}}`)
	now := p.network(`  - {name: all, on: [create], copy: {to: all}}`)
	oslo := p.apps["oslo"]
	waits := p.changed(now, "name: all,", "name: every,", filepath.Join(p.dir, "oslo"), filepath.Join(p.dir, "oslo2"))
	if err := oslo.Reload(waits); err == nil || !strings.Contains(err.Error(), "needs a restart: sites.oslo.store") {
		t.Errorf("another store: %v", err)
	}
	v := oslo.Config(t.Context())
	if v.Pending == nil || v.Pending.Hash != waits.Hash || len(v.Pending.Diff) != 3 || !strings.Contains(v.Text, "name: all") || v.Hash == waits.Hash || v.Refused != nil {
		t.Errorf("%+v", v)
	}
	if err := oslo.Reload(now); err != nil {
		t.Error(err)
	}
	if v = oslo.Config(t.Context()); v.Pending != nil {
		t.Errorf("it still waits: %+v", v.Pending)
	}
	_, bad := configs.Parse("test", []byte("network: pair\nrutes: []\n"), func(string) (string, bool) { return "", false })
	oslo.Refused(bad)
	if v = oslo.Config(t.Context()); v.Refused == nil || len(v.Refused.Faults) == 0 || !strings.Contains(strings.Join(v.Refused.Faults, "\n"), "test:2:1: unknown key") {
		t.Errorf("refused: %+v", v.Refused)
	}
	good := p.changed(now, "name: all,", "name: every,")
	if err := oslo.Reload(good); err != nil {
		t.Error(err)
	}
	v = oslo.Config(t.Context())
	if v.Refused != nil || v.Hash != good.Hash || v.Last == nil || len(v.Last.Diff) != 2 || v.Last.Diff[0].What != "routes.all" {
		t.Errorf("%+v %+v", v, v.Last)
	}
	p.stop()
	goleak.VerifyNone(t, before)
}

// The key between gateways and the token of the admin API are replaced while clients write and copies are made: no write fails, and no
// link is seen down.
func TestKeysAndTokensAreReplaced(t *testing.T) {
	before := goleak.IgnoreCurrent()
	p := start(t, `  - {name: all, on: [create], transfer: {to: rome}}`)
	now := p.network(`  - {name: all, on: [create], transfer: {to: rome}}`)
	key := func(list string) *configs.Network {
		return p.changed(now, "network: pair\n", "network: pair\nsecurity: {peer_key: "+list+"}\n", `admin: {listen: "127.0.0.1:0"}`, `admin: {listen: "127.0.0.1:0", token: "`+strings.Trim(strings.Split(list, ",")[0], "[")+`"}`)
	}
	const k1, k2 = "1234567890-1234567890-1234567890-1", "abcdefghijklm-abcdefghijklm-abcdefghijklm"
	// The first key of a network that had none is the one step that calls do not survive; it is made before anybody writes.
	for _, a := range p.apps {
		must(t, a.Reload(key(k1)))
	}
	stop := make(chan struct{})
	var made atomic.Int64
	var all sync.WaitGroup
	all.Go(func() {
		client := "http://" + p.apps["oslo"].Addresses().Client
		for {
			select {
			case <-stop:
				return
			default:
			}
			h, status := p.try("POST", client+"/tickets", `{"title":"t"}`, "")
			if status != http.StatusCreated || h.Get("Meridian-Owner") != "rome" {
				t.Errorf("a create got %d, owner %s", status, h.Get("Meridian-Owner"))
				return
			}
			made.Add(1)
		}
	})
	for _, list := range []string{"[" + k1 + ", " + k2 + "]", "[" + k2 + ", " + k1 + "]", k2} {
		for _, a := range []*app.App{p.apps["rome"], p.apps["oslo"]} {
			must(t, a.Reload(key(list)))
			seen := made.Load()
			for give := time.Now().Add(20 * time.Second); made.Load() < seen+3 && !t.Failed() && time.Now().Before(give); {
				_, _ = p.try("GET", "http://"+a.Addresses().Admin+"/healthz", "", "")
			}
		}
	}
	close(stop)
	all.Wait()
	admin := "http://" + p.apps["oslo"].Addresses().Admin + "/api/v1/status"
	if _, status := p.try("GET", admin, "", k1); status != http.StatusUnauthorized {
		t.Errorf("the old token got %d", status)
	}
	if _, status := p.try("GET", admin, "", k2); status != http.StatusOK {
		t.Errorf("the new token got %d", status)
	}
	if made.Load() < 10 {
		t.Errorf("only %d writes", made.Load())
	}
	p.stop()
	goleak.VerifyNone(t, before)
}

// try makes one call and tells how it ended.
func (p *pair) try(method, url, body, token string) (http.Header, int) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return nil, 0
	}
	r.Header.Set("Content-Type", "application/json")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := c.Do(r)
	if err != nil {
		return nil, 0
	}
	_ = res.Body.Close()
	return res.Header, res.StatusCode
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
