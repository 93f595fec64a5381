package cli

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/gateway"
	"github.com/meridian-gateway/meridian/request"
)

func TestStatusSaysWhatToDo(t *testing.T) {
	t.Parallel()
	drain, catchUp := 90.0, 600.0
	at := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	e := &engine{health: gateway.Forwarding{State: gateway.Down, ConfigHash: "abc", InDoubt: 1, Conflicts: 2, Transfers: gateway.TransferCount{Parked: 1, Open: 1},
		Problems: []string{"the network file on disk was not taken: x.yaml:1:1: unknown key"},
		Destinations: []gateway.Destination{
			{Site: "oslo", State: gateway.OK, Breaker: "closed", Pending: 2, Drain: &drain},
			{Site: "paris", State: gateway.Degraded, Breaker: "closed", Parked: 3, OldestAge: 7200},
			{Site: "rome", State: gateway.Degraded, Breaker: "closed", Pending: 5, OldestAge: 90, Drain: &drain, Forecast: &gateway.Forecast{Trend: "growing", Hour: 70}},
			{Site: "tokyo", State: gateway.Down, Breaker: "open", Waiting: 12, OldestAge: 250, LastSuccess: &at, Forecast: &gateway.Forecast{Hour: 180, CatchUp: &catchUp},
				LastError: `peer.Hello tokyo: not-sent: Post "http://10.0.0.7:8101/peer/v1/hello": dial tcp 10.0.0.7:8101: connect: connection refused`},
		}}}
	run := serve(t, e)
	code, out, errs := run("", "status")
	text := squeezed(out)
	for _, want := range []string{
		"chicago of network furniture: down. Clients here are served, but 1 link of 4 cannot be used. 8 things to look at:",
		"! The network file on disk was not taken: x.yaml:1:1: unknown key. The one from before is in use. Correct it",
		"meridian check NETWORK.yaml",
		"! tokyo cannot be reached: nothing listens at 10.0.0.7:8101 (connection refused). 12 deliveries are owed to it, the oldest for 4m10s; they are kept",
		"! 3 deliveries to paris are parked: they were not taken",
		"meridian deliveries retry --state parked --to paris --admin http://",
		"! 1 write is in doubt", "meridian doubts list --admin",
		"! 1 transfer is parked",
		"* 5 deliveries to rome are late: the oldest is owed for 1m30s; drained in about 1m30s; more come than go out, and in an hour it will be about 70.",
		"If it goes on like this, about 180 will be owed in an hour, and take some 10m0s when it is back then.",
		"* 2 requests have conflict records",
		"* 1 hand-over is under way",
		"LINK TO STATE BREAKER OWED WAITING PARKED OLDEST LAG P50 LAG P99 DRAINED IN LAST ERROR",
		"tokyo down open 12 12 0 4m10s - - not known nothing listens at 10.0.0.7:8101 (connection refused)",
		"oslo ok closed 2 0 0 - - - 1m30s -",
		"network file abc",
	} {
		if code != Done || !strings.Contains(text, want) {
			t.Errorf("%d: %q is missing in\n%s%s", code, want, out, errs)
		}
	}
	if strings.Index(text, "tokyo cannot") > strings.Index(text, "are parked") || strings.Index(text, "are late") < strings.Index(text, "in doubt") {
		t.Errorf("the worst does not come first:\n%s", out)
	}
}

// A link that is up and leads to a gateway without its request API is not called broken.
func TestStatusOfASiteWithoutItsAPI(t *testing.T) {
	t.Parallel()
	e := &engine{health: gateway.Forwarding{State: gateway.Down, Destinations: []gateway.Destination{{Site: "tokyo", State: gateway.Down, Breaker: "open", Waiting: 1,
		LastError: "peer.Deliver tokyo: its upstream cannot be reached"}}}}
	if _, out, _ := serve(t, e)("", "status"); !strings.Contains(squeezed(out), "! tokyo takes no copies: its gateway answers, its request API does not. 1 delivery is owed to it") ||
		!strings.Contains(out, "Is the request API there running? At tokyo:") {
		t.Error(out)
	}
}

func TestStatusOfAWellSite(t *testing.T) {
	t.Parallel()
	e := &engine{health: gateway.Forwarding{State: gateway.OK, Destinations: []gateway.Destination{{Site: "tokyo", State: gateway.OK, Breaker: "closed"}}}}
	code, out, _ := serve(t, e)("", "status")
	if first, _, _ := strings.Cut(out, "\n"); code != Done || first != "chicago of network furniture: ok. Clients here are served, and all links are up. Nothing is owed to any site." {
		t.Errorf("%d %q", code, out)
	}
}

// Parked deliveries are named below the links.
func TestStatusNamesWhatNeedsAPerson(t *testing.T) {
	t.Parallel()
	e := &engine{health: gateway.Forwarding{State: gateway.Degraded, Destinations: []gateway.Destination{{Site: "tokyo", State: gateway.Degraded, Parked: 1}}}}
	e.owed = []request.Delivery{{Request: gid, Site: "tokyo", State: request.Parked, Owed: at(1, 2, "chicago"), Since: nine(), Cause: "the request API answered 422"}}
	_, out, _ := serve(t, e)("", "status")
	if want := "NEEDS A PERSON REQUEST SITE SINCE WHY parked " + string(gid) + " tokyo 2026-03-01 09:00:00Z the request API answered 422"; !strings.Contains(squeezed(out), want) {
		t.Error(out)
	}
}

// endless is an output that ends a command after so many looks.
type endless struct {
	bytes.Buffer
	looks int
	stop  context.CancelFunc
	mark  string
}

func (e *endless) Write(p []byte) (int, error) {
	if e.looks -= bytes.Count(p, []byte(e.mark)); e.looks <= 0 {
		e.stop()
	}
	return e.Buffer.Write(p)
}

func TestWatchStatus(t *testing.T) {
	t.Parallel()
	e := &engine{health: gateway.Forwarding{State: gateway.OK}}
	url := address(t, e)
	for _, c := range []struct{ notation, mark string }{{"table", "of network"}, {"json", `{"network":"furniture"`}, {"yaml", "---\n"}} {
		ctx, stop := context.WithCancel(t.Context())
		out := &endless{looks: 3, stop: stop, mark: c.mark}
		var errs bytes.Buffer
		code := Run(ctx, []string{"status", "--watch", "--every", "100ms", "-o", c.notation, "--admin", url}, nil, out, &errs)
		if code != Done || strings.Count(out.String(), c.mark) != 3 || errs.Len() > 0 {
			t.Errorf("%s: %d %q %q", c.notation, code, out.String(), errs.String())
		}
		stop()
	}
	var out, errs bytes.Buffer
	if code := Run(t.Context(), []string{"status", "--watch", "--admin", "127.0.0.1:1"}, nil, &out, &errs); code != Unreachable {
		t.Errorf("%d %q", code, errs.String())
	}
}

func TestCausesInWords(t *testing.T) {
	t.Parallel()
	for cause, want := range map[string]string{
		`peer.Hello oslo: not-sent: Post "http://127.0.0.1:1/peer/v1/hello": dial tcp 127.0.0.1:1: connect: connection refused`: "nothing listens at 127.0.0.1:1 (connection refused)",
		`Get "http://oslo.example/x": dial tcp: lookup oslo.example on 10.0.0.1:53: no such host`:                               "the name oslo.example is not known here (DNS)",
		"dial tcp 10.0.0.1:80: i/o timeout":                               "no answer from 10.0.0.1:80 in time; is the line up, and does a firewall let this through?",
		"dial tcp 10.0.0.1:80: connect: no route to host":                 "there is no way to 10.0.0.1:80 (no route to host)",
		"read tcp 1.1.1.1:5->10.0.0.1:80: read: connection reset by peer": "10.0.0.1:80 broke off the connection; does something else answer there, or is TLS expected?",
		`nothing was sent: breaker open since 2026-11-23T19:57:32Z: peer.Trail oslo: not-sent: Post "http://x/": dial tcp 1.1.1.1:1: connect: connection refused`: "nothing listens at 1.1.1.1:1 (connection refused)",
		"context deadline exceeded":                                                  "no answer in time (context deadline exceeded)",
		"the request API of tokyo answered 422: no such category":                    "the request API of tokyo answered 422: no such category",
		"the upstream of tokyo cannot be reached: dial tcp 10.0.0.1:80: i/o timeout": "the upstream of tokyo cannot be reached: no answer from 10.0.0.1:80 in time; is the line up, and does a firewall let this through?",
	} {
		if got := inWords(cause); got != want {
			t.Errorf("%s\n%s\nwant\n%s", cause, got, want)
		}
	}
}
