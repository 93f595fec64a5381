package peer

import (
	"fmt"
	"time"

	"pgregory.net/rapid"

	"github.com/meridian-gateway/meridian/request"
)

// anyHandover is a hand-over from oslo to rome that a gateway may send. What is empty is nil, as the wire leaves it out.
func anyHandover(t *rapid.T) request.Handover {
	num := rapid.Uint64Range(1, 1<<48-2).Draw(t, "num")
	site := rapid.SampledFrom([]request.Site{"oslo", "rome", "paris"})
	reign := rapid.Custom(func(t *rapid.T) request.Epoch {
		return request.Epoch{Num: rapid.Uint64Range(1, 1<<48-1).Draw(t, "num"), Site: site.Draw(t, "site")}
	})
	version := rapid.Custom(func(t *rapid.T) request.Version {
		return request.Version{Epoch: reign.Draw(t, "epoch"), Seq: rapid.Uint64Range(0, 1<<48-1).Draw(t, "seq")}
	})
	text := rapid.String() // valid UTF-8, of any letters
	h := request.Handover{
		Stage:  rapid.SampledFrom([]request.Stage{request.Prepare, request.GrantIt, request.CancelIt}).Draw(t, "stage"),
		Epoch:  request.Epoch{Num: num + 1, Site: "rome"},
		Return: rapid.Bool().Draw(t, "return"),
		Hops:   rapid.IntRange(0, maxHops).Draw(t, "hops"),
		Path:   sliceOf(t, "path", site, 5),
		Routes: sliceOf(t, "routes", text, 5),
		Terms:  anyTerms(t),
	}
	h.Holders = sliceOf(t, "holders", rapid.Custom(func(t *rapid.T) request.Debt {
		return request.Debt{Site: rapid.SampledFrom([]request.Site{"oslo", "paris"}).Draw(t, "site"), Terms: anyTerms(t), Due: anyTime(t)}
	}), 5)
	h.Snapshot = request.Snapshot{ID: request.NewID(time.UnixMilli(rapid.Int64Range(0, 1<<40).Draw(t, "made"))), Collection: "t" + text.Draw(t, "collection"),
		Version: request.Version{Epoch: request.Epoch{Num: num, Site: "oslo"}, Seq: rapid.Uint64Range(0, 1<<48-1).Draw(t, "seq")},
		Owner:   "oslo", Origin: site.Draw(t, "origin"), EnteredBy: text.Draw(t, "entered by"), Fields: anyFields(t), At: anyTime(t),
		Holders: sliceOf(t, "known holders", site, 5)}
	if rapid.Bool().Draw(t, "locals") {
		h.Snapshot.Locals = map[request.Site]string{"paris": text.Draw(t, "local")}
	}
	h.Snapshot.Ops = sliceOf(t, "ops", rapid.Custom(func(t *rapid.T) request.Op {
		return request.Op{ID: text.Draw(t, "op"), Kind: request.Update, Version: version.Draw(t, "version"), Outcome: request.Done,
			Status: rapid.IntRange(0, 599).Draw(t, "status"), At: anyTime(t)}
	}), 5)
	h.Snapshot.Former = sliceOf(t, "former", rapid.Custom(func(t *rapid.T) request.Tenure {
		return request.Tenure{Epoch: reign.Draw(t, "epoch"), Until: anyTime(t)}
	}), 5)
	h.Snapshot.Forces = sliceOf(t, "forces", rapid.Custom(func(t *rapid.T) request.Force {
		return request.Force{Epoch: reign.Draw(t, "epoch"), Base: version.Draw(t, "base"), By: text.Draw(t, "by"), Reason: text.Draw(t, "reason"), At: anyTime(t)}
	}), 5)
	return h
}

func sliceOf[T any](t *rapid.T, name string, of *rapid.Generator[T], most int) []T {
	s := rapid.SliceOfN(of, 0, most).Draw(t, name)
	if len(s) == 0 {
		return nil
	}
	return s
}

func anyTerms(t *rapid.T) request.Terms {
	s := func(name string) string { return rapid.OneOf(rapid.Just(""), rapid.String()).Draw(t, name) }
	return request.Terms{Mode: rapid.SampledFrom([]string{"", "data", request.Independent, request.Remove}).Draw(t, "mode"), Route: s("route"), Pool: s("pool"),
		Update: s("update"), Window: s("window"), OnDelete: s("on delete"), Writes: s("writes"), Match: s("match"), Duplicate: s("duplicate")}
}

func anyTime(t *rapid.T) time.Time {
	if rapid.Bool().Draw(t, "no time") {
		return time.Time{}
	}
	return time.Unix(rapid.Int64Range(0, 1<<35).Draw(t, "second"), rapid.Int64Range(0, 999_999_999).Draw(t, "nanosecond")).UTC()
}

// anyFields have values in spellings that a careless codec would change.
func anyFields(t *rapid.T) request.Fields {
	value := rapid.OneOf(
		rapid.SampledFrom([]string{`null`, `true`, `-0`, `1.10`, `1E2`, `1e-7`, `12345678901234567890`, `1E400`, `"\u0041\/\ud83d\ude00"`, "\"\u2028\"", `{}`, `[]`,
			`{"b":1,"a":[1.0,{"":"<&>"}]}`, `""`}),
		rapid.Map(rapid.String(), func(s string) string { return string(request.Quote(s)) }),
		rapid.StringMatching(`-?(0|[1-9][0-9]{0,40})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?`),
	)
	var f request.Fields
	for i := range rapid.IntRange(0, 8).Draw(t, "fields") {
		f = append(f, request.Field{Name: fmt.Sprint(i, rapid.String().Draw(t, "name")), Value: []byte(value.Draw(t, "value"))})
	}
	return f
}
