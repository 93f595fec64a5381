package replicate

import (
	"context"
	"sync"

	"github.com/meridian-gateway/meridian/peer"
	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

// The bugs that the simulation must find. Each is planted at a seam of the engine, so that the engine itself has no switch for it.
const (
	grantFirst    = "grant before relinquish"
	noCompare     = "version not checked at apply"
	staleSequence = "sequence from a stale read"
	abortByTime   = "resume on a timeout"
	ackEarly      = "acknowledge before applying"
	forgetGrant   = "released without the target's word"
)

// plantedLedger reads what is not so.
type plantedLedger struct {
	*guard
	bug string
	mu  sync.Mutex
	old map[request.ID]request.Version
}

func planted(bug string, g *guard) Ledger {
	switch bug {
	case noCompare, staleSequence:
		return &plantedLedger{guard: g, bug: bug, old: map[request.ID]request.Version{}}
	}
	return g
}

func (l *plantedLedger) Read(ctx context.Context, id request.ID) (store.Record, error) {
	rec, err := l.guard.Read(ctx, id)
	if err != nil {
		return rec, err
	}
	switch e := &rec.Entry; {
	case l.bug == noCompare && e.Role == request.Copy && e.Intent == nil:
		e.Version, e.Fence = request.Version{}, request.Epoch{}
	case l.bug == staleSequence && e.Role == request.Owner && e.Intent == nil:
		l.mu.Lock()
		defer l.mu.Unlock()
		was := l.old[id]
		l.old[id] = e.Version
		if was.Epoch == e.Version.Epoch && was.Seq+1 == e.Version.Seq {
			e.Version = was
		}
	}
	return rec, nil
}

// plantedLink breaks the rules of the wire.
type plantedLink struct {
	linkOf
	bug string
}

func plantedPeers(bug string, l linkOf) Peers {
	switch bug {
	case grantFirst, abortByTime, ackEarly, forgetGrant:
		return plantedLink{l, bug}
	}
	return l
}

func (l plantedLink) Handover(ctx context.Context, to request.Site, h request.Handover) (request.Verdict, error) {
	if l.bug == grantFirst && h.Stage == request.Prepare {
		early := h
		early.Stage = request.GrantIt
		if v, err := l.linkOf.Handover(ctx, to, early); err != nil || v.State != request.Accepted {
			return v, err
		}
		return request.Verdict{State: request.Ready}, nil
	}
	v, err := l.linkOf.Handover(ctx, to, h)
	switch {
	case l.bug == abortByTime && h.Stage == request.GrantIt && err != nil:
		return request.Verdict{State: request.Declined, Cause: "no answer in time"}, nil
	case l.bug == forgetGrant && h.Stage == request.GrantIt && err != nil:
		return request.Verdict{State: request.Accepted, Epoch: h.Epoch}, nil
	}
	return v, err
}

func (l plantedLink) Deliver(ctx context.Context, to request.Site, batch []request.Snapshot, each func(peer.Ack)) error {
	if l.bug != ackEarly {
		return l.linkOf.Deliver(ctx, to, batch, each)
	}
	if _, err := l.to(to); err != nil {
		return err
	}
	for _, s := range batch {
		each(peer.Ack{Request: s.ID, Version: s.Version, State: peer.Delivered})
	}
	return l.linkOf.Deliver(ctx, to, batch, func(peer.Ack) {})
}
