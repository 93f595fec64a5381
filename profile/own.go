package profile

import "github.com/meridian-gateway/meridian/request"

// OwnCall is the part of a client's write that no other site hears of, as a merge of its own: the local and dropped members in
// body, the body of the client's call. ok is false when there are none.
func (c *Collection) OwnCall(local string, body []byte) (call request.Call, ok bool) {
	text, ok := lookup(body, c.envelope.call)
	if !ok || c.calls[Update] == nil {
		return request.Call{}, false
	}
	r := &record{}
	for _, p := range c.own {
		if raw, there := lookup(text, p); there && r.set(p, raw) != nil {
			return request.Call{}, false
		}
	}
	if len(r.members) == 0 {
		return request.Call{}, false
	}
	return c.merging(local, r, Current{})
}
