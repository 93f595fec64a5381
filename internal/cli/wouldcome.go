package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/meridian-gateway/meridian/configs"
	"github.com/meridian-gateway/meridian/gateway"
	"github.com/meridian-gateway/meridian/profile"
	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/routing"
)

// wouldCome is what a delivery to a site that has no record of the request yet would look like.
type wouldCome struct {
	Site    request.Site     `json:"site"`
	Call    gateway.CallView `json:"call"`
	Dropped []profile.Left   `json:"dropped"`
	Problem string           `json:"problem,omitempty"`
}

// sends are the parts of a decision that bring the request to other sites.
func sends(d routing.Decision) []routing.Taken {
	out := append([]routing.Taken(nil), d.Copies...)
	for _, t := range []*routing.Taken{d.Transfer, d.Archive} {
		if t != nil {
			out = append(out, *t)
		}
	}
	return out
}

func wouldComeTo(n *configs.Network, in routing.Input, t routing.Taken) []wouldCome {
	var out []wouldCome
	for _, to := range t.To {
		// The id is one that says what it is: a request that is only explained has none.
		marks := profile.Marks{Request: "00000000000000000000000000", Version: request.First(in.Site), Owner: in.Site, State: string(request.Copy)}
		if t.Action.Mode == "ownership" || t.Action.Mode == "" || t.Action.Mode == "move" {
			marks.Owner, marks.State = to, string(request.Owner)
		}
		if in.Event == routing.Create && marks.Owner == to {
			marks.Version = request.First(to) // it is made there in the first place
		}
		d := n.Preview(configs.Parcel{Site: to, Collection: in.Collection, Fields: in.New, Marks: marks})
		w := wouldCome{Site: to, Dropped: d.Left, Problem: d.Problem}
		if w.Dropped == nil {
			w.Dropped = []profile.Left{}
		}
		if d.Problem == "" {
			w.Call = gateway.CallOf(d.Call, d.URL)
		}
		out = append(out, w)
	}
	return out
}

// String is for people: the call with its body, and what does not come through.
func (w wouldCome) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "\nAt %s: ", w.Site)
	if w.Problem != "" {
		fmt.Fprintf(&b, "it cannot be taken: %s\n", w.Problem)
	} else {
		fmt.Fprintf(&b, "%s %s\n", w.Call.Method, w.Call.URL)
	}
	var body bytes.Buffer
	if len(w.Call.Body) > 0 && json.Indent(&body, w.Call.Body, "  ", "  ") == nil {
		fmt.Fprintf(&b, "  %s\n", body.String())
	}
	for _, x := range w.Dropped {
		fmt.Fprintf(&b, "  not as it is: %s, %s\n", x.Field, x.Why)
	}
	return b.String()
}
