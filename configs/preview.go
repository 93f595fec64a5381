package configs

import (
	"strings"

	"github.com/meridian-gateway/meridian/profile"
	"github.com/meridian-gateway/meridian/request"
)

// Parcel is the state of a request on its way to a site.
type Parcel struct {
	Site       request.Site
	Collection string
	// Local is the site's id of the record, "" when it has none.
	Local  string
	Fields request.Fields
	Marks  profile.Marks
}

// Delivery is what a parcel would look like at its site.
type Delivery struct {
	profile.Preview
	// URL is where the call goes, without credentials.
	URL string
	// Problem is why the site cannot take it, "" when it can.
	Problem string
}

// Preview tells what a delivery would look like. Nothing is called.
func (n *Network) Preview(p Parcel) Delivery {
	s, ok := n.Sites[p.Site]
	if !ok {
		return Delivery{Problem: "there is no site " + string(p.Site)}
	}
	c := s.Profile.Collections[p.Collection]
	if c == nil {
		return Delivery{Problem: string(p.Site) + " has no collection " + p.Collection}
	}
	out := Delivery{}
	var err error
	if out.Preview, err = c.Preview(p.Local, p.Fields, p.Marks); err != nil {
		out.Problem = err.Error()
		return out
	}
	if s.Upstream.Host == "" { // which nobody here has to know
		out.URL = out.Call.Target
		return out
	}
	out.URL = strings.TrimSuffix(s.Upstream.Scheme+"://"+s.Upstream.Host+s.Upstream.EscapedPath(), "/") + out.Call.Target
	return out
}
