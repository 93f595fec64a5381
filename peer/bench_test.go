package peer

import (
	"net/http/httptest"
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/request"
)

// One op is a delivery of 64 snapshots of 1 KB over loopback, signed, applied to nothing, and acknowledged one by one.
func BenchmarkDeliver64(b *testing.B) {
	srv := httptest.NewServer(NewServer(nothingDone{}, romeOptions()))
	defer srv.Close()
	c, err := NewClient(osloOptions(srv.URL))
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	batch := make([]request.Snapshot, MaxBatch)
	for i := range batch {
		batch[i] = kilobyte()
		batch[i].ID = request.NewID(time.Unix(int64(i), 0))
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := c.Deliver(b.Context(), "rome", batch, func(Ack) {}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*MaxBatch)/b.Elapsed().Seconds(), "snapshots/s")
}

func BenchmarkWrite(b *testing.B) {
	srv := httptest.NewServer(NewServer(nothingDone{}, romeOptions()))
	defer srv.Close()
	c, err := NewClient(osloOptions(srv.URL))
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	w := update()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Write(b.Context(), "rome", w); err != nil {
			b.Fatal(err)
		}
	}
}
