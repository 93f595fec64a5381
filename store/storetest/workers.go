package storetest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

// writersAndWorkers lets clients write requests while workers deliver them. In the end every holder has the newest version.
func writersAndWorkers(t *testing.T, open Opener) {
	s, _ := open(t)
	const requests, versions = 24, 6
	ctx, stop := context.WithCancel(t.Context())
	errs := make(chan error, 64)
	written := make(chan struct{}, requests)
	for n := range requests {
		go func() {
			rev, err := uint64(0), error(nil)
			for v := 1; v <= versions && err == nil; v++ {
				tx := store.Tx{Entry: entry(n+1, v), Rev: rev, Owe: debts(chicago, austin), Now: start}
				if rev, err = s.Commit(ctx, tx); err != nil {
					errs <- fmt.Errorf("version %d of %d: %w", v, n, err) // a worker must never be in a writer's way
				}
			}
			written <- struct{}{}
		}()
	}
	idle := make(chan struct{}, 4)
	for i := range 4 {
		go func() {
			defer func() { idle <- struct{}{} }()
			if err := deliverAll(ctx, s, sites[i%2]); err != nil {
				errs <- err
			}
		}()
	}
	for range requests {
		<-written
	}
	stop()
	for range 4 {
		<-idle
	}
	for _, site := range sites[:2] {
		for _, c := range claim(t, s, site, 2*time.Minute, 10*requests) {
			settle(t, s, delivered(c, 2*time.Minute))
		}
	}
	close(errs)
	for err := range errs {
		t.Error(err)
	}
	for n := range requests {
		for _, d := range read(t, s, n+1).Holders {
			if d.State != request.Delivered || d.Acked != version(versions) || d.Owed != version(versions) {
				t.Errorf("in the end: %+v", d)
			}
		}
	}
}

// deliverAll claims and settles until ctx ends.
func deliverAll(ctx context.Context, s store.Store, site request.Site) error {
	for ctx.Err() == nil {
		list, err := s.Claim(ctx, store.Claim{Site: site, Now: start, Limit: 7, Lease: time.Minute})
		if err != nil {
			return ignoreEnd(ctx, err)
		}
		var batch []store.Settlement
		for _, c := range list {
			if c.Entry.Version.Compare(c.Owed) < 0 {
				return fmt.Errorf("claimed %s of %s, owes %s", c.Entry.Version, c.Request, c.Owed)
			}
			batch = append(batch, delivered(c, 0))
		}
		if err := s.Settle(context.WithoutCancel(ctx), batch); err != nil {
			return err
		}
	}
	return nil
}

func ignoreEnd(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}
