package peer

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/meridian-gateway/meridian/request"
)

// Comparer answers an owner that compares its requests with the copies here. It tells only of copies of requests that the asking site
// owns by this site's ledger.
type Comparer interface {
	// Digest tells what the ledger says of them.
	Digest(ctx context.Context, from request.Site, a request.DigestAsk) (request.Digests, error)
	// Audit compares the records with the ledger, in the background, and tells what was found so far.
	Audit(ctx context.Context, from request.Site, a request.AuditAsk) (request.Audited, error)
	Rejoiner
}

// The endpoints of comparing.
const (
	DigestPath = "/peer/v1/digest"
	AuditPath  = "/peer/v1/audit"
)

// Limits of comparing.
const (
	MaxLeaves   = 20_000 // in an answer
	MaxAsked    = 2000   // requests that are asked for one by one
	MaxBuckets  = 4096   // that are asked for at a time
	MaxFindings = 200    // in an answer
	maxSession  = 64
)

// auditWire and findingWire are request.Audited with values that are kept as they are written.
type (
	auditWire struct {
		Done     bool          `json:"done"`
		Read     int           `json:"read,omitzero"`
		Moving   int           `json:"moving,omitzero"`
		Findings []findingWire `json:"findings,omitzero"`
		Error    string        `json:"error,omitzero"`
	}
	findingWire struct {
		Request  request.ID      `json:"request"`
		Version  request.Version `json:"version"`
		Missing  bool            `json:"missing,omitzero"`
		Fields   []pairWire      `json:"fields,omitzero"`
		Repaired bool            `json:"repaired,omitzero"`
		Note     string          `json:"note,omitzero"`
	}
	// Values go as texts of JSON: a difference may lie in how a value is written.
	pairWire struct {
		Name   string `json:"name"`
		Ledger string `json:"ledger,omitzero"`
		Record string `json:"record,omitzero"`
	}
)

func auditOut(a request.Audited) auditWire {
	w := auditWire{Done: a.Done, Read: a.Read, Moving: a.Moving, Error: a.Error}
	for _, f := range a.Findings {
		x := findingWire{Request: f.Request, Version: f.Version, Missing: f.Missing, Repaired: f.Repaired, Note: f.Note}
		for _, p := range f.Fields {
			x.Fields = append(x.Fields, pairWire{p.Name, string(p.Ledger), string(p.Record)})
		}
		w.Findings = append(w.Findings, x)
	}
	return w
}

func (w *auditWire) in() (request.Audited, error) {
	a := request.Audited{Done: w.Done, Read: w.Read, Moving: w.Moving, Error: w.Error}
	for _, f := range w.Findings {
		x := request.Finding{Request: f.Request, Version: f.Version, Missing: f.Missing, Repaired: f.Repaired, Note: f.Note}
		for _, p := range f.Fields {
			if p.Ledger != "" && !json.Valid([]byte(p.Ledger)) || p.Record != "" && !json.Valid([]byte(p.Record)) {
				return a, invalid("a value of field %q is no JSON", p.Name)
			}
			x.Fields = append(x.Fields, request.FieldPair{Name: p.Name, Ledger: rawOf(p.Ledger), Record: rawOf(p.Record)})
		}
		a.Findings = append(a.Findings, x)
	}
	return a, nil
}

func rawOf(s string) json.RawMessage {
	if s == "" {
		return nil
	}
	return json.RawMessage(s)
}

// checkIDs refuses what no honest gateway asks for.
func checkIDs(ids []request.ID) error {
	if len(ids) > MaxAsked {
		return invalid("%d requests: at most %d", len(ids), MaxAsked)
	}
	for _, id := range ids {
		if _, err := request.ParseID(string(id)); err != nil {
			return invalid("request: %v", err)
		}
	}
	return nil
}

func checkDigest(a request.DigestAsk) error {
	outside := func(list []int, most, end int) bool {
		return len(list) > most || slices.ContainsFunc(list, func(n int) bool { return n < 0 || n >= end })
	}
	switch {
	case a.Collection == "":
		return invalid("a digest needs a collection")
	case len(a.Key) != request.DigestKeySize:
		return invalid("a digest needs a key of %d bytes", request.DigestKeySize)
	case outside(a.Groups, request.DigestGroups, request.DigestGroups):
		return invalid("there are %d groups", request.DigestGroups)
	case outside(a.Buckets, MaxBuckets, request.DigestBuckets):
		return invalid("there are %d buckets, and at most %d are asked for at a time", request.DigestBuckets, MaxBuckets)
	}
	if a.After != "" {
		if _, err := request.ParseID(string(a.After)); err != nil {
			return invalid("after: %v", err)
		}
	}
	return checkIDs(a.Requests)
}

// checkDigests refuses an answer that is none to what was asked.
func checkDigests(a request.DigestAsk, d request.Digests) error {
	sums := 8 * request.DigestGroups
	switch {
	case len(a.Requests) > 0, len(a.Buckets) > 0, d.Pending:
		sums = 0
	case len(a.Groups) > 0:
		sums = 8 * request.DigestSplit * len(a.Groups)
	}
	switch {
	case len(d.Sums) != sums:
		return invalid("the digests have another size than here")
	case len(d.Leaves)%request.DigestLeaf != 0, len(d.Leaves) > MaxLeaves*request.DigestLeaf, len(d.Items) > len(a.Requests):
		return invalid("there are more requests than were asked for")
	}
	if d.Next != "" {
		if _, err := request.ParseID(string(d.Next)); err != nil {
			return invalid("next: %v", err)
		}
	}
	return nil
}

func checkAudit(a request.AuditAsk) error {
	switch {
	case a.Session == "", len(a.Session) > maxSession:
		return invalid("an audit needs a session of at most %d characters", maxSession)
	case a.Collection == "":
		return invalid("an audit needs a collection")
	case a.From < 0:
		return invalid("from is a number of findings")
	}
	return checkIDs(a.Requests)
}

func (s *server) digest(ctx context.Context, a *answerer, body []byte) {
	in, wait, err := open[request.DigestAsk](s, a, body)
	if err == nil {
		err = checkDigest(in)
	}
	if err != nil {
		a.fail(err)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	d, err := s.h.Digest(ctx, a.from(), in)
	if err != nil {
		a.fail(err)
		return
	}
	reply(a, d)
}

func (s *server) audit(ctx context.Context, a *answerer, body []byte) {
	in, wait, err := open[request.AuditAsk](s, a, body)
	if err == nil {
		err = checkAudit(in)
	}
	if err != nil {
		a.fail(err)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	found, err := s.h.Audit(ctx, a.from(), in)
	if err != nil {
		a.fail(err)
		return
	}
	reply(a, auditOut(found))
}

// Digest asks a holder what its ledger says of the copies of this site's requests. Errors are as of Resolve.
func (c *Client) Digest(ctx context.Context, to request.Site, a request.DigestAsk) (request.Digests, error) {
	q := question{op: "peer.Digest", path: DigestPath, timeout: c.o.CallTimeout, tries: maxTries}
	d, err := ask[request.DigestAsk, request.Digests](ctx, c, to, q, a, nil)
	if err == nil {
		if err = checkDigests(a, d); err != nil {
			err = &request.Error{Op: q.op + " " + string(to), Kind: request.Unavailable, Err: err}
		}
	}
	return d, err
}

// Audit asks a holder to compare its records with its ledger, and for what was found so far. Errors are as of Resolve.
func (c *Client) Audit(ctx context.Context, to request.Site, a request.AuditAsk) (request.Audited, error) {
	q := question{op: "peer.Audit", path: AuditPath, timeout: c.o.CallTimeout, tries: maxTries}
	w, err := ask[request.AuditAsk, auditWire](ctx, c, to, q, a, nil)
	if err != nil {
		return request.Audited{}, err
	}
	return w.in()
}
