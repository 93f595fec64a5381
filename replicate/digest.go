package replicate

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"hash"
	"slices"

	"github.com/meridian-gateway/meridian/request"
)

// Digests compare what two ledgers say of many requests by a few bytes (protocol 7.1): a leaf is a hash of id, version and fields, a bucket
// the XOR of the leaves of the ids that fall into it, a group that of 256 buckets. What is equal costs 2 KiB for a collection of any size,
// a difference the 2 KiB of its group and the some leaves of its bucket.
//
// Leaves are made with a key that is chosen by chance for each comparison. Without one a client who may write requests could look, at
// leisure, for contents of which the XOR is that of others.

// Comparers are the other sites' gateways, asked for what they hold of this site's requests.
type Comparers interface {
	// Rejoin asks another site what it knows of this site's requests.
	Rejoin(ctx context.Context, to request.Site, a request.RejoinAsk) (request.Views, error)
	Digest(ctx context.Context, to request.Site, a request.DigestAsk) (request.Digests, error)
	Audit(ctx context.Context, to request.Site, a request.AuditAsk) (request.Audited, error)
}

// newKey is the key of a comparison.
func newKey() []byte {
	key := make([]byte, request.DigestKeySize)
	_, _ = rand.Read(key) // never fails: crypto/rand aborts the process instead
	return key
}

// leaf is one request in a digest.
type leaf struct {
	version request.Version
	sum     uint64
	missing bool
}

// bucketOf is the bucket of an id.
func bucketOf(id request.ID) int {
	sum := sha256.Sum256([]byte(id))
	return int(binary.BigEndian.Uint16(sum[:2]))
}

// hasher makes the hashes of one comparison. It is for one goroutine.
type hasher struct {
	mac   hash.Hash
	out   [sha256.Size]byte
	buf   bytes.Buffer
	order []int
}

func newHasher(key []byte) *hasher { return &hasher{mac: hmac.New(sha256.New, key)} }

// end is the hash of what was collected: 64 bits of HMAC-SHA256.
func (h *hasher) end() uint64 {
	h.mac.Reset()
	_, _ = h.mac.Write(h.buf.Bytes())
	return binary.BigEndian.Uint64(h.mac.Sum(h.out[:0]))
}

// fields is the hash of names and values. It depends neither on the order of the fields nor on white space around tokens.
func (h *hasher) fields(f request.Fields) uint64 {
	h.buf.Reset()
	h.buf.WriteByte('f') // a leaf is never taken for fields
	h.order = h.order[:0]
	for i := range f {
		h.order = append(h.order, i)
	}
	slices.SortFunc(h.order, func(a, b int) int { return cmpText(f[a].Name, f[b].Name) })
	for _, i := range h.order {
		h.part(len(f[i].Name))
		h.buf.WriteString(f[i].Name)
		mark := h.buf.Len()
		h.part(0)
		if json.Compact(&h.buf, f[i].Value) != nil {
			h.buf.Write(f[i].Value)
		}
		binary.BigEndian.PutUint32(h.buf.Bytes()[mark:], uint32(h.buf.Len()-mark-4)) //nolint:gosec // far below 4 GiB
	}
	return h.end()
}

func (h *hasher) part(length int) {
	var n [4]byte
	binary.BigEndian.PutUint32(n[:], uint32(length)) //nolint:gosec // far below 4 GiB
	h.buf.Write(n[:])
}

// leaf is the hash of a request as a ledger has it.
func (h *hasher) leaf(id request.ID, l leaf) uint64 {
	h.buf.Reset()
	h.buf.WriteByte('l')
	h.buf.WriteString(string(id))
	h.buf.WriteByte(0)
	h.buf.WriteString(l.version.Mark())
	h.buf.WriteByte(0)
	h.buf.Write(binary.BigEndian.AppendUint64(h.buf.AvailableBuffer(), l.sum))
	if l.missing {
		h.buf.WriteByte(1)
	}
	return h.end()
}

// tree has the digests of all buckets of one collection at one pair of sites.
type tree [request.DigestBuckets]uint64

func (t *tree) add(id request.ID, leaf uint64) { t[bucketOf(id)] ^= leaf }

// group is the digest of a group.
func (t *tree) group(n int) uint64 {
	var sum uint64
	for _, x := range t[n*request.DigestSplit : (n+1)*request.DigestSplit] {
		sum ^= x
	}
	return sum
}

// groups are the digests of all groups.
func (t *tree) groups() []byte {
	out := make([]byte, 0, 8*request.DigestGroups)
	for n := range request.DigestGroups {
		out = binary.BigEndian.AppendUint64(out, t.group(n))
	}
	return out
}

// buckets are the digests of the buckets of some groups.
func (t *tree) buckets(groups []int) []byte {
	out := make([]byte, 0, 8*request.DigestSplit*len(groups))
	for _, n := range groups {
		for _, x := range t[n*request.DigestSplit : (n+1)*request.DigestSplit] {
			out = binary.BigEndian.AppendUint64(out, x)
		}
	}
	return out
}

// otherGroups lists the groups that are not the same in sums.
func (t *tree) otherGroups(sums []byte) []int {
	var out []int
	for n := range request.DigestGroups {
		if len(sums) < 8*(n+1) || binary.BigEndian.Uint64(sums[8*n:]) != t.group(n) {
			out = append(out, n)
		}
	}
	return out
}

// otherBuckets lists the buckets of some groups that are not the same in sums.
func (t *tree) otherBuckets(groups []int, sums []byte) []int {
	var out []int
	for i, n := range groups {
		for k := range request.DigestSplit {
			at := 8 * (i*request.DigestSplit + k)
			if b := n*request.DigestSplit + k; len(sums) < at+8 || binary.BigEndian.Uint64(sums[at:]) != t[b] {
				out = append(out, b)
			}
		}
	}
	return out
}

// set is a set of buckets.
type set [request.DigestBuckets / 64]uint64

func setOf(buckets []int) *set {
	var s set
	for _, b := range buckets {
		s[b/64] |= 1 << (b % 64)
	}
	return &s
}

func (s *set) has(b int) bool { return s[b/64]&(1<<(b%64)) != 0 }
