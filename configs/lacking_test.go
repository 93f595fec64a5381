package configs

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/meridian-gateway/meridian/request"
)

const ofTwo = `network: n
profiles: {p: {preset: rest, collections: {tickets: {path: /tickets}}}}
sites:
  oslo:
    profile: p
    upstream: http://${OSLO_API}
    listen: ${OSLO_LISTEN}
    credentials: {basic: {username: gateway, password: "${OSLO_PASSWORD}"}, headers: {X-Key: "a${file:oslo.key}"}}
    admin: {listen: "${OSLO_ADMIN}", token: "${file:/run/credentials/oslo/token}", view_token: "${OSLO_VIEW}", tls: {cert: "${OSLO_CERT}", key: k.pem}}
    peer: {listen: "${OSLO_PEER}", url: http://oslo:8101}
    tls: {cert: "${OSLO_CERT}", key: k.pem}
    store: redis://:${OSLO_REDIS}@10.0.0.1:6379/0
  rome:
    profile: p
    upstream: http://10.0.0.2
    listen: 127.0.0.1:8002
    credentials: {bearer: "${ROME_TOKEN}"}
    admin: {listen: 127.0.0.1:8202}
    peer: {listen: 0.0.0.0:8102, url: http://rome:8102}
security: {peer_key: "${KEY}"}
routes: [{name: all, on: [create], copy: {to: all}}]
`

func lookup(set ...string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		return strings.Repeat(name, 8), slices.Contains(set, name)
	}
}

// The secrets of a site need to be known at that site alone: the file is the same at all.
func TestSecretsOfOtherSites(t *testing.T) {
	n, err := Parse("n.yaml", []byte(ofTwo), lookup("ROME_TOKEN", "KEY"), "rome")
	if err != nil {
		t.Fatal(err)
	}
	if got := n.Sites["rome"].Credentials; !strings.HasPrefix(got.Bearer, "ROME_TOKEN") {
		t.Errorf("rome's own: %+v", got)
	}
	if oslo := n.Sites["oslo"]; oslo.Peer.URL.Host != "oslo:8101" || oslo.Upstream.Host != "" || oslo.Listen != "" {
		t.Errorf("oslo: %+v", oslo)
	}
	if text := n.Text(); strings.Contains(text, nowhere) || !strings.Contains(text, "oslo:8101") {
		t.Errorf("it is shown as\n%s", text)
	}
	all, err := Parse("n.yaml", []byte(ofTwo), lookup("ROME_TOKEN", "KEY"))
	if err == nil || all != nil {
		t.Error("without a site nothing is missing")
	}
	if whole, err := Parse("n.yaml", []byte(strings.NewReplacer("a${file:oslo.key}", "a", "${file:/run/credentials/oslo/token}", "b", "${OSLO_LISTEN}", "h:1", "${OSLO_ADMIN}", "h:2",
		"${OSLO_PEER}", "h:3", "${OSLO_API}", "api").Replace(ofTwo)), lookup("ROME_TOKEN", "KEY", "OSLO_PASSWORD", "OSLO_VIEW", "OSLO_CERT", "OSLO_REDIS")); err != nil {
		t.Errorf("with all set: %v", err)
	} else if len(whole.Sites) != len(n.Sites) {
		t.Errorf("%d sites", len(whole.Sites))
	}
}

// What is needed here has to be known, wherever it stands.
func TestSecretsThatAreNeeded(t *testing.T) {
	for name, x := range map[string]struct {
		text string
		set  []string
		want string
	}{
		"its own":             {ofTwo, []string{"KEY"}, "ROME_TOKEN is not set"},
		"that of all":         {ofTwo, []string{"ROME_TOKEN"}, "KEY is not set"},
		"how it is reached":   {strings.Replace(ofTwo, "http://oslo:8101", `"${OSLO_URL}"`, 1), []string{"ROME_TOKEN", "KEY"}, "OSLO_URL is not set"},
		"when it works":       {strings.Replace(ofTwo, "    store:", "    timezone: ${ZONE}\n    store:", 1), []string{"ROME_TOKEN", "KEY"}, "ZONE is not set"},
		"by an alias":         {strings.NewReplacer("credentials: {basic", "credentials: &c {basic", `credentials: {bearer: "${ROME_TOKEN}"}`, "credentials: *c").Replace(ofTwo), []string{"KEY"}, "OSLO_PASSWORD is not set"},
		"written badly":       {strings.Replace(ofTwo, "${OSLO_REDIS}", "${9}", 1), []string{"ROME_TOKEN", "KEY"}, "is not the name of a variable"},
		"and an unknown site": {strings.Replace(ofTwo, "  rome:", "  roma:", 1), []string{"KEY"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse("n.yaml", []byte(x.text), lookup(x.set...), "rome")
			switch {
			case x.want == "" && err != nil:
				t.Error(err)
			case x.want != "" && (err == nil || !strings.Contains(err.Error(), x.want)):
				t.Errorf("want %q: %v", x.want, err)
			}
		})
	}
}

// A key that is not known is one fault, not one for each site that has none then.
func TestUnknownPeerKey(t *testing.T) {
	for _, key := range []string{"${KEY}", "[\"${KEY}\"]"} {
		text := strings.Replace(ofTwo, `"${KEY}"`, key, 1)
		if key == "${KEY}" {
			text = ofTwo
		}
		_, err := Parse("n.yaml", []byte(text), lookup("ROME_TOKEN"), "rome")
		faults, _ := errors.AsType[Faults](err)
		if len(faults) != 1 || !faults[0].Unknown {
			t.Errorf("%s: %v", key, err)
		}
	}
}

// Who only looks needs no secrets; what is not known is listed.
func TestLenient(t *testing.T) {
	text := strings.NewReplacer("${OSLO_LISTEN}", "h:1", "${OSLO_ADMIN}", "h:2", "${OSLO_PEER}", "h:3", "${OSLO_API}", "api").Replace(ofTwo)
	n, unknown, err := Lenient("n.yaml", []byte(text), lookup("KEY"))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"OSLO_PASSWORD", "file:oslo.key", "file:/run/credentials/oslo/token", "OSLO_VIEW", "OSLO_CERT", "OSLO_REDIS", "ROME_TOKEN"}
	if !slices.Equal(unknown, want) {
		t.Errorf("unknown %q, want %q", unknown, want)
	}
	if got := n.Sites["oslo"].Admin.Token.Reveal(); got != Unknown {
		t.Errorf("the token is %q", got)
	}
	for _, here := range []request.Site{"rome", "oslo"} {
		_, unknown, err := Lenient("n.yaml", []byte(text), lookup("KEY"), here)
		if rest := slices.DeleteFunc(unknown, func(s string) bool { return strings.Contains(strings.ToUpper(s), strings.ToUpper(string(here))) }); err != nil || len(rest) > 0 {
			t.Errorf("%s: %v, %q", here, err, rest)
		}
	}
}
