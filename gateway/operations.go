package gateway

import (
	"net/http"
	"net/url"

	"github.com/gorilla/mux"

	"github.com/meridian-gateway/meridian/request"
)

// operationPath is where the outcome of a write can be followed on the client address.
func operationPath(op string) string { return ownPrefix + "operations/" + url.PathEscape(op) }

type operationView struct {
	Operation string       `json:"operation"`
	Request   request.ID   `json:"request,omitempty"`
	State     string       `json:"state"`
	Version   string       `json:"version,omitempty"`
	Owner     request.Site `json:"owner,omitempty"`
	Status    int          `json:"status,omitempty"`
	Reason    string       `json:"reason,omitempty"`
}

func (f *face) operation(w http.ResponseWriter, r *http.Request) {
	id, err := url.PathUnescape(mux.Vars(r)["op"])
	if err != nil || len(id) > 128 {
		writeProblem(w, r, problemOf(request.Invalid, "this is not the id of an operation"))
		return
	}
	op, err := f.Engine.Operation(r.Context(), id)
	if err != nil {
		writeProblem(w, r, problemFor(err))
		return
	}
	v := operationView{Operation: op.ID, Request: op.Request, State: string(op.Outcome), Owner: op.Owner, Status: op.Status, Reason: op.Reason}
	if !op.Version.IsZero() {
		v.Version = op.Version.String()
	}
	switch op.Outcome {
	case request.Open, request.InDoubt:
		w.Header().Set("Retry-After", "1")
	case request.Kept: // until the owner can be reached
		w.Header().Set("Retry-After", "5")
	}
	writeJSON(w, r, http.StatusOK, "application/json", v)
}
