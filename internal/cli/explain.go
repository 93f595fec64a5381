package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"text/tabwriter"

	"github.com/meridian-gateway/meridian/configs"
	"github.com/meridian-gateway/meridian/profile"
	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/routing"
)

// only is the collection meant: the one named, or the only one there is.
func only(s configs.Site, name string) (string, error) {
	var names []string
	for n := range s.Profile.Collections {
		names = append(names, n)
	}
	slices.Sort(names)
	switch {
	case name != "" && !slices.Contains(names, name):
		return "", misuse("there is no collection %q; site %s has %v", name, s.Name, names)
	case name == "" && len(names) != 1:
		return "", misuse("--collection is required: site %s has %v", s.Name, names)
	case name == "":
		return names[0], nil
	}
	return name, nil
}

// record reads a record of a site's API and maps it to canonical fields.
func (c *command) record(s configs.Site, collection, path string) (request.Fields, error) {
	var body []byte
	var err error
	switch path {
	case "":
		return nil, misuse("--file RECORD.json is required")
	case "-":
		body, err = io.ReadAll(c.in)
	default:
		body, err = os.ReadFile(path)
	}
	if err != nil {
		return nil, coded{Misused, err}
	}
	if err := profile.CheckJSON(body, 64); err != nil {
		return nil, misuse("%s: %v", path, err)
	}
	f, err := s.Profile.Collections[collection].FromRecord(body)
	if err != nil {
		return nil, misuse("%s: %v", path, err)
	}
	return f, nil
}

func (c *command) reasons(list []routing.Reason) error {
	if c.output == "json" {
		return json.NewEncoder(c.out).Encode(list)
	}
	w := tabwriter.NewWriter(c.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "ROUTE\tFIRES\tWHY")
	for _, r := range list {
		fires := "no"
		if r.Fired {
			fires = "yes"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\n", r.Route, fires, r.Why)
	}
	return w.Flush()
}
