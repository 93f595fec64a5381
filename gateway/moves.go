package gateway

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

// The most that a person may write about a command, in characters.
const (
	maxBy     = 100
	maxReason = 1000
)

type transferCall struct {
	To   request.Site `json:"to"`
	Mode string       `json:"mode"`
	By   string       `json:"by"`
}

// transfer plans a hand-over to a site. 202: it follows when the owner and the target can.
func (a *admin) transfer(w http.ResponseWriter, r *http.Request) {
	var c transferCall
	err := decode(w, r, &c)
	switch {
	case err != nil:
	case c.To == "":
		err = bad("say to which site: to")
	case c.Mode != "" && c.Mode != "ownership" && c.Mode != "move":
		err = bad("mode is ownership or move")
	}
	a.order(w, r, request.Order{To: c.To, Mode: c.Mode, By: c.By}, err)
}

type returnCall struct {
	By string `json:"by"`
}

// giveBack plans a hand-over to the owner before.
func (a *admin) giveBack(w http.ResponseWriter, r *http.Request) {
	var c returnCall
	var err error
	if r.ContentLength != 0 {
		err = decode(w, r, &c)
	}
	a.order(w, r, request.Order{Return: true, By: c.By}, err)
}

// order gives a command to the owner of the request that the path names, unless err says that it is none.
func (a *admin) order(w http.ResponseWriter, r *http.Request, o request.Order, err error) {
	if err == nil {
		o.By, err = signed(r, o.By)
	}
	if err != nil {
		a.fail(w, r, err)
		return
	}
	rec, ok := a.record(w, r)
	if !ok {
		return
	}
	o.Request = rec.Entry.ID
	st, err := a.Operator.Order(r.Context(), o)
	if request.KindOf(err) == request.Invalid && err != nil { // well said, and impossible: no such site, nowhere to return to
		p := problemFor(err)
		p.Status = http.StatusUnprocessableEntity
		writeProblem(w, r, p)
		return
	}
	if err != nil {
		a.fail(w, r, err)
		return
	}
	writeJSON(w, r, http.StatusAccepted, "application/json", standingOf(o.Request, st))
}

type reclaimCall struct {
	Reason string `json:"reason"`
	By     string `json:"by"`
}

// reclaim makes this site the owner at once. The reason and who gave it stay with the request.
func (a *admin) reclaim(w http.ResponseWriter, r *http.Request) {
	var c reclaimCall
	err := decode(w, r, &c)
	if err == nil {
		c.Reason, err = written("reason", c.Reason, maxReason)
	}
	if err == nil && c.Reason == "" {
		err = bad("say why in reason: it is kept with the request")
	}
	if err == nil {
		c.By, err = signed(r, c.By)
	}
	if err != nil {
		a.fail(w, r, err)
		return
	}
	rec, ok := a.record(w, r)
	if !ok {
		return
	}
	st, err := a.Operator.Reclaim(r.Context(), rec.Entry.ID, c.By, c.Reason)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	writeJSON(w, r, http.StatusOK, "application/json", standingOf(rec.Entry.ID, st))
}

// signed is who gave a command, as far as can be known: the token is one for all, so it is what the caller says, and where it
// called from.
func signed(r *http.Request, by string) (string, error) {
	by, err := written("by", by, maxBy)
	if by == "" {
		by = "operator"
	}
	return by + " from " + remoteIP(r.RemoteAddr), err
}

// written is a text that a person wrote, without space around it.
func written(name, s string, most int) (string, error) {
	s = strings.TrimSpace(s)
	if utf8.RuneCountInString(s) > most {
		return "", bad(name + " is longer than " + strconv.Itoa(most) + " characters")
	}
	if strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }) {
		return "", bad(name + " has control characters in it")
	}
	return s, nil
}

// pageOf reads the part of a list of requests that is asked for.
func pageOf(q url.Values) (after request.ID, limit int, err error) {
	if limit, err = limitOf(q); err == nil {
		after, err = idOf(q.Get("after"))
	}
	return after, limit, err
}

// next is the after of the next page, "" at the end.
func next(records []store.Record, limit int) string {
	if len(records) < limit {
		return ""
	}
	return string(records[len(records)-1].Entry.ID)
}

type transferList struct {
	Transfers []TransferView `json:"transfers"`
	After     string         `json:"after"` // "" at the end
}

func (a *admin) transfers(w http.ResponseWriter, r *http.Request) {
	after, limit, err := pageOf(r.URL.Query())
	var records []store.Record
	if err == nil {
		records, err = a.Operator.Transfers(r.Context(), after, limit)
	}
	if err != nil {
		a.fail(w, r, err)
		return
	}
	list := transferList{Transfers: make([]TransferView, 0, len(records)), After: next(records, limit)}
	for _, rec := range records {
		list.Transfers = append(list.Transfers, transferOf(rec.Entry))
	}
	writeJSON(w, r, http.StatusOK, "application/json", list)
}

type conflictList struct {
	Conflicts []ConflictView `json:"conflicts"`
	After     string         `json:"after"` // "" at the end
}

// conflicts lists conflict records with the values of their fields, since a person must see them to decide.
func (a *admin) conflicts(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	after, limit, err := pageOf(q)
	var records []store.Record
	switch ref := q.Get("request"); {
	case err != nil:
	case ref != "":
		var rec store.Record
		if rec, err = a.Operator.Request(r.Context(), ref); err == nil {
			records, limit = []store.Record{rec}, 2 // there is no next page
		}
	default:
		records, err = a.Operator.Conflicts(r.Context(), after, limit)
	}
	if err != nil {
		a.fail(w, r, err)
		return
	}
	list := conflictList{Conflicts: []ConflictView{}, After: next(records, limit)}
	for _, rec := range records {
		for _, c := range rec.Entry.Conflicts {
			v := conflictOf(c, true)
			v.Request, v.Collection, v.Owner = rec.Entry.ID, rec.Entry.Collection, rec.Entry.Owner
			list.Conflicts = append(list.Conflicts, v)
		}
	}
	writeJSON(w, r, http.StatusOK, "application/json", list)
}

func (a *admin) dismiss(w http.ResponseWriter, r *http.Request) {
	ref, err := part(r, "request")
	var conflict string
	if err == nil {
		conflict, err = part(r, "id")
	}
	var rec store.Record
	if err == nil {
		rec, err = a.Operator.Request(r.Context(), ref)
	}
	if err == nil {
		err = a.Operator.Dismiss(r.Context(), rec.Entry.ID, conflict)
	}
	if err != nil {
		a.fail(w, r, err)
		return
	}
	writeJSON(w, r, http.StatusOK, "application/json", map[string]any{"request": rec.Entry.ID, "id": conflict, "dismissed": true})
}

// The days that a schedule is listed for.
const (
	defaultDays = 14
	maxDays     = 366
)

func (a *admin) schedule(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	from, days := time.Now(), defaultDays
	var err error
	if s := q.Get("from"); s != "" {
		if from, err = time.Parse(time.DateOnly, s); err != nil {
			if from, err = time.Parse(time.RFC3339, s); err != nil {
				err = bad("from is a date such as 2026-11-23, which begins at midnight UTC, or a time such as 2026-11-23T10:00:00Z")
			}
		}
	}
	if s := q.Get("days"); s != "" && err == nil {
		if days, err = strconv.Atoi(s); err != nil || days < 1 || days > maxDays {
			err = bad("days is a number from 1 to " + strconv.Itoa(maxDays))
		}
	}
	var runs []ScheduledRun
	if err == nil {
		runs, err = a.Planner.Schedule(r.Context(), from, days)
	}
	if err != nil {
		a.fail(w, r, err)
		return
	}
	if runs == nil {
		runs = []ScheduledRun{}
	}
	writeJSON(w, r, http.StatusOK, "application/json", runs)
}
