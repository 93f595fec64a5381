package demo

import (
	"fmt"
	"io"
)

// Greet says what runs where and what to try.
func (d *Demo) Greet(w io.Writer) {
	if d.network == "furniture" {
		fmt.Fprint(w, "The furniture company is open. Desks are repaired in San Francisco, chairs in Chicago, upholstery has a server of its own.\n")
	} else {
		fmt.Fprintf(w, "The network %s is running; configs/%s/README.md says what it shows.\n", d.network, d.network)
	}
	fmt.Fprint(w, "Clients talk to the gateways; the request APIs behind them know nothing of each other.\n\n")
	row := func(cells ...any) { fmt.Fprintf(w, "  %-14s %-23s %-23s %s\n", cells...) }
	row("site", "gateway, for clients", "its request API", "health")
	for _, p := range d.places {
		at := d.apps[p.site].Addresses()
		row(p.site, "http://"+at.Client, "http://"+d.apiAddr[p.site], "http://"+at.Admin+"/health/forwarding")
	}
	if d.network != "furniture" {
		fmt.Fprintf(w, "\nTo see it walk through by itself: meridian demo --network %s --tour. Ctrl-C ends the demo.\n", d.network)
		return
	}
	sf, ch := d.apps[sanFrancisco].Addresses().Client, d.apps[chicago].Addresses().Client
	fmt.Fprintf(w, `
Three lines to try in another terminal, in this order:

  curl -i http://%s/tickets -H 'Content-Type: application/json' -d '{"title":"broken leg","category":"chair","status":"open"}'
  curl -i http://%s/tickets/%d
  curl -i -X PATCH http://%s/tickets/%d -H 'Content-Type: application/json' -d '{"status":"in progress"}'

The first enters a chair in San Francisco: Chicago owns it (see Meridian-Owner), San Francisco has a copy. The second reads it in
Chicago, where it has another id. The third updates it in San Francisco: Chicago gets it first. To see the rest, with the link cut
and healed: meridian demo --tour. Ctrl-C ends the demo.
`, sf, ch, d.apis[chicago].Next(), sf, d.apis[sanFrancisco].Next())
}
