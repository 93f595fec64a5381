package embedded

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
	"github.com/meridian-gateway/meridian/store/internal/rows"
)

// operationLife is how long operations are kept; the contract says at least 24 hours.
const operationLife = 25 * time.Hour

func keyName(hash string) string     { return "k" + hash }
func operationName(id string) string { return "o" + id }

// note reads a note as this group sees it; nil when there is none or it has expired.
func (g *group) note(name string) (*note, error) {
	if n, known := g.notes[name]; known {
		return n, nil
	}
	return g.s.note(name)
}

func (s *Store) note(name string) (*note, error) {
	var value []byte
	var expires int64
	err := s.readNote.QueryRow(name).Scan(&value, &expires)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if value, err = rows.Unseal(value, name); err != nil {
		return nil, err
	}
	return &note{value: value, expires: time.Unix(expires, 0)}, nil
}

func newNote(v any, expires time.Time) (*note, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, &request.Error{Op: "store.Keep", Kind: request.Invalid, Err: err}
	}
	return &note{value: b, expires: expires}, nil
}

// Reserve implements store.Notes.
func (s *Store) Reserve(ctx context.Context, k request.Key) (stored request.Key, fresh bool, err error) {
	name := keyName(k.Hash)
	n, err := newNote(k, k.Expires)
	if err != nil {
		return stored, false, err
	}
	err = s.do(ctx, "store.Reserve", func(g *group) error {
		found, err := g.note(name)
		if err != nil {
			return err
		}
		stored, fresh = k, true
		if found != nil {
			var old request.Key
			if err := json.Unmarshal(found.value, &old); err != nil {
				return err
			}
			if old.Expires.After(s.now()) {
				stored, fresh = old, false
				return nil
			}
		}
		g.notes[name] = n
		return nil
	})
	if err != nil {
		return request.Key{}, false, err
	}
	return stored, fresh, nil
}

// Keep implements store.Notes.
func (s *Store) Keep(ctx context.Context, k request.Key) error {
	return s.putNote(ctx, "store.Keep", keyName(k.Hash), k, k.Expires)
}

// Release implements store.Notes.
func (s *Store) Release(ctx context.Context, hash string) error {
	return s.do(ctx, "store.Release", func(g *group) error {
		g.notes[keyName(hash)] = nil
		return nil
	})
}

// PutOperation implements store.Notes.
func (s *Store) PutOperation(ctx context.Context, op request.Operation) error {
	return s.putNote(ctx, "store.PutOperation", operationName(op.ID), op, s.now().Add(operationLife))
}

func (s *Store) putNote(ctx context.Context, op, name string, v any, expires time.Time) error {
	n, err := newNote(v, expires)
	if err != nil {
		return err
	}
	return s.do(ctx, op, func(g *group) error {
		g.notes[name] = n
		return nil
	})
}

// Operation implements store.Notes.
func (s *Store) Operation(_ context.Context, id string) (op request.Operation, err error) {
	if err := s.alive(); err != nil {
		return op, err
	}
	n, err := s.note(operationName(id))
	if err != nil {
		return op, down("store.Operation", err)
	}
	if n == nil || !n.expires.After(s.now()) {
		return op, store.ErrNotFound
	}
	return op, down("store.Operation", json.Unmarshal(n.value, &op))
}
