package field

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// words are canonical fields of a request: subject, status, description, place, cost, rush, due, priority.
type words map[string]any

// speech is how clients speak to a kind of server.
type speech struct {
	// create is where requests are made; item is the path of one, with its id in place of %s.
	create, item string
	// body writes fields as clients of this kind do; for a new request also what it cannot be without.
	body func(w words, first bool) string
	// shown are fields as API.Records shows them.
	shown func(w words) map[string]any
	// updated is the status of an update.
	updated int
}

// Status values by their canonical names.
var (
	redmineStatus = map[string]int{"new": 1, "open": 2, "stalled": 4, "resolved": 3, "closed": 5, "rejected": 6}
	redmineShows  = map[string]string{"new": "New", "open": "In Progress", "stalled": "Feedback", "resolved": "Resolved", "closed": "Closed", "rejected": "Rejected"}
	redmineLevel  = map[string]int{"low": 1, "normal": 2, "high": 3}
	redmineLevels = map[string]string{"low": "Low", "normal": "Normal", "high": "High"}
	rtLevels      = map[string]string{"low": "0", "normal": "50", "high": "100"}
)

func speeches() map[string]speech {
	return map[string]speech{
		"redmine": {create: "/issues.json", item: "/issues/%s.json", body: sayRedmine, shown: showRedmine, updated: 204},
		"rt":      {create: "/REST/2.0/ticket", item: "/REST/2.0/ticket/%s", body: sayRT, shown: showRT, updated: 200},
	}
}

func sayRedmine(w words, first bool) string {
	issue := map[string]any{}
	if first {
		issue["project_id"] = 1
	}
	var custom []any
	for k, v := range w {
		switch k {
		case "status":
			issue["status_id"] = redmineStatus[v.(string)]
		case "priority":
			issue["priority_id"] = redmineLevel[v.(string)]
		case "due":
			issue["due_date"] = v
		case "place", "cost", "rush":
			if v == true {
				v = "1"
			}
			custom = append(custom, map[string]any{"id": map[string]int{"place": 2, "cost": 3, "rush": 6}[k], "value": v})
		default:
			issue[k] = v
		}
	}
	if custom != nil {
		issue["custom_fields"] = custom
	}
	return asJSON(map[string]any{"issue": issue})
}

func showRedmine(w words) map[string]any {
	out := make(map[string]any)
	for k, v := range w {
		switch k {
		case "status":
			v = redmineShows[v.(string)]
		case "priority":
			v = redmineLevels[v.(string)]
		case "description":
			k = "detail"
		case "rush":
			v = map[any]string{true: "1", false: "0"}[v]
		}
		out[k] = v
	}
	return out
}

func sayRT(w words, first bool) string {
	ticket, custom := map[string]any{}, map[string]any{}
	if first {
		ticket["Queue"] = "Support"
	}
	for k, v := range w {
		switch k {
		case "description":
			custom["Detail"] = v
		case "place":
			custom["Place"] = v
		case "cost":
			custom["Cost"] = fmt.Sprint(v)
		case "rush":
			custom["Kept"] = map[any]string{true: "yes", false: "no"}[v]
		case "priority":
			ticket["Priority"] = rtLevels[v.(string)]
		case "due":
			ticket["Due"] = fmt.Sprint(v) + " 00:00:00"
		default:
			ticket[strings.ToUpper(k[:1])+k[1:]] = v
		}
	}
	if len(custom) > 0 {
		ticket["CustomFields"] = custom
	}
	return asJSON(ticket)
}

func showRT(w words) map[string]any {
	out := make(map[string]any)
	for k, v := range w {
		switch k {
		case "description":
			k = "detail"
		case "rush":
			k, v = "state", map[any]string{true: "yes", false: "no"}[v]
		case "priority":
			v = rtLevels[v.(string)]
		case "due":
			v = fmt.Sprint(v) + "T00:00:00Z"
		}
		out[k] = v
	}
	return out
}

func asJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

var subjects atomic.Int64

// subject is a name that no other record of the tests has.
func subject(what string) string { return fmt.Sprintf("%s %d", what, subjects.Add(1)) }

// These servers take a second for a write when there are several.
const soon = 90 * time.Second

// desk is a network of two sites, oslo and rome, with the helpers of the tests.
type desk struct {
	*harness.Cluster
	t    testing.TB
	apis map[string]*API
}

// open starts servers of two kinds at oslo and rome and their gateways.
func open(t testing.TB, oslo, rome string, routes string) desk {
	t.Helper()
	apis := map[string]*API{"oslo": starts()[oslo](t), "rome": starts()[rome](t)}
	return connect(t, apis, routes)
}

// connect starts gateways before servers that run.
func connect(t testing.TB, apis map[string]*API, routes string) desk {
	t.Helper()
	n := harness.Start(t, harness.Network{Sites: []harness.Site{apis["oslo"].Site("oslo"), apis["rome"].Site("rome")}, Routes: routes})
	return desk{Cluster: n, t: t, apis: apis}
}

func (d desk) say(site string) speech { return speeches()[d.apis[site].Kind] }

// create makes a request as a client of a site.
func (d desk) create(site string, w words) harness.Answer {
	d.t.Helper()
	return d.At(site).Create(d.say(site).create, d.say(site).body(w, true)).Want(201)
}

// update changes one as a client of a site does.
func (d desk) update(site, id string, w words) harness.Answer {
	d.t.Helper()
	s := d.say(site)
	return d.At(site).Put(fmt.Sprintf(s.item, id), s.body(w, false)).Want(s.updated)
}

// shows waits until a site's own server has exactly one request with a subject, and it says w; it returns its id.
func (d desk) shows(site, name string, w words) string {
	d.t.Helper()
	return d.At(site).WantCopy(name, soon, d.say(site).shown(w)).ID()
}

// other is the other site.
func other(site string) string {
	if site == "oslo" {
		return "rome"
	}
	return "oslo"
}

// pairs are the networks that most tests are run in.
var pairs = [][2]string{{"redmine", "redmine"}, {"rt", "rt"}, {"redmine", "rt"}}

// inPairs runs a test in each network.
func inPairs(t *testing.T, test func(t *testing.T, a, b string)) {
	for _, p := range pairs {
		t.Run(p[0]+" and "+p[1], func(t *testing.T) { test(t, p[0], p[1]) })
	}
}

// everywhere copies every request to all sites.
const everywhere = "- {name: everywhere, on: [create], copy: {to: all}}\n"

// addToTickets adds a line to the collection tickets of a profile.
func addToTickets(profile, line string) string {
	return strings.Replace(profile, "  tickets:\n", "  tickets:\n    "+line+"\n", 1)
}
