package cli

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/meridian-gateway/meridian/gateway"
)

// trouble is one thing that a person should look at: what it is and what follows from it, and what to type next.
type trouble struct {
	mood mood
	what string
	next []string
}

// print writes it: the words, wrapped to the terminal, then the commands, which are not wrapped, to be copied.
func (t trouble) print(out *screen) {
	mark := map[mood]string{bad: "!", watch: "*"}[t.mood]
	width := out.width - 2
	if out.width == 0 {
		width = 1 << 20
	}
	for i, line := range wrapped(printable(t.what, false), width) {
		start := "  "
		if i == 0 {
			start = t.mood.paint(mark, out.colour) + " "
		}
		_, _ = io.WriteString(out, start+line+"\n") // what fails shows in the tables that follow
	}
	for _, n := range t.next {
		_, _ = io.WriteString(out, "    "+heading.paint(printable(n, false), out.colour)+"\n")
	}
}

// diagnose says what is wrong with a gateway and its links, the worst first.
func (c *command) diagnose(v standingOf) []trouble {
	var out []trouble
	f := v.Forwarding
	if !v.Ready {
		out = append(out, trouble{bad, "This gateway does not serve clients' writes: " + inWords(v.Reason) + ".", nil})
	}
	for _, p := range f.Problems {
		out = append(out, c.problem(p))
	}
	for _, d := range f.Destinations {
		if d.State == gateway.Down {
			out = append(out, c.downTo(d))
		}
	}
	for _, d := range f.Destinations {
		out = append(out, c.parkedTo(d)...)
	}
	if f.InDoubt > 0 {
		out = append(out, trouble{bad, some(f.InDoubt, "write", "is", "are") + " in doubt: whether the request API made it, only a person can tell. The requests take no writes until then.",
			[]string{c.again("doubts list")}})
	}
	if n := f.Transfers.Parked; n > 0 {
		out = append(out, trouble{bad, some(n, "transfer", "is", "are") + " parked: planned, refused, and not tried again by itself. See why, then order it again:", []string{c.again("transfers")}})
	}
	for _, d := range f.Destinations {
		if d.State != gateway.Down {
			out = append(out, c.slowTo(d)...)
		}
	}
	if n := f.Conflicts; n > 0 {
		out = append(out, trouble{watch, some(n, "request", "has", "have") + " conflict records: writes that lost, kept for a person to look at.", []string{c.again("conflicts list")}})
	}
	if n := f.Transfers.Open; n > 0 {
		out = append(out, trouble{watch, some(n, "hand-over", "is", "are") + " under way: the requests take no writes until the new owner has confirmed. When one stays open, see why:",
			[]string{c.again("transfers")}})
	}
	if n := f.Transfers.Waiting; n > 0 {
		out = append(out, trouble{watch, some(n, "transfer", "is", "are") + " planned, and carried out as soon as both sites can. When that takes long, see why:",
			[]string{c.again("transfers")}})
	}
	return out
}

// some is "1 write is", "2 writes are".
func some(n int, noun, one, many string) string {
	if n == 1 {
		return plural(n, noun) + " " + one
	}
	return plural(n, noun) + " " + many
}

// apiAway reports whether a problem is that the site's own request API cannot be reached.
func apiAway(problem string) bool {
	return strings.HasPrefix(problem, "the request API at ") && strings.Contains(problem, " cannot be reached since ")
}

// problem is what the gateway says of itself, with what to do about it where a command helps.
func (c *command) problem(text string) trouble {
	if apiAway(text) {
		text = inWords(text) + ". Calls of clients are answered 502, and copies for this site wait at the others. The gateway asks it again all the time, and all goes on by itself when it answers. Is it running, and is its address the upstream in the network file?"
	}
	t := trouble{mood: bad, what: strings.ToUpper(text[:min(1, len(text))]) + text[min(1, len(text)):]}
	switch {
	case strings.Contains(text, "network file on disk"):
		t.what += ". The one from before is in use. Correct it; it is taken when it is good:"
		t.next = []string{"meridian check " + quoted(c.fileName())}
	case strings.Contains(text, "being rebuilt"), strings.Contains(text, "lost store"):
		t.next = []string{c.again("rejoin")}
	}
	return t
}

// fileName is the network file as far as it is known here.
func (c *command) fileName() string {
	if c.config == "" {
		return "NETWORK.yaml"
	}
	return c.config
}

// upstreamAway is how the last error of a link ends that is up and leads to a gateway without its request API.
const upstreamAway = "its upstream cannot be reached"

// downTo is a site that cannot be reached.
func (c *command) downTo(d gateway.Destination) trouble {
	text, ask := fmt.Sprintf("%s cannot be reached", d.Site), "Is its gateway running, and is the line up?"
	switch {
	case strings.HasSuffix(d.LastError, upstreamAway):
		text, ask = fmt.Sprintf("%s takes no copies: its gateway answers, its request API does not", d.Site), "Is the request API there running?"
	case d.LastError != "":
		text += ": " + inWords(d.LastError)
	}
	switch owed := owing(d) - d.Parked; {
	case owed == 0:
		text += ". Nothing is owed to it."
	case owed == 1:
		text += fmt.Sprintf(". 1 delivery is owed to it, for %s; it is kept, and goes out by itself when the site is back.", cmp.Or(seconds(d.OldestAge), "a moment"))
	default:
		text += fmt.Sprintf(". %d deliveries are owed to it, the oldest for %s; they are kept, and go out by themselves when the site is back.",
			owed, cmp.Or(seconds(d.OldestAge), "a moment"))
	}
	if f := d.Forecast; f != nil && f.Hour > owing(d) {
		text += fmt.Sprintf(" If it goes on like this, about %d will be owed in an hour", f.Hour)
		if f.CatchUp != nil && *f.CatchUp > 1 {
			text += ", and take some " + seconds(*f.CatchUp) + " when it is back then"
		}
		text += "."
	}
	if d.LastSuccess != nil {
		text += " The last one was confirmed at " + moment(*d.LastSuccess) + "."
	}
	return trouble{bad, text + " " + ask + " At " + string(d.Site) + ":", []string{c.againAt(string(d.Site), "status")}}
}

// parkedTo are deliveries to a site that need a person.
func (c *command) parkedTo(d gateway.Destination) []trouble {
	if d.Parked == 0 {
		return nil
	}
	text := fmt.Sprintf("1 delivery to %s is parked: it was not taken, and is not tried again by itself; the copy there stays as it was. See why, correct it, try again:", d.Site)
	if d.Parked > 1 {
		text = fmt.Sprintf("%d deliveries to %s are parked: they were not taken, and are not tried again by themselves; the copies there stay as they were. "+
			"See why, correct it, try again:", d.Parked, d.Site)
	}
	return []trouble{{bad, text, []string{c.again("deliveries list --state parked --to " + quoted(string(d.Site))),
		c.again("deliveries retry --state parked --to " + quoted(string(d.Site)))}}}
}

func deliveriesTo(n int, site string) string {
	if n == 1 {
		return "1 delivery to " + site + " is"
	}
	return fmt.Sprintf("%d deliveries to %s are", n, site)
}

// slowTo says why a link that is up needs a look.
func (c *command) slowTo(d gateway.Destination) []trouble {
	var out []trouble
	if d.ConfigDrift {
		out = append(out, trouble{watch, fmt.Sprintf("%s runs with another network file. Give all sites the same one; its hash is in the last line of status at each:", d.Site),
			[]string{c.againAt(string(d.Site), "status")}})
	}
	if d.ClockSkew > 2 || d.ClockSkew < -2 {
		out = append(out, trouble{watch, fmt.Sprintf("The clock of %s differs from the one here by %.1f s. Nothing depends on it but schedules and the times that are shown; see that both sites keep time (NTP).", d.Site, d.ClockSkew), nil})
	}
	owed := owing(d) - d.Parked
	switch {
	case d.State != gateway.Degraded || d.ConfigDrift:
	case owed > 0 && d.OldestAge > 1:
		text := fmt.Sprintf("%s late: the oldest is owed for %s", deliveriesTo(owed, string(d.Site)), seconds(d.OldestAge))
		if d.LastError != "" {
			text += "; last error: " + inWords(d.LastError)
		}
		if d.Drain != nil && *d.Drain > 0 {
			text += "; drained in about " + seconds(*d.Drain)
		}
		if d.Forecast != nil && d.Forecast.Trend == gateway.Growing {
			text += fmt.Sprintf("; more come than go out, and in an hour it will be about %d", d.Forecast.Hour)
		}
		out = append(out, trouble{watch, text + ".", []string{c.again("deliveries list --to " + quoted(string(d.Site)))}})
	case d.Parked == 0:
		text := fmt.Sprintf("The gateway of %s answers, but says that its request API does not", d.Site)
		if d.LastError != "" {
			text += " (" + inWords(d.LastError) + ")"
		}
		out = append(out, trouble{watch, text + ". At " + string(d.Site) + ":", []string{c.againAt(string(d.Site), "status")}})
	}
	return out
}

// again is a command line for the same gateway, to be copied.
func (c *command) again(words string) string { return "meridian " + words + c.told(c.site) }

// againAt is a command line for the gateway of another site.
func (c *command) againAt(site, words string) string { return "meridian " + words + c.told(site) }

// told are the flags that say which gateway, as far as the person who typed has said them and the environment does not.
func (c *command) told(site string) string {
	out := ""
	if c.saidConfig {
		out += " --config " + quoted(c.config)
	}
	switch {
	case c.admin != "" && site == c.site:
		out += " --admin " + quoted(c.admin)
	case c.admin != "":
		out += " --admin ITS-ADMIN-ADDRESS"
	case c.saidSite || site != c.site:
		out += " --site " + quoted(site)
	}
	return out
}
