package harness

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

func create(u Upstream, path, body string) (string, error) {
	b, err := send("POST", "http://"+u.Address()+path, u.Header(), body)
	return string(b), err
}

func TestFakeKeepsRecordsAndLog(t *testing.T) {
	t.Parallel()
	f := NewFake(t, "oslo")
	if _, err := create(f, "/tickets", `{"subject":"a","big":9007199254740993}`); err != nil {
		t.Fatal(err)
	}
	recs, err := f.Records()
	if err != nil || len(recs) != 1 || fmt.Sprint(recs[0]["big"]) != "9007199254740993" {
		t.Fatalf("%v %v", recs, err)
	}
	if b, err := get("http://"+f.Address()+"/tickets?subject=b", nil); err != nil || string(b) != "[]" {
		t.Errorf("a filter found %s (%v)", b, err)
	}
	f.Down()
	if _, err := get("http://"+f.Address()+"/tickets", nil); err == nil {
		t.Error("it answers when it is down")
	}
	f.Up(t)
	if b, err := get("http://"+f.Address()+"/tickets/"+recs[0].ID(), nil); err != nil || !strings.Contains(string(b), `"a"`) {
		t.Errorf("%s %v", b, err)
	}
}

func TestFakeFaults(t *testing.T) {
	t.Parallel()
	f := NewFake(t, "oslo")
	for _, c := range []struct {
		fault *Fault
		err   bool
		made  int
	}{
		{CommitThenDrop("POST"), true, 1},
		{DropBeforeCommit("POST"), true, 0},
		{&Fault{Method: "POST", Status: 500, Times: 1}, true, 0},
		{&Fault{Method: "POST", Status: 500, Commit: true, Times: 1}, true, 1},
		{&Fault{Method: "POST", Commit: true, Wait: 10 * time.Millisecond, Times: 1}, false, 1},
	} {
		before := len(f.Commits("POST"))
		f.Inject(c.fault)
		if _, err := create(f, "/tickets", `{"a":1}`); (err != nil) != c.err {
			t.Errorf("%+v: %v", c.fault, err)
		}
		if made := len(f.Commits("POST")) - before; made != c.made {
			t.Errorf("%+v: %d records made, want %d", c.fault, made, c.made)
		}
		f.Clear()
	}
	before := len(f.Commits("POST"))
	f.Inject(LateCommit("POST", 50*time.Millisecond))
	if _, err := create(f, "/tickets", `{"a":1}`); err == nil {
		t.Error("a late commit was answered")
	}
	Eventually(t, 5*time.Second, "the late commit", func() error {
		if len(f.Commits("POST")) != before+1 {
			return fmt.Errorf("not yet")
		}
		return nil
	})
}

func TestLinkFaults(t *testing.T) {
	t.Parallel()
	f := NewFake(t, "oslo")
	k := NewLink(t, f.Address())
	client := &http.Client{Timeout: time.Second}
	try := func() error {
		res, err := client.Get(k.URL() + "/tickets")
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, res.Body)
		return err
	}
	want := func(what string, ok bool) {
		t.Helper()
		if err := try(); (err == nil) != ok {
			t.Errorf("%s: %v", what, err)
		}
	}
	want("fresh", true)
	k.Cut()
	want("cut", false)
	k.Heal()
	want("healed", true)
	before := len(f.Log())
	k.OneWay()
	want("one way", false)
	if len(f.Log()) != before+1 {
		t.Error("one way: the call did not arrive")
	}
	k.Reset()
	k.Heal()
	before = len(f.Log())
	k.Hole()
	want("hole", false)
	if len(f.Log()) != before {
		t.Error("hole: the call arrived")
	}
	k.Reset()
	k.Heal()
	k.Delay(50 * time.Millisecond)
	began := time.Now()
	want("slow", true)
	if time.Since(began) < 90*time.Millisecond {
		t.Error("slow: it was not")
	}
}

func TestRealUpstreams(t *testing.T) {
	t.Parallel()
	for name, u := range map[string]Upstream{"json-server 0": NewJSONServer(t, 0), "json-server 1": NewJSONServer(t, 1)} {
		if b, err := create(u, "/tickets", `{"subject":"lamp"}`); err != nil || !strings.Contains(b, "lamp") {
			t.Errorf("%s: %s %v", name, b, err)
		}
		if r, err := u.Records(); err != nil || len(r) != 1 || r[0].ID() == "" {
			t.Errorf("%s: %v %v", name, r, err)
		}
	}
	p := NewPocketBase(t)
	const path = "/api/collections/tickets/records"
	if _, err := create(p, path, `{"title":"lamp","ext_ref":"G1"}`); err != nil {
		t.Error(err)
	}
	if b, err := create(p, path, `{"title":"lamp","ext_ref":"G1"}`); err == nil {
		t.Errorf("an external id was taken twice: %s", b)
	}
	if b, err := get("http://"+p.Address()+path+"?filter=ext_ref%3D%22G1%22", p.Header()); err != nil || !strings.Contains(string(b), `"totalItems":1`) {
		t.Errorf("%s %v", b, err)
	}
	if r, err := p.Records(); err != nil || len(r) != 1 {
		t.Errorf("%v %v", r, err)
	}
}

func TestRedisComesBackWithWhatItHad(t *testing.T) {
	t.Parallel()
	r := NewRedis(t)
	r.Kill()
	r.Start()
	r.Ready(t)
	if m, err := r.Memory(); err != nil || m < 1<<20 {
		t.Errorf("%d %v", m, err)
	}
}
