package chaos

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// The classes of answers, as the tables show them.
const (
	classOK    = "ok"    // done
	classNo    = "503"   // the gateway says that nothing was done, for now
	classDoubt = "dbt"   // the gateway does not know
	classCut   = "cut"   // no answer: the connection broke
	classPass  = "pass"  // the request API's own error, passed on
	classWait  = "wait"  // the same key is still being worked on
	classRate  = "429"   // too many calls, of the gateway
	classNone  = "404"   // not known at this site
	classGone  = "410"   // deleted
	classOwner = "409"   // refused by a rule
	classOdd   = "wrong" // anything else
)

// afterDoubt is added to the class of an answer that says that an earlier attempt of a delete has done it.
const afterDoubt = " after doubt"

// classOf says what an answer means to its client.
func classOf(a harness.Answer) string {
	if a.Err != nil {
		return classCut
	}
	if a.OK() || a.Status == http.StatusAccepted && a.Header.Get("Meridian-Version") != "" { // 202: the owner has it, the copy here is still to come
		return classOK
	}
	problem := ""
	if strings.HasPrefix(a.Header.Get("Content-Type"), "application/problem+json") {
		var p struct{ Type string }
		_ = json.Unmarshal(a.Body, &p)
		problem = p.Type[strings.LastIndexByte(p.Type, '/')+1:]
	}
	switch {
	case problem == "" && a.Status >= 400:
		return classPass
	case a.Status == http.StatusServiceUnavailable, problem == "not-sent":
		return classNo
	case a.Status == http.StatusGatewayTimeout, problem == "upstream-unreachable":
		return classDoubt
	case problem == "key-in-progress":
		return classWait
	case a.Status == http.StatusTooManyRequests:
		return classRate
	case a.Status == http.StatusNotFound:
		return classNone
	case a.Status == http.StatusGone:
		return classGone
	case a.Status == http.StatusConflict:
		return classOwner
	}
	return classOdd
}

// said is what one answer says of the write: whether it was done. A 5xx of the request API itself says nothing.
func said(class string, status int) Outcome {
	switch {
	case class == classOK:
		return Acked
	case class == classDoubt, class == classCut, class == classWait, class == classPass && status >= 500, class == classOdd && status >= 500:
		return InDoubt
	}
	return NotDone
}

// Pen is a field that one client writes, and how far it has come.
type Pen struct {
	owner  string
	serial int
	n      int
}

// NewPen makes the pen of a client.
func (w *World) NewPen() *Pen { return &Pen{owner: fmt.Sprint(w.History.Next())} }

func (p *Pen) name() string { return fmt.Sprintf("%s%s-%d", penPrefix, p.owner, p.serial) }

// Order is one write that a client is to make.
type Order struct {
	Site, Subject string
	// Ref is the record, as SITE:ID; Pen what an update writes with.
	Ref string
	Pen *Pen
	// Extra are more fields of a create.
	Extra string
	// Keyed has an Idempotency-Key sent and the call repeated until it has a definite answer, for at most Patience. A delete may be
	// repeated without.
	Keyed    bool
	Patience time.Duration
}

// Create makes a request, and returns its record's name as SITE:ID, "" unless it was acknowledged.
func (w *World) Create(o Order) (*Write, string) {
	x := &Write{Subject: o.Subject, Kind: Create, Site: o.Site}
	body := fmt.Sprintf(`{"subject":%q,"status":"open","last":"made"%s}`, o.Subject, o.Extra)
	a := w.write(x, o, harness.Call{Method: "POST", Path: "/tickets", Body: body})
	if x.Outcome != Acked {
		return x, ""
	}
	rec, err := harness.ParseRecord(a.Body)
	if err != nil || rec["id"] == nil {
		return x, "" // the answer of a write that is done and whose copy is still to come has no record
	}
	return x, o.Site + ":" + rec.ID()
}

// Update writes with a pen.
func (w *World) Update(o Order) *Write {
	o.Pen.n++
	x := &Write{Subject: o.Subject, Kind: Update, Site: o.Site, Pen: o.Pen.name(), N: o.Pen.n}
	body := fmt.Sprintf(`{%q:%d,"last":%q}`, x.Pen, x.N, x.Tag())
	w.write(x, o, harness.Call{Method: "PATCH", Path: "/tickets/" + o.Ref, Body: body})
	if x.Outcome == InDoubt {
		o.Pen.serial, o.Pen.n = o.Pen.serial+1, 0
	}
	return x
}

// Delete removes a request.
func (w *World) Delete(o Order) *Write {
	x := &Write{Subject: o.Subject, Kind: Delete, Site: o.Site}
	w.write(x, o, harness.Call{Method: "DELETE", Path: "/tickets/" + o.Ref})
	return x
}

// write sends a call, repeats it if the order says so, and notes what came of it.
func (w *World) write(x *Write, o Order, c harness.Call) harness.Answer {
	if o.Keyed && x.Kind != Delete {
		c.Key = fmt.Sprintf("key-%d", w.History.Next())
	}
	deadline := time.Now().Add(o.Patience)
	var a harness.Answer
	for pause := 10 * time.Millisecond; ; pause = min(2*pause, 200*time.Millisecond) {
		a = w.Net.At(o.Site).Do(c)
		x.add(a)
		if !o.Keyed || x.Outcome == Acked || x.final(a) || time.Now().Add(pause).After(deadline) {
			break
		}
		harness.Pause(pause)
	}
	w.History.Note(x)
	return a
}

// add takes one answer in.
func (x *Write) add(a harness.Answer) {
	class := classOf(a)
	if class == classOdd {
		class = fmt.Sprintf("%s %d %.200s", classOdd, a.Status, a.Body)
	}
	now := said(classOf(a), a.Status)
	away := class == classGone || class == classNone || class == classPass && a.Status == http.StatusNotFound
	if x.Kind == Delete && x.Outcome == InDoubt && away {
		now, class = Acked, class+afterDoubt // it is gone, by an earlier attempt
	}
	x.Answers = append(x.Answers, class)
	if now != Acked {
		x.Said = fmt.Sprintf("%d %.300s %v", a.Status, a.Body, a.Err)
	}
	switch {
	case now == Acked:
		x.Outcome = Acked
		if v, err := ParseVersion(a.Header.Get("Meridian-Version")); err == nil && classOf(a) == classOK {
			x.Version = v
		}
	case x.Outcome != InDoubt:
		x.Outcome = now
	}
	if a.Request() != "" {
		x.Request = a.Request()
	}
	if now == InDoubt {
		x.Operation = a.Operation()
	}
}

// final reports whether repeating makes no sense.
func (x *Write) final(a harness.Answer) bool {
	switch c := classOf(a); c {
	case classNo, classDoubt, classCut, classWait, classRate:
		return false
	case classPass:
		return a.Status < 500 && a.Status != http.StatusTooManyRequests
	}
	return true
}

// Read looks at a record for a reader, and notes when it is older than what the reader saw before.
func (w *World) Read(reader, site, subject, ref string) {
	a := w.Net.At(site).Get("/tickets/" + ref)
	if a.Err != nil || a.Status != http.StatusOK {
		return
	}
	rec, err := harness.ParseRecord(a.Body)
	if err != nil {
		return
	}
	s := Sight{Pens: pens(rec)}
	s.Version, _ = ParseVersion(a.Header.Get("Meridian-Version")) // without a receipt there is none to compare
	w.History.Saw(reader, site, subject, s)
}

// Follow asks how writes in doubt have ended, where their answers said how to find out, and notes it. What is still not known when
// everything has settled is a violation.
func (w *World) Follow(subjects []string) (out []Violation) {
	for _, x := range w.History.Doubtful(subjects) {
		if x.Operation == "" || x.Kind == Delete && slices.Contains(x.Answers, classCut) {
			continue
		}
		a := w.Net.At(x.Site).Get(x.Operation)
		var op struct{ State, Version string }
		if a.Err != nil || a.Status != http.StatusOK || json.Unmarshal(a.Body, &op) != nil {
			continue
		}
		switch op.State {
		case "done":
			x.Outcome = Acked
			x.Version, _ = ParseVersion(op.Version)
		case "not-done", "refused":
			x.Outcome = NotDone
		default:
			out = append(out, Violation{RuleOpen, x.Subject, fmt.Sprintf("%s is %q after all has settled: %s", x.Operation, op.State, a.Body)})
		}
	}
	return out
}

// tally counts answers by class.
func tally(writes []*Write) map[string]int {
	out := make(map[string]int)
	for _, w := range writes {
		for _, a := range w.Answers {
			out[a]++
		}
	}
	return out
}

// shown is a tally as text, the most frequent class first.
func shown(counts map[string]int) string {
	keys := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		if counts[a] != counts[b] {
			return counts[b] - counts[a]
		}
		return strings.Compare(a, b)
	})
	out := make([]string, 0, len(keys))
	for _, k := range keys {
		out = append(out, fmt.Sprintf("%s %d", k, counts[k]))
	}
	return strings.Join(out, ", ")
}
