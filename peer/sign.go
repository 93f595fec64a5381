package peer

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"time"

	"github.com/meridian-gateway/meridian/request"
)

// The headers of a signed message.
const (
	headerFrom      = "Meridian-From"
	headerTo        = "Meridian-To"
	headerTime      = "Meridian-Time" // milliseconds since 1970
	headerNonce     = "Meridian-Nonce"
	headerDigest    = "Meridian-Digest"
	headerSignature = "Meridian-Signature"
)

const (
	window      = 60 * time.Second // how far a call's time may be from the receiver's
	nonceLength = 32               // hexadecimal digits
)

// mark is what a signature covers besides the kind of message.
type mark struct {
	method, path string // of a call
	status       int    // of an answer
	from, to     request.Site
	time         int64
	nonce        string
	digest       string
}

// signer signs messages of one network with one key. Without a key it signs nothing and takes everything.
type signer struct {
	key     []byte
	network string
}

func (s signer) keyed() bool { return len(s.key) > 0 }

// keys are those of a network: the first signs, all are taken, so that one can be replaced site by site.
type keys struct {
	// one is the key that never changes, all gives those in force; nil: one.
	one     []byte
	all     func() [][]byte
	network string
}

// list are the keys in force; none: nothing is signed.
func (k keys) list() [][]byte {
	if k.all == nil {
		return [][]byte{k.one}
	}
	return k.all()
}

// signer signs what is begun here.
func (k keys) signer() signer {
	for _, key := range k.list() {
		return signer{key, k.network}
	}
	return signer{network: k.network}
}

// find is the signer whose sum over a message is got; ok is false when none of the keys gives it. It takes the same time whichever fits.
func (k keys) find(got string, sum func(signer) string) (found signer, ok bool) {
	list := k.list()
	if len(list) == 0 {
		list = [][]byte{nil}
	}
	for _, key := range list {
		s := signer{key, k.network}
		if s.same(sum(s), got) && !ok {
			found, ok = s, true
		}
	}
	return found, ok
}

// call and answer have different first words, so that neither can pass for the other.
func (s signer) call(m mark) string { return s.sum("meridian-call-1", m.method, m.path, m) }

func (s signer) answer(m mark) string {
	return s.sum("meridian-answer-1", strconv.Itoa(m.status), m.path, m)
}

func (s signer) sum(label, what, path string, m mark) string {
	if !s.keyed() {
		return ""
	}
	b := make([]byte, 0, 320)
	// Each part is preceded by its length: no two messages have the same text.
	for _, part := range [...]string{label, s.network, what, path, string(m.from), string(m.to), strconv.FormatInt(m.time, 10), m.nonce, m.digest} {
		b = strconv.AppendInt(b, int64(len(part)), 10)
		b = append(b, ':')
		b = append(b, part...)
	}
	return hex.EncodeToString(s.mac(b))
}

// line signs one line of an answer that is streamed: place is its number in the answer to the call with the nonce.
func (s signer) line(label string, m mark, place int, text []byte) string {
	if !s.keyed() {
		return ""
	}
	b := make([]byte, 0, 160+len(text))
	for _, part := range [...]string{label, s.network, string(m.from), string(m.to), m.nonce, strconv.Itoa(place)} {
		b = strconv.AppendInt(b, int64(len(part)), 10)
		b = append(b, ':')
		b = append(b, part...)
	}
	return hex.EncodeToString(s.mac(append(b, text...)))
}

func (s signer) mac(b []byte) []byte {
	h := hmac.New(sha256.New, s.key)
	h.Write(b)
	return h.Sum(nil)
}

// same compares in constant time. Without a key everything is the same.
func (s signer) same(want, got string) bool {
	return !s.keyed() || hmac.Equal([]byte(want), []byte(got))
}

func digest(body []byte) string {
	h := sha256.Sum256(body)
	return hex.EncodeToString(h[:])
}

func newNonce() string {
	var b [nonceLength / 2]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand aborts the process instead
	return hex.EncodeToString(b[:])
}

// put writes the marks into a message's header.
func put(h http.Header, m mark, signature string) {
	h.Set(headerFrom, string(m.from))
	h.Set(headerTo, string(m.to))
	h.Set(headerTime, strconv.FormatInt(m.time, 10))
	h.Set(headerNonce, m.nonce)
	if m.digest != "" {
		h.Set(headerDigest, m.digest)
	}
	if signature != "" {
		h.Set(headerSignature, signature)
	}
}

// take reads the marks out of a message's header; ok is false when one is missing or there twice.
func take(h http.Header) (m mark, signature string, ok bool) {
	one := func(name string) string {
		if v := h[name]; len(v) == 1 {
			return v[0]
		}
		return ""
	}
	m.from, m.to = request.Site(one(headerFrom)), request.Site(one(headerTo))
	m.nonce, m.digest = one(headerNonce), one(headerDigest)
	t, err := strconv.ParseInt(one(headerTime), 10, 64)
	m.time = t
	if err != nil || m.from == "" || m.to == "" || len(m.nonce) != nonceLength || t < 0 || t > 1<<50 {
		return m, "", false
	}
	return m, one(headerSignature), true
}
