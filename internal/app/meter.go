package app

import (
	"context"
	"errors"
	"time"

	"github.com/meridian-gateway/meridian/gateway"
	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

// metered is a store of which the work is measured.
type metered struct {
	store.Store
	metrics *gateway.Metrics
}

// took notes the end of some work.
func (m metered) took(operation string, began time.Time, err error) {
	harmless := errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrConflict) || errors.Is(err, context.Canceled)
	m.metrics.Stored(operation, err != nil && !harmless, time.Since(began))
}

// Read reads one record.
func (m metered) Read(ctx context.Context, id request.ID) (store.Record, error) {
	began := time.Now()
	rec, err := m.Store.Read(ctx, id)
	m.took("read", began, err)
	return rec, err
}

// Lookup finds a record by a local id.
func (m metered) Lookup(ctx context.Context, collection string, link store.Link) (store.Record, error) {
	began := time.Now()
	rec, err := m.Store.Lookup(ctx, collection, link)
	m.took("lookup", began, err)
	return rec, err
}

// Commit applies tx durably.
func (m metered) Commit(ctx context.Context, tx store.Tx) (uint64, error) {
	began := time.Now()
	rev, err := m.Store.Commit(ctx, tx)
	m.took("commit", began, err)
	return rev, err
}

// Claim leases due deliveries.
func (m metered) Claim(ctx context.Context, c store.Claim) ([]store.Claimed, error) {
	began := time.Now()
	list, err := m.Store.Claim(ctx, c)
	m.took("claim", began, err)
	m.metrics.Claimed(c.Site, len(list))
	return list, err
}

// Settle records ends of attempts.
func (m metered) Settle(ctx context.Context, s []store.Settlement) error {
	began := time.Now()
	err := m.Store.Settle(ctx, s)
	m.took("settle", began, err)
	return err
}
