package cli

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/meridian-gateway/meridian/gateway"
)

func (c *command) conflicts() *cobra.Command {
	root := &cobra.Command{Use: "conflicts", Short: "List, show and dismiss the records of writes that lost"}
	root.AddCommand(c.conflictsList(), c.conflictsShow(), c.conflictsDismiss())
	return group(root, which)
}

// conflictPage is a page of the admin API.
type conflictPage struct {
	Conflicts []gateway.ConflictView
	After     string
}

func (c *command) conflictsList() *cobra.Command {
	var page pageFlags
	cmd := c.asking(&cobra.Command{Use: "list", Args: exactly(0), Short: "List the conflict records at a site",
		Long: "List the conflict records at the site whose gateway is asked: two histories of a request, of which one lost. They stay\n" +
			"until they are dismissed. With -o json the values are there too.",
		Example: "  meridian conflicts list --config network.yaml --site chicago"})
	page.flags(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		var v conflictPage
		q := get("/api/v1/conflicts", "after", page.after, "limit", strconv.Itoa(page.limit))
		return c.asked(cmd.Context(), q, &v, func() error {
			if len(v.Conflicts) == 0 {
				_, err := fmt.Fprintln(c.out, "No conflicts.")
				return err
			}
			t := newTable(c.out, "REQUEST", "CONFLICT", "KIND", "AT", "LOST AT", "FIELDS", "DECISION").
				spare("AT", "FIELDS", "KIND", "DECISION").brief(2, c.again("conflicts show REQUEST"))
			for _, x := range v.Conflicts {
				t.row(x.Request, x.ID, x.Kind, moment(x.At), x.Site, fieldNames(x), x.Decision)
			}
			if err := t.flush(); err != nil {
				return err
			}
			if _, err := fmt.Fprintln(c.out, "\nWhat was lost in one, and what was kept: "+printable(c.again("conflicts show REQUEST"), false)); err != nil {
				return err
			}
			return c.more(v.After)
		})
	}
	return cmd
}

func fieldNames(x gateway.ConflictView) string {
	names := make([]string, len(x.Fields))
	for i, f := range x.Fields {
		names[i] = f.Name
	}
	return strings.Join(names, ", ")
}

func (c *command) conflictsShow() *cobra.Command {
	cmd := c.asking(&cobra.Command{Use: "show REF", Args: exactly(1), Short: "Show the conflict records of a request, with the values of their fields",
		Long:    "Show the conflict records of a request, with the values of their fields.\n\n" + refHelp,
		Example: "  meridian conflicts show 17 --config network.yaml --site chicago"})
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var v conflictPage
		return c.asked(cmd.Context(), get("/api/v1/conflicts", "request", args[0]), &v, func() error {
			if len(v.Conflicts) == 0 {
				_, err := fmt.Fprintln(c.out, "The request has no conflicts at this site.")
				return err
			}
			for i, x := range v.Conflicts {
				if i > 0 {
					fmt.Fprintln(c.out)
				}
				if err := c.showConflict(x); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return cmd
}

func (c *command) showConflict(x gateway.ConflictView) error {
	t := newTable(c.out)
	t.row("request", x.Request)
	t.row("conflict", x.ID)
	t.row("kind", x.Kind)
	t.row("at", moment(x.At))
	t.row("lost at", x.Site)
	t.row("owner", x.Owner)
	t.row("both from", x.Base)
	t.row("lost", x.Mine)
	t.row("kept", x.Theirs)
	t.row("decision", x.Decision)
	if x.Operation != "" {
		t.row("operation", x.Operation)
	}
	if err := t.flush(); err != nil || len(x.Fields) == 0 {
		return err
	}
	fmt.Fprintln(c.out)
	t = newTable(c.out, "FIELD", "BEFORE", "LOST", "KEPT")
	for _, f := range x.Fields {
		t.row(f.Name, cut(string(f.Base), 200), cut(string(f.Mine), 200), cut(string(f.Theirs), 200))
	}
	if err := t.flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(c.out, "\nTo keep a value that lost, write it at the owner's site, %s. Then: %s\n", printable(string(x.Owner), false),
		printable(c.again("conflicts dismiss "+string(x.Request)+" "+quoted(x.ID)), false))
	return err
}

// quoted is s as a word for a shell.
func quoted(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || slices.Contains([]rune("-_.@/:+"), r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

func (c *command) conflictsDismiss() *cobra.Command {
	cmd := c.asking(&cobra.Command{Use: "dismiss REF CONFLICT", Args: exactly(2), Short: "Remove a conflict record that has been dealt with",
		Long:    "Remove a conflict record that has been dealt with. The request stays as it is; what lost is then gone for good.\n\n" + refHelp,
		Example: "  meridian conflicts dismiss 17 queue-01JD000000000000000000000B --config network.yaml --site chicago"})
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var v struct{ Request, ID string }
		q := post("/api/v1/conflicts/"+url.PathEscape(args[0])+"/"+url.PathEscape(args[1])+"/dismiss", nil)
		return c.asked(cmd.Context(), q, &v, func() error {
			_, err := fmt.Fprintf(c.out, "The conflict %s of %s is dismissed.\n", printable(v.ID, false), printable(v.Request, false))
			return err
		})
	}
	return cmd
}
