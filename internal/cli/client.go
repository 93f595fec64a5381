package cli

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/meridian-gateway/meridian/certs"
	"github.com/meridian-gateway/meridian/configs"
	"github.com/meridian-gateway/meridian/request"
)

const (
	askTimeout = 30 * time.Second
	maxAnswer  = 64 << 20
)

// asking adds the flags of commands that ask a running gateway.
func (c *command) asking(cmd *cobra.Command) *cobra.Command {
	c.configFlag(cmd, "the network file, for the address and the token of the site's admin API")
	c.siteFlag(cmd, "the site whose gateway is asked")
	cmd.Flags().StringVar(&c.admin, "admin", "", "the admin API's address, in place of --config and --site; its token is $MERIDIAN_ADMIN_TOKEN")
	cmd.Flags().StringVar(&c.adminCA, "admin-ca", os.Getenv(envAdminCA), "PEM file of the authority behind an https admin address ($MERIDIAN_ADMIN_CA); otherwise those that this machine trusts")
	return cmd
}

// client speaks to one gateway's admin API.
type client struct {
	base, token string
	// hint says whose admin address it is, with whose token, and where that comes from.
	hint reach
	http *http.Client
}

// client finds the gateway that the flags name.
func (c *command) client() (*client, error) {
	// No proxy of the environment: the token is for the gateway alone. No redirects for the same reason.
	k := &client{token: os.Getenv(envToken), http: &http.Client{Transport: &http.Transport{Proxy: nil},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	if err := k.trust(c.adminCA); err != nil {
		return nil, err
	}
	switch {
	case c.admin != "" && (c.config != "" || c.site != ""):
		return nil, misuse("say --admin, or --config and --site, not both")
	case c.admin != "":
		return k, k.at(c.admin)
	case c.config == "":
		return nil, misuse("say which gateway: --config FILE --site NAME (or set MERIDIAN_CONFIG and MERIDIAN_SITE), or --admin URL%s", fileHere())
	}
	n, missing, err := readLenient(c.config, forSite(c.site)...)
	if err != nil {
		if c.despite(k) {
			return k, nil
		}
		return nil, c.faults(c.config, err)
	}
	if _, err := chosen(n, c.site, false); err != nil {
		return nil, err
	}
	a := n.Sites[request.Site(c.site)].Admin
	k.base = "http://" + reachable(a.Listen)
	if a.TLS != (configs.TLS{}) {
		k.base = "https://" + reachable(a.Listen)
	}
	k.hint = reach{site: c.site, file: c.config, listen: a.Listen, token: k.token, network: n}
	if k.token == "" && !strings.Contains(a.Token.Reveal(), configs.Unknown) {
		k.token = a.Token.Reveal()
		k.hint.fromFile = true
	} else if k.token == "" {
		return nil, misuse("the admin token of %s is not known here: %s. Set MERIDIAN_ADMIN_TOKEN to the token",
			c.site, unknown(missing))
	}
	return k, nil
}

// trust has the client believe in an authority of a file, and in no other.
func (k *client) trust(file string) error {
	if file == "" {
		return nil
	}
	roots, err := certs.Roots(file)
	if err != nil {
		return misuse("--admin-ca: %v", err)
	}
	k.http.Transport.(*http.Transport).TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}
	return nil
}

// at takes the address of an admin API as a person writes it.
func (k *client) at(admin string) error {
	if !strings.Contains(admin, "://") {
		admin = "http://" + admin
	}
	u, err := url.Parse(admin)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return misuse("--admin %s: want HOST:PORT or http(s)://HOST:PORT", admin)
	}
	k.base = strings.TrimRight(admin, "/")
	return nil
}

// reachable is the address by which a listener on this machine is reached.
func reachable(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return listen
	}
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}

// call makes one call and returns the JSON text of the answer. The error says whether the gateway could be reached.
func (k *client) call(ctx context.Context, method, path string, in any) (json.RawMessage, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	defer k.http.CloseIdleConnections()
	r, err := k.request(ctx, method, path, in)
	if err != nil {
		return nil, err
	}
	resp, err := k.http.Do(r)
	if err != nil {
		if context.Cause(ctx) == context.Canceled {
			return nil, coded{Failed, fmt.Errorf("interrupted while waiting for the gateway at %s", r.URL.Host)}
		}
		at, why := " at "+r.URL.Host, inWords(bare(err).Error())
		if strings.Contains(why, r.URL.Host) {
			at = ""
		}
		return nil, coded{Unreachable, fmt.Errorf("no gateway answers%s: %s.\n%s", at, why, k.hint.check(r.URL.Host))}
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, coded{Unreachable, fmt.Errorf("the gateway at %s broke off its answer: try again (%w)", r.URL.Host, bare(err))}
	}
	return k.answer(r.URL.Host, resp, text)
}

func (k *client) request(ctx context.Context, method, path string, in any) (*http.Request, error) {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(b)
	}
	r, err := http.NewRequestWithContext(ctx, method, k.base+path, body)
	if err != nil {
		return nil, coded{Misused, err}
	}
	if in != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if k.token != "" {
		r.Header.Set("Authorization", "Bearer "+k.token)
	}
	return r, nil
}

// bare is the cause of a failed call without method and address.
func bare(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}

// asked makes one call. For -o json it prints the answer as it is, else it decodes it into v and has it shown.
func (c *command) asked(ctx context.Context, q question, v any, show func() error) error {
	k, err := c.client()
	if err != nil {
		return err
	}
	text, err := k.call(ctx, q.method, q.path, q.body)
	if err != nil {
		return err
	}
	if c.output == "json" {
		return c.text(text)
	}
	if err := json.Unmarshal(text, v); err != nil {
		return notUnderstood(err)
	}
	return show()
}

// notUnderstood is the error about an answer that is JSON, but not what was asked for.
func notUnderstood(err error) error {
	return fmt.Errorf("the gateway's answer is not understood; is it of another version than this program (meridian version, meridian status -o json)? %w", err)
}

// question is one call of the admin API.
type question struct {
	method, path string
	body         any
}

func get(path string, query ...string) question {
	q := url.Values{}
	for i := 0; i+1 < len(query); i += 2 {
		if query[i+1] != "" {
			q.Set(query[i], query[i+1])
		}
	}
	if len(q) > 0 {
		path += "?" + q.Encode()
	}
	return question{method: http.MethodGet, path: path}
}

func post(path string, body any) question { return question{http.MethodPost, path, body} }

func requestPath(ref string) string { return "/api/v1/requests/" + url.PathEscape(ref) }

// id finds the global id of what an operator calls a request; "" for "".
func (c *command) id(ctx context.Context, ref string) (string, error) {
	if _, err := request.ParseID(ref); err == nil || ref == "" {
		return ref, nil
	}
	k, err := c.client()
	if err != nil {
		return "", err
	}
	text, err := k.call(ctx, http.MethodGet, requestPath(ref), nil)
	if err != nil {
		return "", err
	}
	var v struct {
		Request string `json:"request"`
	}
	err = json.Unmarshal(text, &v)
	return v.Request, err
}
