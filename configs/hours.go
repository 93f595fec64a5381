package configs

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/meridian-gateway/meridian/schedule"
)

func weekdays() []string { return []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"} }

var span = regexp.MustCompile(`^([01]\d|2[0-3]):[0-5]\d-(([01]\d|2[0-3]):[0-5]\d|24:00)$`)

// clock checks a span of time of a day, such as 09:00-17:00. Over midnight, as in 20:00-06:00, is a span too.
func (p *parser) clock(at *yaml.Node, key, s string) {
	from, to, _ := strings.Cut(s, "-")
	switch {
	case !span.MatchString(s):
		p.fault(at, fmt.Sprintf("%s: %q is not a span of time", key, clip(s)), `as in "09:00-17:00", in quotes`)
	case from == to:
		p.fault(at, fmt.Sprintf("%s: %q is empty", key, s), `all day is "00:00-24:00"`)
	}
}

// hours checks when a site is open: days or ranges of days to one or more spans. It returns what it was given.
func (p *parser) hours(at *yaml.Node, key string, hours map[string]string) map[string]string {
	if len(hours) == 0 {
		return nil
	}
	taken := map[string]string{}
	for _, kv := range pairs(at) {
		days := kv.key.Value
		list, ok := dayRange(days)
		if !ok {
			p.fault(kv.key, fmt.Sprintf("%s: %q is not a day or a range of days", key, clip(days)), "as in mon, mon-fri or sat-sun")
			continue
		}
		for _, d := range list {
			if other, twice := taken[d]; twice {
				p.fault(kv.key, fmt.Sprintf("%s: %s is in %s already", key, d, other), "")
				break
			}
			taken[d] = days
		}
		for s := range strings.SplitSeq(hours[days], ",") {
			p.clock(kv.value, key+"."+days, strings.TrimSpace(s))
		}
	}
	return hours
}

// dayRange lists the days of mon, mon-fri or sat-mon.
func dayRange(s string) ([]string, bool) {
	all := weekdays()
	from, to, isRange := strings.Cut(strings.ToLower(s), "-")
	if !isRange {
		to = from
	}
	i, j := slices.Index(all, from), slices.Index(all, to)
	if i < 0 || j < 0 {
		return nil, false
	}
	if j < i {
		j += len(all)
	}
	var out []string
	for d := i; d <= j; d++ {
		out = append(out, all[d%len(all)])
	}
	return out, true
}

func (p *parser) holidays(at *yaml.Node, key string, days []string) []string {
	for i, day := range days {
		if _, err := time.Parse(time.DateOnly, day); err != nil {
			p.fault(item(at, i), fmt.Sprintf("%s: %q is not a date", key, clip(day)), "as in 2026-12-25")
		}
	}
	return days
}

// zone is a time zone by its name.
func (p *parser) zone(at *yaml.Node, key, name string) *time.Location {
	if name == "" {
		return time.UTC
	}
	loc, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		p.fault(at, fmt.Sprintf("%s: there is no time zone %q", key, clip(name)), "names are like Europe/Paris or America/Chicago")
		return time.UTC
	}
	return loc
}

// cron checks a cron expression.
func (p *parser) cron(at *yaml.Node, key, s string) {
	if _, err := schedule.ParseCron(s); err != nil {
		p.fault(at, fmt.Sprintf("%s: %q is not a cron expression: %v", key, clip(s), err), `minute, hour, day, month, weekday, as in "0 18 * * MON-FRI"`)
	}
}

// update is when holders are refreshed: a word or a cron expression.
func (p *parser) update(at *yaml.Node, key, s, otherwise string) string {
	words := []string{"immediate", "hourly", "daily", "on-return", "never"}
	switch {
	case s == "":
		return otherwise
	case slices.Contains(words, s):
	case strings.Contains(s, " "), strings.HasPrefix(s, "@"):
		p.cron(at, key, s)
	default:
		p.fault(at, fmt.Sprintf("%s: %q is none of %s, nor a cron expression", key, clip(s), strings.Join(words, ", ")), didYouMean(s, words))
	}
	return s
}
