package cli

import (
	"cmp"
	"context"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/meridian-gateway/meridian/configs"
	"github.com/meridian-gateway/meridian/gateway"
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
	complete(cmd, "config", networkFiles)
}

func networkFiles(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return []cobra.Completion{"yaml", "yml"}, cobra.ShellCompDirectiveFilterFileExt
}

// siteFlag adds --site, whose values are in the network file.
func (c *command) siteFlag(cmd *cobra.Command, usage string) {
	cmd.Flags().StringVar(&c.site, "site", "", usage)
	complete(cmd, "site", c.siteNames)
}

// completions tells shells about the flags and arguments that are called the same everywhere, unless a command has told itself.
func (c *command) completions(cmd *cobra.Command) {
	for _, sub := range cmd.Commands() {
		c.completions(sub)
	}
	known := map[string]cobra.CompletionFunc{"collection": c.collectionNames, "route": c.routeNames, "by": c.routeNames, "request": c.refs,
		"without": c.siteNames, "to": c.siteNames, "file": cobra.FixedCompletions([]string{"json"}, cobra.ShellCompDirectiveFilterFileExt),
		"old": cobra.FixedCompletions([]string{"json"}, cobra.ShellCompDirectiveFilterFileExt)}
	cmd.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
		find, ok := known[f.Name]
		if _, told := cmd.GetFlagCompletionFunc(f.Name); ok && !told {
			complete(cmd, f.Name, find)
		}
	})
	if cmd.ValidArgsFunction != nil || cmd.HasSubCommands() {
		return
	}
	words := append(strings.Fields(cmd.Use), "", "")
	switch strings.Trim(words[1], "[]") {
	case "REF":
		cmd.ValidArgsFunction = c.refs
	case "FILE":
		cmd.ValidArgsFunction = networkFiles
	case "DIR":
	default:
		cmd.ValidArgsFunction = cobra.NoFileCompletions
	}
}

// network is the network file that the command line, or the environment, names; nil where it cannot be read.
func (c *command) network(cmd *cobra.Command, args []string) *configs.Network {
	c.fromEnvironment(cmd)
	path := cmp.Or(c.config, os.Getenv(envConfig))
	if cmd.Name() == "check" && len(args) > 0 {
		path = args[0]
	}
	n, _, err := readLenient(path)
	if err != nil {
		return nil
	}
	return n
}

func (c *command) siteNames(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var out []cobra.Completion
	if n := c.network(cmd, args); n != nil {
		for _, s := range siteList(n) {
			out = append(out, string(s))
		}
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}

func (c *command) routeNames(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var out []cobra.Completion
	if n := c.network(cmd, args); n != nil {
		for i := range n.Routes {
			out = append(out, cobra.CompletionWithDesc(n.Routes[i].Name, does(&n.Routes[i])))
		}
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}

// collectionNames are the collections of the site, or of all sites where none is named.
func (c *command) collectionNames(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var out []cobra.Completion
	n := c.network(cmd, args)
	if n == nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	for _, s := range siteList(n) {
		if c.site != "" && string(s) != c.site {
			continue
		}
		for name, k := range n.Sites[s].Profile.Collections {
			if k.Parent() == "" && !slices.Contains(out, name) {
				out = append(out, name)
			}
		}
	}
	slices.Sort(out)
	return out, cobra.ShellCompDirectiveNoFileComp
}

// refPatience is how long a shell waits for a gateway, mostRefs how many it is asked for.
const (
	refPatience = time.Second
	mostRefs    = "50"
)

// refs are requests that a command may be about, from the gateway: those in doubt for doubts, those with conflicts for conflicts.
func (c *command) refs(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	const none = cobra.ShellCompDirectiveNoFileComp
	c.fromEnvironment(cmd)
	k, err := c.client()
	if err != nil || len(args) > 1 {
		return nil, none
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), refPatience)
	defer cancel()
	switch of := cmd.Parent().Name(); {
	case of == "doubts" || cmd.Name() == "settle":
		return k.doubtRefs(ctx, args), none
	case of == "conflicts":
		return k.conflictRefs(ctx, args), none
	case len(args) > 0:
		return nil, none
	case of == "deliveries":
		var v struct{ Deliveries []gateway.DeliveryView }
		_ = k.ask(ctx, get("/api/v1/deliveries", "limit", mostRefs), &v)
		return described(v.Deliveries, func(d gateway.DeliveryView) (string, string) {
			return string(d.Request), string(d.State) + " to " + string(d.Site)
		}), none
	}
	var v struct{ Requests []gateway.RequestView }
	_ = k.ask(ctx, get("/api/v1/requests", "limit", mostRefs), &v)
	return described(v.Requests, func(r gateway.RequestView) (string, string) {
		return string(r.Request), r.Collection + " of " + string(r.Owner) + ", " + stateOf(r)
	}), none
}

// doubtRefs are the requests in doubt, or behind one of them its candidates.
func (k *client) doubtRefs(ctx context.Context, args []string) []cobra.Completion {
	var v doubtPage
	if len(args) == 0 {
		_ = k.ask(ctx, get("/api/v1/doubts", "limit", mostRefs), &v)
		return described(v.Doubts, func(d gateway.DoubtView) (string, string) { return string(d.Request), d.Doing })
	}
	_ = k.ask(ctx, get("/api/v1/doubts", "request", args[0]), &v)
	var out []cobra.Completion
	for _, d := range v.Doubts {
		out = append(out, d.Candidates...)
	}
	return out
}

// conflictRefs are the requests with conflicts, or behind one of them the names of its records.
func (k *client) conflictRefs(ctx context.Context, args []string) []cobra.Completion {
	var v conflictPage
	if len(args) == 0 {
		_ = k.ask(ctx, get("/api/v1/conflicts", "limit", mostRefs), &v)
		return described(v.Conflicts, func(x gateway.ConflictView) (string, string) { return string(x.Request), x.Kind })
	}
	_ = k.ask(ctx, get("/api/v1/conflicts", "request", args[0]), &v)
	return described(v.Conflicts, func(x gateway.ConflictView) (string, string) { return x.ID, x.Kind })
}

// described makes completions of a list, each once.
func described[T any](list []T, of func(T) (name, words string)) []cobra.Completion {
	var out []cobra.Completion
	seen := map[string]bool{}
	for _, v := range list {
		name, words := of(v)
		if !seen[name] {
			seen[name] = true
			out = append(out, cobra.CompletionWithDesc(name, printable(words, false)))
		}
	}
	return out
}

func siteList(n *configs.Network) []siteName {
	out := make([]siteName, 0, len(n.Sites))
	for s := range n.Sites {
		out = append(out, s)
	}
	slices.Sort(out)
	return out
}
