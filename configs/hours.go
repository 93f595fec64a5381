package configs

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/meridian-gateway/meridian/schedule"
)

// clock checks a span of time of a day, such as 09:00-17:00. Over midnight, as in 20:00-06:00, is a span too.
func (p *parser) clock(at *yaml.Node, key, s string) {
	if _, err := schedule.ParseWindow(s); err != nil {
		p.fault(at, fmt.Sprintf("%s: %v", key, err), "")
	}
}

// hours checks when a site is open: days or ranges of days to one or more spans. It returns what it was given.
func (p *parser) hours(at *yaml.Node, key string, hours map[string]string) map[string]string {
	if len(hours) == 0 {
		return nil
	}
	taken := map[time.Weekday]string{}
	for _, kv := range pairs(at) {
		days := kv.key.Value
		list, err := schedule.ParseDays(days)
		if err != nil {
			p.fault(kv.key, fmt.Sprintf("%s: %v", key, err), "mon, tue, wed, thu, fri, sat, sun")
			continue
		}
		for _, d := range list {
			if other, twice := taken[d]; twice {
				p.fault(kv.key, fmt.Sprintf("%s: %s is in %s already", key, strings.ToLower(d.String()[:3]), other), "")
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
		p.fault(at, fmt.Sprintf("%s: %q: %v", key, clip(s), err), `as in "0 18 * * MON-FRI"`)
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
