package chaos

import (
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// Where a fault can strike.
const (
	anywhere = "both"  // on both stores
	onDisk   = "disk"  // a network whose first site's store is on a small disk
	onClock  = "clock" // one whose first site's clock can be set
	onCerts  = "certs" // one whose peers talk TLS
)

// Fault is one row of the matrix.
type Fault struct {
	// Name says what happens; No is the row of the protocol's own matrix.
	Name string
	No   string
	// On is anywhere, Embedded, OnRedis, or what the fault needs.
	On string
	// Codes are the outcomes that the protocol documents, by column.
	Codes [6]string
	// Late marks a fault under which a call of an earlier write may still land on a copy after a newer one, which is put right after the
	// quiet time: reads may go back for so long.
	Late bool
	// First has it strike the first site only, where what it needs is.
	First bool
	// Sample marks those that are tried every time that the tests run, not only in a long run.
	Sample bool
	// Strike does it and mends it again.
	Strike func(Bout) error
}

// late breaks the connection and does the call after a while.
func late(method string) *harness.Fault { return harness.LateCommit(method, 300*time.Millisecond) }

// garbled does the call and answers what nobody can read.
func garbled(method string) *harness.Fault {
	return &harness.Fault{Method: method, Commit: true, Status: 200, Body: "<html>moved</html>"}
}

// failed answers 500, of which half did the call.
func failed(method string) *harness.Fault {
	return &harness.Fault{Method: method, Commit: rand.IntN(2) == 0, Status: 500, Body: `{"error":"oops"}`}
}

// slow answers after a while; a call whose caller has gone is done all the same.
func slow(method string) *harness.Fault { return harness.Slow(method, 600*time.Millisecond) }

// rated answers 429.
func rated(method string) *harness.Fault { return harness.Refuse(method, 429) }

// refused refuses what clients send. What gateways send of their own is taken: a request API whose rules differ is another matter.
func refused(method string) *harness.Fault {
	x := harness.Refuse(method, 422)
	x.When = func(r *http.Request, _ []byte) bool { return r.Header.Get("X-Forwarded-For") != "" }
	return x
}

// Faults are the rows of the matrix.
func Faults() []Fault {
	out := slices.Concat(gatewayFaults(), upstreamFaults(), linkFaults(), storeFaults())
	for i := range out {
		out[i].Sample = slices.Contains([]string{"gateway killed after the API's commit", "API drops before its commit", "API drops after its commit",
			"link takes calls and loses answers", "link delivers every call twice", "Redis killed and started again"}, out[i].Name)
	}
	return out
}

func gatewayFaults() []Fault {
	hole, oneWay := (*harness.Link).Hole, (*harness.Link).OneWay
	return []Fault{
		{Name: "gateway killed before its call is sent", No: "1", On: anywhere, Codes: [6]string{"503*", "503*", "503*/dbt", "late", "own", "503*"},
			Strike: func(b Bout) error { return b.killWhile(hole) }},
		{Name: "gateway killed after the API's commit", No: "2", On: anywhere, Codes: [6]string{"503*/dbt", "503*/dbt", "503*/dbt", "late", "own/blk", "503*/dbt"},
			Strike: func(b Bout) error { return b.killWhile(oneWay) }},
		{Name: "gateway killed at random", No: "1-2", On: anywhere, Codes: [6]string{"503*/dbt", "503*/dbt", "503*/dbt", "late", "own/blk", "503*/dbt"},
			Strike: Bout.killOften},
		{Name: "two gateways killed in turn", No: "23", On: anywhere, Codes: [6]string{"503*/dbt", "503*/dbt", "503*/dbt", "503*/dbt", "blk", "503*/dbt"},
			Strike: Bout.killBoth},
		{Name: "gateway down for a while", No: "11", On: anywhere, Codes: [6]string{"503*", "503*", "503*/dbt", "late", "blk", "503*"}, Strike: Bout.down},
		{Name: "gateway stopped (SIGSTOP)", No: "20", On: anywhere, Codes: [6]string{"ok/dbt", "ok/dbt", "503*/dbt", "late", "own/blk", "ok/dbt"}, Strike: Bout.asleep},
		{Name: "rolling restart (SIGTERM)", No: "30", On: anywhere, Codes: [6]string{"503*", "503*", "503*", "503*", "own", "503*"}, Strike: Bout.rolling},
	}
}

func upstreamFaults() []Fault {
	row := func(name, no string, codes [6]string, times int, fault func(string) *harness.Fault) Fault {
		return Fault{Name: name, No: no, On: anywhere, Codes: codes, Strike: func(b Bout) error { return b.upstream(times, fault) }}
	}
	doubt := [6]string{"dbt", "dbt", "dbt", "late", "own/blk", "dbt"}
	out := []Fault{
		row("API drops before its commit", "3", doubt, 2, harness.DropBeforeCommit),
		row("API drops after its commit", "2", doubt, 2, harness.CommitThenDrop),
		row("API commits late", "4", doubt, 2, late),
		row("API answers 500", "5", [6]string{"dbt/pass", "dbt/pass", "dbt/pass", "late", "own/blk", "dbt/pass"}, 3, failed),
		row("API answers 429", "5", [6]string{"429/503", "429/503", "429/503", "late", "own", "429/503"}, 4, rated),
		row("API is slow", "5", [6]string{"ok", "ok", "ok/dbt", "late", "own/blk", "ok"}, 0, slow),
		row("API refuses (422)", "6", [6]string{"pass", "pass", "pass", "late", "own", "pass"}, 0, refused),
		row("API answers garbage", "42", doubt, 2, garbled),
	}
	out[2].Late, out[5].Late = true, true
	return append(out, Fault{Name: "API down", No: "5", On: anywhere, Codes: [6]string{"503/dbt", "503/dbt", "503/dbt", "late", "own", "503/dbt"}, Strike: Bout.unlistened})
}

func linkFaults() []Fault {
	row := func(name, no string, codes [6]string, lose bool, fail func(*harness.Link)) Fault {
		return Fault{Name: name, No: no, On: anywhere, Codes: codes, Strike: func(b Bout) error { return b.linked(fail, lose) }}
	}
	apart := [6]string{"ok/dbt", "ok", "503/dbt", "late", "own/blk", "ok/503/dbt"}
	return []Fault{
		row("link cut, both ways", "8", apart, false, (*harness.Link).Cut),
		row("link takes calls and loses answers", "9", apart, true, (*harness.Link).OneWay),
		row("link is a black hole, then delivers late", "10", apart, false, (*harness.Link).Hole),
		row("link is a black hole, all in it is lost", "8", apart, true, (*harness.Link).Hole),
		row("link breaks every connection at once", "8", apart, false, (*harness.Link).Drop),
		row("link is slow", "13", [6]string{"ok", "ok", "ok/503/dbt", "late", "own/blk", "ok/503"}, false, func(k *harness.Link) { k.Delay(80 * time.Millisecond) }),
		{Name: "link is reset again and again", No: "8", On: anywhere, Codes: apart, Strike: Bout.resets},
		{Name: "link delivers every call twice", No: "10", On: anywhere, Codes: [6]string{"ok/dbt", "ok", "ok/503/dbt", "late", "own/blk", "ok/503/dbt"}, Strike: Bout.twice},
	}
}

func storeFaults() []Fault {
	down := [6]string{"503/dbt", "503/dbt", "503/dbt", "late", "own/blk", "503/dbt"}
	fault := func(name, no, on string, codes [6]string, strike func(Bout) error) Fault {
		return Fault{Name: name, No: no, On: on, Codes: codes, Strike: strike, First: on == onDisk || on == onClock}
	}
	return []Fault{
		fault("Redis killed and started again", "12", OnRedis, down, Bout.redisGone),
		fault("Redis stopped (SIGSTOP)", "13", OnRedis, down, Bout.redisAsleep),
		fault("Redis out of memory", "12", OnRedis, down, func(b Bout) error {
			return b.redisSet([]string{"CONFIG", "SET", "maxmemory", "1"}, []string{"CONFIG", "SET", "maxmemory", "512mb"})
		}),
		fault("Redis read-only (a replica)", "12", OnRedis, down, func(b Bout) error {
			return b.redisSet([]string{"REPLICAOF", "127.0.0.1", "1"}, []string{"REPLICAOF", "NO", "ONE"})
		}),
		fault("Redis emptied (FLUSHALL)", "15", OnRedis, [6]string{"rej", "rej", "503/dbt/rej", "late", "rej", "rej"}, func(b Bout) error {
			return b.redisSet([]string{"FLUSHALL"}, nil)
		}),
		fault("disk full", "17", onDisk, down, Bout.full),
		fault("clock jumps by an hour and by a day", "19", onClock, [6]string{"ok", "ok", "ok/503", "late", "own", "ok/503"}, Bout.jumps),
		fault("certificate expired", "27", onCerts, [6]string{"ok/dbt", "ok", "503/dbt", "late", "own/blk", "ok/503/dbt"}, Bout.expired),
	}
}

// allowed are the classes of answers that a documented outcome comes with. An answer of "ok" always is: the fault does not strike every
// call. Retries under a key may meet their own first attempt.
func allowed(codes ...string) map[string]bool {
	means := map[string][]string{
		"503": {classNo}, "503*": {classCut, classNo, classDoubt, classWait}, "dbt": {classDoubt, classNo, classWait}, "pass": {classPass},
		"429": {classPass, classRate}, "own": {classNo}, "blk": {classNo}, "rej": {classNo, classDoubt},
	}
	out := map[string]bool{classOK: true}
	for _, code := range codes {
		for one := range strings.SplitSeq(code, "/") {
			for _, class := range means[one] {
				out[class] = true
			}
		}
	}
	return out
}
