package redis

import (
	"fmt"
	"os"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
	"github.com/meridian-gateway/meridian/store/redis/redistest"
)

func TestMain(m *testing.M) {
	Silence()
	os.Exit(m.Run())
}

// oneLine commits n deliveries that all fall into one partition and pool, the first due first, between others.
func oneLine(t *testing.T, s *Store, n int) (ids []request.ID) {
	t.Helper()
	for i := 0; len(ids) < n; i++ {
		tx := txFor(i, 1, 0, fmt.Sprint(i))
		tx.Now = time.Unix(int64(5000+i), 0)
		if partition(string(tx.Entry.ID)) == 7 {
			tx.Now = time.Unix(int64(1000+i), 0)
			ids = append(ids, tx.Entry.ID)
		}
		if _, err := s.Commit(t.Context(), tx); err != nil {
			t.Fatal(err)
		}
	}
	return ids
}

// TestClaimFromOnePartition: the oldest are claimed, in order, also when they are far more than the share of one partition.
func TestClaimFromOnePartition(t *testing.T) {
	s := mustOpen(t, redistest.Start(t), mine)
	ids := oneLine(t, s, 60)
	list, err := s.Claim(t.Context(), store.Claim{Site: "chicago", Now: time.Unix(100_000, 0), Limit: 50, Lease: time.Minute})
	if err != nil || len(list) != 50 {
		t.Fatal(len(list), err)
	}
	for i, c := range list {
		if c.Request != ids[i] {
			t.Fatalf("claim %d is %s, want %s", i, c.Request, ids[i])
		}
	}
}

// TestLinesFollowTheRows: what stands in the line of another pool than the row says is put right, and a pool without a line is
// forgotten.
func TestLinesFollowTheRows(t *testing.T) {
	s := mustOpen(t, redistest.Start(t), mine)
	tx := txFor(1, 1, 0, "1")
	tx.Owe[0].Pool = "slow"
	if _, err := s.Commit(t.Context(), tx); err != nil {
		t.Fatal(err)
	}
	tag := s.keys.tag(partition(string(tx.Entry.ID)))
	lines := func(pool string) int64 {
		n, err := s.client.ZCard(t.Context(), tag+":due:chicago"+pool).Result()
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if lines("\nslow") != 1 || lines("") != 0 {
		t.Fatalf("%d in the line of its pool, %d in that of none", lines("\nslow"), lines(""))
	}
	if err := s.client.Rename(t.Context(), tag+":due:chicago\nslow", tag+":due:chicago").Err(); err != nil {
		t.Fatal(err)
	}
	unknown := 1000
	for partition(fmt.Sprint("r", unknown)) != partition(string(tx.Entry.ID)) {
		unknown++
	}
	if err := s.client.ZAdd(t.Context(), tag+":due:chicago", goredis.Z{Score: 1, Member: fmt.Sprint("r", unknown)}).Err(); err != nil {
		t.Fatal(err)
	}
	list, err := s.Claim(t.Context(), store.Claim{Site: "chicago", Now: time.Unix(2000, 0), Limit: 5, Lease: time.Minute})
	if err != nil || len(list) != 1 || list[0].Pool != "slow" {
		t.Fatal(list, err)
	}
	if lines("\nslow") != 1 || lines("") != 0 {
		t.Errorf("%d in the line of its pool, %d in that of none", lines("\nslow"), lines(""))
	}
	settled := store.Settlement{Request: tx.Entry.ID, Site: "chicago", Token: list[0].Token, Owed: list[0].Owed, Acked: list[0].Owed, State: request.Delivered}
	if err := s.Settle(t.Context(), []store.Settlement{settled}); err != nil {
		t.Fatal(err)
	}
	if list, err = s.Claim(t.Context(), store.Claim{Site: "chicago", Now: time.Unix(2000, 0), Limit: 5, Lease: time.Minute}); err != nil || len(list) != 0 {
		t.Fatal(list, err)
	}
	if n, err := s.client.SCard(t.Context(), tag+":pools:chicago").Result(); err != nil || n != 0 {
		t.Errorf("%d pools, %v", n, err)
	}
}

// TestRowsOfThirteenColumns: what was written before the other terms were kept is claimed, owed and settled.
func TestRowsOfThirteenColumns(t *testing.T) {
	s := mustOpen(t, redistest.Start(t), mine)
	tx := txFor(1, 1, 0, "1")
	rev, err := s.Commit(t.Context(), tx)
	if err != nil {
		t.Fatal(err)
	}
	key := s.keys.request(tx.Entry.ID)
	cut := func() { // the last column is empty: one byte
		row, err := s.client.HGet(t.Context(), key, "h:chicago").Bytes()
		if err != nil || row[0] != 0x9e || row[len(row)-1] != 0xa0 {
			t.Fatalf("row %x, %v", row, err)
		}
		row[0] = 0x9d
		if err := s.client.HSet(t.Context(), key, "h:chicago", row[:len(row)-1]).Err(); err != nil {
			t.Fatal(err)
		}
	}
	cut()
	list, err := s.Claim(t.Context(), store.Claim{Site: "chicago", Now: time.Unix(2000, 0), Limit: 5, Lease: time.Minute})
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	tx = txFor(1, 2, rev, "1")
	tx.Owe[0].Window = "20:00-06:00"
	if _, err := s.Commit(t.Context(), tx); err != nil {
		t.Fatal(err)
	}
	settled := store.Settlement{Request: tx.Entry.ID, Site: "chicago", Token: list[0].Token, Owed: list[0].Owed, Acked: list[0].Owed, State: request.Delivered,
		Now: time.Unix(2000, 0)}
	if err := s.Settle(t.Context(), []store.Settlement{settled}); err != nil {
		t.Fatal(err)
	}
	r, err := s.Read(t.Context(), tx.Entry.ID)
	if err != nil || len(r.Holders) != 1 || r.Holders[0].State != request.Pending || r.Holders[0].Window != "20:00-06:00" {
		t.Errorf("%+v, %v", r.Holders, err)
	}
}
