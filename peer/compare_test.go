package peer

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/meridian-gateway/meridian/request"
)

func TestDigestsAndAuditsTravelWhole(t *testing.T) {
	key := bytes.Repeat([]byte{7}, request.DigestKeySize)
	digests := request.Digests{Leaves: slices.Repeat([]byte{1, 2, 3, 4}, 3*request.DigestLeaf/4), Next: gid,
		Items: []request.DigestItem{{Request: gid, Version: request.First("oslo"), Sum: []byte{1, 2, 3, 4, 5, 6, 7, 8}, Missing: true}}}
	audited := request.Audited{Done: true, Read: 7, Moving: 1, Error: "it broke off", Findings: []request.Finding{
		{Request: gid, Version: request.First("oslo"), Missing: true, Repaired: true, Note: "made again"},
		{Request: gid, Fields: []request.FieldPair{{Name: "n", Ledger: json.RawMessage("1.50"), Record: json.RawMessage(`"a\u0062"`)}, {Name: "gone", Ledger: json.RawMessage("null")}}}}}
	var askedDigest request.DigestAsk
	var askedAudit request.AuditAsk
	f := &fake{
		digest: func(from request.Site, a request.DigestAsk) (request.Digests, error) {
			askedDigest = a
			return digests, nil
		},
		audit: func(from request.Site, a request.AuditAsk) (request.Audited, error) {
			askedAudit = a
			return audited, nil
		},
	}
	c, _ := pair(t, f, nil)
	ask := request.DigestAsk{Collection: "tickets", Key: key, Buckets: []int{0, 65535}, After: gid, Requests: []request.ID{gid}}
	if d, err := c.Digest(t.Context(), "rome", ask); err != nil || cmp.Diff(digests, d) != "" || cmp.Diff(ask, askedDigest) != "" {
		t.Errorf("%v\n%s\n%s", err, cmp.Diff(digests, d), cmp.Diff(ask, askedDigest))
	}
	wanted := request.AuditAsk{Session: "s", Collection: "tickets", Requests: []request.ID{gid}, Repair: true, From: 3, Stop: true}
	if a, err := c.Audit(t.Context(), "rome", wanted); err != nil || cmp.Diff(audited, a) != "" || cmp.Diff(wanted, askedAudit) != "" {
		t.Errorf("%v\n%s\n%s", err, cmp.Diff(audited, a), cmp.Diff(wanted, askedAudit))
	}
}

func TestComparesThatAreNone(t *testing.T) {
	refuse := &request.Error{Kind: request.Internal, Detail: "it came through"}
	f := &fake{digest: func(request.Site, request.DigestAsk) (request.Digests, error) { return request.Digests{}, refuse },
		audit: func(request.Site, request.AuditAsk) (request.Audited, error) { return request.Audited{}, refuse }}
	c, _ := pair(t, f, nil)
	key := make([]byte, request.DigestKeySize)
	for _, a := range []request.DigestAsk{{}, {Collection: "t"}, {Collection: "t", Key: key[1:]}, {Key: key},
		{Collection: "t", Key: key, Buckets: []int{-1}}, {Collection: "t", Key: key, Buckets: []int{request.DigestBuckets}},
		{Collection: "t", Key: key, Groups: []int{256}}, {Collection: "t", Key: key, Groups: make([]int, 257)}, {Collection: "t", Key: key, After: "x"},
		{Collection: "t", Key: key, Buckets: make([]int, MaxBuckets+1)}, {Collection: "t", Key: key, Requests: []request.ID{"x"}},
		{Collection: "t", Key: key, Requests: slices.Repeat([]request.ID{gid}, MaxAsked+1)}} {
		_, err := c.Digest(t.Context(), "rome", a)
		wantKind(t, err, request.Invalid)
	}
	for _, a := range []request.AuditAsk{{}, {Session: "s"}, {Collection: "t"}, {Session: strings.Repeat("s", 65), Collection: "t"},
		{Session: "s", Collection: "t", From: -1}, {Session: "s", Collection: "t", Requests: []request.ID{"../x"}}} {
		_, err := c.Audit(t.Context(), "rome", a)
		wantKind(t, err, request.Invalid)
	}
}

// An answer that cannot be one is no answer.
func TestComparesAnsweredWithNonsense(t *testing.T) {
	var digests request.Digests
	f := &fake{digest: func(request.Site, request.DigestAsk) (request.Digests, error) { return digests, nil },
		audit: func(request.Site, request.AuditAsk) (request.Audited, error) {
			return request.Audited{Findings: []request.Finding{{Request: gid, Fields: []request.FieldPair{{Name: "x", Ledger: json.RawMessage("{")}}}}}, nil
		}}
	c, _ := pair(t, f, nil)
	ask := request.DigestAsk{Collection: "t", Key: make([]byte, request.DigestKeySize)}
	one, two := ask, ask
	one.Groups, two.Buckets = []int{7}, []int{7}
	top, below := make([]byte, 8*request.DigestGroups), make([]byte, 8*request.DigestSplit)
	for i, x := range []struct {
		a  request.DigestAsk
		d  request.Digests
		ok bool
	}{
		{ask, request.Digests{Sums: top}, true}, {ask, request.Digests{Sums: []byte{1}}, false}, {ask, request.Digests{}, false},
		{ask, request.Digests{Pending: true}, true},
		{one, request.Digests{Sums: below}, true}, {one, request.Digests{Sums: append(below, below...)}, false},
		{two, request.Digests{Leaves: make([]byte, request.DigestLeaf)}, true}, {two, request.Digests{Leaves: []byte{1}}, false},
		{two, request.Digests{Next: "../x"}, false}, {two, request.Digests{Items: make([]request.DigestItem, 1)}, false},
	} {
		digests = x.d
		if _, err := c.Digest(t.Context(), "rome", x.a); (err == nil) != x.ok {
			t.Errorf("answer %d: %v", i, err)
		}
	}
	if _, err := c.Audit(t.Context(), "rome", request.AuditAsk{Session: "s", Collection: "t"}); err == nil {
		t.Error("a value that is no JSON was taken")
	}
	if w := raw(DigestPath, message(request.DigestAsk{})).send(NewServer(&fake{}, romeOptions())); w.Code != http.StatusBadRequest {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
