package configs

import (
	"strings"
	"testing"
)

// What is left open is pointed at where it is opened, and a key in the wrong place says where it belongs.
func TestFaultsPointAtTheCause(t *testing.T) {
	t.Parallel()
	good := "network: n\n" + "profiles: {p: {preset: rest, collections: {tickets: {path: /tickets}}}}\n" +
		"sites:\n  a: {profile: p, upstream: http://127.0.0.1:9001, listen: 127.0.0.1:8001, peer: {listen: 127.0.0.1:8101, url: http://127.0.0.1:8101}, admin: {listen: 127.0.0.1:8201}}\n"
	for name, c := range map[string]struct{ text, want string }{
		"brace":         {good + "routes:\n  - name: r\n    on: [create]\n    copy: {to: all\n  - name: s\n", `f:8:11: this is not YAML: this { is not closed`},
		"bracket":       {good + "routes:\n  - name: r\n    on: [create\n    copy: {to: all}\n", `f:7:9: this is not YAML: this [ is not closed`},
		"quote":         {good + "routes:\n  - name: r\n    on: [create]\n    when: \"a == \"b\"\"\n    copy: {to: all}\n", `f:8:17: this is not YAML: this " is not closed, or something follows behind the end (within quotes, write quotes of the other kind)`},
		"variable":      {strings.Replace(good, "admin: {listen: 127.0.0.1:8201}", "admin: {listen: 127.0.0.1:8201, token: ${TOKEN}}", 1), "the } of a variable ends them (quote it"},
		"store":         {good + "store: file:x\n", `f:5:1: unknown key "store" in the network file (store belongs under sites.NAME)`},
		"lag_limit":     {good + "lag_limit: 5s\n", `(lag_limit belongs under defaults)`},
		"peer_key":      {good + "peer_key: x\n", `(peer_key belongs under security)`},
		"no such thing": {good + "frobnicate: x\n", `(known are `},
		"unset token":   {strings.Replace(good, "admin: {listen: 127.0.0.1:8201}", "admin: {listen: 0.0.0.0:8201, token: \"${NOT_SET}\"}", 1), "NOT_SET is not set"},
	} {
		_, err := Parse("f", []byte(c.text), func(string) (string, bool) { return "", false })
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v\nwant %s", name, err, c.want)
		}
		if name == "unset token" && strings.Contains(err.Error(), "needs a token") {
			t.Errorf("it is said twice: %v", err)
		}
	}
}
