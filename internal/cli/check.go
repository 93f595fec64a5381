package cli

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/meridian-gateway/meridian/configs"
)

// checked is the result of a check for programs.
type checked struct {
	Network string `json:"network,omitempty"`
	Hash    string `json:"hash,omitempty"`
	Sites   int    `json:"sites"`
	Routes  int    `json:"routes"`
	// Unindexed are routes that are looked at on every write, since their condition compares no field with a constant.
	Unindexed []string `json:"unindexed"`
	Faults    []found  `json:"faults"`
	Warnings  []found  `json:"warnings"`
}

// found is one thing that is wrong with a network file, or should be looked at.
type found struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

func foundOf(list configs.Faults) []found {
	out := make([]found, 0, len(list))
	for _, f := range list {
		out = append(out, found{f.File, f.Line, f.Column, f.Message, f.Hint})
	}
	return out
}

func (c *command) check() *cobra.Command {
	var p probing
	cmd := &cobra.Command{Use: "check [FILE]", Short: "Check a network file: every fault with its line and column; or a profile against the real API", Args: atMost(1),
		Long: "Check a network file: every fault with its line, column and a hint; warnings about what this version does not act on.\n" +
			"Exit code 2 when there are faults.\n\n" +
			"With --probe the file is checked, and then the request API of a site is compared with its profile, with the site's credentials:\n" +
			"what the profile says, what the API does, and what to write where they differ. It only reads, unless --write lets it make one\n" +
			"record in each collection, whose text says that it may be deleted, change it and delete it. It removes the record again\n" +
			"whatever happens, or says that it could not. Exit codes: 0 equal, 1 there are differences, 3 the API cannot be reached.",
		Example: "  meridian check network.yaml\n  meridian check network.yaml --probe chicago\n" +
			"  meridian check network.yaml --probe chicago --write --record ticket.json"}
	c.configFlag(cmd, "the network file, in place of FILE")
	c.siteFlag(cmd, "a site that has to be in it; what the gateways of other sites alone need may be unknown then")
	p.flags(c, cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 1 && cmd.Flags().Changed("config") {
			return misuse("say the network file once: as FILE or as --config")
		}
		if len(args) == 1 {
			c.config = args[0]
		}
		if c.config == "" {
			return misuse("say which network file: meridian check FILE (or set MERIDIAN_CONFIG)")
		}
		if err := p.sane(cmd); err != nil {
			return err
		}
		n, err := configs.Load(c.config, forSite(cmp.Or(p.site, c.site))...)
		faults, ok := errors.AsType[configs.Faults](err)
		if ok && c.output == "json" {
			if err := c.json(checked{Unindexed: []string{}, Faults: foundOf(faults), Warnings: []found{}}); err != nil {
				return err
			}
			return coded{Misused, errSaid}
		}
		if err != nil {
			err = c.faults(c.config, err)
			if len(faults) > 0 && c.site == "" && p.site == "" && !slices.ContainsFunc(faults, func(f configs.Fault) bool { return !f.Unknown }) {
				fmt.Fprintln(c.err, "Nothing else is wrong. With --site NAME only what the gateway of that site needs has to be known here.")
			}
			return err
		}
		if c.site != "" {
			if _, err := chosen(n, c.site, false); err != nil {
				return err
			}
		}
		if p.site != "" {
			return c.probe(cmd.Context(), n, p)
		}
		return c.checked(n)
	}
	return cmd
}

func (c *command) checked(n *configs.Network) error {
	unindexed := append([]string{}, n.Table.Unindexed()...)
	if c.output == "json" {
		return c.json(checked{Network: n.Name, Hash: n.Hash, Sites: len(n.Sites), Routes: len(n.Routes), Unindexed: unindexed,
			Faults: []found{}, Warnings: foundOf(n.Warnings)})
	}
	c.warn(n)
	routes := fmt.Sprintf("%s, %d un-indexed", plural(len(n.Routes), "route"), len(unindexed))
	if len(unindexed) > 0 {
		routes += cut(" (looked at on every write: "+strings.Join(unindexed, ", "), 120) + ")"
	}
	t := newTable(c.out)
	t.row("file", n.Path+" is good")
	t.row("network", n.Name)
	t.row("sites", join(siteList(n)))
	t.row("routes", routes)
	t.row("hash", n.Hash)
	return t.flush()
}
