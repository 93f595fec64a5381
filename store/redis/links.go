package redis

import (
	"context"
	"strings"

	goredis "github.com/redis/go-redis/v9"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

// A name and the request it leads to are in different partitions, so no script can change both. The request has the last word:
// its hash says under n:NAME by which nonce it goes by that name, and only the candidate of the name with the same nonce is
// believed, the newest first. So a candidate written ahead of a change means nothing until the change is made, and one left over
// means nothing when the request has dropped the name or is gone.

// candidate is one who may go by a name.
func candidate(nonce string, id request.ID) string { return nonce + " " + string(id) }

func (s *Store) nameTag(name string) string { return s.keys.tag(partition(name)) }

// prepareLinks does what must come before the change of the request, and returns what should come after it.
func (s *Store) prepareLinks(ctx context.Context, tx *store.Tx, nonce string) (after []*pending, err error) {
	if s.single {
		return nil, nil
	}
	if len(tx.Unlink) > 0 || tx.Forget {
		if after, err = s.prepareUnlink(ctx, tx); err != nil {
			return nil, err
		}
	}
	if len(tx.Link) == 0 || tx.Forget {
		return after, nil
	}
	calls := make([]*pending, len(tx.Link))
	for i, l := range tx.Link {
		name := linkName(tx.Entry.Collection, l)
		calls[i] = s.run(order{script: s.scripts.link, tag: s.nameTag(name)}, s.keys.candidates(name), candidate(nonce, tx.Entry.ID))
	}
	if err := s.do(ctx, "store.Commit", calls...); err != nil {
		return nil, err
	}
	for i, l := range tx.Link {
		if n, _ := calls[i].cmd.(*goredis.Cmd).Int64(); n > 0 {
			name := linkName(tx.Entry.Collection, l)
			after = append(after, s.run(order{script: s.scripts.older, tag: s.nameTag(name)}, s.keys.candidates(name), candidate(nonce, tx.Entry.ID), ""))
		}
	}
	return after, nil
}

// prepareUnlink drops the candidates that the request has overtaken under the names it gives up: when it gives one up, nobody
// else may come to the fore. A forgotten request gives up all its names.
func (s *Store) prepareUnlink(ctx context.Context, tx *store.Tx) (after []*pending, err error) {
	p := hgetall(s.keys.request(tx.Entry.ID))
	if err := s.do(ctx, "store.Commit", p); err != nil {
		return nil, err
	}
	var names []string
	if tx.Forget {
		for field := range fieldsOf(p) {
			if name, is := strings.CutPrefix(field, "n:"); is {
				names = append(names, name)
			}
		}
	} else {
		for _, l := range tx.Unlink {
			names = append(names, linkName(tx.Entry.Collection, l))
		}
	}
	var before []*pending
	for _, name := range names {
		if nonce := fieldsOf(p)["n:"+name]; nonce != "" {
			c := candidate(nonce, tx.Entry.ID)
			before = append(before, s.run(order{script: s.scripts.older, tag: s.nameTag(name)}, s.keys.candidates(name), c, ""))
			after = append(after, s.run(order{script: s.scripts.older, tag: s.nameTag(name)}, s.keys.candidates(name), c, "all"))
		}
	}
	return after, s.do(ctx, "store.Commit", before...)
}

// withdraw drops the candidates of a change that was refused.
func (s *Store) withdraw(tx *store.Tx, nonce string) []*pending {
	var out []*pending
	for _, l := range tx.Link {
		name := linkName(tx.Entry.Collection, l)
		out = append(out, call(goredis.NewIntCmd(context.Background(), "zrem", s.keys.candidates(name), candidate(nonce, tx.Entry.ID))))
	}
	return out
}

// Lookup implements store.Ledger.
func (s *Store) Lookup(ctx context.Context, collection string, link store.Link) (store.Record, error) {
	name := linkName(collection, link)
	list := call(goredis.NewStringSliceCmd(ctx, "zrevrange", s.keys.candidates(name), 0, -1))
	if err := s.do(ctx, "store.Lookup", list); err != nil {
		return store.Record{}, err
	}
	for _, c := range list.cmd.(*goredis.StringSliceCmd).Val() {
		nonce, id, _ := strings.Cut(c, " ")
		rec, hash, err := s.read(ctx, "store.Lookup", request.ID(id))
		if err == store.ErrNotFound {
			continue
		}
		if err != nil || hash["n:"+name] == nonce {
			return rec, err
		}
	}
	return store.Record{}, store.ErrNotFound
}
