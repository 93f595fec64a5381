package tests

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// fullyCopied leaves every request at all sites.
const fullyCopied = furniture + `
- {name: chicago-desks, on: [create], at: [chicago], when: 'category == "chair"', copy: {to: all}}
`

// onRedis are two sites with their stores in one Redis.
func onRedis(t *testing.T, redis *harness.Redis, extra string) []harness.Site {
	t.Helper()
	sites := harness.Fakes(t, "san-francisco", "chicago")
	for i := range sites {
		sites[i].Store, sites[i].Extra = redis.URL(), extra
	}
	return sites
}

// Redis is emptied under load, again and again, with all that both sites keep in it. The gateways put it back from their journals, without a
// restart: nothing acknowledged is lost, nothing is made twice, and all copies are equal.
func TestRedisFlushedUnderLoad(t *testing.T) {
	t.Parallel()
	redis := harness.NewRedis(t)
	n := harness.Start(t, harness.Network{Sites: onRedis(t, redis, "quiescence: 1s"), Routes: fullyCopied})
	l := startLoad(n, 6)
	for range harness.Rounds(5, 60) {
		harness.Pause(time.Duration(500+rand.IntN(1000)) * time.Millisecond)
		if _, err := redis.Do("FLUSHALL"); err != nil {
			t.Fatal(err)
		}
	}
	harness.Pause(500 * time.Millisecond)
	t.Logf("%d writes acknowledged, %d creates without an answer", l.end(), len(l.maybe))
	l.check(t, leased)
}

// Redis is gone for good: a new and empty one is in its place.
func TestRedisReplacedUnderLoad(t *testing.T) {
	t.Parallel()
	redis := harness.NewRedis(t)
	n := harness.Start(t, harness.Network{Sites: onRedis(t, redis, "quiescence: 1s"), Routes: fullyCopied})
	l := startLoad(n, 6)
	for range harness.Rounds(2, 20) {
		harness.Pause(time.Duration(500+rand.IntN(1000)) * time.Millisecond)
		redis.Kill()
		if err := redis.Forget(); err != nil {
			t.Fatal(err)
		}
		harness.Pause(time.Duration(rand.IntN(500)) * time.Millisecond)
		redis.Start()
	}
	harness.Pause(500 * time.Millisecond)
	t.Logf("%d writes acknowledged, %d creates without an answer", l.end(), len(l.maybe))
	l.check(t, leased)
}

// Without journals what was lost is learned from the other site's ledger and from this site's own records.
func TestRedisFlushedWithoutJournals(t *testing.T) {
	t.Parallel()
	own, others := harness.NewRedis(t), harness.NewRedis(t)
	sites := onRedis(t, own, "quiescence: 1s\njournal: none")
	sites[1].Store = others.URL()
	n := harness.Start(t, harness.Network{Sites: sites, Routes: fullyCopied})
	l := startLoad(n, 6)
	for i := range harness.Rounds(3, 30) {
		harness.Pause(time.Duration(500+rand.IntN(1000)) * time.Millisecond)
		redis := []*harness.Redis{own, others}[i%2]
		if _, err := redis.Do("FLUSHALL"); err != nil {
			t.Fatal(err)
		}
		// One loss at a time: the other site's ledger is the only one that is left.
		site := n.At(n.Sites()[i%2])
		harness.Eventually(t, time.Minute, site.Name+" takes writes again", func() error {
			if a := site.Create("/tickets", ticket(subject("again"), `"category":"desk"`)); a.Status != 201 {
				return fmt.Errorf("%d %s", a.Status, a.Body)
			}
			return nil
		})
	}
	harness.Pause(500 * time.Millisecond)
	t.Logf("%d writes acknowledged, %d creates without an answer", l.end(), len(l.maybe))
	l.check(t, leased)
}

// The embedded store is deleted while its gateway is down: started again, it learns from the other site what it was, before it takes
// its own records for new ones.
func TestEmbeddedStoreLost(t *testing.T) {
	t.Parallel()
	sites := harness.Fakes(t, "san-francisco", "chicago")
	dir := t.TempDir()
	for i := range sites {
		sites[i].Extra, sites[i].Profile, sites[i].Store = "quiescence: 1s", listed, "file:"+filepath.Join(dir, sites[i].Name)
	}
	n := harness.Start(t, harness.Network{Sites: sites, Routes: fullyCopied})
	l := startLoad(n, 6)
	for i := range harness.Rounds(2, 20) {
		harness.Pause(time.Duration(500+rand.IntN(1000)) * time.Millisecond)
		site := n.At(n.Sites()[i%2])
		site.Kill()
		if err := os.RemoveAll(filepath.Join(dir, site.Name)); err != nil {
			t.Fatal(err)
		}
		site.Restart()
		harness.Eventually(t, time.Minute, site.Name+" takes writes again", func() error {
			if a := site.Create("/tickets", ticket(subject("again"), `"category":"desk"`)); a.Status != 201 {
				return fmt.Errorf("%d %s", a.Status, a.Body)
			}
			return nil
		})
	}
	harness.Pause(500 * time.Millisecond)
	t.Logf("%d writes acknowledged, %d creates without an answer", l.end(), len(l.maybe))
	l.check(t, leased)
}

// listed is RestProfile for an API that shows all records in one list: what no other site has heard of is found again by it.
const listed = harness.RestProfile + `    list: {path: "{path}"}
`
