package gateway

import (
	"net/http"
	"time"

	"github.com/meridian-gateway/meridian/request"
)

// WatchLister tells how looking for changes behind the gateway goes.
type WatchLister interface {
	Watching() []request.Watching
}

// WatchView is how looking for changes of one collection goes.
type WatchView struct {
	Collection string  `json:"collection"`
	Every      float64 `json:"every_seconds"`
	// Elsewhere says that another gateway of the site looks.
	Elsewhere bool       `json:"elsewhere"`
	Last      *time.Time `json:"last"`   // complete look; null when there was none
	Looked    int        `json:"looked"` // records that it was shown
	// Noticed counts since the start, by what was done. Gone are records that were missed once.
	Noticed map[string]int `json:"noticed"`
	Gone    int            `json:"gone"`
	Alarm   string         `json:"alarm,omitempty"`
	Error   string         `json:"error,omitempty"`
	Failing *time.Time     `json:"failing,omitempty"`
}

type watchList struct {
	Watch []WatchView `json:"watch"`
}

func (a *admin) watch(w http.ResponseWriter, r *http.Request) {
	list := watchList{Watch: []WatchView{}}
	for _, x := range a.Watches.Watching() {
		v := WatchView{Collection: x.Collection, Every: x.Every.Seconds(), Elsewhere: x.Elsewhere, Last: momentOf(x.Last), Looked: x.Looked,
			Noticed: x.Noticed, Gone: x.Gone, Alarm: x.Alarm, Error: x.Error, Failing: momentOf(x.Failing)}
		if v.Noticed == nil {
			v.Noticed = map[string]int{}
		}
		list.Watch = append(list.Watch, v)
	}
	writeJSON(w, r, http.StatusOK, "application/json", list)
}
