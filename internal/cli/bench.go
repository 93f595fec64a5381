package cli

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/meridian-gateway/meridian/configs"
	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/upstream"
)

// benching is what bench is asked.
type benching struct {
	path, gateway string
	duration      time.Duration
	rate          float64
}

func (c *command) bench() *cobra.Command {
	var b benching
	cmd := &cobra.Command{Use: "bench --config FILE --site NAME", Args: exactly(0), Short: "Measure what the gateway adds to a read, side by side with the request API itself",
		Long: "Read one record again and again, in turn through the gateway and straight at the request API behind it, and compare how long it\n" +
			"takes. Both get the same calls with the site's credentials, over connections that are kept, in one run: what else the machines do\n" +
			"concerns both alike. Nothing is written: a write would be a request, and routes would carry it to other sites.\n\n" +
			"Run it where clients are, or on the machine of the gateway with nothing else between.\n\n" +
			"Exit codes: 0 it was measured, 1 more than one call in a hundred failed, 2 wrong use, 3 the gateway or the API cannot be reached.",
		Example: "  meridian bench --config network.yaml --site chicago\n  meridian bench --config network.yaml --site chicago --path /tickets/17 --duration 1m --rate 0"}
	c.configFlag(cmd, "the network file")
	c.siteFlag(cmd, "the site that is measured")
	f := cmd.Flags()
	f.StringVar(&b.path, "path", "", "what is read, such as /tickets/17; left out: the first record of a list")
	f.StringVar(&b.gateway, "gateway", "", "the gateway's address for clients, in place of the network file's")
	f.DurationVar(&b.duration, "duration", 10*time.Second, "for how long")
	f.Float64Var(&b.rate, "rate", 50, "pairs of calls in a second; 0: as fast as they are answered")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if b.duration <= 0 || b.rate < 0 || b.path != "" && !strings.HasPrefix(b.path, "/") {
			return misuse("--duration is more than nothing, --rate is not below 0, and --path begins with /")
		}
		n, err := c.load(c.config, forSite(c.site)...)
		if err != nil {
			return err
		}
		if _, err := chosen(n, c.site, false); err != nil {
			return err
		}
		return c.measure(cmd.Context(), n.Sites[request.Site(c.site)], b)
	}
	return cmd
}

// side is one of the two that are compared.
type side struct {
	Where  string  `json:"where"` // gateway, api
	URL    string  `json:"url"`
	Calls  int     `json:"calls"`
	Failed int     `json:"failed"`
	Median float64 `json:"median_seconds"`
	P90    float64 `json:"p90_seconds"`
	P99    float64 `json:"p99_seconds"`

	api   *upstream.Client
	times []time.Duration
	last  error
}

// benched is the result for programs.
type benched struct {
	Site  request.Site `json:"site"`
	Path  string       `json:"path"`
	Sides []*side      `json:"sides"`
	// Ratio is the median through the gateway in those straight at the API, Ratio99 that of the 99th percentiles.
	Ratio   float64 `json:"ratio"`
	Ratio99 float64 `json:"ratio_p99"`
}

func (c *command) measure(ctx context.Context, s configs.Site, b benching) error {
	front, err := frontOf(s, b.gateway)
	if err != nil {
		return err
	}
	gateway, api := newSide("gateway", front, s), newSide("api", s.Upstream, s)
	defer gateway.api.Close()
	defer api.api.Close()
	call, err := recordToRead(ctx, s, api, b.path)
	if err != nil {
		return err
	}
	for _, x := range []*side{api, gateway} {
		if err := x.first(ctx, call); err != nil {
			return err
		}
	}
	c.alternate(ctx, b, call, []*side{gateway, api})
	out := benched{Site: s.Name, Path: call.Target, Sides: []*side{gateway, api}}
	for _, x := range out.Sides {
		x.sum()
	}
	if api.Median > 0 && api.P99 > 0 {
		out.Ratio, out.Ratio99 = gateway.Median/api.Median, gateway.P99/api.P99
	}
	if c.output == asJSON {
		err = c.json(out)
	} else {
		err = c.showBench(out)
	}
	if err == nil && 100*(gateway.Failed+api.Failed) > gateway.Calls+api.Calls {
		err = coded{Failed, fmt.Errorf("%d calls failed; the last one: %w", gateway.Failed+api.Failed, lastOf(gateway, api))}
	}
	return err
}

func lastOf(sides ...*side) error {
	for _, x := range sides {
		if x.last != nil {
			return x.last
		}
	}
	return nil
}

// frontOf is where clients call the gateway.
func frontOf(s configs.Site, given string) (*url.URL, error) {
	if given != "" {
		u, err := url.Parse(given)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return nil, misuse("--gateway %s: want an address such as http://127.0.0.1:8001", given)
		}
		return u, nil
	}
	host, port, err := net.SplitHostPort(s.Listen)
	if err != nil {
		return nil, misuse("%s has no address for clients that could be called: say --gateway URL", s.Name)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	u := &url.URL{Scheme: "http", Host: net.JoinHostPort(host, port)}
	if s.TLS != (configs.TLS{}) {
		u.Scheme = "https"
	}
	return u, nil
}

func newSide(where string, base *url.URL, s configs.Site) *side {
	return &side{Where: where, URL: base.Redacted(), api: upstream.New(upstream.Options{Base: base, Credentials: s.Credentials, Timeout: s.Profile.Timeout})}
}

// recordToRead is the call that is made again and again.
func recordToRead(ctx context.Context, s configs.Site, api *side, path string) (request.Call, error) {
	if path != "" {
		return request.Call{Method: http.MethodGet, Target: path}, nil
	}
	for _, name := range s.Profile.Order() {
		k := s.Profile.Collections[name]
		if can, _ := k.CanList(); !can || k.Parent() != "" {
			continue
		}
		pages := k.List(time.Time{})
		call, ok := pages.Call()
		if !ok {
			continue
		}
		ans, err := api.api.Do(ctx, call, true)
		if err != nil {
			return request.Call{}, coded{Unreachable, fmt.Errorf("the request API at %s: %w", api.URL, err)}
		}
		if list, err := pages.Take(ans); err == nil && len(list) > 0 {
			return k.ReadCall(list[0].Local), nil
		}
	}
	return request.Call{}, misuse("no record was found that could be read: the profile of %s says of no collection how it is listed, or the lists are empty. Say --path /COLLECTION/ID", s.Name)
}

// first makes one call that is not counted: what cannot be read once need not be measured.
func (x *side) first(ctx context.Context, call request.Call) error {
	ans, err := x.api.Do(ctx, call, true)
	what := "the request API"
	if x.Where == "gateway" {
		what = "the gateway"
	}
	switch {
	case err != nil:
		return coded{Unreachable, fmt.Errorf("%s at %s cannot be reached: %w", what, x.URL, err)}
	case ans.Status >= 300:
		return coded{Failed, fmt.Errorf("%s at %s answered %d to GET %s: say with --path what can be read with the site's credentials", what, x.URL, ans.Status, call.Target)}
	}
	return nil
}

// alternate makes pairs of calls, each side being the first in turn.
func (c *command) alternate(ctx context.Context, b benching, call request.Call, sides []*side) {
	ctx, done := context.WithTimeout(ctx, b.duration)
	defer done()
	tick := make(<-chan time.Time)
	if b.rate > 0 {
		t := time.NewTicker(max(time.Duration(float64(time.Second)/b.rate), time.Microsecond))
		defer t.Stop()
		tick = t.C
	}
	bar := c.bar()
	defer bar.end()
	began := time.Now()
	for pair := 0; ctx.Err() == nil; pair++ {
		for i := range sides {
			sides[(pair+i)%len(sides)].once(ctx, call)
		}
		bar.show(fmt.Sprintf("%s of %s, %s", time.Since(began).Round(time.Second), b.duration, plural(pair+1, "pair")))
		if b.rate > 0 {
			select {
			case <-tick:
			case <-ctx.Done():
			}
		}
	}
}

func (x *side) once(ctx context.Context, call request.Call) {
	began := time.Now()
	ans, err := x.api.Do(ctx, call, true)
	took := time.Since(began)
	switch {
	case ctx.Err() != nil:
		return // the time is over
	case err == nil && ans.Status >= 300:
		err = fmt.Errorf("%s answered %d", x.URL, ans.Status)
	}
	if x.Calls++; err != nil {
		x.Failed++
		x.last = err
		return
	}
	x.times = append(x.times, took)
}

func (x *side) sum() {
	if len(x.times) == 0 {
		return
	}
	slices.Sort(x.times)
	at := func(q float64) float64 { return x.times[min(int(q*float64(len(x.times))), len(x.times)-1)].Seconds() }
	x.Median, x.P90, x.P99 = at(0.5), at(0.9), at(0.99)
}

func (c *command) showBench(v benched) error {
	t := newTable(c.out, "READ", "CALLS", "FAILED", "MEDIAN", "P90", "P99")
	for _, x := range v.Sides {
		name := "through the gateway"
		if x.Where == "api" {
			name = "at the API"
		}
		t.row(name, x.Calls, x.Failed, millis(x.Median), millis(x.P90), millis(x.P99))
	}
	if err := t.flush(); err != nil {
		return err
	}
	added := v.Sides[0].Median - v.Sides[1].Median
	_, err := fmt.Fprintf(c.out, "\nGET %s: the gateway adds %s to the median (%.2f times the API's, %.2f at the 99th percentile).\n",
		printable(v.Path, false), millis(added), v.Ratio, v.Ratio99)
	return err
}

func millis(s float64) string { return fmt.Sprintf("%.2f ms", s*1000) }
