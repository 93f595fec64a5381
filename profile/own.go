package profile

import (
	"slices"

	"github.com/meridian-gateway/meridian/request"
)

// OwnCall is the part of a client's write that no other site hears of, as a merge of its own: the local and dropped members in
// body, the body of the client's call, which may be JSON, a form or a JSON patch. ok is false when there are none, and where the API
// takes only whole records: there OwnCallOn makes one.
func (c *Collection) OwnCall(local string, body []byte) (call request.Call, ok bool) {
	return c.OwnCallOn(local, body, Current{})
}

// OwnCallOn is OwnCall for an API that must know the record as it is (NeedsCurrent).
func (c *Collection) OwnCallOn(local string, body []byte, now Current) (call request.Call, ok bool) {
	record, ok := c.written(body)
	if !ok {
		return request.Call{}, false
	}
	r := c.ownPart(record)
	if r == nil || len(r.members) == 0 {
		return request.Call{}, false
	}
	return c.merging(local, r, now)
}

// written is the record in the body of a client's update or replacement: where both have it in other places, the inner one that is there.
func (c *Collection) written(body []byte) (record []byte, ok bool) {
	least := -1
	for _, v := range []Verb{Update, Replace} {
		as := c.as(v)
		if found, there := as.inner(body); there && c.calls[v] != nil && len(as.envelope.call) > least {
			record, ok, least = found, true, len(as.envelope.call)
		}
	}
	return record, ok
}

// ownPart are the local and dropped members of a record; nil when there is no place for one.
func (c *Collection) ownPart(of []byte) *record {
	r := &record{}
	for _, p := range slices.Concat(c.own, c.others(of)) {
		if raw, there := lookup(of, p); there && r.set(p, raw) != nil {
			return nil
		}
	}
	return r
}
