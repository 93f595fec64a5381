package expression

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/big"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// exactNumber is a number that neither an int nor a double holds, by its text. It can be compared and handed on.
type exactNumber string

// decode is JSON text as expressions compute with it: nil, bool, string, int, float64, exactNumber, []any, map[string]any.
func decode(raw json.RawMessage) any {
	v, _ := parse(raw)
	return v
}

func parse(raw []byte) (v any, ok bool) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	if dec.Decode(&v) != nil || dec.More() {
		return nil, false
	}
	return numbers(v), true
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

// number is the value of the text of a JSON number, nil for another text.
func number(s string) any {
	if i, err := strconv.Atoi(s); err == nil && s[0] != '+' {
		return i
	}
	if strings.Trim(s, "-0.") == "" && strings.Count(s, ".") == 1 && json.Valid([]byte(s)) {
		return 0
	}
	if s == "" || s[0] != '-' && (s[0] < '0' || s[0] > '9') || !json.Valid([]byte(s)) {
		return nil
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || f == 0 || len(s) > 400 { // which bounds the exact arithmetic below
		return exactNumber(s)
	}
	exact, ok := new(big.Rat).SetString(s)
	if short, _ := new(big.Rat).SetString(strconv.FormatFloat(f, 'g', -1, 64)); !ok || short == nil || exact.Cmp(short) != 0 {
		return exactNumber(s)
	}
	if exact.IsInt() && exact.Num().IsInt64() {
		return int(exact.Num().Int64())
	}
	return f
}

// encode appends a value as JSON text.
func encode(dst []byte, v any) (out []byte, err error) {
	switch x := v.(type) {
	case nil:
		dst = append(dst, "null"...)
	case bool:
		dst = strconv.AppendBool(dst, x)
	case int:
		dst = strconv.AppendInt(dst, int64(x), 10)
	case exactNumber:
		dst = append(dst, x...)
	case string:
		dst, err = appendText(dst, x)
	case time.Time:
		if y := x.UTC().Year(); y < 0 || y > 9999 {
			return nil, errors.New("there is no such year")
		}
		dst = append(x.UTC().AppendFormat(append(dst, '"'), time.RFC3339Nano), '"')
	case time.Duration:
		dst = append(dst, `"`+x.String()+`"`...)
	case []any:
		dst, err = encodeList(dst, len(x), func(i int) any { return x[i] })
	case map[string]any:
		dst, err = encodeObject(dst, x)
	default:
		dst, err = encodeOther(dst, v)
	}
	if err == nil && len(dst) > maxResult {
		err = errTooLong
	}
	return dst, err
}

func appendText(dst []byte, s string) ([]byte, error) {
	if len(dst)+len(s) > maxResult {
		return nil, errTooLong
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	err := enc.Encode(s)
	return append(dst, bytes.TrimSuffix(buf.Bytes(), []byte("\n"))...), err
}

func encodeList(dst []byte, n int, element func(int) any) (out []byte, err error) {
	dst = append(dst, '[')
	for i := range n {
		if i > 0 {
			dst = append(dst, ',')
		}
		if dst, err = encode(dst, element(i)); err != nil {
			return nil, err
		}
	}
	return append(dst, ']'), nil
}

func encodeObject(dst []byte, m map[string]any) (out []byte, err error) {
	dst = append(dst, '{')
	for i, name := range slices.Sorted(maps.Keys(m)) {
		if i > 0 {
			dst = append(dst, ',')
		}
		if dst, err = appendText(dst, name); err != nil {
			return nil, err
		}
		if dst, err = encode(append(dst, ':'), m[name]); err != nil {
			return nil, err
		}
	}
	return append(dst, '}'), nil
}

// encodeOther encodes what functions of the language answer with.
func encodeOther(dst []byte, v any) ([]byte, error) {
	switch x := reflect.ValueOf(v); x.Kind() {
	case reflect.Slice, reflect.Array:
		return encodeList(dst, x.Len(), func(i int) any { return x.Index(i).Interface() })
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return strconv.AppendInt(dst, x.Int(), 10), nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return strconv.AppendUint(dst, x.Uint(), 10), nil
	case reflect.Float32, reflect.Float64:
		f := x.Float()
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return nil, errors.New("the result is no number")
		}
		if f == math.Trunc(f) && math.Abs(f) < 1<<53 {
			return strconv.AppendInt(dst, int64(f), 10), nil
		}
		return strconv.AppendFloat(dst, f, 'g', -1, 64), nil
	case reflect.Map:
		m := make(map[string]any, x.Len())
		for _, k := range x.MapKeys() {
			m[fmt.Sprint(k.Interface())] = x.MapIndex(k).Interface()
		}
		return encodeObject(dst, m)
	}
	return nil, fmt.Errorf("%s is no value for a field", kind(v))
}

// less compares two values; nil is not less, not more, and not equal in order.
func less(a, b any, holds func(int) bool) (any, error) {
	if a == nil || b == nil {
		return false, nil
	}
	c, err := order(a, b)
	return err == nil && holds(c), err
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

// rational is a number exactly, or nil.
func rational(v any) *big.Rat {
	switch x := v.(type) {
	case int:
		return new(big.Rat).SetInt64(int64(x))
	case float64:
		r, _ := new(big.Rat).SetString(strconv.FormatFloat(x, 'g', -1, 64)) // as it was written, not as it is in binary
		return r
	case exactNumber:
		if len(x) > 400 || strings.ContainsAny(string(x), "eE") {
			return nil
		}
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
	case int, float64, exactNumber:
		return "a number"
	case []any, []string:
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
