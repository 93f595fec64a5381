package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/meridian-gateway/meridian/configs"
	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/routing"
)

// rehearsal is the question of rehearse.
type rehearsal struct {
	was, is    *configs.Network
	site       request.Site
	collection string
	on         []string
	limit      int
	since      time.Time
	records    string // a file in place of a gateway
	save       string // a file to keep what was asked
	now        time.Time
}

// recorded is a request as the ledger has it.
type recorded struct {
	Request    request.ID     `json:"request"`
	Collection string         `json:"collection"`
	Role       request.Role   `json:"role"`
	Owner      request.Site   `json:"owner"`
	Origin     request.Site   `json:"origin"`
	EnteredBy  string         `json:"entered_by,omitempty"`
	Updated    time.Time      `json:"updated"`
	Fields     request.Fields `json:"fields"`
}

// The judgements of a rehearsal: two events, and the schedules.
const onSchedule = "schedule"

func (c *command) rehearse() *cobra.Command {
	var r rehearsal
	var since string
	cmd := &cobra.Command{Use: "rehearse NEW.yaml --config OLD.yaml --site NAME", Args: exactly(1),
		Short: "Put recorded requests through a changed network file, and show what would go elsewhere",
		Long: "Put the requests that a gateway has recorded through the routes of a changed network file, and show what would go elsewhere\n" +
			"than by the file in force. Nothing is changed, and nobody but the site's own gateway is asked.\n\n" +
			"Each request is judged as it is now: as a create, where it was entered at the site; as an update, where the site owns it, as if\n" +
			"all its fields had just changed; and by each schedule, as if its time had come. --on chooses among create, update and schedule.\n" +
			"A deletion is not rehearsed.\n\n" +
			"--save FILE keeps the requests, with the values of their fields, one in a line; --records FILE rehearses with such a file\n" +
			"and asks no gateway.\n\n" +
			"Exit codes: 0 nothing would go elsewhere, 1 something would, 2 one of the files is no good, 3 the gateway cannot be reached.",
		Example: "  meridian rehearse network.new.yaml --config network.yaml --site chicago\n" +
			"  meridian rehearse network.new.yaml --config network.yaml --site chicago --on update --since 24h -o json"}
	c.configFlag(cmd, "the network file in force, also for the address and the token of the site's admin API")
	c.siteFlag(cmd, "the site whose gateway is asked")
	f := cmd.Flags()
	f.StringVar(&c.adminCA, "admin-ca", os.Getenv(envAdminCA), "PEM file of the authority behind an https admin address ($MERIDIAN_ADMIN_CA); otherwise those that this machine trusts")
	f.StringSliceVar(&r.on, "on", []string{string(routing.Create), string(routing.Update), onSchedule}, "what is rehearsed: create, update, schedule")
	f.StringVar(&r.collection, "collection", "", "only requests of this collection")
	f.IntVar(&r.limit, "limit", 0, "how many requests at most; 0: all")
	f.StringVar(&since, "since", "", "only requests that changed since a time (RFC 3339), or for how long (24h)")
	f.StringVar(&r.records, "records", "", "a file of recorded requests in place of the gateway's")
	f.StringVar(&r.save, "save", "", "a file to keep the requests in; it has the values of their fields")
	choose(cmd, "on", string(routing.Create), string(routing.Update), onSchedule)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := c.prepareRehearsal(&r, args[0], since); err != nil {
			return err
		}
		return c.runRehearsal(cmd.Context(), &r)
	}
	return cmd
}

func (c *command) prepareRehearsal(r *rehearsal, path, since string) (err error) {
	for _, on := range r.on {
		if !slices.Contains([]string{string(routing.Create), string(routing.Update), onSchedule}, on) {
			return misuse("--on %s: want create, update or schedule", on)
		}
	}
	if r.limit < 0 {
		return misuse("--limit %d: want a number from 1, or 0 for all", r.limit)
	}
	if r.now = time.Now(); since != "" {
		if r.since, err = sinceWhen(since, r.now); err != nil {
			return err
		}
	}
	if c.config == "" {
		return misuse("say which network file is in force: --config FILE, or set MERIDIAN_CONFIG%s", fileHere())
	}
	if r.was, err = c.loadLenient(c.config); err != nil {
		return err
	}
	if r.is, err = c.loadLenient(path); err != nil {
		return err
	}
	if _, err = chosen(r.was, c.site, false); err != nil {
		return err
	}
	r.site = request.Site(c.site)
	if _, there := r.is.Sites[r.site]; !there {
		return misuse("%s has no site %s: what it owns would belong to nobody. Move it first, or keep the site", path, r.site)
	}
	return nil
}

// sinceWhen reads a time, or how long ago it was.
func sinceWhen(s string, now time.Time) (time.Time, error) {
	if d, err := time.ParseDuration(s); err == nil && d > 0 {
		return now.Add(-d), nil
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return t, misuse("--since %s: want a time such as 2026-01-31T08:00:00Z, or for how long, such as 24h", s)
	}
	return t, nil
}

// moved is a request that would go elsewhere.
type moved struct {
	Request    request.ID `json:"request"`
	Collection string     `json:"collection"`
	On         string     `json:"on"`
	Was        []effect   `json:"was"`
	Is         []effect   `json:"is"`
	Problems   []string   `json:"problems,omitempty"` // why a site that it would come to cannot take it
}

// effect is something that a route does with a request.
type effect struct {
	Route string       `json:"route"`
	Does  string       `json:"does"` // transfer, copy, archive, return, delete
	To    request.Site `json:"to,omitempty"`
	Mode  string       `json:"mode,omitempty"`
}

func (e effect) String() string {
	s := e.Does
	if e.To != "" {
		s += " to " + string(e.To)
	}
	if e.Mode != "" && e.Mode != "ownership" {
		s += " (" + e.Mode + ")"
	}
	return s
}

// told is the result of a rehearsal.
type told struct {
	Site     request.Site   `json:"site"`
	From     string         `json:"from"`
	To       string         `json:"to"`
	Requests int            `json:"requests"`
	Judged   int            `json:"judged"`
	Moved    int            `json:"moved"`
	Routes   []routeCount   `json:"routes"`
	Failed   map[string]int `json:"failed,omitempty"` // conditions of the new file that failed, by route
	Diff     []moved        `json:"diff"`
	Cut      bool           `json:"cut,omitempty"` // the diff has only the first ones
}

// routeCount is how often a route is taken by either file.
type routeCount struct {
	Route string `json:"route"`
	Was   int    `json:"was"`
	Is    int    `json:"is"`
}

// diffMost is how many requests are shown one by one.
const diffMost = 10000

func (c *command) runRehearsal(ctx context.Context, r *rehearsal) error {
	j := judge{r: r, was: map[string]int{}, is: map[string]int{}}
	j.out = told{Site: r.site, From: r.was.Hash, To: r.is.Hash, Failed: map[string]int{}, Diff: []moved{}}
	bar := c.bar()
	err := c.eachRecord(ctx, r, func(x recorded) {
		j.judge(x)
		bar.show(plural(j.out.Requests, "request") + bar.pace(j.out.Requests, "requests"))
	})
	bar.end()
	if err != nil {
		return err
	}
	j.count()
	if c.output == asJSON {
		err = c.json(j.out)
	} else {
		err = c.showRehearsal(r, j.out)
	}
	if err == nil && j.out.Moved > 0 {
		err = coded{Failed, errSaid}
	}
	return err
}

// eachRecord gives the requests of a gateway, or of a file.
func (c *command) eachRecord(ctx context.Context, r *rehearsal, each func(recorded)) error {
	n := 0
	var out *json.Encoder
	if r.save != "" {
		file, err := os.OpenFile(r.save, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600) // it has the contents of requests
		if err != nil {
			return coded{Misused, err}
		}
		defer func() { _ = file.Close() }()
		out = json.NewEncoder(file)
	}
	take := func(x recorded) (more bool, err error) {
		if r.collection != "" && x.Collection != r.collection || x.Updated.Before(r.since) || x.Fields == nil || x.Role == request.Tombstone {
			return true, nil
		}
		if n++; r.limit > 0 && n > r.limit {
			return false, nil
		}
		if out != nil {
			err = out.Encode(x)
		}
		each(x)
		return true, err
	}
	if r.records != "" {
		return fromFile(r.records, take)
	}
	return c.fromGateway(ctx, take)
}

// pageOf is how many requests are asked for at a time: with their fields they may be large.
const pageOf = 200

func (c *command) fromGateway(ctx context.Context, take func(recorded) (bool, error)) error {
	k, err := c.client()
	if err != nil {
		return err
	}
	for after := ""; ; {
		var page struct {
			Requests []recorded
			After    string
		}
		if err := k.ask(ctx, get("/api/v1/requests", "fields", "true", "limit", strconv.Itoa(pageOf), "after", after), &page); err != nil {
			return err
		}
		for _, x := range page.Requests {
			if more, err := take(x); err != nil || !more {
				return err
			}
		}
		if after = page.After; after == "" {
			return nil
		}
	}
}

func fromFile(path string, take func(recorded) (bool, error)) error {
	file, err := os.Open(path)
	if err != nil {
		return coded{Misused, err}
	}
	defer func() { _ = file.Close() }()
	d := json.NewDecoder(bufio.NewReader(file))
	for n := 1; ; n++ {
		var x recorded
		if err := d.Decode(&x); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return misuse("%s: request %d cannot be read: %w", path, n, err)
		}
		if more, err := take(x); err != nil || !more {
			return err
		}
	}
}

func (c *command) showRehearsal(r *rehearsal, v told) error {
	if len(v.Routes) > 0 {
		t := newTable(c.out, "ROUTE", "TAKEN NOW", "TAKEN THEN", "DIFFERENCE")
		for _, x := range v.Routes {
			difference := ""
			if x.Is != x.Was {
				difference = fmt.Sprintf("%+d", x.Is-x.Was)
			}
			t.row(x.Route, x.Was, x.Is, difference)
		}
		if err := t.flush(); err != nil {
			return err
		}
		fmt.Fprintln(c.out)
	}
	const shown = 20
	for i, m := range v.Diff {
		if i == shown {
			fmt.Fprintf(c.out, "... and %s more: -o json has them all.\n\n", plural(v.Moved-shown, "judgement"))
			break
		}
		fmt.Fprintf(c.out, "%s %s, on %s\n%s%s", m.Request, printable(m.Collection, false), m.On, lines("- ", m.Was), lines("+ ", m.Is))
		for _, p := range m.Problems {
			fmt.Fprintln(c.out, "  ! "+printable(p, false))
		}
		fmt.Fprintln(c.out)
	}
	for _, route := range slices.Sorted(mapsKeys(v.Failed)) {
		fmt.Fprintf(c.out, "The condition of %s failed for %s: it counts as not matched.\n", printable(route, false), plural(v.Failed[route], "request"))
	}
	sentence := "nothing would go elsewhere"
	if v.Moved > 0 {
		sentence = fmt.Sprintf("%d would go elsewhere", v.Moved)
	}
	_, err := fmt.Fprintf(c.out, "%s recorded at %s, judged %s: %s.\n", plural(v.Requests, "request"), r.site, plural(v.Judged, "time"), sentence)
	return err
}

func lines(sign string, list []effect) string {
	if len(list) == 0 {
		return "  " + sign + "stays\n"
	}
	var b strings.Builder
	for _, e := range list {
		b.WriteString("  " + sign + printable(e.String()+", by "+e.Route, false) + "\n")
	}
	return b.String()
}
