package cli

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/gateway"
	"github.com/meridian-gateway/meridian/request"
)

func TestRetryAndWait(t *testing.T) {
	t.Parallel()
	e := &engine{retried: 3, health: gateway.Forwarding{Destinations: []gateway.Destination{{Site: "oslo"}, {Site: "tokyo", Parked: 1}}}}
	run := serve(t, e)
	for _, c := range []struct {
		args string
		code int
		want string
	}{
		{"", Done, "3 deliveries will be tried at once."},
		{"--to oslo --wait 1m", Done, "3 deliveries are tried again and confirmed."},
		{"--wait 1m", Failed, "1 delivery is parked after that. See why: meridian deliveries list --state parked"},
		{"--state waiting --wait 1m", Done, "3 deliveries are tried again and confirmed."},
		{"-o json --to oslo --wait 1m", Done, `{"retried":3}`},
		{"--wait -1s", Misused, "--wait -1s"},
	} {
		code, out, errs := run("", append([]string{"deliveries", "retry"}, strings.Fields(c.args)...)...)
		if code != c.code || !strings.Contains(out+errs, c.want) {
			t.Errorf("%s: %d %q %q", c.args, code, out, errs)
		}
	}
	e.owed = []request.Delivery{{Request: gid, Site: "oslo", State: request.Waiting}}
	if code, _, errs := run("", "deliveries", "retry", "17", "--wait", "50ms"); code != Failed || !strings.Contains(errs, "after 50ms 1 delivery is still not confirmed") {
		t.Errorf("%d %q", code, errs)
	}
	e.retried = 0
	if code, out, _ := run("", "deliveries", "retry"); code != Done || !strings.Contains(out, "Nothing is to be tried again") {
		t.Errorf("%d %q", code, out)
	}
}

// A bar writes over itself on a terminal, now and then a line elsewhere, and nothing for programs.
func TestBar(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	b := &bar{out: &out, width: 20, began: time.Now().Add(-10 * time.Second)}
	b.show("東京東京東京東京東京東京")
	b.show("done")
	b.end()
	if want := "\r東京東京東京東京東…\rdone" + strings.Repeat(" ", 15) + "\n"; out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
	if got := b.part(5, 20) + b.left(5, 20); got != "[======                  ]  25 %  5 of 20, 30s left" {
		t.Error(got)
	}
	if got := b.pace(50, "requests"); got != ", 5 requests/s for 10s" {
		t.Error(got)
	}
	out.Reset()
	slow := &bar{out: &out, at: time.Now()}
	slow.show("too early")
	slow.at = time.Now().Add(-time.Minute)
	slow.show("a line")
	slow.end()
	(&bar{out: &out, silent: true, width: 80}).show("never")
	if out.String() != "a line\n" {
		t.Errorf("%q", out.String())
	}
	if c := (&command{err: &out, output: asJSON}); !c.bar().silent {
		t.Error("there is a bar with -o json")
	}
}

func TestFind(t *testing.T) {
	t.Parallel()
	e := &engine{answers: map[string]string{"/search": `{"results":[{"request":"` + string(gid) + `","collection":"tickets","site":"oslo","local":"4711","owner":"chicago","role":"copy","version":"1.2","updated":"2026-03-01T09:00:00Z"}]}`}}
	run := serve(t, e)
	if code, out, _ := run("", "requests", "find", "4711"); code != Done || !strings.Contains(squeezed(out), string(gid)+" tickets 4711 oslo chicago copy 1.2 2026-03-01 09:00:00Z") {
		t.Errorf("%d %s", code, out)
	}
	e.answers["/search"] = `{"results":[]}`
	if code, out, errs := run("", "requests", "find", "4711"); code != Failed || out != "" || !strings.Contains(errs, "nothing is known here as 4711") {
		t.Errorf("%d %s %s", code, out, errs)
	}
}
