package cli

import (
	"strings"
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/gateway"
	"github.com/meridian-gateway/meridian/request"
)

// The first lines of a request say what is stale, why, and what to type next.
func TestWhyIsThisOneStale(t *testing.T) {
	t.Parallel()
	since := time.Now().Add(-250 * time.Second)
	owner := request.Entry{Role: request.Owner, Owner: "chicago", Local: "17", Version: at(1, 4, "chicago")}
	to := func(site request.Site, s request.State, acked uint64, cause string) request.Delivery {
		return request.Delivery{Request: gid, Site: site, State: s, Acked: at(1, acked, "chicago"), Owed: at(1, 4, "chicago"), Since: since, Cause: cause}
	}
	waits := to("oslo", request.Waiting, 3, "the request API of oslo answered 503")
	waits.Attempts, waits.Due = 4, time.Now().Add(time.Hour)
	doubt := owner
	doubt.Doubt = &request.Doubt{Reason: "the answer was lost"}
	queue := request.Entry{Role: request.Copy, Owner: "tokyo", Local: "17", Version: at(1, 3, "tokyo"), Queue: []request.Queued{{Op: "x"}}}
	parked := owner
	parked.Plan = &request.Plan{To: "oslo", Parked: true, Cause: "no such site"}
	for _, c := range []struct {
		name    string
		entry   request.Entry
		holders []request.Delivery
		journey string
		want    []string
	}{
		{"all is well", owner, []request.Delivery{to("oslo", request.Delivered, 4, "")}, "", []string{
			"is owned by chicago, here in version 1.4. Nothing is in the way: all copies have what the owner has.",
			"chicago owner 1.4 17 settled", "oslo copy 1.4 - delivered"}},
		{"alone", owner, nil, "", []string{"No other site has a copy."}},
		{"link down", owner, []request.Delivery{to("tokyo", request.Pending, 2, "")}, "", []string{"1 thing to know:",
			"! tokyo has version 1.2, not 1.4, for 4m10s: the link to it is down: nothing listens at 10.0.0.7:1 (connection refused). It goes out by itself",
			"meridian status --admin ITS-ADMIN-ADDRESS"}},
		{"refused", owner, []request.Delivery{to("oslo", request.Parked, 2, "the request API of oslo answered 422")}, "", []string{
			"! oslo has version 1.2, not 1.4, for 4m10s: the request API of oslo answered 422. It is parked: not tried again by itself. Correct the cause, then:",
			"meridian deliveries retry " + string(gid)}},
		{"waits", owner, []request.Delivery{waits}, "", []string{"* oslo has version 1.3, not 1.4", "It was tried 4 times, the next time at", "To try it at once: meridian deliveries retry"}},
		{"cancelled", owner, []request.Delivery{to("oslo", request.Cancelled, 3, "")}, "", []string{"Somebody cancelled it"}},
		{"in doubt", doubt, nil, "", []string{"! A write is in doubt", "the answer was lost", "meridian doubts show " + string(gid)}},
		{"parked transfer", parked, nil, "", []string{"! The transfer to oslo is parked: no such site. Correct the cause, then order it again: meridian transfer " + string(gid) + " --to oslo"}},
		{"at a copy", queue, nil, "", []string{"* tokyo owns it and knows what its copies lack. Ask there:", "* 1 write waits here for the owner, tokyo"}},
		{"at a stale copy", queue, nil, `{"owner":"tokyo","version":"1.9","sites":[{"site":"tokyo","reached":true,"role":"owner","version":"1.9","local":"4"},{"site":"chicago","reached":true,"role":"copy","version":"1.3"}]}`,
			[]string{"! tokyo has version 1.9, this site has 1.3. Why it has not come is known at the owner:", "tokyo owner 1.9 4 up to date", "chicago copy 1.3 17 1 write queued"}},
		{"the owner is away", queue, nil, `{"owner":"tokyo","sites":[{"site":"tokyo","reached":false,"cause":"dial tcp 10.0.0.7:1: i/o timeout"}]}`,
			[]string{"! tokyo owns it and cannot be asked: no answer from 10.0.0.7:1 in time", "Whether version 1.3 is the newest is not known here.", "tokyo - - - not asked"}},
		{"a copy that the owner has", queue, nil, `{"owner":"tokyo","sites":[{"site":"tokyo","reached":true,"role":"owner","version":"1.3"}]}`, []string{"1 thing to know:"}},
	} {
		e := &engine{look: always(c.entry, c.holders...), health: gateway.Forwarding{Destinations: []gateway.Destination{
			{Site: "tokyo", State: gateway.Down, LastError: "dial tcp 10.0.0.7:1: connect: connection refused"}}}}
		if c.journey != "" {
			e.answers = map[string]string{"/journey": c.journey}
		}
		code, out, errs := serve(t, e)("", "requests", "show", "17")
		for _, want := range c.want {
			if code != Done || !strings.Contains(squeezed(out), want) {
				t.Errorf("%s: %d: %q is missing in\n%s%s", c.name, code, want, out, errs)
			}
		}
	}
}

func TestJourney(t *testing.T) {
	t.Parallel()
	e := &engine{answers: map[string]string{"/journey": `{"request":"` + string(gid) + `","collection":"tickets","owner":"chicago","origin":"oslo","version":"1.2","complete":false,
"sites":[{"site":"chicago","reached":true,"role":"owner","version":"1.2","local":"17","updated":"2026-03-01T09:00:00Z"},
 {"site":"oslo","reached":true,"role":"copy","version":"1.1","local":"4","behind":"waiting"},
 {"site":"tokyo","reached":false,"cause":"peer.Ask tokyo: not-sent: Post \"http://x/\": dial tcp 10.0.0.7:1: connect: connection refused"},{"site":"rome","reached":true}],
"events":[{"at":"2026-03-01T09:00:00Z","site":"oslo","kind":"forwarded","to":"chicago","route":"chairs","operation":"x"},
 {"at":"2026-03-01T09:00:00.12Z","site":"chicago","kind":"created","version":"1.1","status":201},
 {"at":"2026-03-01T09:00:00.5Z","site":"oslo","kind":"applied","from":"chicago","version":"1.1","seconds":0.38},
 {"at":"2026-03-01T09:00:01Z","site":"chicago","kind":"owed","to":"oslo","version":"1.2","seconds":250},
 {"at":"2026-03-01T09:00:02Z","site":"chicago","kind":"polished"}]}`}}
	run := serve(t, e)
	code, out, errs := run("", "requests", "journey", "17")
	for _, want := range []string{"is owned by chicago, in version 1.2; created at oslo.",
		"tokyo could not be asked, so what happened there is missing: nothing listens at 10.0.0.7:1 (connection refused).",
		"chicago owner 1.2 17 2026-03-01 09:00:00Z up to date", "oslo copy 1.1 4 - waiting", "This is not all",
		"2026-03-01 09:00:00.000Z oslo forwarded to chicago - - route chairs", "09:00:00.120Z chicago created 1.1 - status 201",
		"09:00:00.500Z oslo applied, from chicago 1.1 380ms", "chicago owed to oslo 1.2 4m10s", "chicago polished"} {
		if code != Done || !strings.Contains(squeezed(out), want) {
			t.Errorf("%d: %q is missing in\n%s%s", code, want, out, errs)
		}
	}
	if code, out, _ := run("", "requests", "journey", "17", "-o", "yaml"); code != Done || !strings.Contains(out, "kind: polished") {
		t.Errorf("%d %s", code, out)
	}
}

func TestDeliveriesWithTheirPayload(t *testing.T) {
	t.Parallel()
	e := &engine{owed: []request.Delivery{{Request: gid, Site: "oslo", State: request.Parked, Acked: at(1, 1, "chicago"), Owed: at(1, 2, "chicago"), Since: nine(), Attempts: 3, Cause: "answered 422"}},
		answers: map[string]string{"/preview": `{"call":{"method":"PATCH","url":"http://oslo/tickets/4","body":{"title":"chair"}},"dropped":[{"field":"legs","why":"the profile of oslo has no such field"}],"problem":"status is strict"}`}}
	run := serve(t, e)
	code, out, errs := run("", "deliveries", "show", "17")
	for _, want := range []string{"state parked", "cause answered 422", "Try it again: meridian deliveries retry " + string(gid) + " --to oslo", "Payload: PATCH http://oslo/tickets/4",
		`{ "title": "chair" }`, "left out: legs, the profile of oslo has no such field", "problem: status is strict"} {
		if code != Done || !strings.Contains(squeezed(out), want) {
			t.Errorf("%d: %q is missing in\n%s%s", code, want, out, errs)
		}
	}
	if code, out, _ := run("", "deliveries", "show", "17", "--payload", "-o", "json"); code != Done || !strings.HasPrefix(out, `[{"call":{"method":"PATCH"`) {
		t.Errorf("%d %s", code, out)
	}
	e.owed = nil
	if code, out, _ := run("", "deliveries", "show", "17"); code != Done || !strings.Contains(out, "owes it to nobody") {
		t.Errorf("%d %s", code, out)
	}
	e.shows(always(request.Entry{Role: request.Copy, Owner: "tokyo"}))
	if code, out, _ := run("", "deliveries", "show", "17"); code != Done || !strings.Contains(out, "tokyo owns the request") {
		t.Errorf("%d %s", code, out)
	}
	for args, want := range map[string]string{"": "all sites have confirmed everything", "--to oslo": "Nothing is owed to oslo", "--state parked": "No delivery is parked.", "--state parked --to oslo": "No delivery to oslo is parked."} {
		if _, out, _ := run("", append([]string{"deliveries", "list"}, strings.Fields(args)...)...); !strings.Contains(out, want) {
			t.Errorf("%s: %s", args, out)
		}
	}
}
