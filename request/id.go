package request

import (
	"crypto/rand"
	"errors"
	"strings"
	"time"
)

// ID names a request in the whole network: a ULID, 26 characters of Crockford's base 32, given once and never reused.
type ID string

const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// NewID makes an ID from the time in milliseconds (48 bits) and 80 random bits.
func NewID(now time.Time) ID {
	var tail [10]byte
	_, _ = rand.Read(tail[:]) // never fails: crypto/rand aborts the process instead
	return MakeID(now, tail)
}

// MakeID makes the ID of a time and 80 bits of the caller's.
func MakeID(at time.Time, tail [10]byte) ID {
	var b [16]byte
	ms := uint64(at.UnixMilli())
	for i := range 6 {
		b[i] = byte(ms >> (40 - 8*i))
	}
	copy(b[6:], tail[:])
	var out [26]byte
	// 130 bits of output for 128 of input: the first character carries two leading zero bits.
	var acc uint64
	var bits uint = 2
	n := 0
	for _, c := range b {
		acc = acc<<8 | uint64(c)
		bits += 8
		for bits >= 5 {
			bits -= 5
			out[n] = crockford[acc>>bits&31]
			n++
		}
	}
	return ID(out[:])
}

// ParseID checks that s has the form of an ID.
func ParseID(s string) (ID, error) {
	if len(s) != 26 || s[0] > '7' {
		return "", errors.New("not a global id: want 26 characters of a ULID")
	}
	for i := range len(s) {
		c := s[i]
		if !(c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' && c != 'I' && c != 'L' && c != 'O' && c != 'U') {
			return "", errors.New("not a global id: want Crockford base 32 in upper case")
		}
	}
	return ID(s), nil
}

// Time is when an ID was made, by the clock of the site where that was; zero when it is none.
func (id ID) Time() time.Time {
	if _, err := ParseID(string(id)); err != nil {
		return time.Time{}
	}
	ms := int64(0)
	for _, c := range []byte(id[:10]) {
		ms = ms<<5 | int64(strings.IndexByte(crockford, c))
	}
	return time.UnixMilli(ms)
}

// IDSize is the length of an ID in binary.
const IDSize = 16

// AppendBinary appends the IDSize bytes of an ID. The error is that of ParseID.
func (id ID) AppendBinary(dst []byte) ([]byte, error) {
	if _, err := ParseID(string(id)); err != nil {
		return dst, err
	}
	var acc uint64
	var bits uint
	for i, c := range []byte(id) {
		acc, bits = acc<<5|uint64(strings.IndexByte(crockford, c)), bits+5
		if i == 0 {
			bits = 3 // the first character carries three bits
		}
		if bits >= 8 {
			bits -= 8
			dst = append(dst, byte(acc>>bits))
		}
	}
	return dst, nil
}

// BinaryID is the ID of which b begins with the bytes; b has at least IDSize.
func BinaryID(b []byte) ID {
	var ms int64
	for _, c := range b[:6] {
		ms = ms<<8 | int64(c)
	}
	return MakeID(time.UnixMilli(ms), [10]byte(b[6:IDSize]))
}
