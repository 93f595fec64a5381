package upstream

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/meridian-gateway/meridian/request"
)

const (
	defaultRetryAfter = time.Minute
	// A 429 that does not say how long is taken for the first of these, and for twice as long each time that it comes again.
	firstRest, longestRest = time.Second, 10 * time.Second
)

// hold is the time until which the API wants no calls of the gateway.
type hold struct {
	most time.Duration // the longest that is honoured at once

	mu     sync.Mutex
	until  time.Time
	status int // of the answer that asked for it
	rest   time.Duration
}

// note takes from an answer to one of the gateway's own calls what it says about further ones.
func (h *hold) note(status int, header http.Header) {
	now := time.Now()
	h.mu.Lock()
	defer h.mu.Unlock()
	wait, said := asked(status, header, now)
	if !said && status != http.StatusTooManyRequests {
		if !now.Before(h.until) {
			h.rest = 0
		}
		return
	}
	if !said {
		if now.Before(h.until) {
			return // calls that were under way together say it once
		}
		h.rest = min(max(2*h.rest, firstRest), longestRest)
		wait = h.rest
	}
	if until := now.Add(min(wait, h.most)); until.After(h.until) {
		h.until, h.status = until, status
	}
}

// asked is how long an answer asks to be left alone; said is false when it does not.
func asked(status int, header http.Header, now time.Time) (wait time.Duration, said bool) {
	if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable || status == http.StatusForbidden {
		if wait, said = retryAfter(header, now); said {
			return wait, true
		}
	}
	for _, names := range [...][2]string{{"X-Ratelimit-Remaining", "X-Ratelimit-Reset"}, {"X-Rate-Limit-Remaining", "X-Rate-Limit-Reset"},
		{"Ratelimit-Remaining", "Ratelimit-Reset"}} {
		if strings.TrimSpace(header.Get(names[0])) != "0" {
			continue
		}
		if wait, said = reset(header.Get(names[1]), header, now); said {
			return wait, true
		}
	}
	return 0, false
}

// retryAfter reads Retry-After: seconds, or a date, which is by the clock of the answer where that shows.
func retryAfter(header http.Header, now time.Time) (time.Duration, bool) {
	text := strings.TrimSpace(header.Get("Retry-After"))
	if d, ok := seconds(text); ok {
		return d, true
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return 0, false
	}
	return max(at.Sub(clock(header, now)), 0), true
}

// reset reads when a limit ends: in seconds since 1970 (or, where it is too large for that, milliseconds), or, as in the newer
// headers, in seconds from now.
func reset(text string, header http.Header, now time.Time) (time.Duration, bool) {
	text = strings.TrimSpace(text)
	d, ok := seconds(text)
	switch {
	case !ok:
		return 0, false
	case d < day:
		return d, true
	}
	whole, _, _ := strings.Cut(text, ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		return 0, false
	}
	at := time.Unix(n, 0)
	if n > 1e11 {
		at = time.UnixMilli(n)
	}
	return max(at.Sub(clock(header, now)), 0), true
}

const day = 24 * time.Hour

// seconds reads a number that is not negative. What is longer than a day is as good as a day.
func seconds(text string) (time.Duration, bool) {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || !(v >= 0) {
		return 0, false
	}
	return time.Duration(min(v, day.Seconds()) * float64(time.Second)), true
}

// clock is the time of the API: clocks differ, and what it says is by its own.
func clock(header http.Header, now time.Time) time.Time {
	if at, err := http.ParseTime(header.Get("Date")); err == nil {
		return at
	}
	return now
}

// problem says until when the API wants no calls, nil when it takes them.
func (h *hold) problem() *request.Error {
	h.mu.Lock()
	defer h.mu.Unlock()
	left := time.Until(h.until)
	if left <= 0 {
		return nil
	}
	return &request.Error{Op: "upstream.hold", Kind: request.NotSent, Retry: left, Detail: fmt.Sprintf(
		"the API answered %d and is left alone until %s", h.status, h.until.UTC().Format(time.RFC3339))}
}

// wait waits for the end of the hold. Where that would be later than ctx allows it fails at once, with the time left.
func (h *hold) wait(ctx context.Context) error {
	for {
		err := h.problem()
		if err == nil {
			return nil
		}
		if end, ok := ctx.Deadline(); ok && time.Until(end) < err.Retry {
			return err
		}
		t := time.NewTimer(err.Retry)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		}
	}
}
