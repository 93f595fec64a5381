package configs

import (
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/meridian-gateway/meridian/profile"
	"github.com/meridian-gateway/meridian/upstream"
)

// credentials are those of a site; node is the site, key its name.
func (p *parser) credentials(node, key *yaml.Node, site siteSpec, d profiled) upstream.Credentials {
	at, name, s := child(node, "credentials"), key.Value, site.Credentials
	out := upstream.Credentials{Bearer: s.Bearer, Headers: s.Headers, Login: p.login(node, key, site, d)}
	if s.Basic != nil {
		out.Basic = &upstream.Basic{Username: s.Basic.Username, Password: s.Basic.Password}
		if s.Basic.Username == "" || strings.Contains(s.Basic.Username, ":") {
			p.fault(child(at, "basic"), name+".credentials.basic needs a username without a colon", "basic: {username: gateway, password: \"${PASSWORD}\"}")
		}
		if s.Bearer != "" {
			p.fault(child(at, "bearer"), name+".credentials: basic and bearer exclude each other", "")
		}
	}
	for _, kv := range pairs(child(at, "headers")) {
		if s.Headers == nil {
			break
		}
		if !headerName(kv.key.Value) {
			p.fault(kv.key, fmt.Sprintf("%s.credentials.headers: %q is not the name of a header", name, clip(kv.key.Value)), "")
		}
		if !headerValue(s.Headers[kv.key.Value]) {
			p.fault(kv.value, name+".credentials.headers: the value has a line end or another control character", "")
		}
	}
	if !headerValue(s.Bearer) {
		p.fault(child(at, "bearer"), name+".credentials.bearer: the value has a line end or another control character", "")
	}
	return out
}

// login is how the gateway logs in at a site: what its credentials say laid over what its profile says. It is nil where neither
// says anything, and where the site has credentials of another kind.
func (p *parser) login(node, key *yaml.Node, s siteSpec, d profiled) *upstream.Login {
	at, of := child(node, "credentials"), d.compiled[s.Profile]
	given := value(at, "login")
	other := s.Credentials.Basic != nil || s.Credentials.Bearer != ""
	switch {
	case given != nil && other:
		p.fault(keyed(at, "login"), key.Value+".credentials: login and basic or bearer exclude each other", "")
		return nil
	case given == nil && (other || of == nil || of.Login == nil):
		return nil
	}
	spec, ok := p.loginSpec(at, key.Value)
	if !ok || of == nil {
		return nil // there is a fault already
	}
	if of.Login != nil {
		over(*of.Login, &spec, given)
	}
	for _, secret := range []struct {
		key  string
		text *string
	}{{"username", &spec.Username}, {"password", &spec.Password}} {
		if given != nil && p.broken[deref(child(given, secret.key))] {
			*secret.text = "x" // that it is not known is said already
		}
	}
	out, problems := upstream.NewLogin(spec, of.Headers)
	if given == nil && len(problems) > 0 && !slices.ContainsFunc(problems, func(pr profile.Problem) bool { return !personal(pr) }) {
		p.fault(key, fmt.Sprintf("site %s: its profile %s logs in, and nobody says as whom", key.Value, s.Profile),
			`credentials: {login: {username: gateway, password: "${PASSWORD}"}}`)
		return nil
	}
	if u, err := url.Parse(spec.Path); err == nil && u.Host != "" {
		if message, hint := badHost(u.Hostname()); message != "" {
			problems = append(problems, profile.Problem{Path: []string{"path"}, Message: message, Hint: hint})
		}
	}
	for _, pr := range problems {
		p.loginProblem(pr, loginAt{site: given, key: keyed(at, "login"), name: key, profile: value(d.nodes[s.Profile], "login"), of: s.Profile})
	}
	return out
}

// personal tells what only the site can say.
func personal(pr profile.Problem) bool {
	return len(pr.Path) == 1 && (pr.Path[0] == "username" || pr.Path[0] == "password")
}

// loginAt are the places of a login: the site's with its key, nil when it has none, the name of the site, and the profile's, with
// its name.
type loginAt struct {
	site, key, name, profile *yaml.Node
	of                       string
}

// loginProblem puts a problem where the text is that it is about: in the site, else in its profile.
func (p *parser) loginProblem(pr profile.Problem, at loginAt) {
	words := strings.Join(append(slices.Clone(pr.Path), pr.Message), ": ")
	first := pr.Path[0]
	switch {
	case at.profile != nil && value(at.profile, first) != nil && (at.site == nil || value(at.site, first) == nil):
		p.fault(child(at.profile, pr.Path...), fmt.Sprintf("profile %s: login: %s (for site %s)", at.of, words, at.name.Value), pr.Hint)
	case at.site == nil:
		p.fault(at.name, fmt.Sprintf("site %s: the login of its profile %s: %s", at.name.Value, at.of, words), pr.Hint)
	case len(pr.Path) > 1 || deref(child(at.site, first)).Kind == yaml.MappingNode:
		// The lines of these may hold secrets under any name; that of the key holds none, or is masked.
		p.fault(at.key, at.name.Value+".credentials.login: "+words, pr.Hint)
	default:
		p.fault(child(at.site, first), at.name.Value+".credentials.login: "+words, pr.Hint)
	}
}

// loginSpec decodes the login within the credentials of a site. What it says of a value never holds the value.
func (p *parser) loginSpec(within *yaml.Node, site string) (spec profile.LoginSpec, ok bool) {
	at := value(within, "login")
	if at == nil {
		return spec, true
	}
	if deref(at).Kind != yaml.MappingNode {
		p.fault(at, site+".credentials.login must be a mapping", `login: {username: gateway, password: "${PASSWORD}"}`)
		return spec, false
	}
	before := len(p.faults)
	p.twice(deref(at), "login")
	key := keyed(within, "login")
	for _, kv := range pairs(at) {
		switch node := deref(kv.value); kv.key.Value {
		case "username", "password":
			if node.Kind != yaml.ScalarNode {
				p.fault(key, fmt.Sprintf("%s.credentials.login.%s must be one value", site, kv.key.Value), "")
				continue
			}
		case "values", "form", "send":
			if !texts(node) {
				p.fault(key, fmt.Sprintf("%s.credentials.login.%s must be a mapping of names to texts, each name once", site, kv.key.Value), "")
				continue
			}
		}
		p.part(kv, &spec)
	}
	return spec, len(p.faults) == before
}

// texts reports whether a node is a mapping of different names to one value each.
func texts(n *yaml.Node) bool {
	seen := map[string]bool{}
	for _, kv := range pairs(n) {
		if deref(kv.value).Kind != yaml.ScalarNode || seen[kv.key.Value] {
			return false
		}
		seen[kv.key.Value] = true
	}
	return n.Kind == yaml.MappingNode
}

// over lays what a site says of its login over what its profile says: each key that the site has stands for itself, but for values,
// which are put together. A body of the site's is in place of the profile's.
func over(under profile.LoginSpec, s *profile.LoginSpec, at *yaml.Node) {
	given := func(key string) bool { return at != nil && value(at, key) != nil }
	body := given("form") || given("json")
	to, from := reflect.ValueOf(s).Elem(), reflect.ValueOf(under)
	for i := range to.NumField() {
		key := to.Type().Field(i).Tag.Get("yaml")
		if given(key) || body && (key == "form" || key == "json") {
			continue
		}
		to.Field(i).Set(from.Field(i))
	}
	if given("values") {
		both := map[string]string{}
		for _, m := range []map[string]string{under.Values, s.Values} {
			for k, v := range m {
				both[k] = v
			}
		}
		s.Values = both
	}
}

func headerName(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("!#$%&'*+-.^_`|~", r))
	})
}

func headerValue(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f })
}
