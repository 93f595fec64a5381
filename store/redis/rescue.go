package redis

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
	"github.com/meridian-gateway/meridian/store/internal/rows"
	"github.com/meridian-gateway/meridian/store/journal"
)

// restoring is the state of a life in which gateways put back what they remember; nothing else touches the store then.
const restoring = "restoring"

// A store is looked after every lookEvery, and what there is to be written down is every noteEvery. In a rescue, a gateway looks every
// rescueEvery how far it is; the one that leads it holds a lease, and waits for the other gateways as long as rescuePatience.
const (
	lookEvery      = 500 * time.Millisecond
	noteEvery      = 2 * time.Second
	rescueEvery    = 100 * time.Millisecond
	rescueLease    = 10 * time.Second
	rescuePatience = 5 * time.Second
)

// Journal is where a gateway keeps its own copy of what it writes.
type Journal interface {
	Copyist
	Memory
	// ID names it, Follow says from where it may read.
	ID() string
	Follow(journal.Source)
	// Trouble is why it is behind, "" when it is not.
	Trouble() string
	Close() error
}

// Copyist takes over what the store has done.
type Copyist interface {
	Committed(journal.Commit)
	Settled([]store.Settlement)
	Noted(journal.Note)
	Mark(name, text string)
	Sync(ctx context.Context) error
}

// Memory gives it back.
type Memory interface {
	Marked(ctx context.Context, name string) (string, error)
	Each(ctx context.Context, use func([]journal.Record) error) error
	Notes(ctx context.Context, now time.Time, use func([]journal.Note) error) error
	// Others are the journals that no process has open, Reset forgets what is of a life that is over.
	Others(ctx context.Context) []*journal.Journal
	Reset(ctx context.Context) error
}

// lookAfter notices that the store has lost something even when nobody asks it, and puts back what it lost.
func (s *Store) lookAfter(ctx context.Context) {
	defer close(s.looked)
	look, note := time.NewTicker(lookEvery), time.NewTicker(noteEvery)
	defer look.Stop()
	defer note.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.life.lost:
			s.rescue(ctx)
		case <-look.C:
			s.look1(ctx)
		case <-note.C:
			if s.journal != nil && s.life.closed() == nil {
				_ = s.noteJournals(ctx) // the next one comes soon
			}
		}
	}
}

// look1 asks once whether all of the store is there.
func (s *Store) look1(ctx context.Context) {
	var calls []*pending
	for _, key := range s.lifeKeys() {
		calls = append(calls, call(goredis.NewStringCmd(ctx, "hget", key, "id")))
	}
	if s.single {
		calls = calls[:1]
	} else {
		calls = calls[1:]
	}
	_ = s.do(store.Rebuilding(ctx), "store.Look", calls...) // what it finds is noted where all pipelines are judged
}

// rescue puts back what the store lost, together with the other gateways of the site, until the store is open again.
func (s *Store) rescue(ctx context.Context) {
	r := &rescue{Store: s}
	defer r.release()
	for s.life.closed() != nil {
		if err := r.step(ctx); err != nil && ctx.Err() == nil {
			s.life.mu.Lock()
			s.life.why = "putting back what the store lost: " + err.Error()
			s.life.mu.Unlock()
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(rescueEvery):
		}
	}
}

// rescue is this gateway's part in one.
type rescue struct {
	*Store
	given   string // the life to which it has given what it remembers
	leads   bool
	patient time.Time // until when it waits for others
	done    int       // how many had given when it looked last
}

// step does what is to be done next.
func (r *rescue) step(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, rescueLease)
	defer cancel()
	vals, err := r.client.HMGet(ctx, r.keys.life(), "id", "state").Result()
	if err != nil {
		return err
	}
	id, _ := vals[0].(string)
	state, _ := vals[1].(string)
	mine, _ := r.life.now("")
	switch {
	case state == restoring && id != mine:
		return r.help(ctx, id)
	case id == "" || id == mine || state == string(store.Fresh):
		return r.declare(ctx, mine)
	}
	return r.join(ctx, id, store.LifeState(state)) // the others were faster
}

// declare begins a new life in which what was lost is put back. One gateway does.
func (r *rescue) declare(ctx context.Context, former string) error {
	if ok, err := r.lead(ctx); err != nil || !ok {
		return err
	}
	mine, _, err := r.identity.Check(nil)
	if err != nil {
		return err
	}
	if err := r.client.SetNX(ctx, r.keys.identity(), mine, 0).Err(); err != nil {
		return err
	}
	id := store.NewLife(time.Now())
	// The key that the others look at comes last: then all of the store is in the new life.
	keys := r.lifeKeys()
	slices.Reverse(keys)
	for _, key := range keys {
		if err := r.client.HSet(ctx, key, "id", id, "state", restoring, "former", former).Err(); err != nil {
			return err
		}
	}
	return nil
}

// lead takes or keeps the lease of the one who leads.
func (r *rescue) lead(ctx context.Context) (bool, error) {
	key := r.keys.rescue("lead")
	got, err := r.client.SetArgs(ctx, key, r.boot, goredis.SetArgs{Mode: "NX", Get: true, TTL: rescueLease}).Result()
	switch {
	case errors.Is(err, goredis.Nil):
		r.leads = true
	case err != nil:
		return false, err
	case got != r.boot:
		r.leads = false
	default:
		r.leads = true
		if err := r.client.PExpire(ctx, key, rescueLease).Err(); err != nil {
			return false, err
		}
	}
	return r.leads, nil
}

// release lets go of the lease.
func (r *rescue) release() {
	if r.leads {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = r.client.Del(ctx, r.keys.rescue("lead")).Err() // else it runs out
	}
}

// help gives what this gateway remembers, and then waits for the others, or for the one who leads.
func (r *rescue) help(ctx context.Context, id string) error {
	leads, err := r.lead(ctx)
	if err != nil {
		return err
	}
	if r.given != id {
		if err := r.give(ctx, id); err != nil {
			return err
		}
		r.given, r.patient = id, time.Now().Add(rescuePatience)
	}
	if !leads {
		return nil
	}
	done, err := r.client.SMembers(ctx, r.keys.rescue("done:"+id)).Result()
	if err != nil {
		return err
	}
	known, err := r.client.SMembers(ctx, r.keys.rescue("known:"+id)).Result()
	if err != nil {
		return err
	}
	if len(done) > r.done {
		r.done, r.patient = len(done), time.Now().Add(rescuePatience)
	}
	missing := slices.DeleteFunc(known, func(j string) bool { return slices.Contains(done, j) })
	if len(missing) > 0 && time.Now().Before(r.patient) {
		return nil
	}
	state := store.Lived
	if len(missing) > 0 || r.journal == nil {
		state = store.Rebuilt
	}
	return r.setState(ctx, id, state) // the next step joins
}

// join goes on in a life that is open.
func (r *rescue) join(ctx context.Context, id string, state store.LifeState) error {
	if r.journal != nil && r.given != id {
		// What it remembers is of a former life, and may have been overtaken in this one.
		if err := r.journal.Reset(ctx); err != nil {
			return err
		}
	}
	seen := make(map[string]mark)
	for _, key := range r.lifeKeys() {
		last, err := r.client.HGet(ctx, key, "last").Result()
		if err != nil && !errors.Is(err, goredis.Nil) {
			return err
		}
		if m := parseMark(last); m.seq > 0 {
			seen[key] = m
		}
	}
	// An emptied store does not know the other gateways' journals any more, and the next loss may come before they are back.
	known, err := r.client.SMembers(ctx, r.keys.rescue("known:"+id)).Result()
	if err != nil {
		return err
	}
	for _, j := range known {
		if err := r.client.HSetNX(ctx, r.keys.journals(), j, r.now().UnixMilli()).Err(); err != nil {
			return err
		}
	}
	if err := r.follow(ctx, id); err != nil {
		return err
	}
	r.life.begin(id, state, seen)
	return nil
}

// give puts back what this gateway remembers.
func (r *rescue) give(ctx context.Context, id string) error {
	if err := r.client.SAdd(ctx, r.keys.rescue("known:"+id), r.self()).Err(); err != nil {
		return err
	}
	if r.journal == nil {
		return nil
	}
	// What was written last must be among it; when the disk does not take it, what is there is not all.
	whole := r.journal.Sync(ctx) == nil
	text, err := r.journal.Marked(ctx, "journals")
	if err != nil {
		return err
	}
	for _, other := range strings.Fields(text) {
		if err := r.client.SAdd(ctx, r.keys.rescue("known:"+id), other).Err(); err != nil {
			return err
		}
	}
	long := context.WithoutCancel(ctx) // a million requests take longer than a step; each batch has its own time
	if err := r.copyFrom(long, id, r.journal); err != nil {
		return err
	}
	if err := r.giveOthers(long, id); err != nil {
		return err
	}
	for _, set := range []string{"known:", "done:"} {
		if err := r.client.Expire(long, r.keys.rescue(set+id), time.Hour).Err(); err != nil {
			return err
		}
	}
	if !whole {
		return nil
	}
	return r.client.SAdd(long, r.keys.rescue("done:"+id), r.self()).Err()
}

// copyFrom puts back what is in a journal.
func (r *rescue) copyFrom(ctx context.Context, id string, j Journal) error {
	if err := j.Each(ctx, func(list []journal.Record) error { return r.restore(ctx, id, list) }); err != nil {
		return err
	}
	return j.Notes(ctx, r.now(), func(list []journal.Note) error { return r.restoreNotes(ctx, id, list) })
}

// giveOthers puts back what gateways remembered that ran on this machine and do no longer. One of another life than this one's has nothing
// to say.
func (r *rescue) giveOthers(ctx context.Context, id string) error {
	mine, err := r.journal.Marked(ctx, "life")
	if err != nil {
		return err
	}
	for _, j := range r.journal.Others(ctx) {
		if life, lerr := j.Marked(ctx, "life"); lerr == nil && life == mine && err == nil {
			if err = r.copyFrom(ctx, id, j); err == nil {
				err = r.client.SAdd(ctx, r.keys.rescue("done:"+id), j.ID()).Err()
			}
		}
		_ = j.Close() // nothing was written to it
	}
	return err
}

// self is the journal of this gateway, or that it has none.
func (s *Store) self() string {
	if s.journal == nil {
		return "none." + s.boot
	}
	return s.journal.ID()
}

// restore puts back some requests, each where the store has no newer state of it.
func (r *rescue) restore(ctx context.Context, id string, list []journal.Record) error {
	if _, err := r.lead(ctx); err != nil { // the lease must not run out meanwhile
		return err
	}
	var names, calls []*pending
	for _, rec := range list {
		open := ""
		if rec.Open {
			open = "open"
		}
		args := append(make([]any, 0, 8+2*len(rec.Holders)+4*len(rec.Names)), string(rec.ID), rec.Rev, rec.Entry, open, len(rec.Holders))
		for _, d := range rec.Holders {
			args = append(args, string(d.Site), rows.AppendDelivery(nil, d))
		}
		args = append(args, len(rec.Names))
		for _, n := range rec.Names {
			args = append(args, n.Name, n.Nonce, n.At, r.candidatesHere(n.Name))
			if !r.single {
				names = append(names, r.runIn(id, r.scripts.link, r.nameTag(n.Name), r.keys.candidates(n.Name), candidate(n.Nonce, rec.ID)))
			}
		}
		calls = append(calls, r.runIn(id, r.scripts.restore, r.keys.tag(partition(string(rec.ID))), args...))
	}
	for _, part := range [][]*pending{names, calls} {
		if err := r.put(part); err != nil {
			return err
		}
	}
	return nil
}

func (r *rescue) restoreNotes(ctx context.Context, id string, list []journal.Note) error {
	if _, err := r.lead(ctx); err != nil {
		return err
	}
	var calls []*pending
	for _, n := range list {
		calls = append(calls, r.runIn(id, r.scripts.note, tagOf(n.Name), n.Name, n.Value, n.Expires.UnixMilli(), ""))
	}
	return r.put(calls)
}

// put sends calls past the judgement on the life that is over.
func (r *rescue) put(calls []*pending) error {
	if len(calls) == 0 {
		return nil
	}
	r.batcher.raw(calls)
	for _, c := range calls {
		if err := c.cmd.Err(); err != nil && !errors.Is(err, goredis.Nil) {
			return &request.Error{Op: "store.Restore", Kind: request.StoreDown, Err: err}
		}
	}
	return nil
}
