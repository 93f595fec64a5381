package replicate

import (
	"time"

	"github.com/meridian-gateway/meridian/peer"
	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

// The durable schedule of a delivery that its target could not take: from a second, doubling, to half a minute.
const (
	backoffFirst = time.Second
	backoffMost  = 30 * time.Second
)

// Judge says what an acknowledgement means for a delivery. A fault of the one request waits by the delivery's own schedule; a
// fault of the whole destination spends no attempt of it, since the lane to that destination waits instead. jitter is in [0,1).
func Judge(d store.Claimed, a peer.Ack, now time.Time, jitter float64) store.Settlement {
	s := store.Settlement{Request: d.Request, Site: d.Site, Token: d.Token, Owed: d.Owed, Acked: a.Version, Local: a.Local,
		Attempts: d.Attempts, Now: now, Due: now}
	switch a.State {
	case peer.Delivered:
		if d.Owed.After(a.Version) {
			s.State, s.Cause = request.Waiting, "the copy confirmed an older version than it was sent"
			s.Attempts++
			s.Due = now.Add(backoff(s.Attempts, jitter))
			return s
		}
		s.State, s.Attempts = request.Delivered, 0
	case peer.Parked:
		s.State, s.Cause = request.Parked, a.Cause
		s.Attempts++
	case peer.Superseded:
		s.State, s.Cause = request.Parked, "superseded: "+a.Cause
		s.Acked = request.Version{}
	case peer.Unavailable:
		s.State, s.Cause = request.Pending, a.Cause
	default:
		s.State, s.Cause = request.Waiting, a.Cause
		s.Attempts++
		s.Due = now.Add(backoff(s.Attempts, jitter))
	}
	return s
}

// unsent puts back a delivery whose attempt failed as a whole, or which the target did not come to.
func unsent(d store.Claimed, cause string, now time.Time) store.Settlement {
	return store.Settlement{Request: d.Request, Site: d.Site, Token: d.Token, Owed: d.Owed, State: request.Pending, Due: now,
		Cause: cause, Attempts: d.Attempts, Now: now}
}

// backoff grows with the attempts; half of it is fixed and half is by chance, so that many do not come back at once.
func backoff(attempts int, jitter float64) time.Duration {
	d := backoffMost
	if attempts < 6 {
		d = min(backoffFirst<<max(attempts-1, 0), backoffMost)
	}
	return d/2 + time.Duration(jitter*float64(d/2))
}
