package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/meridian-gateway/meridian/gateway"
	"github.com/meridian-gateway/meridian/peer"
	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

// Forwarding is the health of this site's forwarding: what is owed to each other site, and how the link to it is.
func (a *App) Forwarding(ctx context.Context) (gateway.Forwarding, error) {
	net := a.network.Load()
	f := gateway.Forwarding{Network: net.Name, Site: a.site, State: gateway.OK, ConfigHash: net.Hash, Problems: a.problems()}
	f.Count(gateway.Counts(a.engine.Unsettled()))
	list, err := a.store.Backlog(ctx)
	if err != nil {
		f.State = gateway.Down
		f.Problems = append(f.Problems, "the store does not answer: "+err.Error())
	}
	backlog := make(map[request.Site]store.Backlog, len(list))
	for _, b := range list {
		backlog[b.Site] = b
	}
	for _, s := range a.others() {
		d := a.destination(s, backlog[s])
		f.State = worse(f.State, d.State)
		f.Destinations = append(f.Destinations, d)
	}
	if len(f.Problems) > 0 {
		f.State = worse(f.State, gateway.Degraded)
	}
	a.metrics.Observe(f)
	a.metrics.Listening(a.lags.feed.Listeners())
	return f, nil
}

// destination judges one other site: down when its breaker is open or the probe fails, degraded when something needs a look.
func (a *App) destination(site request.Site, b store.Backlog) gateway.Destination {
	st := a.peers.Status(site)
	lag, rate := a.lags.of(site)
	d := gateway.Destination{Site: site, State: gateway.OK, Breaker: st.Breaker, Pending: b.Pending, InFlight: b.InFlight,
		Waiting: b.Waiting, Parked: b.Parked, Lag: lag, LastError: st.LastError, ClockSkew: st.Skew.Seconds(), ConfigDrift: st.Drift,
		Routes: a.routesTo(site)}
	if !b.Oldest.IsZero() {
		d.OldestAge = max(time.Since(b.Oldest).Seconds(), 0)
	}
	if !st.LastSuccess.IsZero() {
		d.LastSuccess = &st.LastSuccess
	}
	if st.HelloError != "" {
		d.LastError = st.HelloError
	}
	down := isDown(st)
	d.Forecast = a.foresee(site, d, b.Pending+b.InFlight+b.Waiting, down)
	if owed := b.Pending + b.InFlight + b.Waiting; owed == 0 {
		d.Drain = new(float64)
	} else if rate > 0 && !down {
		left := float64(owed) / rate
		d.Drain = &left
	}
	if down && b.InFlight == 0 {
		// Nothing is tried while the link is down: what is due waits for it.
		d.Waiting, d.Pending = d.Waiting+d.Pending, 0
	}
	switch {
	case down:
		d.State = gateway.Down
	case b.Parked > 0, d.OldestAge > a.network.Load().LagLimit.Seconds(), st.Drift, !st.Upstream && !st.LastHello.IsZero():
		d.State = gateway.Degraded
	}
	return d
}

// isDown: the breaker is open, or about to try what the peer itself says is away, or the last sign of life was asked for in vain.
func isDown(st peer.Status) bool {
	return st.Breaker == "open" || st.Breaker != "closed" && !st.Upstream || st.HelloError != ""
}

func worse(a, b string) string {
	order := []string{gateway.OK, gateway.Degraded, gateway.Down}
	if slices.Index(order, b) > slices.Index(order, a) {
		return b
	}
	return a
}

// routesTo names the routes that send something to a site.
func (a *App) routesTo(site request.Site) []string {
	out := []string{}
	for _, r := range a.network.Load().Routes {
		for _, act := range []*action{r.Transfer, r.Copy, r.Archive} {
			if act != nil && (act.All || slices.Contains(act.To, site)) && (len(r.At) == 0 || slices.Contains(r.At, a.site)) {
				out = append(out, r.Name)
				break
			}
		}
	}
	return out
}

// problems are what a person should know of this site itself.
func (a *App) problems() []string {
	out := slices.Concat(a.store.Warnings(), a.reach.problems(), a.certProblems())
	out = append(out, a.owing()...)
	out = append(out, a.file.problems()...)
	out = append(out, rebuildingProblems(a.engine.Rebuilding())...)
	for _, w := range a.engine.Watching() {
		switch {
		case w.Alarm != "":
			out = append(out, w.Alarm)
		case w.Error != "" && time.Since(w.Failing) > watchPatience:
			out = append(out, "changes of "+w.Collection+" behind the gateway cannot be looked for since "+w.Failing.UTC().Format(time.RFC3339)+": "+w.Error)
		}
	}
	return out
}

// rebuildingProblems are what a person should know of a store that was lost.
func rebuildingProblems(r request.Rebuilding) []string {
	var out []string
	if r.Phase != "" {
		text := "the store was lost and is being rebuilt, writes get 503 until then: " + r.Phase
		for _, site := range slices.Sorted(maps.Keys(r.Waiting)) {
			text += "; " + string(site) + " has to answer: " + r.Waiting[site]
		}
		out = append(out, text)
	}
	if r.Orphans > 0 {
		out = append(out, fmt.Sprintf("%d requests of the lost store could not be rebuilt and need a person: see meridian rejoin", r.Orphans))
	}
	return out
}

// watchPatience is how long looking for changes may fail before health says so.
const watchPatience = time.Minute

// Ready tells whether clients can be served: the store answers and the gateway is not stopping.
func (a *App) Ready(ctx context.Context) error {
	if a.stopping.Load() {
		return errors.New("the gateway is stopping")
	}
	if a.passes(a.network.Load().Sites[a.site]) {
		return a.canPass()
	}
	if since := a.engine.Away(); !since.IsZero() {
		return errors.New("the store does not answer since " + since.UTC().Format(time.RFC3339))
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	return a.store.Ping(ctx)
}

// others are the other sites, by name.
func (a *App) others() []request.Site {
	var out []request.Site
	for s := range a.network.Load().Sites {
		if s != a.site {
			out = append(out, s)
		}
	}
	slices.SortFunc(out, func(x, y request.Site) int { return cmp.Compare(x, y) })
	return out
}
