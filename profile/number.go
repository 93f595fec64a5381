package profile

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/meridian-gateway/meridian/request"
)

// Diff lists the names in want whose value differs in got. Numbers are compared by value (1.0 is 1, and nothing is rounded),
// texts by their characters, objects without regard to order; null is the same as absent.
func Diff(want, got request.Fields) []string {
	var out []string
	for _, w := range want {
		g, ok := got.Get(w.Name)
		if !ok {
			g = json.RawMessage("null")
		}
		if !equal(w.Value, g) {
			out = append(out, w.Name)
		}
	}
	return out
}

func equal(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	x, err1 := decode(a)
	y, err2 := decode(b)
	return err1 == nil && err2 == nil && same(x, y)
}

func decode(raw []byte) (v any, err error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	err = d.Decode(&v)
	return v, err
}

func same(a, b any) bool {
	switch x := a.(type) {
	case string: // APIs write line ends in their own way
		y, ok := b.(string)
		return ok && (x == y || strings.ReplaceAll(x, "\r\n", "\n") == strings.ReplaceAll(y, "\r\n", "\n"))
	case json.Number:
		y, ok := b.(json.Number)
		if !ok {
			return false
		}
		m, _ := number(string(x))
		n, _ := number(string(y))
		return m == n
	case []any:
		y, ok := b.([]any)
		if !ok || len(x) != len(y) {
			return false
		}
		for i := range x {
			if !same(x[i], y[i]) {
				return false
			}
		}
		return true
	case map[string]any:
		y, ok := b.(map[string]any)
		if !ok || len(x) != len(y) {
			return false
		}
		for k := range x {
			v, ok := y[k]
			if !ok || !same(x[k], v) {
				return false
			}
		}
		return true
	}
	return a == b
}

// number is a JSON number in one spelling for each value: digits without zeros at either end, and the power of ten. No
// arithmetic is done with the digits, so none is lost, and a huge exponent costs nothing.
func number(s string) (string, bool) {
	if s == "" || s[0] != '-' && (s[0] < '0' || s[0] > '9') {
		return "", false
	}
	sign, rest := "", s
	if rest[0] == '-' {
		sign, rest = "-", rest[1:]
	}
	mantissa, power := rest, 0
	if i := strings.IndexAny(rest, "eE"); i >= 0 {
		p, err := strconv.Atoi(strings.TrimPrefix(rest[i+1:], "+"))
		if err != nil {
			return s, true
		}
		mantissa, power = rest[:i], p
	}
	whole, part, _ := strings.Cut(mantissa, ".")
	power -= len(part)
	digits := strings.TrimLeft(whole+part, "0")
	if trimmed := strings.TrimRight(digits, "0"); trimmed != digits {
		power += len(digits) - len(trimmed)
		digits = trimmed
	}
	if digits == "" {
		return "0", true
	}
	return sign + digits + "e" + strconv.Itoa(power), true
}

// powerOf are the digits, with their sign, and the power of ten of what number returned for anything but 0; ok is false for a number
// that it left as it was.
func powerOf(n string) (digits string, power int, ok bool) {
	digits, exponent, ok := strings.Cut(n, "e")
	power, err := strconv.Atoi(exponent)
	return digits, power, ok && err == nil && strings.Trim(digits, "-0123456789") == ""
}
