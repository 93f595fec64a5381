package routing

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"
)

// bigNumber is a whole number beyond int64, by its decimal digits, so that equality is equality of text.
type bigNumber string

// value decodes JSON text to what conditions compute with: nil, bool, string, int, float64, bigNumber, []any, map[string]any. A
// whole number is an int or a bigNumber in whatever way it is written, so that 2.0 equals 2.
func value(raw json.RawMessage) any {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 {
		return nil
	}
	switch c := raw[0]; {
	case c == '"' && bytes.IndexByte(raw, '\\') < 0 && len(raw) > 1:
		return string(raw[1 : len(raw)-1])
	case c == '-' || c >= '0' && c <= '9':
		return number(string(raw))
	}
	var v any
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	if dec.Decode(&v) != nil {
		return nil
	}
	return numbers(v)
}

// numbers replaces the numbers inside a decoded value.
func numbers(v any) any {
	switch x := v.(type) {
	case json.Number:
		return number(string(x))
	case []any:
		for i := range x {
			x[i] = numbers(x[i])
		}
	case map[string]any:
		for k := range x {
			x[k] = numbers(x[k])
		}
	}
	return v
}

// number is the value of a JSON number. What lies beyond a double, which no client can send, is nil.
func number(s string) any {
	if i, err := strconv.Atoi(s); err == nil {
		return i
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return nil
	}
	if math.Abs(f) < 1<<53 || len(s) > 400 { // the length bounds the exact arithmetic below
		return whole(f)
	}
	r, ok := new(big.Rat).SetString(s)
	if !ok || !r.IsInt() {
		return f
	}
	if n := r.Num(); n.IsInt64() {
		return int(n.Int64())
	}
	return bigNumber(r.Num().String())
}

// whole is f as an int when it is a whole number that a double holds exactly, else f.
func whole(f float64) any {
	if f == math.Trunc(f) && math.Abs(f) < 1<<53 {
		return int(f)
	}
	return f
}

// order compares two values as cmp.Compare does; an error says that they have no order.
func order(a, b any) (int, error) {
	switch x := a.(type) {
	case string:
		if y, ok := b.(string); ok {
			return strings.Compare(x, y), nil
		}
	case time.Time:
		if y, ok := b.(time.Time); ok {
			return x.Compare(y), nil
		}
	case time.Duration:
		if y, ok := b.(time.Duration); ok {
			return cmp.Compare(x, y), nil
		}
	}
	x, y := rational(a), rational(b)
	if x == nil || y == nil {
		return 0, fmt.Errorf("%s and %s have no order", kind(a), kind(b))
	}
	return x.Cmp(y), nil
}

// less is order for the two operands of <, <=, > and >=; nil is not less, not more, and not equal in order.
func less(a, b any, holds func(int) bool) (any, error) {
	if err, failed := a.(error); failed {
		return nil, err
	}
	if err, failed := b.(error); failed {
		return nil, err
	}
	if a == nil || b == nil {
		return false, nil
	}
	if x, ok := a.(int); ok {
		if y, ok := b.(int); ok {
			return holds(cmp.Compare(x, y)), nil
		}
	}
	c, err := order(a, b)
	return err == nil && holds(c), err
}

// rational is a number exactly, or nil.
func rational(v any) *big.Rat {
	switch x := v.(type) {
	case int:
		return new(big.Rat).SetInt64(int64(x))
	case float64:
		return new(big.Rat).SetFloat64(x)
	case bigNumber:
		r, _ := new(big.Rat).SetString(string(x))
		return r
	}
	return nil
}

// kind is a word for the type of a value, for messages.
func kind(v any) string {
	switch v.(type) {
	case nil:
		return "nothing"
	case bool:
		return "true or false"
	case string:
		return "a text"
	case int, float64, bigNumber:
		return "a number"
	case []any:
		return "a list"
	case map[string]any:
		return "an object"
	case time.Time:
		return "a time"
	case time.Duration:
		return "a duration"
	}
	return fmt.Sprintf("%T", v)
}

var errNoTime = errors.New("the field holds no time")

// moment reads a time as APIs write it: RFC 3339, the same with a blank for the T, without a zone (UTC) or without a time of the
// day, or seconds or milliseconds since 1970. The value is nil for nil and an error for anything else.
func moment(v any) any {
	switch x := v.(type) {
	case nil:
		return nil
	case int:
		if x > 1e11 || x < -1e11 {
			return time.UnixMilli(int64(x))
		}
		return time.Unix(int64(x), 0)
	case string:
		if len(x) > 10 && x[10] == ' ' {
			x = x[:10] + "T" + x[11:]
		}
		for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", time.DateOnly} {
			if t, err := time.Parse(layout, x); err == nil {
				return t
			}
		}
	}
	return errNoTime
}
