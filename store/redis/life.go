package redis

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

// A store that forgets is worse than one that is gone: the site would go on believing an old state. So every change has a number and
// leaves its mark in the life of the store, every script says which change its caller has seen last, and every pipeline ends with the
// same question. When that change is not to be found the store was emptied, replaced, or set back by a failover; then nothing is
// read or written any more until what was lost has been put back (rescue.go), in a new life.

// ring is how many of the newest changes leave a mark that can be asked for. More than can be under way at a time.
const ring = 4096

// errLost is what scripts answer, and what a pipeline's last question may come to.
const lostWord = "LOST"

// mark is one change: its number and the transaction that made it.
type mark struct {
	seq uint64
	tx  string
}

// parseMark reads "SEQ TX"; the zero mark is none.
func parseMark(text string) mark {
	seq, tx, _ := strings.Cut(text, " ")
	n, err := strconv.ParseUint(seq, 10, 64)
	if err != nil {
		return mark{}
	}
	return mark{n, tx}
}

func (m mark) String() string { return strconv.FormatUint(m.seq, 10) + " " + m.tx }

// field is where the mark is kept as long as no later one has its place.
func (m mark) field() string { return "r" + strconv.FormatUint(m.seq%ring, 10) }

// life is what this process knows of the life of its store.
type life struct {
	mu    sync.Mutex
	id    string
	state store.LifeState
	open  bool
	why   string
	seen  map[string]mark // by key: in a cluster every partition counts by itself
	lost  chan struct{}   // wakes the rescuer
}

func newLife() *life { return &life{seen: make(map[string]mark), lost: make(chan struct{}, 1)} }

// now is the life, and the newest change seen under a key.
func (l *life) now(key string) (id string, seen mark) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.id, l.seen[key]
}

// closed is why nothing may be asked, nil when it may.
func (l *life) closed() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open {
		return nil
	}
	return lostError(l.why)
}

// closedFor is why somebody may not ask: a store of which something is missing is for those who rebuild it.
func (l *life) closedFor(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case !l.open:
		return lostError(l.why)
	case l.state == store.Rebuilt && !store.IsRebuilding(ctx):
		return lostError("the store was lost, and is being rebuilt from the other sites and the request API")
	}
	return nil
}

func lostError(why string) error {
	return &request.Error{Op: "store", Kind: request.Rejoining, Detail: why}
}

// lose notes that the store of a life has lost something. It is the same for many callers at once.
func (l *life) lose(id, why string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.open || l.id != id {
		return
	}
	l.open, l.why = false, why
	select {
	case l.lost <- struct{}{}:
	default:
	}
}

// begin goes on in a life that is open, with the marks seen in it.
func (l *life) begin(id string, state store.LifeState, seen map[string]mark) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.id, l.state, l.open, l.why, l.seen = id, state, true, "", seen
}

// marks are the newest changes seen, by key.
func (l *life) marks() (id string, seen map[string]mark) {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make(map[string]mark, len(l.seen))
	for k, m := range l.seen {
		out[k] = m
	}
	return l.id, out
}

// check is the question at the end of a pipeline about one key.
type check struct {
	key  string
	id   string
	seen mark
	cmd  *goredis.SliceCmd
}

// ask makes the question.
func (l *life) ask(key string) *check {
	id, seen := l.now(key)
	return &check{key, id, seen, goredis.NewSliceCmd(context.Background(), "hmget", key, "id", "last", seen.field())}
}

// judge takes the answer: nil, or that the store is not the one that was written to. Without an answer nothing is known.
func (l *life) judge(c *check) error {
	vals, err := c.cmd.Result()
	if err != nil || len(vals) != 3 {
		return nil
	}
	id, _ := vals[0].(string)
	last, _ := vals[1].(string)
	at, _ := vals[2].(string)
	here := parseMark(at)
	switch {
	case id == "":
		l.lose(c.id, "the store was emptied, or is another one")
	case id != c.id:
		l.lose(c.id, "the store was found to have lost something, and what it held is being put back")
	case c.seen.seq > 0 && (here.seq < c.seen.seq || here.seq == c.seen.seq && here.tx != c.seen.tx):
		l.lose(c.id, "the store was set back to an older state")
	default:
		newest := parseMark(last)
		l.mu.Lock()
		if l.id == c.id && newest.seq > l.seen[c.key].seq {
			l.seen[c.key] = newest
		}
		l.mu.Unlock()
		return nil
	}
	return l.closedOr(c.id)
}

// closedOr is why a life may not be asked any more. Another life may have begun meanwhile.
func (l *life) closedOr(id string) error {
	if err := l.closed(); err != nil {
		return err
	}
	return lostError("the life " + id + " of the store is over")
}

// lostAnswer reports whether a script found that the store is not the one that was written to.
func lostAnswer(err error) bool { return err != nil && strings.HasPrefix(err.Error(), lostWord) }

// Life implements store.Lives.
func (s *Store) Life(context.Context) (store.Life, error) {
	if err := s.life.closed(); err != nil {
		return store.Life{}, err
	}
	s.life.mu.Lock()
	defer s.life.mu.Unlock()
	return store.Life{ID: s.life.id, State: s.life.state}, nil
}

// Resume implements store.Lives.
func (s *Store) Resume(ctx context.Context, id string) error {
	l, err := s.Life(ctx)
	if err != nil {
		return err
	}
	if l.ID != id {
		return lostError("another life of the store has begun")
	}
	if err := s.setState(ctx, id, store.Lived); err != nil {
		return down("store.Resume", err)
	}
	s.life.mu.Lock()
	defer s.life.mu.Unlock()
	if s.life.id == id {
		s.life.state = store.Lived
	}
	return nil
}

// setState writes the state of a life everywhere.
func (s *Store) setState(ctx context.Context, id string, state store.LifeState) error {
	for _, key := range s.lifeKeys() {
		if err := s.client.HSet(ctx, key, "id", id, "state", string(state)).Err(); err != nil {
			return err
		}
	}
	return nil
}

// lifeKey is where the life of the store is kept for a partition: one place on a single server, since one script may touch all of it.
func (s *Store) lifeKey(tag string) string {
	if s.single {
		return s.keys.life()
	}
	return tag + ":life"
}

// lifeKeys are all of them, the one that decides first.
func (s *Store) lifeKeys() []string {
	out := []string{s.keys.life()}
	if !s.single {
		for p := range partitions {
			out = append(out, s.keys.tag(p)+":life")
		}
	}
	return out
}

// startLife finds out at the start in which life the store is, and begins one when it is new.
func (s *Store) startLife(ctx context.Context, fresh bool) error {
	was, seen, err := s.remembered(ctx)
	if err != nil {
		return err
	}
	vals, err := s.client.HMGet(ctx, s.keys.life(), "id", "state").Result()
	if err != nil {
		return down("store.Open", err)
	}
	id, _ := vals[0].(string)
	state, _ := vals[1].(string)
	switch {
	case id == "" && was != "":
		s.life.begin(was, store.Lived, seen)
		s.life.lose(was, "the store was emptied, or is another one")
		return nil
	case id == "":
		state = string(store.Lived) // made by a release that knew no lives
		if fresh {
			state = string(store.Fresh)
		}
		if id, state, err = s.firstLife(ctx, state); err != nil {
			return err
		}
	}
	if was != id {
		seen = make(map[string]mark)
	}
	s.life.begin(id, store.LifeState(state), seen)
	if state == restoring {
		s.life.lose(id, "what the store held is being put back")
		return nil
	}
	return s.follow(ctx, id)
}

// firstLife begins the first life of a store; of several gateways that start at once one decides.
func (s *Store) firstLife(ctx context.Context, state string) (id, is string, err error) {
	if err := s.client.HSetNX(ctx, s.keys.life(), "id", store.NewLife(time.Now())).Err(); err != nil {
		return "", "", down("store.Open", err)
	}
	if err := s.client.HSetNX(ctx, s.keys.life(), "state", state).Err(); err != nil {
		return "", "", down("store.Open", err)
	}
	vals, err := s.client.HMGet(ctx, s.keys.life(), "id", "state").Result()
	if err != nil {
		return "", "", down("store.Open", err)
	}
	id, _ = vals[0].(string)
	is, _ = vals[1].(string)
	for _, key := range s.lifeKeys()[1:] {
		if err := s.client.HSetNX(ctx, key, "id", id).Err(); err != nil {
			return "", "", down("store.Open", err)
		}
	}
	return id, is, nil
}

// remembered is the life that the journal belongs to, with the newest changes that it saw.
func (s *Store) remembered(ctx context.Context) (id string, seen map[string]mark, err error) {
	seen = make(map[string]mark)
	if s.journal == nil {
		return "", seen, nil
	}
	if id, err = s.journal.Marked(ctx, "life"); err != nil {
		return "", nil, err
	}
	text, err := s.journal.Marked(ctx, "seen")
	for line := range strings.Lines(text) {
		if key, at, ok := strings.Cut(strings.TrimSpace(line), "\t"); ok {
			seen[key] = parseMark(at)
		}
	}
	return id, seen, err
}

// follow has the journal follow a life, and the store know of the journal.
func (s *Store) follow(ctx context.Context, id string) error {
	// One without a journal is known too: what it writes is in no journal.
	if err := s.client.HSet(ctx, s.keys.journals(), s.self(), s.now().UnixMilli()).Err(); err != nil {
		return down("store.Open", err)
	}
	if s.journal == nil {
		return nil
	}
	s.journal.Mark("life", id)
	return s.noteJournals(ctx)
}

// noteJournals writes down which journals there are, for the day on which the store does not know it any more, and what was seen.
func (s *Store) noteJournals(ctx context.Context) error {
	all, err := s.client.HKeys(ctx, s.keys.journals()).Result()
	if err != nil {
		return down("store", err)
	}
	if len(all) > 0 { // none: it was just emptied
		s.journal.Mark("journals", strings.Join(slices.Sorted(slices.Values(all)), " "))
	}
	_, seen := s.life.marks()
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(seen)) {
		b.WriteString(key + "\t" + seen[key].String() + "\n")
	}
	s.journal.Mark("seen", b.String())
	return nil
}
