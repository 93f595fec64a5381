package harness

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Transfer is a hand-over that is not done, as /api/v1/transfers lists it.
type Transfer struct {
	Request string `json:"request"`
	State   string `json:"state"`
	Role    string `json:"role"`
	From    string `json:"from"`
	To      string `json:"to"`
	Mode    string `json:"mode"`
	Route   string `json:"route"`
	By      string `json:"by"`
	Cause   string `json:"cause"`
}

// Conflict is a record of something that lost. Values are JSON.
type Conflict struct {
	Request   string `json:"request"`
	ID        string `json:"id"`
	Kind      string `json:"kind"`
	Site      string `json:"site"`
	Operation string `json:"operation"`
	Fields    []struct {
		Name   string          `json:"name"`
		Base   json.RawMessage `json:"base"`
		Mine   json.RawMessage `json:"mine"`
		Theirs json.RawMessage `json:"theirs"`
	} `json:"fields"`
}

// Lost are the values that lost, by field, as JSON.
func (c Conflict) Lost() map[string]string {
	out := make(map[string]string)
	for _, f := range c.Fields {
		out[f.Name] = string(f.Mine)
	}
	return out
}

// Transfers asks the admin API for the hand-overs that are not done at this site.
func (g *Gateway) Transfers() ([]Transfer, error) {
	var page struct{ Transfers []Transfer }
	return page.Transfers, g.Ask("/api/v1/transfers", &page)
}

// WantTransfer waits until the gateway lists a hand-over of a request in a state.
func (g *Gateway) WantTransfer(ref, state string, within time.Duration) Transfer {
	g.t.Helper()
	var found Transfer
	Eventually(g.t, within, fmt.Sprintf("the hand-over of %s is %s at %s", ref, state, g.Name), func() error {
		list, err := g.Transfers()
		for _, x := range list {
			if x.Request == ref && x.State == state {
				found = x
				return nil
			}
		}
		return errors.Join(err, fmt.Errorf("the list is %+v", list))
	})
	return found
}

// Conflicts asks the admin API for the conflict records of a request at this site, of all when ref is "".
func (g *Gateway) Conflicts(ref string) ([]Conflict, error) {
	var page struct{ Conflicts []Conflict }
	return page.Conflicts, g.Ask("/api/v1/conflicts?request="+url.QueryEscape(ref), &page)
}

// WantConflicts waits until there are so many conflict records of a request at this site.
func (g *Gateway) WantConflicts(ref string, count int, within time.Duration) []Conflict {
	g.t.Helper()
	var list []Conflict
	Eventually(g.t, within, fmt.Sprintf("%d conflict records of %s at %s", count, ref, g.Name), func() (err error) {
		if list, err = g.Conflicts(ref); err == nil && len(list) != count {
			err = fmt.Errorf("there are %d: %+v", len(list), list)
		}
		return err
	})
	return list
}

// Ask gets a path of the admin API and reads the answer into a value.
func (g *Gateway) Ask(path string, into any) error {
	b, err := get(g.Admin(path), nil)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, into)
}

// Command posts to one of a request's commands in the admin API (transfer, return, reclaim). It may be used in goroutines.
func (g *Gateway) Command(ref, command, body string) Answer {
	path := "/api/v1/requests/" + url.PathEscape(ref) + "/" + command
	a := Answer{t: g.t, call: Call{Method: http.MethodPost, Path: path, Body: body}}
	res, err := direct.Post(g.Admin(path), "application/json", strings.NewReader(body))
	if err != nil {
		a.Err = err
		return a
	}
	defer func() { _ = res.Body.Close() }()
	a.Status, a.Header = res.StatusCode, res.Header
	a.Body, a.Err = io.ReadAll(res.Body)
	return a
}

// Transfer orders a hand-over, here or at the owner.
func (g *Gateway) Transfer(ref, to, mode string) Answer {
	return g.Command(ref, "transfer", fmt.Sprintf(`{"to":%q,"mode":%q,"by":"the tests"}`, to, mode))
}

// Owned asks all ledgers who owns a request: one site must say that it does, and all others that know the request must name it, with
// nothing open. It returns what the owner says. Errors may pass; two owners of one epoch end the polling.
func (c *Cluster) Owned(ref string) (View, error) {
	var owner View
	var all []View
	reigns := make(map[string]string)
	for _, name := range c.names {
		v, err := c.sites[name].Request(ref)
		if err != nil && strings.Contains(err.Error(), ": 404 ") {
			continue
		}
		if err != nil {
			return View{}, err
		}
		all = append(all, v)
		if v.Role != "owner" {
			continue
		}
		epoch, _, _ := strings.Cut(v.Version, ".")
		if other, twice := reigns[epoch]; twice {
			return View{}, GiveUp(fmt.Errorf("%s and %s both own %s in epoch %s", other, name, ref, epoch))
		}
		if owner.Role != "" {
			return View{}, fmt.Errorf("%s and %s both say that they own %s: %+v", owner.Owner, name, ref, all)
		}
		reigns[epoch] = name
		owner = v
	}
	if owner.Role == "" {
		return View{}, fmt.Errorf("nobody owns %s: %+v", ref, all)
	}
	for _, v := range all {
		if v.Owner != owner.Owner || v.Role != "owner" && v.Role != "copy" && v.Role != "away" || v.HandOver != nil {
			return View{}, fmt.Errorf("%s owns %s, and elsewhere it is %+v", owner.Owner, ref, v)
		}
	}
	return owner, nil
}

// WantOwner waits until all sites agree that a site, any when it is "", owns a request.
func (c *Cluster) WantOwner(ref, site string, within time.Duration) View {
	c.t.Helper()
	var v View
	Eventually(c.t, within, fmt.Sprintf("all sites say that %s is owned by %s", ref, site), func() (err error) {
		if v, err = c.Owned(ref); err == nil && site != "" && v.Owner != site {
			err = fmt.Errorf("it is owned by %s: %+v", v.Owner, v)
		}
		return err
	})
	return v
}
