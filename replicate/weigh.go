package replicate

import (
	"slices"

	"github.com/meridian-gateway/meridian/request"
)

// weighed is what the views of one request come to.
type weighed struct {
	verdict finding
	top     request.Epoch // the highest that anybody has seen
	best    *request.View // whom to believe on what the request is: the owner, or who has the newest version
	views   []request.View
}

// finding is what this site is to do about a request.
type finding int

const (
	stands    finding = iota // what the ledger says, if anything, is right
	mineAgain                // this site owns it, in a new epoch
	follows                  // another one does
	deleted                  // this site owned it, and had deleted it
)

func (w *weighed) collection(e *request.Entry) string {
	if w.best != nil {
		return w.best.Snapshot.Collection
	}
	return e.Collection
}

// weigh decides what this site is to a request: a pure function of what the ledger and all other sites say (protocol R3).
func weigh(self request.Site, e *request.Entry, known bool, views []request.View) *weighed {
	w := &weighed{views: views}
	var h hint
	if known {
		w.raise(e.Fence, e.Version.Epoch)
		h.hear(e.Owner, e.Fence, e.Version.Epoch)
	}
	var owner, newest *request.View
	behind := false
	for i := range views {
		v := &views[i]
		w.raise(v.Fence, v.Snapshot.Version.Epoch)
		h.hear(v.Snapshot.Owner, v.Fence, v.Snapshot.Version.Epoch)
		claims := v.Role == request.Owner || v.Role == request.Granting || v.Role == request.Tombstone // whoever heard of a deletion
		if claims && (owner == nil || v.Snapshot.Version.After(owner.Snapshot.Version)) {
			owner = v
		}
		if newest == nil || v.Snapshot.Version.After(newest.Snapshot.Version) {
			newest = v
		}
		behind = behind || v.Snapshot.Version.After(e.Version) || v.Fence.Compare(e.Fence) > 0 ||
			v.Role == request.Copy && !slices.Contains(e.Holders, v.Site)
	}
	if w.best = newest; owner != nil {
		w.best = owner
	}
	switch {
	case known && (e.Role == request.Elect || e.Role == request.Granting || e.Role == request.Tombstone && (owner == nil || !owner.Snapshot.Version.After(e.Version))):
	case owner != nil && owner.Snapshot.Version.Epoch.Compare(h.reign) >= 0:
		// One that is giving it to this site is the owner until this site has said yes, durably, or in its record.
		switch {
		case known && !owner.Snapshot.Version.After(e.Version):
		case owner.Role == request.Tombstone && owner.Snapshot.Version.Epoch.Site == self:
			w.verdict = deleted
		default:
			w.verdict = follows
		}
	case h.owner == self && known && e.Role == request.Owner && !behind:
	case h.owner == self:
		w.verdict = mineAgain
	case h.owner == "" && known && e.Local != "" && alone(self, views):
		w.verdict = mineAgain
	case newest != nil && (!known || e.Role == request.Owner):
		// Its owner, who does not claim it yet, has lost its store too, and will.
		w.best, w.verdict = newest, follows
	}
	return w
}

func (w *weighed) raise(epochs ...request.Epoch) {
	for _, x := range epochs {
		if x.Compare(w.top) > 0 {
			w.top = x
		}
	}
}

// hint is who owns a request by whoever heard of the latest reign. What others believe of earlier ones is overtaken.
type hint struct {
	owner request.Site
	reign request.Epoch
}

func (h *hint) hear(owner request.Site, fence, version request.Epoch) {
	if owner == "" {
		return
	}
	reign := version
	if fence.Site == owner && fence.Compare(reign) > 0 {
		reign = fence
	}
	if h.owner == "" || reign.Compare(h.reign) > 0 {
		h.owner, h.reign = owner, reign
	}
}

// alone reports whether nobody knows of an owner, and this site is the first by name of those that have the record: the same rule
// everywhere makes one of them the owner, and the others follow it.
func alone(self request.Site, views []request.View) bool {
	for _, v := range views {
		if v.Snapshot.Owner != "" || v.Snapshot.Locals[v.Site] != "" && v.Site < self {
			return false
		}
	}
	return true
}
