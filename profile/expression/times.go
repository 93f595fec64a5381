package expression

import (
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"
)

// moment reads a time: RFC 3339, the same with a blank for the T, with an offset without colon, without a zone or without a time of
// the day, or seconds or milliseconds since 1970, as a number; or as the layout says. nil and an empty text are no time.
func moment(v any, layout string, zone *time.Location) (any, error) {
	switch x := v.(type) {
	case nil, time.Time:
		return x, nil
	case string:
		if s := strings.TrimSpace(x); s == "" {
			return nil, nil
		} else if layout != "unix" && layout != "unix-ms" {
			return parseTime(s, layout, zone)
		} else if n := number(s); n != nil {
			return moment(n, layout, zone)
		}
	}
	seconds := rational(v)
	if seconds == nil {
		return nil, fmt.Errorf("%s is no time", kind(v))
	}
	if layout == "unix-ms" || layout != "unix" && seconds.Cmp(big.NewRat(1e11, 1)) > 0 {
		seconds = new(big.Rat).Quo(seconds, big.NewRat(1000, 1))
	}
	nanos := new(big.Rat).Mul(seconds, big.NewRat(1e9, 1))
	whole := new(big.Int).Div(nanos.Num(), nanos.Denom())
	s, rest := whole.DivMod(whole, big.NewInt(1e9), new(big.Int))
	if !s.IsInt64() || s.Int64() > 253402300799 || s.Int64() < -62135596800 {
		return nil, errors.New("there is no such year")
	}
	return time.Unix(s.Int64(), rest.Int64()).UTC(), nil
}

func parseTime(s, layout string, zone *time.Location) (any, error) {
	layouts := []string{layout}
	if layout == "" || layout == "rfc3339" {
		if len(s) > 10 && s[10] == ' ' {
			s = s[:10] + "T" + s[11:]
		}
		layouts = []string{time.RFC3339, "2006-01-02T15:04:05Z0700", "2006-01-02T15:04:05", "2006-01-02T15:04", time.DateOnly}
	}
	for _, l := range layouts {
		if t, err := time.ParseInLocation(l, s, zone); err == nil {
			return t, nil
		}
	}
	return nil, fmt.Errorf("the text is no time")
}

type methodFunc func(t time.Time, args []any) (any, error)

// methods are those of times.
func methods() map[string]methodFunc {
	part := func(f func(time.Time) int) methodFunc {
		return func(t time.Time, args []any) (any, error) {
			if len(args) > 0 {
				return nil, errArguments
			}
			return f(t), nil
		}
	}
	return map[string]methodFunc{
		"Year": part(time.Time.Year), "Day": part(time.Time.Day), "Hour": part(time.Time.Hour), "Minute": part(time.Time.Minute),
		"Second": part(time.Time.Second), "YearDay": part(time.Time.YearDay),
		"Month":     part(func(t time.Time) int { return int(t.Month()) }),
		"Weekday":   part(func(t time.Time) int { return int(t.Weekday()) }),
		"Unix":      part(func(t time.Time) int { return int(t.Unix()) }),
		"UnixMilli": part(func(t time.Time) int { return int(t.UnixMilli()) }),
		"UTC":       func(t time.Time, args []any) (any, error) { return t.UTC(), noArguments(args) },
		"Format": func(t time.Time, args []any) (any, error) {
			layout, err := argument[string](args)
			return t.Format(layout), err
		},
		"In": func(t time.Time, args []any) (any, error) {
			name, err := argument[string](args)
			if err != nil {
				return nil, err
			}
			zone, err := zoneOf(name)
			if err != nil {
				return nil, err
			}
			return t.In(zone), nil
		},
		"Add": func(t time.Time, args []any) (any, error) {
			d, err := argument[time.Duration](args)
			return t.Add(d), err
		},
		"Truncate": func(t time.Time, args []any) (any, error) {
			d, err := argument[time.Duration](args)
			return t.Truncate(d), err
		},
		// Of durations too, such as the difference of two times.
		"Hours": ofDurations, "Minutes": ofDurations, "Seconds": ofDurations, "Milliseconds": ofDurations,
	}
}

var errArguments = errors.New("these are not the arguments of the method")

// ofDurations is a method that times do not have.
func ofDurations(time.Time, []any) (any, error) { return nil, errors.New("a time has no such method") }

func noArguments(args []any) error {
	if len(args) > 0 {
		return errArguments
	}
	return nil
}

func argument[T any](args []any) (out T, err error) {
	if len(args) == 1 {
		if out, ok := args[0].(T); ok {
			return out, nil
		}
	}
	return out, errArguments
}

// method calls one of the methods of a time, of a text that is one in RFC 3339, or of a duration: args are the value, the name of the
// method, and its arguments. A method of nil is nil.
func method(of map[string]methodFunc, args []any) (any, error) {
	name := args[1].(string)
	switch x := args[0].(type) {
	case nil:
		return nil, nil
	case time.Time:
		return of[name](x, args[2:])
	case string:
		t, err := time.Parse(time.RFC3339, x)
		if err != nil {
			return nil, errors.New("the text is no time in RFC 3339")
		}
		return of[name](t, args[2:])
	case time.Duration:
		if v, ok := lengthOf(x, name); ok && len(args) == 2 {
			return v, nil
		}
	}
	return nil, fmt.Errorf("%s has no method %s", kind(args[0]), name)
}

// lengthOf is a duration in a unit.
func lengthOf(d time.Duration, name string) (v any, ok bool) {
	switch name {
	case "Hours":
		return d.Hours(), true
	case "Minutes":
		return d.Minutes(), true
	case "Seconds":
		return d.Seconds(), true
	case "Milliseconds":
		return int(d.Milliseconds()), true
	}
	return nil, false
}
