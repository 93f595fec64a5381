package cli

import (
	"cmp"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/meridian-gateway/meridian/configs"
)

// choose tells shells what the values of a flag are.
func choose(cmd *cobra.Command, flag string, values ...string) {
	complete(cmd, flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
}

// complete tells shells how to find the values of a flag.
func complete(cmd *cobra.Command, flag string, f cobra.CompletionFunc) {
	if err := cmd.RegisterFlagCompletionFunc(flag, f); err != nil {
		panic(err) // there is no such flag: a mistake in this package
	}
}

// configFlag adds --config.
func (c *command) configFlag(cmd *cobra.Command, usage string) {
	cmd.Flags().StringVar(&c.config, "config", "", usage)
	complete(cmd, "config", func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return []cobra.Completion{"yaml", "yml"}, cobra.ShellCompDirectiveFilterFileExt
	})
}

// siteFlag adds --site, whose values are in the network file.
func (c *command) siteFlag(cmd *cobra.Command, usage string) {
	cmd.Flags().StringVar(&c.site, "site", "", usage)
	complete(cmd, "site", c.siteNames)
}

func (c *command) siteNames(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var out []cobra.Completion
	if n, _, err := readLenient(cmp.Or(c.config, os.Getenv(envConfig))); err == nil {
		for _, s := range siteList(n) {
			out = append(out, string(s))
		}
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}

func siteList(n *configs.Network) []siteName {
	out := make([]siteName, 0, len(n.Sites))
	for s := range n.Sites {
		out = append(out, s)
	}
	slices.Sort(out)
	return out
}
