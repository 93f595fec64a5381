package peer

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/meridian-gateway/meridian/request"
)

// statusOf is the status of each kind of error between gateways.
func statusOf(k request.ErrKind) int {
	switch k {
	case request.Invalid:
		return http.StatusBadRequest
	case request.Forbidden:
		return http.StatusForbidden
	case request.NotFound:
		return http.StatusNotFound
	case request.Gone:
		return http.StatusGone
	case request.Conflict, request.KeyBusy:
		return http.StatusConflict
	case request.Precondition:
		return http.StatusPreconditionFailed
	case request.TooLarge:
		return http.StatusRequestEntityTooLarge
	case request.Reserved, request.KeyReused:
		return http.StatusUnprocessableEntity
	case request.Busy:
		return http.StatusLocked
	case request.NotYet:
		return http.StatusTooEarly
	case request.ClientGone:
		return statusClientGone
	case request.NotSent:
		return http.StatusBadGateway
	case request.Unavailable, request.OwnerUnreachable, request.StoreDown, request.Rejoining, request.HandingOver, request.NoContent:
		return http.StatusServiceUnavailable
	case request.Doubtful:
		return http.StatusGatewayTimeout
	case request.Loop:
		return http.StatusLoopDetected
	default:
		return http.StatusInternalServerError
	}
}

const statusClientGone = 499

// kindOf is the inverse of statusOf. Where several kinds share a status the name in the problem decides; a name that this
// version does not know counts as the most cautious kind of its status.
func kindOf(status int, name string) request.ErrKind {
	if k := request.ErrKind(name); k != request.Internal && statusOf(k) != http.StatusInternalServerError {
		return k
	}
	switch status {
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		return request.Invalid
	case http.StatusUnauthorized, http.StatusForbidden:
		return request.Forbidden
	case http.StatusNotFound:
		return request.NotFound
	case http.StatusGone:
		return request.Gone
	case http.StatusConflict:
		return request.Conflict
	case http.StatusPreconditionFailed:
		return request.Precondition
	case http.StatusRequestEntityTooLarge:
		return request.TooLarge
	case http.StatusLocked:
		return request.Busy
	case http.StatusTooEarly:
		return request.NotYet
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return request.Unavailable
	case http.StatusBadGateway, http.StatusGatewayTimeout:
		return request.Doubtful
	case http.StatusLoopDetected:
		return request.Loop
	default:
		return request.Internal
	}
}

// problem is an error as it goes between gateways (RFC 9457, with members of our own).
type problem struct {
	Type      string     `json:"type"`
	Title     string     `json:"title"`
	Status    int        `json:"status"`
	Detail    string     `json:"detail,omitempty"`
	Kind      string     `json:"kind"`
	RetryMS   int64      `json:"retry_ms,omitempty"`
	Request   request.ID `json:"request,omitempty"`
	Operation string     `json:"operation,omitempty"`
	// Owner and Epoch are a hint for a caller who came to the wrong site. The epoch is read apart, so that a bad one spoils no more
	// than the hint.
	Owner request.Site `json:"owner,omitempty"`
	Epoch string       `json:"epoch,omitempty"`
	// Version is that of a deletion, read apart too.
	Version string `json:"version,omitempty"`
}

const problemType = "application/problem+json"

// maxRetry bounds how long a peer can make a caller wait.
const maxRetry = time.Minute

// movingRetry is when to try again while ownership moves, if the error does not say: about what a hand-over takes.
const movingRetry = time.Second

func problemOf(err error) problem {
	kind := request.KindOf(err)
	p := problem{Type: "urn:meridian:problem:" + string(kind), Title: string(kind), Status: statusOf(kind), Kind: string(kind)}
	if e, ok := errors.AsType[*request.Error](err); ok {
		p.Detail, p.Request, p.Operation, p.RetryMS = e.Detail, e.Request, e.Operation, e.Retry.Milliseconds()
		if e.Kind == request.NotYet && e.Owner != "" {
			p.Owner, p.Epoch = e.Owner, e.Epoch.String()
		}
		if e.Kind == request.Gone {
			p.Version = e.Version.Mark()
		}
		if e.Kind == request.HandingOver && e.Retry <= 0 {
			p.RetryMS = movingRetry.Milliseconds()
		}
		if p.Detail == "" && e.Err != nil {
			p.Detail = e.Err.Error()
		}
	} else {
		p.Detail = err.Error()
	}
	return p
}

// problemError is a problem as an error of the operation op. ok is false when the text is no problem of a gateway. A hint in which
// epoch and owner are not of one site is left out.
func problemError(op string, status int, body []byte) (*request.Error, bool) {
	var p problem
	if json.Unmarshal(body, &p) != nil || p.Kind == "" {
		return nil, false
	}
	e := &request.Error{Op: op, Kind: kindOf(status, p.Kind), Request: p.Request, Operation: p.Operation, Detail: p.Detail}
	if e.Kind == request.NotYet && p.Owner != "" {
		var reign request.Epoch
		if reign.UnmarshalText([]byte(p.Epoch)) == nil && reign.Site == p.Owner {
			e.Owner, e.Epoch = p.Owner, reign
		}
	}
	if e.Kind == request.Gone {
		e.Version, _ = request.ParseMark(p.Version) // one that cannot be read is not known
	}
	if p.RetryMS > 0 {
		e.Retry = min(time.Duration(min(p.RetryMS, maxRetry.Milliseconds()))*time.Millisecond, maxRetry)
	}
	return e, true
}

// retryAfter is the wait that a header asks for, at most maxRetry; 0 when it asks for none.
func retryAfter(h http.Header) time.Duration {
	s, err := strconv.ParseUint(h.Get("Retry-After"), 10, 31)
	if err != nil {
		return 0
	}
	return min(time.Duration(s)*time.Second, maxRetry)
}
