package replicate

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/request"
)

// A comparison after the other while all sites write and requests move: never a difference that is none, and one that is there every time.
func TestVerifyFindsOnlyWhatIsThere(t *testing.T) {
	rounds := 10
	if testing.Short() {
		rounds = 3
	}
	inBubble(t, true, func(c *cluster) {
		var ids, cold []request.ID
		var locals []string
		for i := range 40 {
			res, local := c.must("sf", request.Create, "", fmt.Sprintf(`{"status":"closed","title":"t","n":%d}`, i))
			if i < 30 {
				ids, locals = append(ids, res.Entry.ID), append(locals, local)
			} else {
				cold = append(cold, res.Entry.ID)
			}
		}
		c.settle()
		ctx, stop := context.WithCancel(c.t.Context())
		var wg sync.WaitGroup
		for w := range 12 {
			wg.Go(func() {
				for i := 0; ctx.Err() == nil; i++ {
					site := sites[(w+i)%len(sites)]
					local := c.entry(ids[(w+i)%len(ids)], site).Local
					if local != "" {
						_, _ = c.send(site, request.Update, local, fmt.Sprintf(`{"w%d":%d}`, w, i))
					}
					if i%5 == 0 {
						_, _ = c.at("sf").Order(ctx, request.Order{Request: ids[(w+i)%len(ids)], To: sites[i%3], Mode: "ownership"})
					}
					time.Sleep(time.Duration(w+1) * 30 * time.Millisecond)
				}
			})
		}
		compared := 0
		for i := range rounds {
			id := cold[i%len(cold)]
			for _, s := range sites {
				v := c.verify(s, request.VerifyOrder{})
				if compared += v.Copies; v.State != request.JobDone || v.Found != 0 {
					t.Errorf("round %d at %s: %s", i, s, differences(v))
				}
			}
			c.edit("paris", c.entry(id, "paris").Local, map[string]any{"title": "planted"})
			v := c.verify("sf", request.VerifyOrder{Repair: i%2 == 0})
			want := fmt.Sprintf(`field paris title: "t", "planted" %v`, i%2 == 0)
			if compared += v.Copies; differences(v) != want || v.Differences[0].Request != id {
				t.Errorf("round %d: %s", i, differences(v))
			}
			if i%2 != 0 {
				c.edit("paris", c.entry(id, "paris").Local, map[string]any{"title": "t"})
			}
		}
		stop()
		wg.Wait()
		c.settle()
		for _, s := range sites {
			c.wantEqual(s)
		}
		if compared < 500 && !testing.Short() {
			t.Errorf("only %d copies were compared", compared)
		}
	})
}

// The digests of two levels lead to the leaves, whatever differs, and to nothing else.
func TestDigestTree(t *testing.T) {
	t.Parallel()
	var a, b tree
	h, other := newHasher(newKey()), newHasher(newKey())
	var ids []request.ID
	for i := range 5000 {
		id := request.NewID(time.UnixMilli(int64(i)))
		l := leaf{version: request.First("oslo"), sum: h.fields(request.Fields{{Name: "n", Value: fmt.Append(nil, i)}})}
		a.add(id, h.leaf(id, l))
		if i%500 == 7 {
			ids = append(ids, id)
			l.sum++
		}
		b.add(id, h.leaf(id, l))
		if other.leaf(id, l) == h.leaf(id, l) {
			t.Fatal("two keys give one hash")
		}
	}
	groups := a.otherGroups(b.groups())
	found := setOf(a.otherBuckets(groups, b.buckets(groups)))
	n := 0
	for k := range request.DigestBuckets {
		if found.has(k) {
			n++
		}
	}
	for _, id := range ids {
		if !found.has(bucketOf(id)) {
			t.Errorf("%s is in no bucket that differs", id)
		}
	}
	if n != len(ids) || len(a.otherGroups(a.groups())) != 0 {
		t.Errorf("%d buckets differ, want %d", n, len(ids))
	}
	one := request.Fields{{Name: "a", Value: []byte(`{"x": 1}`)}, {Name: "b", Value: []byte(`2`)}}
	two := request.Fields{{Name: "b", Value: []byte(` 2`)}, {Name: "a", Value: []byte(`{"x":1}`)}}
	if h.fields(one) != h.fields(two) || h.fields(one) == h.fields(two[:1]) || h.fields(request.Fields{{Name: "ab", Value: []byte("1")}}) == h.fields(request.Fields{{Name: "a", Value: []byte("1")}}) {
		t.Error("the hash of fields depends on their order, or not on their names")
	}
}
