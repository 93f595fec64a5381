package profile

import (
	"encoding/json"
	"math"
	"strconv"
	"time"

	"github.com/meridian-gateway/meridian/request"
)

// The ways of writing a time that have a name; others are layouts of package time.
const (
	asRFC3339 = "rfc3339"
	asUnix    = "unix"
	asMillis  = "unix-ms"
)

// clock is how an API writes times in its lists.
type clock struct {
	format string
	zone   *time.Location
}

// write is a time as the API is asked for it, as JSON text. A grain below a second shows its fractions.
func (k clock) write(t time.Time, grain time.Duration) json.RawMessage {
	t = t.In(k.zone)
	switch k.format {
	case asUnix:
		return json.RawMessage(strconv.FormatInt(t.Unix(), 10))
	case asMillis:
		return json.RawMessage(strconv.FormatInt(t.UnixMilli(), 10))
	case asRFC3339:
		if grain > 0 && grain < time.Second {
			return request.Quote(t.Format("2006-01-02T15:04:05.000Z07:00"))
		}
		return request.Quote(t.Format(time.RFC3339))
	}
	return request.Quote(t.Format(k.format))
}

// read is a time as a record shows it, which need not be how the API is asked for it; zero when it cannot be read.
func (k clock) read(raw []byte) time.Time {
	if !isString(raw) {
		f, err := strconv.ParseFloat(string(raw), 64)
		if err != nil || math.Abs(f) > 1e15 || f == 0 {
			return time.Time{}
		}
		if k.format == asMillis || k.format != asUnix && math.Abs(f) > 1e11 { // as seconds that were beyond the year 5000
			f /= 1000
		}
		whole, part := math.Modf(f)
		return time.Unix(int64(whole), int64(part*1e9)).UTC()
	}
	text := unquote(raw)
	for _, layout := range [...]string{k.format, time.RFC3339, "2006-01-02T15:04:05Z0700", "2006-01-02T15:04:05", "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05 Z0700",
		"2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02 15:04", time.RFC1123, time.DateOnly} {
		if t, err := time.ParseInLocation(layout, text, k.zone); err == nil {
			return t.UTC()
		}
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return k.read([]byte(strconv.FormatInt(n, 10)))
	}
	return time.Time{}
}
