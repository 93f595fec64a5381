package request

import (
	"crypto/rand"
	"testing"
	"time"
)

func TestBinaryID(t *testing.T) {
	t.Parallel()
	for i := range 2000 {
		var tail [10]byte
		_, _ = rand.Read(tail[:])
		id := MakeID(time.UnixMilli(int64(i)*140737488355), tail)
		b, err := id.AppendBinary([]byte("x"))
		if err != nil || len(b) != 1+IDSize || BinaryID(b[1:]) != id {
			t.Fatalf("%s: %x %v %s", id, b, err, BinaryID(b[1:]))
		}
	}
	for _, id := range []ID{"", "7ZZZZZZZZZZZZZZZZZZZZZZZZ", "8ZZZZZZZZZZZZZZZZZZZZZZZZZ", "0000000000000000000000000U"} {
		if b, err := id.AppendBinary(nil); err == nil {
			t.Errorf("%q has the bytes %x", id, b)
		}
	}
	for _, id := range []ID{"7ZZZZZZZZZZZZZZZZZZZZZZZZZ", "00000000000000000000000000"} {
		if b, err := id.AppendBinary(nil); err != nil || BinaryID(b) != id {
			t.Errorf("%s: %x %v", id, b, err)
		}
	}
}
