package cli

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// desk is a request API with two records that wants a token and a user, and shows what it was sent to everybody it refuses.
func desk(t *testing.T) *httptest.Server {
	t.Helper()
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		switch {
		case user != "gateway" || password != "open sesame" || r.Header.Get("X-Key") != "k-1234567":
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, "not you: "+user+" "+password+" "+r.Header.Get("X-Key")+" "+r.Header.Get("Authorization"))
		case r.URL.Path == "/tickets":
			_, _ = io.WriteString(w, `[{"id":1,"title":"a chair"},{"id":2,"title":"a table"}]`)
		case r.URL.Path == "/tickets/1":
			_, _ = io.WriteString(w, `{"id":1,"title":"a chair"}`)
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	t.Cleanup(web.Close)
	return web
}

// runLine runs a command line.
func runLine(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = Run(t.Context(), args, strings.NewReader(""), &stdout, &stderr)
	return code, stdout.String(), stderr.String()
}

// Credentials are taken from the environment, and are never shown.
func TestProfileLearnSecrets(t *testing.T) {
	web := desk(t)
	args := []string{"profile", "learn", "--upstream", web.URL, "--path", "/tickets", "--basic", "gateway:DESK_PASSWORD", "--header", "X-Key: ${DESK_KEY}"}
	t.Setenv("DESK_PASSWORD", "open sesame")
	t.Setenv("DESK_KEY", "k-1234567")
	code, out, errs := runLine(t, args...)
	if code != Done || !strings.Contains(out, "path: /tickets") || !strings.Contains(out, "alive: {path: /tickets}") {
		t.Errorf("%d\n%s\n%s", code, out, errs)
	}
	wantHidden(t, out+errs, "sesame", "k-1234567")
	code, out, errs = runLine(t, append(args, "-o", "json")...)
	var v struct {
		YAML, Ended string
		Left        []string
	}
	if err := json.Unmarshal([]byte(out), &v); err != nil || code != Done || !strings.Contains(v.YAML, "profiles:") || v.Left == nil {
		t.Errorf("%d %v\n%s\n%s", code, err, out, errs)
	}
	t.Setenv("DESK_PASSWORD", "another secret")
	code, out, errs = runLine(t, args...)
	if code != Failed || !strings.Contains(errs, "wants other credentials") || !strings.Contains(errs, "[secret]") {
		t.Errorf("%d\n%s\n%s", code, out, errs)
	}
	wantHidden(t, out+errs, "another secret", "k-1234567", "Z2F0ZXdheTphbm90aGVyIHNlY3JldA")
}

func wantHidden(t *testing.T, said string, secrets ...string) {
	t.Helper()
	for _, s := range secrets {
		if strings.Contains(said, s) {
			t.Errorf("it shows %q:\n%s", s, said)
		}
	}
}

// Wrong use is refused with what to say.
func TestProfileLearnMisuse(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		args, want string
	}{
		{"profile", "profile learn [SITE]: Propose"},
		{"profile learn", "say where the list of records is"},
		{"profile learn --path /t", "say which API"},
		{"profile learn chicago --path /t", "say which API"},
		{"profile learn chicago --path /t --upstream http://h", "not both"},
		{"profile learn --path /t --upstream ftp://h", "want http(s)://HOST"},
		{"profile learn --path /t --upstream http://u:hidden@h", "without a user"},
		{"profile learn --path /t --upstream http://h --basic gateway:NOT_SET_ANYWHERE", "there is none of that name"},
		{"profile learn --path /t --upstream http://h --basic gateway", "want NAME:VARIABLE"},
		{"profile learn --path /t --upstream http://h --header X-Key", "want 'NAME: VALUE'"},
		{"profile learn --path /t --upstream http://h --header X-Key:${NOT_SET_ANYWHERE}", "NOT_SET_ANYWHERE is not set"},
		{"profile learn --path /t --upstream http://h --set status", "want MEMBER=VALUE"},
		{"profile learn --path t --upstream http://h", "begins with /"},
		{"profile learn a b", "one argument too many"},
	} {
		code, out, errs := runLine(t, strings.Fields(x.args)...)
		if code != Misused || !strings.Contains(errs+out, x.want) || strings.Contains(errs, "hidden") {
			t.Errorf("%s ends with %d and says %s%s", x.args, code, out, errs)
		}
	}
}

// An API that is not there ends with the code for that.
func TestProfileLearnUnreachable(t *testing.T) {
	t.Parallel()
	web := desk(t)
	web.Close()
	if code, _, errs := runLine(t, "profile", "learn", "--upstream", web.URL, "--path", "/tickets"); code != Unreachable || !strings.Contains(errs, "does not answer GET /tickets") {
		t.Errorf("%d %s", code, errs)
	}
}

// A secret is hidden wherever it stands, the longest first.
func TestSecrets(t *testing.T) {
	t.Parallel()
	s := &secrets{}
	for _, v := range []string{"Bearer abcdef", "Basic Z2F0ZXdheTpvcGVuIHNlc2FtZQ==", "JSESSIONID=node0123; Path=/", "abcdefgh"} {
		s.learn(v)
	}
	for _, x := range [][2]string{
		{"token abcdef!", "token [secret]!"}, {"abcdefgh", "[secret]"}, {"gateway:open sesame", "gateway:[secret]"},
		{"Z2F0ZXdheTpvcGVuIHNlc2FtZQ==", "[secret]"}, {"node0123", "[secret]"}, {"a Bearer of news", "a Bearer of news"},
	} {
		if got := s.hide(x[0]); got != x[1] {
			t.Errorf("%q becomes %q, not %q", x[0], got, x[1])
		}
	}
}
