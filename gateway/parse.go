package gateway

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/meridian-gateway/meridian/request"
)

// maxWait is the longest time that Prefer: wait holds an answer.
const maxWait = 60 * time.Second

// parsePrefer finds the wait preference (RFC 7240) in the values of Prefer and returns the others as they were. The first wait
// counts; one that is no number of seconds is ignored, as the RFC says of preferences that are not understood.
func parsePrefer(values []string) (wait time.Duration, asked bool, rest []string) {
	for _, line := range values {
		for _, elem := range splitQuoted(line, ',') {
			elem = strings.TrimSpace(elem)
			token := splitQuoted(elem, ';')[0]
			name, val, _ := strings.Cut(token, "=")
			if !strings.EqualFold(strings.TrimSpace(name), "wait") {
				if elem != "" {
					rest = append(rest, elem)
				}
				continue
			}
			n, ok := seconds(strings.Trim(strings.TrimSpace(val), `"`))
			if ok && !asked {
				wait, asked = min(n, maxWait), true
			}
		}
	}
	return wait, asked, rest
}

// seconds reads a number of seconds; numbers too large for an int are very long.
func seconds(s string) (time.Duration, bool) {
	if s == "" || len(s) > 18 {
		return maxWait, s != "" && strings.Trim(s, "0123456789") == ""
	}
	n, err := strconv.ParseUint(s, 10, 63)
	if err != nil || strings.HasPrefix(s, "+") {
		return 0, false
	}
	return time.Duration(min(n, uint64(maxWait/time.Second))) * time.Second, true
}

// splitQuoted splits at sep outside of quoted strings.
func splitQuoted(s string, sep byte) []string {
	var out []string
	start, quoted := 0, false
	for i := 0; i < len(s); i++ {
		switch {
		case quoted && s[i] == '\\':
			i++
		case s[i] == '"':
			quoted = !quoted
		case s[i] == sep && !quoted:
			out = append(out, s[start:i])
			start = i + 1
		}
	}
	return append(out, s[start:])
}

// parseIfMatch reads If-Match. versions are the gateway's own ("num.n"), or "*"; own is false when there are tags of another
// form, which may be the upstream's. Weak tags never match a write and garbage is a mistake: both are errors.
func parseIfMatch(values []string) (versions []string, own bool, err error) {
	if len(values) == 0 {
		return nil, false, nil
	}
	own = true
	for _, line := range values {
		for _, tag := range splitQuoted(line, ',') {
			tag = strings.TrimSpace(tag)
			switch {
			case tag == "":
				continue
			case tag == "*":
				versions = append(versions, "*")
			case strings.HasPrefix(tag, "W/"):
				return nil, false, bad("If-Match has the weak tag " + clip(tag) + ", which cannot guard a write; send a strong one")
			case !isTag(tag):
				return nil, false, bad("If-Match " + clip(tag) + " is not an entity tag; send the ETag as it was received, in quotes")
			default:
				tag = tag[1 : len(tag)-1]
				own = own && isVersion(tag)
				versions = append(versions, tag)
			}
		}
	}
	if len(versions) == 0 {
		return nil, false, bad("If-Match is empty")
	}
	if len(versions) > 1 && contains(versions, "*") {
		return nil, false, bad("If-Match * stands alone")
	}
	return versions, own, nil
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// isTag reports whether s is a strong entity tag: visible characters but quotes, in quotes.
func isTag(s string) bool {
	if len(s) < 2 || len(s) > 256 || s[0] != '"' || s[len(s)-1] != '"' {
		return false
	}
	for i := 1; i < len(s)-1; i++ {
		if s[i] < 0x21 || s[i] == '"' || s[i] == 0x7f {
			return false
		}
	}
	return true
}

// isVersion reports whether s is "num.n", the client's form of a version.
func isVersion(s string) bool {
	_, _, err := parseVersion(s)
	return err == nil
}

// parseVersion reads "num.n".
func parseVersion(s string) (epoch, seq uint64, err error) {
	a, b, ok := strings.Cut(s, ".")
	epoch, err1 := strconv.ParseUint(a, 10, 48)
	seq, err2 := strconv.ParseUint(b, 10, 48)
	if !ok || err1 != nil || err2 != nil || strconv.FormatUint(epoch, 10) != a || strconv.FormatUint(seq, 10) != b {
		return 0, 0, fmt.Errorf("version %q: want EPOCH.SEQUENCE, such as 1.7", clip(s))
	}
	return epoch, seq, nil
}

// parseKey reads Idempotency-Key, bare or as a quoted string; "" when there is none.
func parseKey(values []string) (string, error) {
	if len(values) == 0 {
		return "", nil
	}
	if len(values) > 1 {
		return "", bad("there is more than one Idempotency-Key")
	}
	k := strings.TrimSpace(values[0])
	if len(k) >= 2 && k[0] == '"' && k[len(k)-1] == '"' {
		k = unquote(k[1 : len(k)-1])
	}
	if k == "" || len(k) > 255 {
		return "", bad("an Idempotency-Key has 1 to 255 characters")
	}
	for i := range len(k) {
		if k[i] < 0x20 || k[i] > 0x7e {
			return "", bad("an Idempotency-Key has printable ASCII characters only")
		}
	}
	return k, nil
}

func unquote(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// scopedKey is the hash under which a key is remembered. One client's key is nothing to another: the credentials are part of
// it, hashed on their own so that no two pairs of fields run into one another.
func scopedKey(site request.Site, collection string, h http.Header, key string) string {
	if key == "" {
		return ""
	}
	credentials := sum(append(append([]string{"authorization"}, h["Authorization"]...), append([]string{"cookie"}, h["Cookie"]...)...)...)
	return sum(string(site), collection, credentials, key)
}

// digest tells a repeated call from another one under the same key.
func digest(method, target string, body []byte) string { return sum(method, target, string(body)) }

func sum(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		// The length in front keeps "a","bc" and "ab","c" apart.
		_, _ = fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	return hex.EncodeToString(h.Sum(nil))
}

func bad(detail string) error {
	return &request.Error{Op: "gateway", Kind: request.Invalid, Detail: detail}
}
