package cli

import "strings"

// mood is what a word means to the person who reads it; on a terminal it is a colour.
type mood int

const (
	plain   mood = iota
	good         // as it should be
	watch        // on its way, or to be watched
	bad          // something is broken, or a person is needed
	heading      // a title
	faint        // beside the point
)

// paint is s in the colour of a mood.
func (m mood) paint(s string, colour bool) string {
	if !colour || s == "" {
		return s
	}
	code := map[mood]string{good: "32", watch: "33", bad: "1;31", heading: "1", faint: "2"}[m]
	if code == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

// state is a state word with its mood.
func state[T ~string](word T) cell {
	c := cell{text: string(word)}
	switch strings.ReplaceAll(c.text, "-", " ") {
	case "ok", "closed", "delivered", "done", "settled", "yes", "open for writing":
		c.mood = good
	case "degraded", "half open", "waiting", "pending", "in flight", "running", "queued", "releasing":
		c.mood = watch
	case "down", "open", "parked", "in doubt", "failed", "refused", "no", "FAILED", "DIFFERS":
		c.mood = bad
	case "superseded", "cancelled":
		c.mood = faint
	}
	return c
}
