package gateway

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/meridian-gateway/meridian/request"
)

// Verifier compares the requests that the site owns with their holders.
type Verifier interface {
	// Verify begins a comparison, in the background of this process. Errors: Invalid, no such collection; Conflict, one is under way.
	Verify(ctx context.Context, o request.VerifyOrder) (request.Verification, error)
	// Verifying is how the last one stands; its State is "" when there never was one.
	Verifying(ctx context.Context) (request.Verification, error)
	// CancelVerify ends the one that is under way.
	CancelVerify(ctx context.Context) (request.Verification, error)
}

// VerificationView is how a comparison stands.
type VerificationView struct {
	ID         string           `json:"id"`
	State      request.JobState `json:"state"` // running, done, cancelled, failed; "" when there never was one
	Collection string           `json:"collection,omitempty"`
	Repair     bool             `json:"repair"`
	Sample     int              `json:"sample,omitempty"`
	By         string           `json:"by,omitempty"`
	Started    *time.Time       `json:"started,omitempty"`
	Finished   *time.Time       `json:"finished,omitempty"`
	// Requests were compared, Copies are pairs of a request and a holder, Read the records that were read, Moving those that could
	// not be judged because they were changing all the time.
	Requests int `json:"requests"`
	Copies   int `json:"copies"`
	Read     int `json:"read"`
	Moving   int `json:"moving"`
	Found    int `json:"found"`
	Repaired int `json:"repaired"`
	// Differences are the first ten thousand, those after the ones that the caller has.
	Differences []request.Difference `json:"differences"`
	Unreached   []request.Unreached  `json:"unreached"`
	Error       string               `json:"error,omitempty"`
}

func verificationOf(v request.Verification, after int) VerificationView {
	out := VerificationView{ID: v.ID, State: v.State, Collection: v.Collection, Repair: v.Repair, Sample: v.Sample, By: v.By,
		Started: momentOf(v.Started), Finished: momentOf(v.Finished), Requests: v.Requests, Copies: v.Copies, Read: v.Read, Moving: v.Moving,
		Found: v.Found, Repaired: v.Repaired, Differences: v.Differences[min(after, len(v.Differences)):], Unreached: v.Unreached, Error: v.Error}
	if out.Differences == nil {
		out.Differences = []request.Difference{}
	}
	if out.Unreached == nil {
		out.Unreached = []request.Unreached{}
	}
	for i := range out.Differences {
		for _, value := range []*json.RawMessage{&out.Differences[i].Owner, &out.Differences[i].Holder} {
			if len(*value) == 0 {
				*value = json.RawMessage("null")
			}
		}
	}
	return out
}

type verifyCall struct {
	Collection string `json:"collection"`
	Repair     bool   `json:"repair"`
	Sample     int    `json:"sample"`
	By         string `json:"by"`
}

// verify begins a comparison. 202: it goes on in the background.
func (a *admin) verify(w http.ResponseWriter, r *http.Request) {
	var c verifyCall
	var err error
	if r.ContentLength != 0 {
		err = decode(w, r, &c)
	}
	o := request.VerifyOrder{Collection: c.Collection, Repair: c.Repair, Sample: c.Sample}
	if err == nil {
		o.By, err = signed(r, c.By)
	}
	if err != nil {
		a.fail(w, r, err)
		return
	}
	v, err := a.Verifier.Verify(r.Context(), o)
	if request.KindOf(err) == request.Invalid && err != nil { // well said, and impossible here
		p := problemFor(err)
		p.Status = http.StatusUnprocessableEntity
		writeProblem(w, r, p)
		return
	}
	a.verification(w, r, http.StatusAccepted, v, err)
}

func (a *admin) verifyState(w http.ResponseWriter, r *http.Request) {
	v, err := a.Verifier.Verifying(r.Context())
	a.verification(w, r, http.StatusOK, v, err)
}

func (a *admin) verifyCancel(w http.ResponseWriter, r *http.Request) {
	v, err := a.Verifier.CancelVerify(r.Context())
	a.verification(w, r, http.StatusOK, v, err)
}

func (a *admin) verification(w http.ResponseWriter, r *http.Request, status int, v request.Verification, err error) {
	after := 0
	if s := r.URL.Query().Get("after"); s != "" && err == nil {
		if after, err = strconv.Atoi(s); err != nil || after < 0 {
			err = bad("after is how many differences the caller has already")
		}
	}
	if err != nil {
		a.fail(w, r, err)
		return
	}
	writeJSON(w, r, status, "application/json", verificationOf(v, after))
}
