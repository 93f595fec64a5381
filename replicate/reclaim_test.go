package replicate

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/request"
)

// The owner is cut off, before, in the middle of or after a hand-over; another site reclaims the request; both go on writing. When the links
// are back there is one owner, all copies are equal, and every write that was acknowledged is in the record or in a conflict record.
func TestNothingIsLostSilentlyByForce(t *testing.T) {
	seeds := 200
	if testing.Short() {
		seeds = 20
	}
	for seed := range seeds {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			t.Parallel()
			inBubble(t, true, func(c *cluster) { forced(c, rand.New(rand.NewPCG(uint64(seed), 11))) })
		})
	}
}

func forced(c *cluster, rnd *rand.Rand) {
	res, _ := c.must("sf", request.Create, "", `{"category":"desk","status":"closed"}`)
	gid := res.Entry.ID
	c.converged(gid, "sf", "chicago", "paris")
	at := func(s request.Site) string { return c.entry(gid, s).Local }
	acked := map[string]string{}
	write := func(s request.Site, field string) {
		value := fmt.Sprintf("%q", string(s)+"'s "+field)
		if res, err := c.send(s, request.Update, at(s), fmt.Sprintf(`{%q:%s}`, field, value)); err == nil && res.Answer != nil && res.Answer.Status < 300 {
			acked[value] = field
		}
	}
	pause := func() { time.Sleep(time.Duration(rnd.IntN(1500)) * time.Millisecond) }
	if rnd.IntN(2) == 0 { // in the middle of a hand-over, perhaps
		_ = c.order("sf", request.Order{Request: gid, To: "chicago"})
		time.Sleep(time.Duration(rnd.IntN(3)) * time.Millisecond)
	}
	away, taker, third := request.Site("sf"), request.Site("paris"), request.Site("chicago")
	if rnd.IntN(2) == 0 {
		away, third = third, away
	}
	c.cut(away, taker, true)
	c.cut(away, third, true)
	for i := range 3 {
		write(away, fmt.Sprint("f", i))
		pause()
	}
	_, err := c.at(taker).Reclaim(c.t.Context(), gid, "mary", "cut off")
	reclaimed := err == nil
	for i := range 3 {
		write(taker, fmt.Sprint("f", i))
		write(away, fmt.Sprint("f", i+1))
		write(third, fmt.Sprint("g", i))
		pause()
	}
	if rnd.IntN(3) == 0 {
		c.kill(away)
	}
	c.cut(away, taker, false)
	c.cut(away, third, false)
	time.Sleep(3 * time.Minute)
	var owner request.Site
	var lost []request.ConflictRecord
	for _, s := range sites {
		e := c.entry(gid, s)
		lost = append(lost, e.Conflicts...)
		switch {
		case e.Role == request.Owner && owner != "":
			c.t.Errorf("%s and %s both own it", owner, s)
		case e.Role == request.Owner:
			owner = s
		case e.Role != request.Copy:
			c.t.Errorf("%s is %s", s, e.Role)
		}
	}
	if owner == "" {
		c.t.Fatal("nobody owns it")
	}
	if reclaimed && owner != taker {
		c.t.Errorf("%s owns what %s reclaimed", owner, taker)
	}
	c.converged(gid, owner, sites...)
	rec := c.record(gid, owner)
	for value, field := range acked {
		kept := fmt.Sprintf("%q", rec[field]) == value
		for _, x := range lost {
			for _, f := range x.Fields {
				kept = kept || f.Name == field && f.Mine == value
			}
		}
		if !kept {
			c.t.Errorf("%s of field %s is neither in the record nor in a conflict: %v, %+v", value, field, rec[field], lost)
		}
	}
}
