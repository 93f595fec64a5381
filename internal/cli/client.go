package cli

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/meridian-gateway/meridian/configs"
	"github.com/meridian-gateway/meridian/request"
)

// asking adds the flags of commands that ask a running gateway.
func (c *command) asking(cmd *cobra.Command) *cobra.Command {
	f := cmd.Flags()
	f.StringVar(&c.config, "config", "", "the network file, for the address and token of the site's admin API")
	f.StringVar(&c.site, "site", "", "the site whose gateway is asked")
	f.StringVar(&c.admin, "admin", "", "address of an admin API, instead of --config and --site")
	return cmd
}

// client speaks to one gateway's admin API.
type client struct {
	base, token, hint string
}

func (c *command) client() (*client, error) {
	token := os.Getenv("MERIDIAN_ADMIN_TOKEN")
	if c.admin != "" {
		base := c.admin
		if !strings.Contains(base, "://") {
			base = "http://" + base
		}
		return &client{base: strings.TrimRight(base, "/"), token: token, hint: "is a gateway running there?"}, nil
	}
	if c.config == "" || c.site == "" {
		return nil, misuse("say which gateway: --config FILE --site NAME, or --admin URL")
	}
	n, err := configs.Load(c.config)
	if err != nil {
		return nil, coded{Misused, err}
	}
	if _, err := chosen(n, c.site, false); err != nil {
		return nil, err
	}
	a := n.Sites[request.Site(c.site)].Admin
	return &client{base: "http://" + a.Listen, token: cmp.Or(token, a.Token.Reveal()),
		hint: fmt.Sprintf("is `meridian run --site %s` running?", c.site)}, nil
}

// call makes one call and decodes the answer into out. The error says whether the gateway could be reached.
func (k *client) call(ctx context.Context, method, path string, in, out any) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
	}
	r, err := http.NewRequestWithContext(ctx, method, k.base+path, body)
	if err != nil {
		return coded{Misused, err}
	}
	if in != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if k.token != "" {
		r.Header.Set("Authorization", "Bearer "+k.token)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return coded{Unreachable, fmt.Errorf("no gateway answers at %s: %s (%w)", strings.TrimPrefix(k.base, "http://"), k.hint, err)}
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 64<<20))
	if err != nil {
		return coded{Unreachable, err}
	}
	if resp.StatusCode >= 300 {
		var p struct{ Title, Detail string }
		_ = json.Unmarshal(text, &p)
		return coded{Failed, fmt.Errorf("%s", cmp.Or(p.Detail, p.Title, resp.Status))}
	}
	return json.Unmarshal(text, out)
}

// raw makes one call and prints the answer as it is for -o json; else table prints it.
func (c *command) raw(ctx context.Context, method, path string, in any, table func(json.RawMessage) error) error {
	k, err := c.client()
	if err != nil {
		return err
	}
	var out json.RawMessage
	if err := k.call(ctx, method, path, in, &out); err != nil {
		return err
	}
	if c.output == "json" {
		_, err := fmt.Fprintln(c.out, strings.TrimSpace(string(out)))
		return err
	}
	return table(out)
}

// id finds the global id of what an operator calls a request.
func (c *command) id(ctx context.Context, ref string) (string, error) {
	if _, err := request.ParseID(ref); err == nil || ref == "" {
		return ref, nil
	}
	k, err := c.client()
	if err != nil {
		return "", err
	}
	var v struct {
		Request string `json:"request"`
	}
	if err := k.call(ctx, http.MethodGet, "/api/v1/requests/"+url.PathEscape(ref), nil, &v); err != nil {
		return "", err
	}
	return v.Request, nil
}
