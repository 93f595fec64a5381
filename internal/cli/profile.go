package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/meridian-gateway/meridian/configs"
	"github.com/meridian-gateway/meridian/probe/learn"
	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/upstream"
)

func (c *command) profile() *cobra.Command {
	cmd := &cobra.Command{Use: "profile", Short: "Propose a profile for a request API", Aliases: []string{"profiles"}}
	cmd.AddCommand(c.learn())
	return group(cmd, which)
}

// learning is what the flags of learn say.
type learning struct {
	upstream, path, collection, name, basic string
	headers, set                            []string
	write                                   bool
}

func (c *command) learn() *cobra.Command {
	var f learning
	cmd := &cobra.Command{Use: "learn [SITE]", Short: "Propose a profile from what a live API shows", Args: atMost(1),
		Long: "Propose a profile from what a live API shows: the entry for profiles: in the network file, with a comment at each line that says\n" +
			"what was seen, and what is only assumed. Without --write it only reads. With --write it makes a record, changes it and deletes\n" +
			"it again, so that what writing does is seen as well; the record says that it may be deleted.",
		Example: "  meridian profile learn chicago --config network.yaml --path /api/tickets --write\n" +
			"  meridian profile learn --upstream https://desk.example.org --path /api/tickets --basic gateway:DESK_PASSWORD"}
	c.configFlag(cmd, "the network file, for the address and the credentials of SITE")
	cmd.Flags().StringVar(&f.upstream, "upstream", "", "the address of the API, in place of SITE and --config")
	cmd.Flags().StringVar(&f.path, "path", "", "the path of the list, as in /api/tickets; it may have a query")
	cmd.Flags().StringVar(&f.collection, "collection", "", "the name of the collection in the network (default: the end of the path)")
	cmd.Flags().StringVar(&f.name, "name", "", "the name of the profile (default: SITE)")
	cmd.Flags().StringVar(&f.basic, "basic", "", "NAME:VARIABLE, a user and the variable of the environment that holds the password")
	cmd.Flags().StringArrayVar(&f.headers, "header", nil, "'NAME: VALUE' on each call; ${VARIABLE} in it is taken from the environment")
	cmd.Flags().BoolVar(&f.write, "write", false, "make a record, change it and delete it again")
	cmd.Flags().StringArrayVar(&f.set, "set", nil, "MEMBER=VALUE of the record that is made, as the API has it, where it demands more; VALUE is JSON or a text")
	cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, of string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return c.siteNames(cmd, args, of)
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 1 {
			c.site = args[0]
		}
		return c.propose(cmd.Context(), f)
	}
	return cmd
}

// propose learns and prints.
func (c *command) propose(ctx context.Context, f learning) error {
	if f.path == "" {
		return misuse("say where the list of records is: --path /api/tickets")
	}
	if f.path[0] != '/' {
		return misuse("--path %s: a path begins with /, as in /api/tickets", f.path)
	}
	o := learn.Options{Target: f.path, Profile: f.name, Collection: f.collection, Write: f.write}
	at, err := c.learnFrom(f, &o)
	if err != nil {
		return err
	}
	if o.Set, err = settings(f.set); err != nil {
		return err
	}
	secrets := newSecrets(at.Credentials)
	at.Transport = secrets
	api := upstream.New(at)
	defer api.Close()
	o.Do, o.Hide = api.Do, secrets.hide
	out, err := learn.Propose(ctx, o)
	for _, id := range out.Left {
		fmt.Fprintln(c.err, "meridian: a record could not be removed:", printable(id, false))
	}
	switch {
	case ctx.Err() != nil:
		return coded{Failed, errors.New("it was interrupted")}
	case request.KindOf(err) == request.Unavailable:
		return coded{Unreachable, errors.New(secrets.hide(err.Error()))}
	case err != nil:
		return coded{Failed, errors.New(secrets.hide(err.Error()))}
	case c.output == "json":
		err = c.json(map[string]any{"yaml": out.YAML, "left": append([]string{}, out.Left...), "ended": out.Ended})
	default:
		_, err = fmt.Fprint(c.out, printable(out.YAML, true))
	}
	if err == nil && (len(out.Left) > 0 || out.Ended != "") {
		if out.Ended != "" {
			fmt.Fprintln(c.err, "meridian:", printable(secrets.hide(out.Ended), false))
		}
		return coded{Failed, errSaid}
	}
	return err
}

// learnFrom is the API that the flags name, and what is known of it already.
func (c *command) learnFrom(f learning, o *learn.Options) (upstream.Options, error) {
	var at upstream.Options
	o.Header = http.Header{}
	switch {
	case f.upstream != "" && (c.site != "" || c.config != ""):
		return at, misuse("say SITE and --config, or --upstream, not both")
	case f.upstream != "":
		u, err := url.Parse(f.upstream)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil {
			return at, misuse("--upstream: want http(s)://HOST, without a user") // the text may hold a password
		}
		at.Base = u
		if first, _, _ := strings.Cut(u.Hostname(), "."); o.Profile == "" && strings.Trim(first, "0123456789:") != "" {
			o.Profile = first
		}
	case c.config == "" || c.site == "":
		return at, misuse("say which API: SITE --config FILE, or --upstream URL")
	default:
		n, err := configs.Load(c.config, forSite(c.site)...)
		if err != nil {
			return at, c.faults(c.config, err)
		}
		if _, err := chosen(n, c.site, false); err != nil {
			return at, err
		}
		s := n.Sites[request.Site(c.site)]
		at = upstream.Options{Base: s.Upstream, Credentials: s.Credentials, Timeout: s.Profile.Timeout, Parallel: s.Profile.Parallel,
			Rate: s.Profile.Rate, RetryAfter: s.Profile.RetryAfter}
		for name, values := range s.Profile.Headers {
			o.Header[name] = values
		}
		if o.Profile == "" {
			o.Profile = c.site
		}
		o.Keep = kept(n.Path, c.site)
	}
	if err := f.credentials(&at.Credentials); err != nil {
		return at, err
	}
	o.Credentials = at.Credentials.Basic != nil || at.Credentials.Bearer != "" || at.Credentials.Login != nil || len(at.Credentials.Headers) > 0
	return at, nil
}

// credentials are those of the flags. Secrets are named, not said: what is in a command line others can see.
func (f learning) credentials(into *upstream.Credentials) error {
	if f.basic != "" {
		user, variable, ok := strings.Cut(f.basic, ":")
		password, set := os.LookupEnv(variable)
		if !ok || variable == "" || !set {
			return misuse("--basic: want NAME:VARIABLE, the variable of the environment that holds the password; there is none of that name")
		}
		*into = upstream.Credentials{Basic: &upstream.Basic{Username: user, Password: password}, Headers: into.Headers}
	}
	for _, h := range f.headers {
		name, value, ok := strings.Cut(h, ":")
		if name = strings.TrimSpace(name); !ok || name == "" || strings.ContainsAny(name, " \t{}") {
			return misuse("--header: want 'NAME: VALUE'")
		}
		var missing []string
		value = os.Expand(strings.TrimSpace(value), func(v string) string {
			text, set := os.LookupEnv(v)
			if !set {
				missing = append(missing, v)
			}
			return text
		})
		if len(missing) > 0 {
			return misuse("--header %s: %s is not set", name, strings.Join(missing, ", "))
		}
		all := map[string]string{name: value}
		for k, v := range into.Headers {
			if !strings.EqualFold(k, name) {
				all[k] = v
			}
		}
		into.Headers = all
	}
	return nil
}

// settings are the members that --set names. A value that is no JSON is a text.
func settings(list []string) ([]learn.Setting, error) {
	var out []learn.Setting
	for _, s := range list {
		name, value, ok := strings.Cut(s, "=")
		if !ok || name == "" {
			return nil, misuse("--set %s: want MEMBER=VALUE", s)
		}
		text := []byte(value)
		if !json.Valid(text) {
			text = request.Quote(value)
		}
		out = append(out, learn.Setting{Name: name, Value: text})
	}
	return out, nil
}

// kept are the keys of a site's present profile that do not belong to a collection, as they are written in the file, with their
// variables.
func kept(path, site string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return "" // the file was read just now
	}
	var file struct {
		Profiles map[string]map[string]yaml.Node `yaml:"profiles"`
		Sites    map[string]struct {
			Profile string `yaml:"profile"`
		} `yaml:"sites"`
	}
	if yaml.Unmarshal(text, &file) != nil {
		return ""
	}
	known := file.Profiles[file.Sites[site].Profile]
	out := make(map[string]yaml.Node)
	for key, value := range known {
		if key != "collections" && key != "preset" {
			out[key] = value
		}
	}
	if len(out) == 0 {
		return ""
	}
	b, err := yaml.Marshal(out)
	if err != nil {
		return ""
	}
	return string(b)
}
