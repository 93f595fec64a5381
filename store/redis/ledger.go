package redis

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	goredis "github.com/redis/go-redis/v9"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
	"github.com/meridian-gateway/meridian/store/internal/rows"
	"github.com/meridian-gateway/meridian/store/journal"
)

// page is how much a listing returns when it is not told.
const page = 1000

// hgetall reads a whole hash.
func hgetall(key string) *pending {
	return call(goredis.NewMapStringStringCmd(context.Background(), "hgetall", key))
}

// fieldsOf is the answer to hgetall, also when it was asked a second time.
func fieldsOf(p *pending) map[string]string { return p.cmd.(*goredis.MapStringStringCmd).Val() }

// decode makes a record of a request's hash; ok is false for an empty one.
func decode(id request.ID, h map[string]string) (rec store.Record, ok bool, err error) {
	if h["e"] == "" {
		return rec, false, nil
	}
	if rec.Rev, err = strconv.ParseUint(h["rev"], 10, 64); err != nil {
		return rec, false, fmt.Errorf("entry %s: %w", id, err)
	}
	if rec.Entry, err = decodeEntry(id, h["e"]); err != nil {
		return rec, false, err
	}
	for field, value := range h {
		site, is := strings.CutPrefix(field, "h:")
		if !is {
			continue
		}
		d, _, err := rows.DecodeDelivery(id, []byte(value))
		if err != nil {
			return rec, false, fmt.Errorf("holder %s of %s: %w", site, id, err)
		}
		if h["l:"+site] != "" {
			d.State = request.InFlight
		}
		rec.Holders = append(rec.Holders, d)
	}
	slices.SortFunc(rec.Holders, func(a, b request.Delivery) int { return strings.Compare(string(a.Site), string(b.Site)) })
	return rec, true, nil
}

func decodeEntry(id request.ID, value string) (request.Entry, error) {
	b, err := rows.Unseal([]byte(value), string(id))
	if err != nil {
		return request.Entry{}, fmt.Errorf("entry %s: %w", id, err)
	}
	e, err := rows.DecodeEntry(b)
	if err != nil {
		return request.Entry{}, fmt.Errorf("entry %s: %w", id, err)
	}
	return e, nil
}

// Read implements store.Ledger.
func (s *Store) Read(ctx context.Context, id request.ID) (store.Record, error) {
	rec, _, err := s.read(ctx, "store.Read", id)
	return rec, err
}

// read returns the record and the whole hash.
func (s *Store) read(ctx context.Context, op string, id request.ID) (store.Record, map[string]string, error) {
	p := hgetall(s.keys.request(id))
	if err := s.do(ctx, op, p); err != nil {
		return store.Record{}, nil, err
	}
	rec, ok, err := decode(id, fieldsOf(p))
	if err != nil {
		return store.Record{}, nil, down(op, err)
	}
	if !ok {
		return store.Record{}, nil, store.ErrNotFound
	}
	return rec, fieldsOf(p), nil
}

// Entries implements store.Ledger.
func (s *Store) Entries(ctx context.Context, after request.ID, limit int) ([]store.Record, error) {
	if limit <= 0 {
		limit = page
	}
	ids, err := s.merged(ctx, "store.Entries", after, limit, s.keys.ids)
	if err != nil {
		return nil, err
	}
	return s.readAll(ctx, "store.Entries", ids)
}

// readAll reads many records in one pipeline; those that are gone meanwhile are left out.
func (s *Store) readAll(ctx context.Context, op string, ids []request.ID) ([]store.Record, error) {
	calls := make([]*pending, len(ids))
	for i, id := range ids {
		calls[i] = hgetall(s.keys.request(id))
	}
	if err := s.do(ctx, op, calls...); err != nil {
		return nil, err
	}
	var out []store.Record
	for i, id := range ids {
		rec, ok, err := decode(id, fieldsOf(calls[i]))
		if err != nil {
			return nil, down(op, err)
		}
		if ok {
			out = append(out, rec)
		}
	}
	return out, nil
}

// Intents implements store.Ledger.
func (s *Store) Intents(ctx context.Context, after request.ID, limit int) ([]request.ID, error) {
	if limit <= 0 {
		limit = page
	}
	return s.merged(ctx, "store.Intents", after, limit, s.keys.open)
}

// merged reads the next ids, in order, from one set in each partition.
func (s *Store) merged(ctx context.Context, op string, after request.ID, limit int, set func(int) string) ([]request.ID, error) {
	calls := make([]*pending, partitions)
	for p := range calls {
		calls[p] = rangeAfter(set(p), after, limit)
	}
	if err := s.do(ctx, op, calls...); err != nil {
		return nil, err
	}
	var out []request.ID
	for _, c := range calls {
		for _, id := range c.cmd.(*goredis.StringSliceCmd).Val() {
			out = append(out, request.ID(id))
		}
	}
	slices.Sort(out)
	return out[:min(limit, len(out))], nil
}

// rangeAfter lists the members of a set ordered by name, those after the one given.
func rangeAfter(key string, after request.ID, limit int) *pending {
	from := "-"
	if after != "" {
		from = "(" + string(after)
	}
	return call(goredis.NewStringSliceCmd(context.Background(), "zrangebylex", key, from, "+", "limit", 0, limit))
}

// Commit implements store.Ledger. On a single server one script changes the request and its names. In a cluster the order is: names
// to be linked get a candidate, the request is changed by one script, and candidates that were overtaken are dropped. DESIGN.md
// says why each crash between them is harmless.
func (s *Store) Commit(ctx context.Context, tx store.Tx) (rev uint64, err error) {
	var value []byte
	if !tx.Forget {
		if value, err = rows.AppendEntry(make([]byte, 0, 2048), &tx.Entry); err != nil {
			return 0, &request.Error{Op: "store.Commit", Kind: request.Invalid, Request: tx.Entry.ID, Err: err}
		}
		value = rows.Seal(value, string(tx.Entry.ID))
	}
	txid := s.unique()
	cleaning, err := s.prepareLinks(ctx, &tx, txid)
	if err != nil {
		return 0, err
	}
	id := tx.Entry.ID
	p := s.run(order{script: s.scripts.commit, tag: s.keys.tag(partition(string(id))), txid: txid}, s.commitArgs(&tx, txid, value)...)
	if err := s.do(ctx, "store.Commit", p); err != nil {
		return 0, err
	}
	text, err := p.cmd.(*goredis.Cmd).Text()
	if err != nil {
		return 0, down("store.Commit", err)
	}
	if text == "conflict" {
		cleaning = nil
		if !s.single {
			cleaning = s.withdraw(&tx, txid)
		}
		err = store.ErrConflict
	} else if rev, err = strconv.ParseUint(text, 10, 64); err != nil {
		return 0, down("store.Commit", err)
	}
	// What is dropped here is not believed any more; if it fails, later reads pass it over.
	_ = s.do(ctx, "store.Commit", cleaning...)
	if err == nil && s.journal != nil {
		err = s.record(ctx, &tx, rev, value, txid)
	}
	return rev, err
}

// record has the journal take over a commit. What nobody else knows is flushed there before it is acknowledged: writes that were
// accepted for later, and ownership that was released.
func (s *Store) record(ctx context.Context, tx *store.Tx, rev uint64, value []byte, nonce string) error {
	e := &tx.Entry
	c := journal.Commit{ID: e.ID, From: tx.Rev, Rev: rev, Entry: value, Open: rows.Open(e), Version: e.Version, Owe: tx.Owe, Drop: tx.Drop, Now: tx.Now}
	at := s.now().UnixMilli()
	for _, l := range tx.Link {
		c.Link = append(c.Link, journal.Name{Name: linkName(e.Collection, l), Nonce: nonce, At: at})
	}
	for _, l := range tx.Unlink {
		c.Unlink = append(c.Unlink, linkName(e.Collection, l))
	}
	s.journal.Committed(c)
	if tx.Forget || len(e.Queue) == 0 && e.Role != request.Granting {
		return nil
	}
	return s.journal.Sync(ctx)
}

// Records implements journal.Source.
func (s *Store) Records(ctx context.Context, ids []request.ID) ([]journal.Record, error) {
	calls := make([]*pending, len(ids))
	for i, id := range ids {
		calls[i] = hgetall(s.keys.request(id))
	}
	if err := s.do(store.Rebuilding(ctx), "store.Records", calls...); err != nil {
		return nil, err
	}
	at := s.now().UnixMilli()
	var out []journal.Record
	for i, id := range ids {
		h := fieldsOf(calls[i])
		rec, ok, err := decode(id, h)
		if err != nil {
			return nil, down("store.Records", err)
		}
		if !ok {
			continue
		}
		r := journal.Record{ID: id, Rev: rec.Rev, Entry: []byte(h["e"]), Open: h["open"] != "", Holders: rec.Holders}
		for field, nonce := range h {
			if name, is := strings.CutPrefix(field, "n:"); is {
				r.Names = append(r.Names, journal.Name{Name: name, Nonce: nonce, At: at})
			}
		}
		out = append(out, r)
	}
	return out, nil
}

func (s *Store) commitArgs(tx *store.Tx, txid string, value []byte) []any {
	verb, open := "write", ""
	if tx.Forget {
		verb = "forget"
	} else if rows.Open(&tx.Entry) {
		open = "open"
	}
	owe, drop, link := tx.Owe, tx.Drop, tx.Link
	if tx.Forget {
		owe, drop, link = nil, nil, nil
	}
	args := append(make([]any, 0, 16+6*len(tx.Owe)), string(tx.Entry.ID), strconv.FormatUint(tx.Rev, 10), txid, verb, value, open,
		rows.Nanos(tx.Now), tx.Entry.Version.Mark(), len(owe))
	for _, d := range owe {
		args = append(args, string(d.Site), d.Mode, d.Route, d.Pool, rows.OtherTerms(d.Terms), rows.Nanos(d.Due))
	}
	args = append(args, len(drop))
	for _, site := range drop {
		args = append(args, string(site))
	}
	args = append(args, len(link))
	for _, l := range link {
		name := linkName(tx.Entry.Collection, l)
		args = append(args, name, txid, s.candidatesHere(name))
	}
	args = append(args, len(tx.Unlink))
	for _, l := range tx.Unlink {
		name := linkName(tx.Entry.Collection, l)
		args = append(args, name, s.candidatesHere(name))
	}
	return args
}

// candidatesHere is the key of a name's candidates where the commit script can reach it.
func (s *Store) candidatesHere(name string) string {
	if s.single {
		return s.keys.candidates(name)
	}
	return ""
}
