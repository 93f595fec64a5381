package gateway

import (
	"bytes"
	"context"
	"errors"
	"mime"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/meridian-gateway/meridian/profile"
	"github.com/meridian-gateway/meridian/request"
)

// checkContent refuses bodies that are not in plain text, or of a kind that the profile does not speak of. A deletion may have any
// body; it is only passed on.
func checkContent(r *http.Request, m profile.Match) error {
	if m.Verb == profileDelete {
		return nil
	}
	refuse := func(detail string) error {
		return &request.Error{Op: "gateway", Kind: unsupported, Detail: detail}
	}
	for _, e := range r.Header["Content-Encoding"] {
		if !strings.EqualFold(strings.TrimSpace(e), "identity") {
			return refuse("Content-Encoding " + clip(e) + " is not taken on an intercepted call")
		}
	}
	types := r.Header["Content-Type"]
	if len(types) == 0 && m.Collection.Takes(m.Verb, "") {
		return nil
	}
	if len(types) != 1 {
		return refuse("the call needs one Content-Type")
	}
	t, params, err := mime.ParseMediaType(types[0])
	if err != nil {
		return refuse("Content-Type " + clip(types[0]) + " cannot be read")
	}
	switch takes := m.Collection.Takes(m.Verb, t); {
	case takes:
	case t == "application/json-patch+json":
		return refuse("a JSON patch is not taken; send the fields to be changed as one object")
	default:
		return refuse("Content-Type " + clip(t) + " is not JSON")
	}
	if cs := params["charset"]; cs != "" && !strings.EqualFold(cs, "utf-8") {
		return refuse("charset " + clip(cs) + " is not taken; JSON is UTF-8")
	}
	return nil
}

// RecordReader is an Engine that reads the record that a call is about, as it is at this site. It is asked for bodies that only say
// what is to be changed in it.
type RecordReader interface {
	Record(ctx context.Context, m profile.Match) (record []byte, err error)
}

// fields checks the body of the call and reads the canonical fields from it.
func (c *intercepted) fields(body []byte) (request.Fields, error) {
	if c.m.Verb == profileDelete {
		return nil, nil
	}
	of, t := c.m.Collection, c.r.Header.Get("Content-Type")
	if err := of.CheckBody(c.m.Verb, t, body, c.Depth); err != nil {
		return nil, err
	}
	if c.r.Method == http.MethodPost && overridesInside(body) {
		return nil, bad("the body asks to be taken for another method (_method); send it with the method that is meant")
	}
	if c.m.Verb == profileCreate || !of.DecodeNeedsCurrent(t) {
		return of.Decode(c.m.Verb, t, body, nil)
	}
	reader, ok := c.Engine.(RecordReader)
	if !ok {
		return nil, &request.Error{Op: "gateway", Kind: unsupported, Detail: "a JSON patch is not taken; send the fields to be changed as one object"}
	}
	current, err := reader.Record(c.r.Context(), c.m)
	if err != nil {
		return nil, err
	}
	return of.Decode(c.m.Verb, t, body, current)
}

// bound gives the rest of a call d to arrive. net/http reads what a handler left of a body, as slowly as the client likes.
func bound(w http.ResponseWriter, d time.Duration) {
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(d)) // where the connection can
}

// body reads the whole body, within its limits of size and time. Nothing is held meanwhile but the connection.
func (c *intercepted) body() ([]byte, *Problem) {
	r := c.r
	if r.ContentLength > c.Body {
		return nil, closing(problemOf(request.TooLarge, tooLarge(c.Body)))
	}
	if r.Body == nil || r.ContentLength == 0 && len(r.TransferEncoding) == 0 && r.ProtoMajor == 1 {
		return nil, nil
	}
	in := http.MaxBytesReader(c.w, r.Body, c.Body)
	// What is announced is not believed before it comes: a thousand slow clients must not cost a thousand whole bodies.
	var buf bytes.Buffer
	buf.Grow(int(min(max(r.ContentLength, 0), 32<<10)) + bytes.MinRead)
	_, err := buf.ReadFrom(in)
	if err == nil {
		// The deadline must not outlive the body: net/http keeps reading to notice a client that goes away, and would take the
		// deadline for that. After a failure it stays, so that nobody waits for the rest.
		_ = http.NewResponseController(c.w).SetReadDeadline(time.Time{})
		return buf.Bytes(), nil
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, closing(problemOf(request.TooLarge, tooLarge(c.Body)))
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, closing(problemOf(slowBody, ""))
	}
	return nil, closing(problemOf(request.Invalid, "the body could not be read to its end"))
}

func tooLarge(limit int64) string { return "the body is over " + size(limit) }

func size(n int64) string {
	switch {
	case n >= 1<<20 && n%(1<<20) == 0:
		return itoa(n>>20) + " MiB"
	case n >= 1<<10 && n%(1<<10) == 0:
		return itoa(n>>10) + " KiB"
	}
	return itoa(n) + " bytes"
}
