package replicate

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

// While a store that was lost is being rebuilt nothing in it may be believed: a request that it does not know may be known everywhere
// else, and an owner that it names may have given the request away. So the whole engine is shut off from it, and only the work of
// rebuilding passes, by a mark in its context. Everybody else gets Kind Rejoining, which means that nothing happened.

// gate stands before a store.
type gate struct {
	Ledger
	Queue
	Notes
	shut atomic.Bool
}

func (d *gate) pass(ctx context.Context) error {
	if !d.shut.Load() || store.IsRebuilding(ctx) {
		return nil
	}
	return &request.Error{Op: "replicate", Kind: request.Rejoining, Retry: 2 * time.Second,
		Detail: "the store of this site was lost, and what it held is being put together again from the other sites and the request API"}
}

// The methods of the store, for those who may pass.

func (d *gate) Read(ctx context.Context, id request.ID) (store.Record, error) {
	if err := d.pass(ctx); err != nil {
		return store.Record{}, err
	}
	return d.Ledger.Read(ctx, id)
}

func (d *gate) Lookup(ctx context.Context, collection string, link store.Link) (store.Record, error) {
	if err := d.pass(ctx); err != nil {
		return store.Record{}, err
	}
	return d.Ledger.Lookup(ctx, collection, link)
}

func (d *gate) Commit(ctx context.Context, tx store.Tx) (rev uint64, err error) {
	if err := d.pass(ctx); err != nil {
		return 0, err
	}
	return d.Ledger.Commit(ctx, tx)
}

func (d *gate) Intents(ctx context.Context, after request.ID, limit int) ([]request.ID, error) {
	if err := d.pass(ctx); err != nil {
		return nil, err
	}
	return d.Ledger.Intents(ctx, after, limit)
}

func (d *gate) Entries(ctx context.Context, after request.ID, limit int) ([]store.Record, error) {
	if err := d.pass(ctx); err != nil {
		return nil, err
	}
	return d.Ledger.Entries(ctx, after, limit)
}

func (d *gate) Claim(ctx context.Context, c store.Claim) ([]store.Claimed, error) {
	if err := d.pass(ctx); err != nil {
		return nil, err
	}
	return d.Queue.Claim(ctx, c)
}

func (d *gate) Settle(ctx context.Context, s []store.Settlement) error {
	if err := d.pass(ctx); err != nil {
		return err
	}
	return d.Queue.Settle(ctx, s)
}

func (d *gate) Reserve(ctx context.Context, k request.Key) (stored request.Key, fresh bool, err error) {
	if err := d.pass(ctx); err != nil {
		return request.Key{}, false, err
	}
	return d.Notes.Reserve(ctx, k)
}

func (d *gate) Keep(ctx context.Context, k request.Key) error {
	if err := d.pass(ctx); err != nil {
		return err
	}
	return d.Notes.Keep(ctx, k)
}

func (d *gate) Release(ctx context.Context, hash string) error {
	if err := d.pass(ctx); err != nil {
		return err
	}
	return d.Notes.Release(ctx, hash)
}

func (d *gate) PutOperation(ctx context.Context, op request.Operation) error {
	if err := d.pass(ctx); err != nil {
		return err
	}
	return d.Notes.PutOperation(ctx, op)
}
