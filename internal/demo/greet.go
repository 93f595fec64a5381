package demo

import (
	"fmt"
	"io"

	"github.com/meridian-gateway/meridian/request"
)

// opening is what a network is about.
func opening(network string) string {
	switch network {
	case "follow-the-sun":
		return "Three support centres are open around the clock: at the end of its day each hands its open requests to the next."
	case "knowledge-base":
		return "Three help desks share their solutions: a request that is closed at one of them is copied to the others."
	case "archive":
		return "Two offices and their archive: requests that have been closed for thirty days move there, spam at once."
	}
	return "The furniture company is open. Desks are repaired in San Francisco, chairs in Chicago, upholstery has a server of its own."
}

// Greet says what runs where and what to try.
func (d *Demo) Greet(w io.Writer) {
	fmt.Fprintf(w, "%s\nClients talk to the gateways; the request APIs behind them know nothing of each other.\n\n", opening(d.network))
	row := func(cells ...any) { fmt.Fprintf(w, "  %-14s %-23s %-23s %s\n", cells...) }
	row("site", "gateway, for clients", "its request API", "health")
	for _, p := range d.places {
		at := d.apps[p.site].Addresses()
		row(p.site, "http://"+at.Client, "http://"+d.apiAddr[p.site], "http://"+at.Admin+"/health/forwarding")
	}
	lines, story := d.toTry()
	fmt.Fprint(w, "\nThree lines to try in another terminal, in this order:\n\n")
	for _, line := range lines {
		fmt.Fprintf(w, "  %s\n", line)
	}
	tour := "--tour"
	if d.network != "furniture" {
		tour = "--network " + d.network + " --tour"
	}
	fmt.Fprintf(w, "\n%s\nTo see the rest, step by step and checked: meridian demo %s. Ctrl-C ends the demo.\n", story, tour)
}

const asJSON = "-H 'Content-Type: application/json' -d"

// toTry are three lines for a shell that show what the network is for, and what they do.
func (d *Demo) toTry() (lines [3]string, story string) {
	gateway := func(s request.Site) string { return "http://" + d.apps[s].Addresses().Client + "/tickets" }
	next := func(s request.Site) int { return d.apis[s].Next() }
	switch sf := gateway(sanFrancisco); d.network {
	case "follow-the-sun":
		return [3]string{
				fmt.Sprintf(`curl -i %s %s '{"title":"printer on fire","status":"open"}'`, sf, asJSON),
				fmt.Sprintf(`curl -i http://%s/api/v1/requests/san-francisco:%d/transfer %s '{"to":"tokyo"}'`, d.apps[sanFrancisco].Addresses().Admin, next(sanFrancisco), asJSON),
				fmt.Sprintf(`curl -i %s/san-francisco:%d`, gateway(tokyo), next(sanFrancisco)),
			}, `The first enters a request in San Francisco. The second does by hand what the schedule does at the end of San Francisco's day: it hands
the request to Tokyo. The third reads it there (see Meridian-Owner, and owned_by in the record).`
	case "knowledge-base":
		return [3]string{
				fmt.Sprintf(`curl -i %s %s '{"title":"VPN drops every hour","status":"open"}'`, gateway(paris), asJSON),
				fmt.Sprintf(`curl -i -X PATCH %s/%d -H 'Prefer: wait=10' %s '{"status":"closed","solution":"raise the rekey interval"}'`, gateway(paris), next(paris), asJSON),
				fmt.Sprintf(`curl -i '%s?status=closed'`, gateway(tokyo)),
			}, `The first enters a request in Paris. The second closes it, and waits until all others have it (see Meridian-Copies). The third finds
the solution in Tokyo's own records.`
	case "archive":
		return [3]string{
				fmt.Sprintf(`curl -i %s %s '{"title":"cheap desks","status":"open"}'`, sf, asJSON),
				fmt.Sprintf(`curl -i -X PATCH %s/%d %s '{"status":"spam"}'`, sf, next(sanFrancisco), asJSON),
				fmt.Sprintf(`curl -i %s/san-francisco:%d`, gateway(archive), next(sanFrancisco)),
			}, `The first enters a request in San Francisco. The second says that it is spam, which goes to the archive at once. The third reads it
there; the records of the two offices are gone.`
	default:
		return [3]string{
				fmt.Sprintf(`curl -i %s %s '{"title":"broken leg","category":"chair","status":"open"}'`, sf, asJSON),
				fmt.Sprintf(`curl -i %s/%d`, gateway(chicago), next(chicago)),
				fmt.Sprintf(`curl -i -X PATCH %s/%d %s '{"status":"in progress"}'`, sf, next(sanFrancisco), asJSON),
			}, `The first enters a chair in San Francisco: Chicago owns it (see Meridian-Owner), San Francisco has a copy. The second reads it in
Chicago, where it has another id. The third updates it in San Francisco: Chicago gets it first.`
	}
}
