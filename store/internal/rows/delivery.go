package rows

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/meridian-gateway/meridian/request"
)

// columns is the number of texts in a delivery's row. The order is: site, owed, acked, state, due, since, last, attempts,
// cause, local, mode, route, pool, terms: the other terms as JSON, "" when there are none. Rows of the first thirteen are read too.
// The request is not in it: it is the key under which the row is kept. A MessagePack array of more than fifteen has another head.
const columns = 14

// AppendDelivery appends d as a MessagePack array of texts. This form is what Redis scripts can unpack and change; times are
// decimal nanoseconds, "" for none.
func AppendDelivery(dst []byte, d request.Delivery) []byte {
	dst = append(dst, 0x90|columns)
	for _, s := range [columns]string{
		string(d.Site), d.Owed.Mark(), d.Acked.Mark(), string(d.State), Nanos(d.Due), Nanos(d.Since), Nanos(d.Last),
		strconv.Itoa(d.Attempts), d.Cause, d.Local, d.Mode, d.Route, d.Pool, OtherTerms(d.Terms),
	} {
		dst = appendText(dst, s)
	}
	return dst
}

// OtherTerms is the last column: the terms that have no column of their own, as JSON, "" when there are none.
func OtherTerms(t request.Terms) string {
	t.Mode, t.Route, t.Pool = "", "", ""
	if t == (request.Terms{}) {
		return ""
	}
	b, err := json.Marshal(t)
	if err != nil {
		panic(err) // a struct of strings always has a JSON form
	}
	return string(b)
}

// DecodeDelivery reads one delivery of a request from the front of b and returns what follows it.
func DecodeDelivery(id request.ID, b []byte) (d request.Delivery, rest []byte, err error) {
	if len(b) == 0 || b[0] != 0x90|columns && b[0] != 0x90|(columns-1) {
		return d, nil, fmt.Errorf("%w: delivery of an unknown format", ErrDamaged)
	}
	n := int(b[0] & 0x0f)
	b = b[1:]
	var t [columns]string
	for i := range n {
		if t[i], b, err = cutText(b); err != nil {
			return d, nil, err
		}
	}
	d = request.Delivery{Request: id, Site: request.Site(t[0]), State: request.State(t[3]), Cause: t[8], Local: t[9]}
	var e [7]error
	d.Owed, e[0] = request.ParseMark(t[1])
	d.Acked, e[1] = request.ParseMark(t[2])
	d.Due, e[2] = Time(t[4])
	d.Since, e[3] = Time(t[5])
	d.Last, e[4] = Time(t[6])
	d.Attempts, e[5] = strconv.Atoi(t[7])
	if t[13] != "" {
		e[6] = json.Unmarshal([]byte(t[13]), &d.Terms)
	}
	d.Mode, d.Route, d.Pool = t[10], t[11], t[12]
	for _, err := range e {
		if err != nil {
			return d, nil, fmt.Errorf("%w: %w", ErrDamaged, err)
		}
	}
	return d, b, nil
}

// Nanos is t as decimal nanoseconds since 1970, "" for the zero time.
func Nanos(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return strconv.FormatInt(t.UnixNano(), 10)
}

// Time is the inverse of Nanos, in UTC.
func Time(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return time.Time{}, err
	}
	return time.Unix(0, n).UTC(), nil
}

func appendText(dst []byte, s string) []byte {
	switch n := len(s); {
	case n < 32:
		dst = append(dst, 0xa0|byte(n))
	case n < 1<<8:
		dst = append(dst, 0xd9, byte(n))
	case n < 1<<16:
		dst = binary.BigEndian.AppendUint16(append(dst, 0xda), uint16(n))
	default:
		dst = binary.BigEndian.AppendUint32(append(dst, 0xdb), uint32(n))
	}
	return append(dst, s...)
}

func cutText(b []byte) (s string, rest []byte, err error) {
	cut := fmt.Errorf("%w: delivery is cut off", ErrDamaged)
	if len(b) == 0 {
		return "", nil, cut
	}
	var n, head int
	switch c := b[0]; {
	case c&0xe0 == 0xa0:
		n, head = int(c&0x1f), 1
	case c == 0xd9 && len(b) >= 2:
		n, head = int(b[1]), 2
	case c == 0xda && len(b) >= 3:
		n, head = int(binary.BigEndian.Uint16(b[1:])), 3
	case c == 0xdb && len(b) >= 5:
		n, head = int(binary.BigEndian.Uint32(b[1:])), 5
	default:
		return "", nil, cut
	}
	if n > len(b)-head {
		return "", nil, cut
	}
	return string(b[head : head+n]), b[head+n:], nil
}
