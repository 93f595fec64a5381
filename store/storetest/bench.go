package storetest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

// Benchmark measures the store as a gateway uses it, with 64 clients and with one. One operation is a create: the commit that
// opens an intent on an entry of some 1.5 KB, the commit that closes it with two deliveries owed and one link, then, in batches,
// claim and settlement of both. It reports operations, commits and processor time of this process.
func Benchmark(b *testing.B, open func(b *testing.B) store.Store) {
	for _, clients := range []int{64, 1} {
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) {
			s := open(b)
			b.ReportAllocs()
			used, began := processorTime(), time.Now()
			b.ResetTimer()
			createMany(b, s, clients)
			b.StopTimer()
			spent, took := processorTime()-used, time.Since(began)
			b.ReportMetric(float64(2*b.N)/took.Seconds(), "commits/s")
			b.ReportMetric(float64(spent.Microseconds())/float64(2*b.N), "cpu-µs/commit")
		})
	}
}

// BenchmarkClaim measures what it costs to claim a hundred of a backlog; it must not grow much with the backlog.
func BenchmarkClaim(b *testing.B, open func(b *testing.B) store.Store) {
	for _, size := range []int{2_000, 200_000} {
		b.Run(fmt.Sprintf("backlog=%d", size), func(b *testing.B) {
			s := open(b)
			fill(b, s, 0, size)
			now := start.Add(time.Hour)
			for b.Loop() {
				// A lease as short as this one is over at the next claim.
				if list, err := s.Claim(b.Context(), store.Claim{Site: chicago, Now: now, Limit: 100, Lease: time.Nanosecond}); err != nil || len(list) != 100 {
					b.Fatalf("claimed %d: %v", len(list), err)
				}
				now = now.Add(time.Second)
			}
		})
	}
}

func createMany(b *testing.B, s store.Store, clients int) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range clients {
		wg.Go(func() {
			for n := int(next.Add(1)); n <= b.N; n = int(next.Add(1)) {
				if err := create(b, s, n); err != nil {
					b.Error(err)
					return
				}
				if n%32 == 0 || n == b.N {
					if err := deliverSome(b, s); err != nil {
						b.Error(err)
						return
					}
				}
			}
		})
	}
	wg.Wait()
}

var filler = json.RawMessage(`"` + string(bytes.Repeat([]byte("x"), 110)) + `"`)

func create(b *testing.B, s store.Store, n int) error {
	e := entry(n, 1)
	e.Fields = nil
	for i := range 9 {
		e.Fields = append(e.Fields, request.Field{Name: fmt.Sprintf("field-%d", i), Value: filler})
	}
	e.Intent = &request.Intent{Kind: request.Create, Op: "operation", Version: e.Version, Lease: start}
	rev, err := s.Commit(b.Context(), store.Tx{Entry: e})
	if err != nil {
		return err
	}
	e.Intent, e.Ops = nil, []request.Op{{ID: "operation", Kind: request.Create, Version: e.Version, Outcome: request.Done, At: start}}
	_, err = s.Commit(b.Context(), store.Tx{Entry: e, Rev: rev, Owe: debts(chicago, austin), Link: []store.Link{{Site: rome, Local: e.Local}}, Now: start})
	return err
}

// deliverSome does what the workers of two sites do for 32 requests.
func deliverSome(b *testing.B, s store.Store) error {
	for _, site := range sites[:2] {
		list, err := s.Claim(b.Context(), store.Claim{Site: site, Now: start, Limit: 64, Lease: time.Minute})
		if err != nil {
			return err
		}
		batch := make([]store.Settlement, len(list))
		for i, c := range list {
			batch[i] = delivered(c, 0)
		}
		if err := s.Settle(b.Context(), batch); err != nil {
			return err
		}
	}
	return nil
}
