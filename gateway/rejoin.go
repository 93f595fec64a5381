package gateway

import (
	"net/http"

	"github.com/meridian-gateway/meridian/request"
)

// Rebuilder tells how the rebuilding of a lost store stands, and takes an operator's word on it.
type Rebuilder interface {
	Rebuilding() request.Rebuilding
	// GiveUp completes the store without a site's word. Kind Invalid: there is no such other site.
	GiveUp(site request.Site) error
}

// rejoinView is request.Rebuilding as it is shown.
type rejoinView struct {
	Complete bool                    `json:"complete"`
	Phase    string                  `json:"phase,omitempty"`
	Waiting  map[request.Site]string `json:"waiting"`
	Done     int                     `json:"done"`
	Open     int                     `json:"open"`
	Orphans  int                     `json:"orphans"`
	Notes    []string                `json:"notes"`
	Without  []request.Site          `json:"without"`
}

func (a *admin) rejoinState(w http.ResponseWriter, r *http.Request) {
	b := a.Rebuilder.Rebuilding()
	v := rejoinView{Complete: b.Phase == "", Phase: b.Phase, Waiting: b.Waiting, Done: b.Done, Open: b.Open, Orphans: b.Orphans, Notes: b.Notes, Without: b.Without}
	if v.Waiting == nil {
		v.Waiting = map[request.Site]string{}
	}
	if v.Notes == nil {
		v.Notes = []string{}
	}
	if v.Without == nil {
		v.Without = []request.Site{}
	}
	writeJSON(w, r, http.StatusOK, "application/json", v)
}

type rejoinCall struct {
	Without request.Site `json:"without"`
}

// rejoinWithout gives a site up for the rebuilding.
func (a *admin) rejoinWithout(w http.ResponseWriter, r *http.Request) {
	var c rejoinCall
	err := decode(w, r, &c)
	if err == nil {
		err = a.Rebuilder.GiveUp(c.Without)
	}
	if err != nil {
		a.fail(w, r, err)
		return
	}
	a.rejoinState(w, r)
}
