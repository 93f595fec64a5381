package profile

import (
	"encoding/json"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/meridian-gateway/meridian/request"
)

// The names of formats of times that are no layouts.
const (
	inRFC3339 = "rfc3339"
	inSeconds = "unix"
	inMillis  = "unix-ms"
)

// timeShape is a moment: in the network RFC 3339 in UTC, with as many digits of a second as are not zero, so that a moment has one
// text; here in a layout of Go's, or as a number since 1970.
type timeShape struct {
	layout string // "" where it is a number
	unit   int64  // of the number, in a second
	zone   *time.Location
}

func (s timeShape) what() string { return "time in RFC 3339, as in 2006-01-02T15:04:05Z" }

// timeFormat is the shape of a time that is written as as, in a zone ("" is UTC). The error says what is wrong with them, and at
// which of the two.
func timeFormat(as, zone string) (s timeShape, at string, err error) {
	s.zone = time.UTC
	if zone != "" {
		if s.zone, err = time.LoadLocation(zone); err != nil || zone == "Local" {
			return s, "zone", fmt.Errorf("there is no zone %q", zone)
		}
	}
	switch as {
	case inSeconds, inMillis:
		if zone != "" {
			return s, "zone", fmt.Errorf("%s is the same in all zones", as)
		}
		s.unit = map[string]int64{inSeconds: 1, inMillis: 1000}[as]
	case "", inRFC3339:
		s.layout = time.RFC3339Nano
	default:
		s.layout = as
		a, b := time.Date(2021, 3, 4, 16, 17, 18, 0, time.UTC), time.Date(2022, 11, 25, 9, 38, 49, 0, time.UTC)
		if _, err := time.Parse(as, a.Format(as)); err != nil || a.Format(as) == b.Format(as) {
			return s, "as", fmt.Errorf("%q is no way to write a time", as)
		}
	}
	return s, "", nil
}

// canonicalTime writes a moment as the network has it; ok is false for one that RFC 3339 has no text for.
func canonicalTime(t time.Time) (string, bool) {
	t = t.UTC()
	return t.Format(time.RFC3339Nano), t.Year() >= 0 && t.Year() <= 9999
}

// parseCanonicalTime reads RFC 3339.
func parseCanonicalTime(s string) (time.Time, bool) {
	t, err := time.Parse(time.RFC3339Nano, s)
	return t, err == nil
}

func (s timeShape) canonical(raw []byte) (json.RawMessage, bool) {
	if len(raw) == 0 || raw[0] == '{' || raw[0] == '[' {
		return nil, false
	}
	t, ok := s.parse(strings.TrimSpace(plainText(raw)))
	if !ok {
		return nil, false
	}
	text, ok := canonicalTime(t)
	return request.Quote(text), ok
}

// parse reads a time as this site writes it. RFC 3339 is understood besides, also with a blank for the T or an offset without colon:
// it can mean nothing else.
func (s timeShape) parse(text string) (t time.Time, ok bool) {
	if s.layout == "" {
		if t, ok = since1970(text, s.unit); ok {
			return t, true
		}
	} else if t, err := time.ParseInLocation(s.layout, text, s.zone); err == nil {
		return t, true
	}
	for _, layout := range [...]string{time.RFC3339, "2006-01-02T15:04:05Z0700", "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05Z0700"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, true
		}
	}
	return t, false
}

func (s timeShape) local(raw []byte) (json.RawMessage, bool) {
	if !isString(raw) {
		return nil, false
	}
	t, ok := parseCanonicalTime(unquote(raw))
	if _, writable := canonicalTime(t); !ok || !writable {
		return nil, false
	}
	switch s.unit {
	case 1:
		return json.RawMessage(strconv.FormatInt(t.Unix(), 10)), true
	case 1000:
		return json.RawMessage(strconv.FormatInt(t.UnixMilli(), 10)), true
	}
	text := t.In(s.zone).Format(s.layout)
	if _, ok := s.parse(strings.TrimSpace(text)); !ok { // not every layout is one for every moment
		return nil, false
	}
	return request.Quote(text), true
}

// since1970 reads a number of seconds, or of parts of a second, down to nanoseconds.
func since1970(text string, unit int64) (time.Time, bool) {
	n, ok := number(text)
	if !ok || !valid([]byte(text)) {
		return time.Time{}, false
	}
	if n == "0" {
		return time.Unix(0, 0), true
	}
	digits, power, ok := powerOf(n)
	if !ok || len(digits) > 40 || power > 20 || power < -60 {
		return time.Time{}, false
	}
	nanos, ok := new(big.Int).SetString(digits, 10)
	if !ok {
		return time.Time{}, false
	}
	ten := func(n int) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil) }
	nanos.Mul(nanos, ten(max(power, 0))).Mul(nanos, big.NewInt(1e9/unit)).Div(nanos, ten(max(-power, 0)))
	seconds, rest := nanos.DivMod(nanos, big.NewInt(1e9), new(big.Int))
	return time.Unix(seconds.Int64(), rest.Int64()), seconds.IsInt64()
}
