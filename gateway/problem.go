package gateway

import (
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

// Kinds of problems that only exist between a client and this face.
const (
	unsupported  request.ErrKind = "unsupported"
	slowBody     request.ErrKind = "slow-body"
	badMethod    request.ErrKind = "method"
	notSupported request.ErrKind = "not-implemented"
	misdirected  request.ErrKind = "misdirected"
	bigHeader    request.ErrKind = "header-too-large"
	tooMany      request.ErrKind = "too-many"
	badGateway   request.ErrKind = "upstream-unreachable"
	unauthorized request.ErrKind = "unauthorized"
)

// Problem is an error as clients see it (RFC 9457).
type Problem struct {
	Type      string `json:"type"`
	Title     string `json:"title"`
	Status    int    `json:"status"`
	Detail    string `json:"detail,omitempty"`
	Instance  string `json:"instance,omitempty"`
	Request   string `json:"request,omitempty"`
	Operation string `json:"operation,omitempty"`

	retry time.Duration
	close bool
}

// kind is one row of the table that says what each kind of error is to a client.
type kind struct {
	kind   request.ErrKind
	status int
	title  string
	// what is what happened, do what to do about it.
	what, do string
	// retry is the Retry-After when the error does not name one; 0: none.
	retry time.Duration
}

// problemFor is the problem that an error is. Errors that are no [request.Error] are internal and their text is not shown.
func problemFor(err error) Problem {
	e, ok := errors.AsType[*request.Error](err)
	switch {
	case ok:
	case errors.Is(err, store.ErrNotFound):
		e = &request.Error{Kind: request.NotFound}
	default:
		e = &request.Error{Kind: request.Internal}
	}
	p := problemOf(e.Kind, e.Detail)
	p.Request, p.Operation = string(e.Request), e.Operation
	if e.Retry > 0 && p.retry > 0 {
		p.retry = e.Retry
	}
	return p
}

// problemOf makes a problem of a kind. Without a detail it says what the table says.
func problemOf(k request.ErrKind, detail string) Problem {
	row := rowOf(k)
	p := Problem{Type: ownPrefix + "problems/" + string(row.kind), Title: row.title, Status: row.status, retry: row.retry}
	switch {
	case detail == "":
		p.Detail = row.what + " " + row.do
	case strings.HasSuffix(detail, "."):
		p.Detail = detail + " " + row.do
	default:
		p.Detail = detail + ". " + row.do
	}
	return p
}

func closing(p Problem) *Problem {
	p.close = true
	return &p
}

func rowOf(k request.ErrKind) kind {
	table := kinds()
	i := slices.IndexFunc(table, func(r kind) bool { return r.kind == k })
	if i < 0 {
		i = slices.IndexFunc(table, func(r kind) bool { return r.kind == request.Internal })
	}
	return table[i]
}

// writeProblem answers with p. Headers already set, such as a receipt, stay.
func writeProblem(w http.ResponseWriter, r *http.Request, p Problem) {
	if p.Instance == "" {
		p.Instance = r.URL.EscapedPath()
	}
	h := w.Header()
	if p.Operation != "" {
		h.Set("Meridian-Operation", operationPath(p.Operation))
	}
	if p.Request != "" {
		h.Set("Meridian-Request", p.Request)
	}
	if p.retry > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(p.retry.Seconds()))))
	}
	if p.close {
		h.Set("Connection", "close")
	}
	writeJSON(w, r, p.Status, "application/problem+json", p)
}

// writeJSON answers with v. It sets the length, so that a client can tell a whole answer from a broken one.
func writeJSON(w http.ResponseWriter, r *http.Request, status int, contentType string, v any) {
	body, err := json.Marshal(v)
	if err != nil { // only strings, numbers and times get here
		status, body = http.StatusInternalServerError, []byte(`{}`)
	}
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(len(body)+1))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(append(body, '\n')) // a client that is gone is nobody's fault
	}
}

// describe answers a problem's type with its description.
func describe(w http.ResponseWriter, r *http.Request) {
	k := request.ErrKind(mux.Vars(r)["kind"])
	for _, row := range kinds() {
		if row.kind == k {
			writeText(w, r, "text/markdown; charset=utf-8", row.markdown())
			return
		}
	}
	writeProblem(w, r, problemOf(request.NotFound, "there is no problem of this type"))
}

func describeAll(w http.ResponseWriter, r *http.Request) {
	writeText(w, r, "text/markdown; charset=utf-8", ProblemsPage())
}

func writeText(w http.ResponseWriter, r *http.Request, contentType, text string) {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(len(text)))
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		_, _ = w.Write([]byte(text))
	}
}
