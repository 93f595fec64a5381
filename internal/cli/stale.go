package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/meridian-gateway/meridian/gateway"
	"github.com/meridian-gateway/meridian/request"
)

// picture is a request as several answers show it: what its gateway says, how its links are, and what the other sites say.
type picture struct {
	request gateway.RequestView
	// self is the site that was asked; links are its links, where they were asked for.
	self  string
	links []gateway.Destination
	// journey is what all sites say; nil where the gateway does not tell.
	journey *journeyView
}

// pictureOf asks what else there is to know of a request. What cannot be had is left out.
func (c *command) pictureOf(ctx context.Context, k *client, r gateway.RequestView) picture {
	p := picture{request: r, self: c.site}
	var s standingOf
	if err := k.ask(ctx, get("/api/v1/status"), &s); err == nil {
		p.self, p.links = s.Site, s.Forwarding.Destinations
	}
	var j journeyView
	if err := k.ask(ctx, get(requestPath(string(r.Request))+"/journey"), &j); err == nil {
		p.journey = &j
	}
	return p
}

// presence is a request at one site.
type presence struct {
	site, role, version, local, since string
	state                             cell
	cause                             string
}

// presences are the sites that have a request, the owner first.
func (p picture) presences() []presence {
	r := p.request
	here := presence{site: p.self, role: string(r.Role), version: r.Version, local: r.Local, state: state(stateOf(r)), since: moment(r.Updated)}
	out := []presence{here}
	for _, h := range r.Holders {
		out = append(out, presence{site: string(h.Site), role: "copy", version: h.Acked, local: cmp.Or(h.Local, r.Locals[h.Site]), state: state(h.State),
			since: momentOf(h.Last), cause: p.because(h)})
	}
	if r.Role != request.Owner && p.journey == nil && string(r.Owner) != p.self {
		out = append(out, presence{site: string(r.Owner), role: "owner", local: r.Locals[r.Owner], cause: "ask there what it has"})
	}
	if p.journey != nil {
		for _, s := range p.journey.Sites {
			out = s.into(out, r, p.journey.Version)
		}
	}
	slices.SortStableFunc(out, func(a, b presence) int { return cmp.Compare(rank(a.role), rank(b.role)) })
	return out
}

func rank(role string) int {
	if role == string(request.Owner) {
		return 0
	}
	return 1
}

// because is why a delivery has not arrived: what the other side said, or how the link is.
func (p picture) because(h gateway.DeliveryView) string {
	if h.State == request.Delivered {
		return ""
	}
	for _, d := range p.links {
		if d.Site == h.Site && d.State == gateway.Down {
			return "the link to it is down: " + inWords(d.LastError)
		}
	}
	return inWords(h.Cause)
}

// behind tells what is in the way of the copies of a request, and of its writes.
func (c *command) behind(p picture) []trouble {
	r, id := p.request, quoted(string(p.request.Request))
	var out []trouble
	if r.Doubt != nil {
		out = append(out, trouble{bad, "A write is in doubt, and nothing else is written until a person has settled it: " + r.Doubt.Reason, []string{c.again("doubts show " + id)}})
	}
	if h := r.HandOver; h != nil {
		text := fmt.Sprintf("It is being handed over from %s to %s since %s; nobody can write it until that is decided", h.From, h.To, moment(h.Since))
		out = append(out, trouble{bad, text + colon(inWords(h.Cause)) + ". It goes on by itself when both sites can; only if the other one is lost for good:",
			[]string{c.again("reclaim " + id + " --reason 'WHY'")}})
	}
	if q := r.Plan; q != nil && q.Parked {
		out = append(out, trouble{bad, fmt.Sprintf("The transfer to %s is parked", q.To) + colon(inWords(q.Cause)) + ". Correct the cause, then order it again:",
			[]string{c.again("transfer " + id + " --to " + quoted(string(q.To)))}})
	} else if q != nil {
		out = append(out, trouble{watch, fmt.Sprintf("It is to go to %s, planned since %s", q.To, moment(q.Since)) + colon(inWords(q.Cause)) + ". That is tried until it works.", nil})
	}
	for _, h := range r.Holders {
		if h.State != request.Delivered && h.State != request.Superseded {
			out = append(out, c.behindAt(p, h))
		}
	}
	out = append(out, c.behindElsewhere(p)...)
	if n := len(r.Queued); n > 0 {
		out = append(out, trouble{watch, some(n, "write", "waits", "wait") + fmt.Sprintf(" here for the owner, %s, and go out by themselves when it can be reached.", r.Owner),
			[]string{c.againAt(string(r.Owner), "status")}})
	}
	if n := len(r.Conflicts); n > 0 {
		out = append(out, trouble{watch, some(n, "conflict record", "is", "are") + " kept: writes that lost, for a person to look at.", []string{c.again("conflicts show " + id)}})
	}
	return out
}

func colon(why string) string {
	if why == "" {
		return ""
	}
	return ": " + why
}

// behindAt says why one holder does not have what it should.
func (c *command) behindAt(p picture, h gateway.DeliveryView) trouble {
	id := quoted(string(p.request.Request))
	text := fmt.Sprintf("%s has version %s, not %s", h.Site, h.Acked, h.Owed)
	if h.Acked == "" {
		text = fmt.Sprintf("%s has nothing of it yet, version %s is owed", h.Site, h.Owed)
	}
	if h.Acked == h.Owed { // its terms change, or it is compared
		text = fmt.Sprintf("%s has version %s, and something is still to be told to it", h.Site, h.Acked)
	}
	if h.Since != nil {
		text += ", for " + cmp.Or(seconds(time.Since(*h.Since).Seconds()), "a moment")
	}
	text += colon(p.because(h)) + "."
	switch h.State {
	case request.Parked:
		return trouble{bad, text + " It is parked: not tried again by itself. Correct the cause, then:", []string{c.again("deliveries retry " + id)}}
	case request.Cancelled:
		return trouble{watch, text + " Somebody cancelled it; the next version is delivered again. To deliver this one after all:", []string{c.again("deliveries retry " + id)}}
	}
	for _, d := range p.links {
		if d.Site == h.Site && d.State == gateway.Down {
			return trouble{bad, text + " It goes out by itself when the site is back. At " + string(h.Site) + ":", []string{c.againAt(string(h.Site), "status")}}
		}
	}
	if h.Attempts > 0 {
		text += fmt.Sprintf(" It was tried %s", times(h.Attempts))
		if h.Due != nil {
			text += ", the next time at " + moment(*h.Due)
		}
		return trouble{watch, text + ". To try it at once:", []string{c.again("deliveries retry " + id)}}
	}
	return trouble{watch, text + " It is on its way.", nil}
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// behindElsewhere says what the other sites tell where this one is not the owner, and so does not know what is owed.
func (c *command) behindElsewhere(p picture) []trouble {
	r := p.request
	if r.Role == request.Owner || string(r.Owner) == p.self {
		return nil
	}
	ask := []string{c.againAt(string(r.Owner), "requests show "+quoted(string(r.Request)))}
	if p.journey == nil {
		return []trouble{{watch, fmt.Sprintf("%s owns it and knows what its copies lack. Ask there:", r.Owner), ask}}
	}
	for _, s := range p.journey.Sites {
		switch {
		case s.Site != string(r.Owner):
		case !s.Reached:
			return []trouble{{bad, fmt.Sprintf("%s owns it and cannot be asked", r.Owner) + colon(inWords(s.Cause)) + ". Whether version " + r.Version + " is the newest is not known here.", ask}}
		case s.Version != r.Version:
			return []trouble{{bad, fmt.Sprintf("%s has version %s, this site has %s. Why it has not come is known at the owner:", r.Owner, s.Version, cmp.Or(r.Version, "none")), ask}}
		}
	}
	return nil
}

// glance shows a request so that one look tells whether something is stale, and why.
func (c *command) glance(p picture) error {
	s := screenOf(c.out, c.mode)
	r := p.request
	troubles := c.behind(p)
	text := fmt.Sprintf("%s of %s is owned by %s", r.Request, r.Collection, r.Owner)
	if r.Version != "" {
		text += ", here in version " + r.Version
	}
	switch {
	case len(troubles) > 0:
		text += ". " + plural(len(troubles), "thing") + " to know:"
	case r.Role == request.Owner && len(r.Holders) == 0:
		text += ". No other site has a copy."
	default:
		text += ". Nothing is in the way: all copies have what the owner has."
	}
	_, _ = io.WriteString(s, s.wrap(text)+"\n")
	for _, t := range troubles {
		_, _ = io.WriteString(s, "\n")
		t.print(s)
	}
	_, _ = io.WriteString(s, "\n") // what fails shows in the table that follows
	t := newTable(s, "SITE", "ROLE", "VERSION", "ID THERE", "STATE", "AS OF", "CAUSE").spare("AS OF", "ID THERE").brief(3, c.again("requests show "+string(r.Request)+" -o yaml"))
	for _, h := range p.presences() {
		t.row(h.site, h.role, h.version, h.local, h.state, h.since, h.cause)
	}
	return t.flush()
}
