package upstream

import (
	"context"
	"net/http"
	"net/url"
	"slices"
)

// mostHops is how many redirects of a download are followed.
const mostHops = 5

// followed goes where the answer to a download leads, as long as that is a place of the same host. An answer that leads nowhere, to
// another host or in a circle is returned as it is: who is there is not the site's API.
func (s *stream) followed(ctx context.Context, a *arriving) (*arriving, error) {
	for range mostHops {
		to := s.leads(a.res)
		if to == nil {
			return a, nil
		}
		next := s.req.Clone(ctx)
		next.URL = to
		_ = a.Close()
		s.req = next
		var err error
		if a, err = s.open(ctx); err != nil {
			return nil, err
		}
		s.client.hold.note(a.res.StatusCode, a.res.Header)
	}
	return a, nil
}

// leads is where an answer to a download leads, nil when it does not or not within this host.
func (s *stream) leads(res *http.Response) *url.URL {
	redirects := []int{http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect}
	if s.req.Method != http.MethodGet || s.source != nil || !slices.Contains(redirects, res.StatusCode) {
		return nil
	}
	location := res.Header.Get("Location")
	to, err := s.req.URL.Parse(location)
	if location == "" || err != nil || to.Scheme != s.req.URL.Scheme || to.Host != s.req.URL.Host || to.User != nil {
		return nil
	}
	to.Fragment, to.RawFragment = "", ""
	return to
}
