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
	"github.com/meridian-gateway/meridian/store/journal"
)

// operationLife is how long operations are kept; the contract says at least 24 hours.
const operationLife = 25 * time.Hour

// Reserve implements store.Notes. The server's clock ends a key's life.
func (s *Store) Reserve(ctx context.Context, k request.Key) (stored request.Key, fresh bool, err error) {
	value, err := sealed(k.Hash, k)
	if err != nil {
		return stored, false, err
	}
	n := journal.Note{Name: s.keys.key(k.Hash), Value: value, Expires: k.Expires}
	found, err := s.note(ctx, "store.Reserve", n, "new")
	if err != nil {
		return stored, false, err
	}
	// Our own value comes back when the first answer was lost and the call repeated.
	if found == "" || found == string(value) {
		s.noted(n)
		return k, true, nil
	}
	if err := unsealed(k.Hash, found, &stored); err != nil {
		return request.Key{}, false, down("store.Reserve", err)
	}
	return stored, false, nil
}

// note runs the script of the notes and returns what it answers.
func (s *Store) note(ctx context.Context, op string, n journal.Note, how string) (found string, err error) {
	p := s.run(order{script: s.scripts.note, tag: tagOf(n.Name)}, n.Name, n.Value, n.Expires.UnixMilli(), how)
	if err := s.do(ctx, op, p); err != nil {
		return "", err
	}
	found, err = p.cmd.(*goredis.Cmd).Text()
	if errors.Is(err, goredis.Nil) {
		return "", nil
	}
	return found, down(op, err)
}

func (s *Store) noted(n journal.Note) {
	if s.journal != nil {
		s.journal.Noted(n)
	}
}

// put keeps a note.
func (s *Store) put(ctx context.Context, op string, n journal.Note) error {
	if _, err := s.note(ctx, op, n, ""); err != nil {
		return err
	}
	s.noted(n)
	return nil
}

// Keep implements store.Notes.
func (s *Store) Keep(ctx context.Context, k request.Key) error {
	value, err := sealed(k.Hash, k)
	if err != nil {
		return err
	}
	return s.put(ctx, "store.Keep", journal.Note{Name: s.keys.key(k.Hash), Value: value, Expires: k.Expires})
}

// Release implements store.Notes.
func (s *Store) Release(ctx context.Context, hash string) error {
	return s.put(ctx, "store.Release", journal.Note{Name: s.keys.key(hash)})
}

// PutOperation implements store.Notes.
func (s *Store) PutOperation(ctx context.Context, op request.Operation) error {
	value, err := sealed(op.ID, op)
	if err != nil {
		return err
	}
	return s.put(ctx, "store.PutOperation", journal.Note{Name: s.keys.operation(op.ID), Value: value, Expires: s.now().Add(operationLife)})
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
