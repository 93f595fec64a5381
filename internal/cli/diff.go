package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/meridian-gateway/meridian/configs"
	"github.com/meridian-gateway/meridian/request"
)

// difference is what two network files differ in, for programs.
type difference struct {
	From    string           `json:"from"`
	To      string           `json:"to"`
	Changes []configs.Change `json:"changes"`
	// Restart lists, by site, the keys that a running gateway cannot take: the whole file waits there.
	Restart map[request.Site][]string `json:"needs_restart"`
}

func (c *command) diff() *cobra.Command {
	return &cobra.Command{Use: "diff OLD NEW", Short: "Show what differs between two network files, and where a gateway must be restarted for it", Args: two,
		Long: "Show what two network files differ in as they would be in force: comments, layout, and defaults that are written out are no\n" +
			"difference, the order of routes is. Secrets are compared and never shown.\n\n" +
			"What a running gateway takes at once, and what it must be restarted for, is told by site: a file with such a key is not\n" +
			"taken in part, it waits. Variables are those of this shell; those that are not set compare as the same.\n\n" +
			"Exit codes: 0 they are the same, 1 they differ, 2 one of them is no good.",
		Example: "  meridian diff network.yaml network.new.yaml",
		RunE: func(_ *cobra.Command, args []string) error {
			was, err := c.loadLenient(args[0])
			if err != nil {
				return err
			}
			is, err := c.loadLenient(args[1])
			if err != nil {
				return err
			}
			return c.differ(was, is)
		}}
}

func two(cmd *cobra.Command, args []string) error { return exactly(2)(cmd, args) }

// loadLenient reads a file in which variables may be unset.
func (c *command) loadLenient(path string) (*configs.Network, error) {
	n, _, err := readLenient(path)
	if err != nil {
		return nil, c.faults(path, err)
	}
	return n, nil
}

func (c *command) differ(was, is *configs.Network) error {
	d := difference{From: was.Hash, To: is.Hash, Changes: configs.Diff(was, is), Restart: map[request.Site][]string{}}
	for _, site := range was.Order {
		if _, there := is.Sites[site]; !there {
			continue
		}
		for _, x := range configs.NeedsRestart(d.Changes, site) {
			d.Restart[site] = append(d.Restart[site], x.What)
		}
	}
	if d.Changes == nil {
		d.Changes = []configs.Change{}
	}
	if c.output == asJSON {
		if err := c.json(d); err != nil {
			return err
		}
	} else {
		d.print(c.out, was.Order)
	}
	if len(d.Changes) > 0 {
		return coded{Failed, errSaid}
	}
	return nil
}

func (d difference) print(out io.Writer, sites []request.Site) {
	if len(d.Changes) == 0 {
		fmt.Fprintln(out, "no difference in what would be in force")
		return
	}
	for _, x := range d.Changes {
		fmt.Fprintln(out, printable(x.String(), false))
	}
	fmt.Fprintln(out)
	if len(d.Restart) == 0 {
		fmt.Fprintln(out, "taken by running gateways: all of it, at once")
		return
	}
	for _, site := range sites {
		if keys := d.Restart[site]; len(keys) > 0 {
			fmt.Fprintf(out, "restart the gateway of %s: %s; until then it takes nothing of the file\n", site, join(keys))
		}
	}
}
