package replicate

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

// recall reads what keep has stored under a name. The notes of the store are made for keys of clients; a job's state is one whose
// Digest is the text.
func (g *Engine) recall(ctx context.Context, name string, into any) (found bool, err error) {
	k, _, err := g.Notes.Reserve(ctx, request.Key{Hash: name, Expires: g.now().Add(time.Minute)})
	if err != nil {
		return false, storeError("replicate.recall", "", err)
	}
	if k.Digest == "" {
		return false, nil
	}
	return true, json.Unmarshal([]byte(k.Digest), into)
}

// keep stores v durably under a name, for a time that does not end in practice.
func (g *Engine) keep(ctx context.Context, name string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return storeError("replicate.keep", "", g.Notes.Keep(ctx, request.Key{Hash: name, Digest: string(text), Expires: g.now().Add(timerLife)}))
}

// nameFor is the global id for a record that was here before the gateway. It follows from the record's own id and from a number that
// is this store's alone, so that two gateways of the site that enter a record at the same time enter one request: the second
// commit is refused. A number in it is raised when the API gives an id again that an earlier request had.
func (g *Engine) nameFor(ctx context.Context, collection, local string) (request.ID, error) {
	at, salt, err := g.salt(ctx)
	if err != nil {
		return "", err
	}
	for n := 0; ; n++ {
		sum := sha256.Sum256([]byte(salt + "\x00" + collection + "\x00" + local + "\x00" + strconv.Itoa(n)))
		id := request.MakeID(at, [10]byte(sum[:10]))
		rec, err := g.Ledger.Read(ctx, id)
		switch {
		case errors.Is(err, store.ErrNotFound):
			return id, nil
		case err != nil:
			return "", storeError("replicate.Read", id, err)
		case rec.Entry.Local == local:
			return "", &request.Error{Op: "replicate.nameFor", Kind: request.Busy, Request: id, Retry: time.Second,
				Detail: "another gateway of the site has just made a request of the record"}
		}
	}
}

// salt is the number of this store, with when it was made.
func (g *Engine) salt(ctx context.Context) (time.Time, string, error) {
	g.tasks.mu.Lock()
	known := g.tasks.salt
	g.tasks.mu.Unlock()
	if known == "" {
		var b [24]byte
		_, _ = rand.Read(b[8:]) // never fails
		binary.BigEndian.PutUint64(b[:8], uint64(g.now().UnixMilli()))
		k, _, err := g.Notes.Reserve(ctx, request.Key{Hash: "names", Digest: hex.EncodeToString(b[:]), Expires: g.now().Add(timerLife)})
		if err != nil {
			return time.Time{}, "", storeError("replicate.salt", "", err)
		}
		known = k.Digest
		g.tasks.mu.Lock()
		g.tasks.salt = known
		g.tasks.mu.Unlock()
	}
	ms, err := strconv.ParseInt(strings.TrimLeft(known[:min(len(known), 16)], "0"), 16, 64)
	if err != nil {
		return time.Time{}, "", &request.Error{Op: "replicate.salt", Kind: request.Internal, Err: err}
	}
	return time.UnixMilli(ms), known, nil
}
