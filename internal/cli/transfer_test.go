package cli

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/meridian-gateway/meridian/gateway"
	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

func TestTransfer(t *testing.T) {
	t.Setenv("USER", "ann")
	e := &engine{standing: request.Standing{Owner: "chicago", Version: at(1, 2, "chicago"), Role: request.Owner, Plan: &request.Plan{To: "tokyo"}}}
	run := serve(t, e)
	code, out, errs := run("", "transfer", "tokyo:a/1", "--to", "tokyo", "--mode", "move")
	if code != Done || errs != "" || out != string(gid)+" will be handed over to tokyo; until then chicago owns it.\n" {
		t.Errorf("%d %q %q", code, out, errs)
	}
	if want := (request.Order{Request: gid, To: "tokyo", Mode: "move", By: "ann from 127.0.0.1"}); len(e.orders) != 1 || e.orders[0] != want {
		t.Errorf("%+v", e.orders)
	}
	e.standing.Plan.Return = true
	if code, out, _ := run("", "return", "17"); code != Done || !strings.Contains(out, "will be returned to tokyo") || !e.orders[1].Return {
		t.Errorf("%d %q %+v", code, out, e.orders)
	}
	var st gateway.StandingView
	code, out, _ = run("", "return", "17", "-o", "json")
	if err := json.Unmarshal([]byte(out), &st); err != nil || code != Done || st.Request != gid || st.Plan == nil || st.Plan.To != "tokyo" {
		t.Errorf("%d %q %v", code, out, err)
	}
	e.standing = request.Standing{Owner: "tokyo", Version: at(2, 0, "tokyo"), Role: request.Owner}
	if code, out, _ := run("", "transfer", "17", "--to", "tokyo", "--wait", "1m"); code != Done || out != string(gid)+" is owned by tokyo, in version 2.0.\n" {
		t.Errorf("it was there already: %d %q", code, out)
	}
}

func TestMovesMisused(t *testing.T) {
	t.Parallel()
	e := &engine{}
	run := serve(t, e)
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"transfer", "17"}, Misused, "--to SITE"},
		{[]string{"transfer", "--to", "tokyo"}, Misused, "REF is missing"},
		{[]string{"transfer", "17", "--to", "tokyo", "--mode", "data"}, Misused, "ownership or move"},
		{[]string{"transfer", "17", "--to", "tokyo", "--wait", "-1s"}, Misused, "--wait"},
		{[]string{"transfer", "17", "--to", "tokyo", "--wait", "soon"}, Misused, "--wait"},
		{[]string{"transfer", "18", "--to", "tokyo"}, Failed, "nothing is known as 18"},
		{[]string{"return"}, Misused, "REF is missing"},
		{[]string{"reclaim", "17"}, Misused, "--reason TEXT"},
		{[]string{"reclaim", "17", "--reason", " ", "--yes"}, Misused, "--reason TEXT"},
		{[]string{"reclaim", "17", "--reason", "fire"}, Misused, "--yes"},
		{[]string{"reclaim", "17", "--reason", "fire", "--yes"}, Failed, "owned by this site already"},
		{[]string{"transfers", "x"}, Misused, "arg"},
		{[]string{"transfers", "--limit", "0"}, Misused, "limit"},
		{[]string{"conflicts", "show"}, Misused, "REF is missing"},
		{[]string{"conflicts", "show", "18"}, Failed, "nothing is known as 18"},
		{[]string{"conflicts", "dismiss", "17"}, Misused, "CONFLICT is missing"},
	} {
		if code, out, errs := run("", c.args...); code != c.code || !strings.Contains(errs, c.says) || out != "" {
			t.Errorf("%v: %d %q %q", c.args, code, out, errs)
		}
	}
	if len(e.orders) > 0 || len(e.reclaimed) > 0 {
		t.Errorf("something was asked for: %+v %+v", e.orders, e.reclaimed)
	}
}

// Released is not yet taken over: the old owner names the new one from the release on.
func TestWaitForTheNewOwner(t *testing.T) {
	t.Parallel()
	plan := request.Plan{To: "tokyo", Since: nine()}
	steps := []request.Entry{
		{Role: request.Owner, Owner: "chicago", Version: at(1, 2, "chicago"), Plan: &plan},
		{Role: request.Granting, Owner: "tokyo", Version: at(1, 2, "chicago"), Grant: &request.Grant{To: "tokyo", Plan: plan}},
		{Role: request.Copy, Owner: "tokyo", Version: at(2, 0, "tokyo")},
	}
	e := &engine{standing: request.Standing{Owner: "chicago", Version: at(1, 2, "chicago"), Role: request.Owner, Plan: &plan}}
	e.look = func(n int) store.Record { return always(steps[min(n-1, len(steps)-1)])(n) }
	run := serve(t, e)
	code, out, errs := run("", "transfer", "17", "--to", "tokyo", "--wait", "1m")
	if code != Done || out != string(gid)+" is owned by tokyo, in version 2.0.\n" || len(e.orders) != 1 {
		t.Errorf("%d %q %q after %d looks", code, out, errs, e.looks)
	}
	e.shows(e.look)
	if code, out, _ := run("", "return", "17", "--wait", "1m", "-o", "json"); code != Done || !strings.Contains(out, `"owner":"tokyo","version":"2.0","role":"copy"}`) {
		t.Errorf("%d %q", code, out)
	}
}

func TestWaitInVain(t *testing.T) {
	t.Parallel()
	plan := request.Plan{To: "tokyo", Since: nine(), Cause: "the link to tokyo is down"}
	e := &engine{standing: request.Standing{Owner: "chicago", Version: at(1, 2, "chicago"), Role: request.Owner, Plan: &plan}}
	e.look = always(request.Entry{Role: request.Owner, Owner: "chicago", Version: at(1, 2, "chicago"), Plan: &plan})
	run := serve(t, e)
	if code, out, errs := run("", "transfer", "17", "--to", "tokyo", "--wait", "10ms"); code != Failed || out != "" ||
		!strings.Contains(errs, "not owned by tokyo after 10ms") {
		t.Errorf("%d %q %q", code, out, errs)
	}
	parked := plan
	parked.Parked, parked.Cause = true, "there is no site tokyo"
	e.shows(always(request.Entry{Role: request.Owner, Owner: "chicago", Version: at(1, 2, "chicago"), Plan: &parked}))
	if code, _, errs := run("", "transfer", "17", "--to", "tokyo", "--wait", "1h"); code != Failed || !strings.Contains(errs, "parked: there is no site tokyo") {
		t.Errorf("%d %q", code, errs)
	}
}

func TestTransfers(t *testing.T) {
	t.Parallel()
	plan := request.Plan{To: "tokyo", Since: nine(), Terms: request.Terms{Route: "sun"}, Cause: "the link to tokyo\x1b[31m is down"}
	parked := request.Plan{To: "oslo", Since: nine(), Mode: "move", Archive: true, By: "ann from 127.0.0.1", Parked: true, Cause: "no such site"}
	e := &engine{list: []store.Record{
		{Entry: request.Entry{ID: gid, Role: request.Owner, Owner: "chicago", Version: at(1, 2, "chicago"), Plan: &plan}},
		{Entry: request.Entry{ID: gid, Role: request.Owner, Owner: "chicago", Version: at(1, 2, "chicago"), Plan: &parked}},
		{Entry: request.Entry{ID: gid, Role: request.Granting, Owner: "paris", Version: at(1, 2, "chicago"),
			Grant: &request.Grant{To: "paris", At: nine(), Plan: request.Plan{To: "paris", Return: true}, Cause: "waiting for the word of paris"}}},
	}}
	run := serve(t, e)
	code, out, _ := run("", "transfers")
	for _, want := range []string{
		string(gid) + " waiting chicago tokyo ownership 2026-03-01 09:00:00Z route sun the link to tokyo\uFFFD[31m is down",
		string(gid) + " parked chicago oslo archive 2026-03-01 09:00:00Z ann from 127.0.0.1 no such site",
		string(gid) + " open chicago paris return 2026-03-01 09:00:00Z - waiting for the word of paris",
	} {
		if code != Done || !strings.Contains(squeezed(out), want) {
			t.Errorf("%d: %q is missing in\n%s", code, want, out)
		}
	}
	if _, out, _ := run("", "transfers", "--limit", "3"); !strings.Contains(out, `There are more: --after "`+string(gid)) {
		t.Error(out)
	}
	e.list = nil
	if code, out, _ := run("", "transfers"); code != Done || out != "No hand-over is waiting, open or parked here.\n" {
		t.Errorf("%d %q", code, out)
	}
	if code, out, _ := run("", "transfers", "-o", "json"); code != Done || out != `{"transfers":[],"after":""}`+"\n" {
		t.Errorf("%d %q", code, out)
	}
}

func TestReclaim(t *testing.T) {
	t.Setenv("USER", "ann")
	e := &engine{standing: request.Standing{Owner: "tokyo", Version: at(2, 0, "tokyo"), Role: request.Owner}}
	e.look = always(request.Entry{Role: request.Copy, Owner: "chicago", Local: "9", Version: at(1, 7, "chicago")})
	run := serve(t, e)
	code, out, errs := run("", "reclaim", "17", "--reason", "fire", "--yes")
	if code != Done || out != string(gid)+" is owned by tokyo now, in version 2.0.\n" || len(e.reclaimed) != 1 || e.reclaimed[0] != "ann from 127.0.0.1: fire" {
		t.Errorf("%d %q %q %q", code, out, errs, e.reclaimed)
	}
	for _, want := range []string{"is owned by chicago", "version 1.7", "What chicago acknowledged after it", "conflict records"} {
		if !strings.Contains(errs, want) {
			t.Errorf("%q is missing in %q", want, errs)
		}
	}
	e.look = always(request.Entry{Role: request.Granting, Owner: "paris", Version: at(1, 7, "chicago"), Grant: &request.Grant{To: "paris", At: nine(), Cause: "silence"}})
	if code, out, errs := run("", "reclaim", "17", "--reason", "fire", "--yes", "-o", "json"); code != Done || !strings.Contains(out, `"owner":"tokyo"`) ||
		!strings.Contains(errs, "hand-over from chicago to paris, since 2026-03-01 09:00:00Z (silence)") || !strings.Contains(errs, "What paris acknowledged") {
		t.Errorf("%d %q %q", code, out, errs)
	}
	e.err = &request.Error{Kind: request.Conflict, Detail: "a write of it is in doubt"}
	if code, out, errs := run("", "reclaim", "17", "--reason", "fire", "--yes"); code != Failed || out != "" || !strings.HasSuffix(errs, "meridian: a write of it is in doubt\n") {
		t.Errorf("%d %q %q", code, out, errs)
	}
}

func TestAgreed(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]bool{"yes\n": true, " yes \r\n": true, "yes": true, "y\n": false, "\n": false, "": false, "no\nyes\n": false} {
		var asked strings.Builder
		if got := agreed(strings.NewReader(in), &asked); got != want || !strings.Contains(asked.String(), "yes") {
			t.Errorf("%q: %v, asked %q", in, got, asked.String())
		}
	}
	if terminal(strings.NewReader("")) {
		t.Error("a string is no terminal")
	}
}
