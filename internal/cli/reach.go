package cli

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"strings"

	"github.com/meridian-gateway/meridian/configs"
)

// reach is what is known of the address that is asked; nothing with --admin and no network file.
type reach struct {
	site, file, listen string
	// token is the one of the environment, fromFile says that it is that of the file.
	token    string
	fromFile bool
	network  *configs.Network
}

// check says what to look at when nobody answers.
func (h reach) check(host string) string {
	if h.site == "" {
		return "Check that a gateway is running there, and that this is its admin address: admin: {listen: …} of the site in the network file."
	}
	name, _, _ := net.SplitHostPort(h.listen)
	where := fmt.Sprintf("That is the admin address of %s in %s. ", h.site, h.file)
	if ip, err := netip.ParseAddr(name); name == "localhost" || name == "" || err == nil && (ip.IsLoopback() || ip.IsUnspecified()) {
		service := "systemctl status 'meridian*'"
		if runtime.GOOS == "windows" {
			service = "sc query meridian-" + h.site
		}
		return where + "It is one of this machine: ask on the machine where the gateway runs.\nIs it running there? " + service +
			", or: meridian run --config " + quoted(h.file) + " --site " + quoted(h.site)
	}
	return where + "Is the gateway running there, and does a firewall let " + host + " through?"
}

// refusedToken says what to do about a token that is not taken.
func (h reach) refusedToken(host string) string {
	switch {
	case h.fromFile:
		return fmt.Sprintf("the gateway at %s does not take the token of %s in %s. Does it run with another network file, or has the token been changed since it was started? "+
			"Set MERIDIAN_ADMIN_TOKEN to the one it was started with", host, h.site, h.file)
	case h.site != "":
		return fmt.Sprintf("the gateway at %s does not take the token in MERIDIAN_ADMIN_TOKEN, which goes before the one in the network file. Is it that of %s? "+
			"Unset the variable to use the file's", host, h.site)
	}
	return fmt.Sprintf("the gateway at %s does not take the token in MERIDIAN_ADMIN_TOKEN. Is it that of this site (admin: {token: …} in the network file)?", host)
}

// mixed says that an address is one for clients or for other gateways, as far as the network file tells.
func (h reach) mixed(host, status string) string {
	text := fmt.Sprintf("what answers at %s is no admin API of a gateway (%s)", host, status)
	if h.network != nil {
		for _, s := range h.network.Sites {
			switch host {
			case reachable(s.Listen):
				return fmt.Sprintf("%s is where clients of %s call, not its admin address, which is %s", host, s.Name, reachable(s.Admin.Listen))
			case reachable(s.Peer.Listen):
				return fmt.Sprintf("%s is where other gateways call %s, not its admin address, which is %s", host, s.Name, reachable(s.Admin.Listen))
			}
		}
	}
	return text + ".\nA site has three addresses in the network file: listen for clients, peer for other gateways, and admin, which is asked here"
}

// noEndpoint is what the address for other gateways says to a stranger.
const noEndpoint = "no such endpoint"

// answer tells a gateway's answer from its problems, and from somebody else's answer.
func (k *client) answer(host string, resp *http.Response, text []byte) (json.RawMessage, error) {
	kind, _, _ := strings.Cut(resp.Header.Get("Content-Type"), ";")
	switch {
	case resp.StatusCode == http.StatusUnauthorized && k.token == "":
		return nil, coded{Failed, fmt.Errorf("the gateway at %s wants a token, and there is none: set MERIDIAN_ADMIN_TOKEN", host)}
	case resp.StatusCode == http.StatusUnauthorized:
		return nil, coded{Failed, errors.New(k.hint.refusedToken(host))}
	case kind == "application/problem+json":
		var p struct{ Title, Detail string }
		_ = json.Unmarshal(text, &p) // without it there is the status
		if said := cmp.Or(p.Detail, p.Title, resp.Status); said != noEndpoint {
			return nil, coded{Failed, errors.New(forPeople(resp.StatusCode, said))}
		}
		return nil, coded{Unreachable, errors.New(k.hint.mixed(host, resp.Status))}
	case resp.StatusCode >= 300 || kind != "application/json" || !json.Valid(text):
		return nil, coded{Unreachable, errors.New(k.hint.mixed(host, resp.Status))}
	}
	return text, nil
}

// forPeople is a refusal of the gateway without the advice that is meant for programs, and with what a person can do.
func forPeople(status int, text string) string {
	for _, advice := range []string{" Correct the call; the same call will be refused again.", " Check the id; one of another site is written SITE:ID.",
		" Call from the address or host that is allowed."} {
		text = strings.TrimSuffix(text, advice)
	}
	switch {
	case status == http.StatusForbidden && strings.Contains(text, "may look"):
		text += ": set MERIDIAN_ADMIN_TOKEN to the one that may (admin: {token: …}), not the one to look with (view_token)"
	case status == http.StatusNotFound && strings.Contains(text, "nothing at this path"):
		text = "this gateway does not know the question: it is of an older version than this program (compare: meridian version, and the last line of meridian status)"
	case status == http.StatusNotFound && strings.HasPrefix(text, "no request "):
		text = strings.Replace(text, "; a reference is a global id, SITE:LOCALID, or a local id of this site.",
			".\nA request is named by its global id, by SITE:LOCALID (chicago:17), or by its local id at the site that is asked (17). A site knows what it owns, and what it has a copy of", 1)
	}
	return text
}
