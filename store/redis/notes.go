package redis

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
	"github.com/meridian-gateway/meridian/store/internal/rows"
)

// operationLife is how long operations are kept; the contract says at least 24 hours.
const operationLife = 25 * time.Hour

// Reserve implements store.Notes. The server's clock ends a key's life.
func (s *Store) Reserve(ctx context.Context, k request.Key) (stored request.Key, fresh bool, err error) {
	value, err := sealed(k.Hash, k)
	if err != nil {
		return stored, false, err
	}
	p := call(goredis.NewStringCmd(ctx, "set", s.keys.key(k.Hash), value, "nx", "get", "pxat", k.Expires.UnixMilli()))
	if err := s.do(ctx, "store.Reserve", p); err != nil {
		return stored, false, err
	}
	found, err := p.cmd.(*goredis.StringCmd).Result()
	// Our own value comes back when the first answer was lost and the call repeated.
	if errors.Is(err, goredis.Nil) || err == nil && found == string(value) {
		return k, true, nil
	}
	if err := unsealed(k.Hash, found, &stored); err != nil {
		return request.Key{}, false, down("store.Reserve", err)
	}
	return stored, false, nil
}

// Keep implements store.Notes.
func (s *Store) Keep(ctx context.Context, k request.Key) error {
	value, err := sealed(k.Hash, k)
	if err != nil {
		return err
	}
	return s.do(ctx, "store.Keep", call(goredis.NewStatusCmd(ctx, "set", s.keys.key(k.Hash), value, "pxat", k.Expires.UnixMilli())))
}

// Release implements store.Notes.
func (s *Store) Release(ctx context.Context, hash string) error {
	return s.do(ctx, "store.Release", call(goredis.NewIntCmd(ctx, "del", s.keys.key(hash))))
}

// PutOperation implements store.Notes.
func (s *Store) PutOperation(ctx context.Context, op request.Operation) error {
	value, err := sealed(op.ID, op)
	if err != nil {
		return err
	}
	return s.do(ctx, "store.PutOperation",
		call(goredis.NewStatusCmd(ctx, "set", s.keys.operation(op.ID), value, "pxat", s.now().Add(operationLife).UnixMilli())))
}

// Operation implements store.Notes.
func (s *Store) Operation(ctx context.Context, id string) (op request.Operation, err error) {
	p := call(goredis.NewStringCmd(ctx, "get", s.keys.operation(id)))
	if err := s.do(ctx, "store.Operation", p); err != nil {
		return op, err
	}
	found, err := p.cmd.(*goredis.StringCmd).Result()
	if errors.Is(err, goredis.Nil) {
		return op, store.ErrNotFound
	}
	return op, down("store.Operation", unsealed(id, found, &op))
}

func sealed(name string, v any) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, &request.Error{Op: "store.Keep", Kind: request.Invalid, Err: err}
	}
	return rows.Seal(b, name), nil
}

func unsealed(name, value string, v any) error {
	b, err := rows.Unseal([]byte(value), name)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, v)
}
