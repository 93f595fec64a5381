package cli

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/meridian-gateway/meridian/configs"
	"github.com/meridian-gateway/meridian/request"
)

// healthcheck asks a gateway whether it is alive or ready, for supervisors that can run a program and nothing else: it needs no shell,
// no curl and no token.
func (c *command) healthcheck() *cobra.Command {
	var ready bool
	within := 5 * time.Second
	cmd := c.asking(&cobra.Command{Use: "healthcheck", Short: "Say by the exit code whether a gateway is alive, or ready", Args: exactly(0),
		Long: "Ask the gateway's /healthz, or with --ready its /readyz, and end with 0 when it says yes, 1 when it says no, and 3 when it does\n" +
			"not answer. No token is needed. It is for containers and supervisors; for people there is meridian status.",
		Example: "  meridian healthcheck --config network.yaml --site chicago\n  meridian healthcheck --ready --admin 127.0.0.1:8202"})
	cmd.Flags().BoolVar(&ready, "ready", false, "ask whether clients can be served, not only whether the gateway is alive")
	cmd.Flags().DurationVar(&within, "within", within, "how long an answer may take")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		k, err := c.probed()
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), within)
		defer cancel()
		path := "/healthz"
		if ready {
			path = "/readyz"
		}
		return c.ask(ctx, k, path)
	}
	return cmd
}

// probed finds the gateway as other commands do, but needs no token for it.
func (c *command) probed() (*client, error) {
	if c.config == "" || c.admin != "" {
		return c.client()
	}
	n, _, err := readLenient(c.config)
	if err != nil {
		return nil, c.faults(c.config, err)
	}
	if _, err := chosen(n, c.site, false); err != nil {
		return nil, err
	}
	a := n.Sites[request.Site(c.site)].Admin
	k := &client{base: "http://" + reachable(a.Listen), http: &http.Client{Transport: &http.Transport{Proxy: nil}}}
	if a.TLS != (configs.TLS{}) {
		k.base = "https://" + reachable(a.Listen)
	}
	return k, k.trust(c.adminCA)
}

func (c *command) ask(ctx context.Context, k *client, path string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, k.base+path, nil)
	if err != nil {
		return misuse("%v", err)
	}
	defer k.http.CloseIdleConnections()
	resp, err := k.http.Do(r)
	if err != nil {
		return coded{Unreachable, fmt.Errorf("the gateway does not answer: %s", inWords(bare(err).Error()))}
	}
	defer func() { _ = resp.Body.Close() }()
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
	said := printable(strings.TrimSpace(string(text)), false)
	if resp.StatusCode != http.StatusOK {
		return coded{Failed, fmt.Errorf("%s answers %s: %s", path, resp.Status, said)}
	}
	if c.output == asJSON {
		return c.json(map[string]any{"path": path, "status": resp.StatusCode})
	}
	_, err = fmt.Fprintln(c.out, said)
	return err
}
