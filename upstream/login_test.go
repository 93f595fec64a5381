package upstream

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/meridian-gateway/meridian/profile"
	"github.com/meridian-gateway/meridian/request"
)

const password = "pw-hush"

// standard is a login by form whose token is in the body.
func standard(change ...func(*profile.LoginSpec)) profile.LoginSpec {
	s := profile.LoginSpec{Path: "/login", Form: map[string]string{"user": "{username}", "pass": "{password}"},
		Token: &profile.TokenSpec{From: "body", At: "/token"}, Username: "gateway", Password: password}
	for _, f := range change {
		f(&s)
	}
	return s
}

func login(t testing.TB, s profile.LoginSpec) *Login {
	t.Helper()
	l, problems := NewLogin(s, nil)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return l
}

// office is a request API behind a login. Its token n is tok-hush-n; only the newest that has not been revoked is good.
type office struct {
	logins, calls, done, refused atomic.Int32
	good                         atomic.Int32 // the number of the token that is good, 0: none
	enter                        func(w http.ResponseWriter, n int32) bool
	never                        atomic.Bool // no token is good
	forbidden                    string      // a path for which none is
	lenient                      bool        // the last token but one is good too
}

func (o *office) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	if r.URL.Path == "/login" {
		n := o.logins.Add(1)
		if o.enter != nil && o.enter(w, n) {
			return
		}
		o.good.Store(n)
		_, _ = fmt.Fprintf(w, `{"token": "tok-hush-%d"}`, n)
		return
	}
	o.calls.Add(1)
	n, good := int32(-1), o.good.Load()
	_, err := fmt.Sscanf(r.Header.Get("Authorization"), "Bearer tok-hush-%d", &n)
	if err != nil || n != good && !(o.lenient && n == good-1) || o.never.Load() || r.URL.Path == o.forbidden {
		o.refused.Add(1)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	o.done.Add(1)
	_, _ = w.Write([]byte("{}"))
}

// RoundTrip serves without a network, for fake time.
func (o *office) RoundTrip(r *http.Request) (*http.Response, error) {
	rec := httptest.NewRecorder()
	o.ServeHTTP(rec, r)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	return rec.Result(), nil
}

func (o *office) want(t *testing.T, logins, calls, done int32) {
	t.Helper()
	if o.logins.Load() != logins || o.calls.Load() != calls || o.done.Load() != done {
		t.Errorf("%d logins, %d calls, %d done; want %d, %d, %d", o.logins.Load(), o.calls.Load(), o.done.Load(), logins, calls, done)
	}
}

func at(t *testing.T, o *office, spec profile.LoginSpec, change ...func(*Options)) *Client {
	return client(t, "http://x", append([]func(*Options){func(op *Options) {
		op.Transport, op.Credentials.Login = o, login(t, spec)
	}}, change...)...)
}

func do(t *testing.T, u *Client) (int, error) {
	t.Helper()
	a, err := u.Do(t.Context(), post(`{}`), true)
	discreet(t, err)
	return a.Status, err
}

// discreet checks that an error gives nothing away, however it is printed.
func discreet(t *testing.T, err error) {
	t.Helper()
	for _, verb := range []string{"%v", "%+v", "%#v", "%q"} {
		if s := fmt.Sprintf(verb, err); strings.Contains(s, "hush") {
			t.Errorf("shown: %s", s)
		}
	}
}

func wantStatus(t *testing.T, u *Client, want int) {
	t.Helper()
	if status, err := do(t, u); err != nil || status != want {
		t.Errorf("%d %v, want %d", status, err, want)
	}
}

func TestLoginIsSent(t *testing.T) {
	var got string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/v1/session") {
			_, _ = fmt.Fprintf(w, "%s|%s|%s|%s", r.Header.Get("Authorization"), r.Header.Get("Cookie"), r.Header.Get("X-Token"), r.Header.Get("X-User"))
			return
		}
		body, _ := io.ReadAll(r.Body)
		got = fmt.Sprintf("%s %s %s %q auth=%q csrf=%q key=%q", r.Method, r.RequestURI, r.Header.Get("Content-Type"), body,
			r.Header.Get("Authorization"), r.Header.Get("X-Requested-By"), r.Header.Get("X-Api-Key"))
		w.Header().Set("X-Session", "in-header")
		w.Header().Add("Set-Cookie", "SID=gone; Max-Age=0")
		w.Header().Add("Set-Cookie", "SID=in-cookie; Path=/; HttpOnly")
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, `{"data":{"tokens":[{"value":"in body"}]},"number":12}`)
	}))
	t.Cleanup(s.Close)
	const odd = `p&w="+ {x} ü\`
	const quoted = `"p&w=\"+ {x} ü\\"`
	for name, k := range map[string]struct {
		spec       profile.LoginSpec
		sent, used string
	}{
		"form": {profile.LoginSpec{Form: map[string]string{"username": "{username}", "password": "{password}", "fixed": "{", "realm": "in {realm}"},
			Values: map[string]string{"realm": "{password}"}, Token: &profile.TokenSpec{At: "/data/tokens/0/value"}},
			`POST /v1/session application/x-www-form-urlencoded "fixed=%7B&password=p%26w%3D%22%2B%20%7Bx%7D%20%C3%BC%5C&realm=in%20%7Bpassword%7D&username=gateway" auth="" csrf="yes" key="k"`,
			"Bearer in body|||"},
		"json": {profile.LoginSpec{JSON: &profile.Template{JSON: []byte(`{"{username}":1.50,"auth":{"list":[{"user":"{username}"},"{password}",null,true]}}`)},
			Token: &profile.TokenSpec{From: "header", Name: "x-session"}, Send: map[string]string{"X-Token": "{token}", "X-User": "{username}"}},
			`POST /v1/session application/json ` + fmt.Sprintf("%q", `{"{username}":1.50,"auth":{"list":[{"user":"gateway"},`+quoted+`,null,true]}}`) + ` auth="" csrf="yes" key="k"`,
			"||in-header|gateway"},
		"basic": {profile.LoginSpec{Method: "GET", Basic: true, Token: &profile.TokenSpec{From: "cookie", Name: "SID"}},
			`GET /v1/session  "" auth="Basic Z2F0ZXdheTpwJnc9IisgeFwg" csrf="yes" key="k"`, "|SID=in-cookie||"},
		"basic with a form": {profile.LoginSpec{Basic: true, Form: map[string]string{"grant_type": "client_credentials"}, Token: &profile.TokenSpec{At: "number"}},
			`POST /v1/session application/x-www-form-urlencoded "grant_type=client_credentials" auth="Basic Z2F0ZXdheTpwJnc9IisgeFwg" csrf="yes" key="k"`, "Bearer 12|||"},
		"path": {profile.LoginSpec{Path: "/session/{username}?p={password}", Token: &profile.TokenSpec{From: "cookie", Name: "SID"}, Send: map[string]string{"Authorization": "AR-JWT {token}"}},
			`POST /v1/session/gateway?p=p%26w%3D%22%2B%20%7Bx%7D%20%C3%BC%5C  "" auth="" csrf="yes" key="k"`, "AR-JWT in-cookie|||"},
		"address": {profile.LoginSpec{Path: s.URL + "/v1/session/x", Form: map[string]string{"p": "{password}{username}"}, Token: &profile.TokenSpec{At: "number"}},
			`POST /v1/session/x application/x-www-form-urlencoded "p=p%26w%3D%22%2B%20%7Bx%7D%20%C3%BC%5Cgateway" auth="" csrf="yes" key="k"`, "Bearer 12|||"},
	} {
		t.Run(name, func(t *testing.T) {
			k.spec.Username, k.spec.Password = "gateway", odd
			if k.spec.Basic {
				k.spec.Password = `p&w="+ x\ `
			}
			if k.spec.Path == "" {
				k.spec.Path = "/session"
			}
			l, problems := NewLogin(k.spec, http.Header{"X-Requested-By": {"yes"}})
			if len(problems) > 0 {
				t.Fatal(problems)
			}
			u := client(t, s.URL+"/v1", func(o *Options) { o.Credentials = Credentials{Login: l, Headers: map[string]string{"X-Api-Key": "k"}} })
			a, err := u.Do(t.Context(), get("/tickets"), true)
			if err != nil || string(a.Body) != k.used {
				t.Errorf("%q %v, want %q", a.Body, err, k.used)
			}
			if diff := cmp.Diff(k.sent, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A login at another host gets none of the site's other credentials.
func TestLoginElsewhere(t *testing.T) {
	var key atomic.Value
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key.Store(r.RequestURI + " " + r.Header.Get("X-Api-Key"))
		_, _ = io.WriteString(w, ` "a.b-c_d" `)
	}))
	t.Cleanup(other.Close)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Header.Get("Authorization")+r.Header.Get("X-Api-Key"))
	}))
	t.Cleanup(s.Close)
	u := client(t, s.URL, func(o *Options) {
		o.Credentials = Credentials{Headers: map[string]string{"X-Api-Key": "k"}, Login: login(t, standard(func(s *profile.LoginSpec) {
			s.Path, s.Token = other.URL+"/realms/a/token?x=1", &profile.TokenSpec{From: "text"}
		}))}
	})
	a, err := u.Do(t.Context(), get("/"), true)
	if err != nil || string(a.Body) != "Bearer a.b-c_dk" || key.Load() != "/realms/a/token?x=1 " {
		t.Errorf("%s %v %v", a.Body, err, key.Load())
	}
}

// Fifty calls meet a token that has expired: one login, and each write is done once.
func TestExpiryStorm(t *testing.T) {
	o := &office{}
	s := httptest.NewServer(o)
	t.Cleanup(s.Close)
	u := client(t, s.URL, func(op *Options) {
		op.Credentials.Login, op.Timeout = login(t, standard()), time.Minute
		op.DialContext = (&net.Dialer{}).DialContext
	})
	storm(t, o, func() {
		for {
			status, err := do(t, u)
			if request.KindOf(err) == request.NotSent && err != nil {
				continue // on a slow machine waiting has an end; nothing was done
			}
			if err != nil || status != 200 {
				t.Errorf("%d %v", status, err)
			}
			return
		}
	})
}

// The same where time is not the machine's.
func TestExpiryStormInNoTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &office{enter: func(http.ResponseWriter, int32) bool { time.Sleep(time.Second); return false }}
		u := at(t, o, standard())
		storm(t, o, func() { wantStatus(t, u, 200) })
	})
}

func storm(t *testing.T, o *office, call func()) {
	const callers = 50
	for round := range int32(5) {
		var wg sync.WaitGroup
		for range callers {
			wg.Go(call)
		}
		wg.Wait()
		if o.logins.Load() != round+1 || o.done.Load() != callers*(round+1) {
			t.Fatalf("round %d: %d logins, %d done", round, o.logins.Load(), o.done.Load())
		}
		o.good.Store(-1) // all tokens are revoked
	}
	if o.refused.Load() > 4*callers {
		t.Errorf("%d calls were refused", o.refused.Load())
	}
}

// A second refusal is the answer, and logging in is not tried for each call.
func TestRefusedForGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &office{}
		u := at(t, o, standard())
		wantStatus(t, u, 200)
		o.never.Store(true)
		wantStatus(t, u, 401)
		o.want(t, 2, 3, 1)
		for range 100 {
			wantStatus(t, u, 401)
		}
		o.want(t, 2, 103, 1)
		for range 600 {
			time.Sleep(time.Second)
			wantStatus(t, u, 401)
		}
		if n := o.logins.Load(); n > 20 {
			t.Errorf("%d logins in ten minutes", n)
		}
		o.never.Store(false)
		time.Sleep(time.Minute)
		wantStatus(t, u, 200)
		before := o.logins.Load()
		o.good.Store(-1)
		wantStatus(t, u, 200) // all is as at the beginning
		if o.logins.Load() != before+1 {
			t.Error(o.logins.Load(), before)
		}
	})
}

// One path that is always refused does not keep the others from a new token for long, nor make logins without end.
func TestOneForbiddenPath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &office{forbidden: "/secret"}
		u := at(t, o, standard())
		refusedOthers := 0
		for i := range 600 {
			time.Sleep(time.Second)
			if a, err := u.Do(t.Context(), get("/secret"), true); err != nil || a.Status != 401 {
				t.Fatal(a.Status, err)
			}
			if i%100 == 50 {
				o.good.Store(-1)
			}
			if status, err := do(t, u); err != nil || status != 200 {
				refusedOthers++
			}
		}
		if n := o.logins.Load(); n > 60 || refusedOthers > 240 {
			t.Errorf("%d logins, %d other calls refused", n, refusedOthers)
		}
	})
}

func TestLifetime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var slow atomic.Bool
		o := &office{lenient: true, enter: func(http.ResponseWriter, int32) bool {
			if slow.Load() {
				time.Sleep(10 * time.Second)
			}
			return false
		}}
		u := at(t, o, standard(func(s *profile.LoginSpec) { s.Lifetime = 10 * time.Minute }), func(o *Options) { o.Timeout = time.Minute })
		start := time.Now()
		for time.Since(start) < time.Hour {
			wantStatus(t, u, 200)
			time.Sleep(5 * time.Second)
		}
		synctest.Wait()
		if n := o.logins.Load(); n != 7 || o.refused.Load() != 0 {
			t.Errorf("%d logins, %d refused", n, o.refused.Load())
		}
		// While a new one is had the old one serves.
		slow.Store(true)
		before := o.logins.Load()
		for o.logins.Load() == before {
			began := time.Now()
			wantStatus(t, u, 200)
			if time.Since(began) > 0 {
				t.Error("a call waited for a renewal")
			}
			time.Sleep(time.Second)
		}
		time.Sleep(time.Hour) // nobody calls: the token ends
		slow.Store(false)
		before = o.logins.Load()
		wantStatus(t, u, 200)
		if o.logins.Load() != before+1 || o.refused.Load() != 0 {
			t.Error("a token was used after its end")
		}
	})
}

// A renewal that fails is tried again while the old token still serves.
func TestRenewalFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var broken atomic.Bool
		o := &office{enter: func(w http.ResponseWriter, _ int32) bool {
			if broken.Load() {
				w.WriteHeader(http.StatusInternalServerError)
			}
			return broken.Load()
		}}
		u := at(t, o, standard(func(s *profile.LoginSpec) { s.Lifetime = 10 * time.Minute }))
		wantStatus(t, u, 200)
		broken.Store(true)
		time.Sleep(9*time.Minute + 35*time.Second)
		for range 20 {
			wantStatus(t, u, 200)
			time.Sleep(time.Second)
		}
		if len(u.Problems()) != 1 || !strings.Contains(u.Problems()[0], "500") {
			t.Error(u.Problems())
		}
		broken.Store(false)
		time.Sleep(6 * time.Second)
		wantStatus(t, u, 200)
		synctest.Wait()
		if len(u.Problems()) != 0 || o.refused.Load() != 0 {
			t.Error(u.Problems(), o.refused.Load())
		}
	})
}

// A wrong password does not lock the account, and says what it is.
func TestWrongPassword(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var wrong atomic.Bool
		wrong.Store(true)
		var times []time.Time
		o := &office{enter: func(w http.ResponseWriter, _ int32) bool {
			times = append(times, time.Now())
			if wrong.Load() {
				w.WriteHeader(http.StatusForbidden)
				_, _ = io.WriteString(w, "gateway/"+password+" is wrong")
			}
			return wrong.Load()
		}}
		u := at(t, o, standard())
		for range 600 {
			_, err := do(t, u)
			wantKind(t, err, request.NotSent)
			if !strings.Contains(err.Error(), "POST /login failed: it answered 403 Forbidden") {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		if len(times) > 14 || len(times) < 8 || o.calls.Load() > 0 {
			t.Errorf("%d attempts, %d calls", len(times), o.calls.Load())
		}
		for i := 1; i < len(times); i++ {
			if d := times[i].Sub(times[i-1]); d < 5*time.Second || d > 61*time.Second {
				t.Errorf("attempt %d came after %v", i, d)
			}
		}
		if p := u.Problems(); len(p) != 1 || !strings.Contains(p[0], "403") {
			t.Error(p)
		}
		wrong.Store(false)
		time.Sleep(time.Minute)
		wantStatus(t, u, 200)
		if len(u.Problems()) > 0 {
			t.Error(u.Problems())
		}
	})
}

// However a login goes wrong, nothing of the call is sent, and no text of the answer shows.
func TestBrokenLogins(t *testing.T) {
	for name, k := range map[string]struct {
		answer string
		token  profile.TokenSpec
		want   string
	}{
		"cut":              {"", profile.TokenSpec{At: "/t"}, "it was not answered"},
		"cut in the head":  {"HTTP/1.1 200 OK\r\nX-Token: hush", profile.TokenSpec{At: "/t"}, "it was not answered"},
		"cut in the body":  {"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"t\":\"tok-hush", profile.TokenSpec{At: "/t"}, "it was not answered"},
		"no HTTP":          {"token=hush\r\n\r\n", profile.TokenSpec{At: "/t"}, "it was not answered"},
		"another place":    {answered("200 OK", "", `{"u":"tok-hush"}`), profile.TokenSpec{At: "/t"}, "it answered 200, but its answer has nothing at /t"},
		"an object":        {answered("200 OK", "", `{"t":{"u":"tok-hush"}}`), profile.TokenSpec{At: "/t"}, "what its answer has at /t is not a text"},
		"null":             {answered("200 OK", "", `{"t":null,"u":"hush"}`), profile.TokenSpec{At: "/t"}, "is not a text"},
		"empty":            {answered("200 OK", "", `{"t":""}`), profile.TokenSpec{At: "/t"}, "is empty"},
		"a line end":       {answered("200 OK", "", `{"t":"hush\r\nX: y"}`), profile.TokenSpec{At: "/t"}, "cannot be the value of a header"},
		"no JSON":          {answered("200 OK", "", `tok-hush`), profile.TokenSpec{At: "/t"}, "its answer is not JSON"},
		"a page":           {answered("200 OK", "", "<html>hush</html>"), profile.TokenSpec{From: "text"}, "the body of its answer is not a token"},
		"words":            {answered("200 OK", "", "your token hush"), profile.TokenSpec{From: "text"}, "the body of its answer is not a token"},
		"no header":        {answered("200 OK", "X-Other: hush\r\n", ""), profile.TokenSpec{From: "header", Name: "X-T"}, "its answer has no header X-T"},
		"no cookie":        {answered("200 OK", "Set-Cookie: u=hush\r\nSet-Cookie: t=hush; Max-Age=0\r\n", ""), profile.TokenSpec{From: "cookie", Name: "t"}, "its answer sets no cookie t"},
		"a redirect":       {answered("302 Found", "Location: /hush\r\n", ""), profile.TokenSpec{At: "/t"}, "it answered 302 Found"},
		"a failure":        {answered("500 Oh", "", "hush"), profile.TokenSpec{At: "/t"}, "it answered 500 Internal Server Error"},
		"too many":         {answered("429 Many", "", "hush"), profile.TokenSpec{At: "/t"}, "it answered 429 Too Many Requests"},
		"wrong":            {answered("400 hush", "", "hush"), profile.TokenSpec{At: "/t"}, "it answered 400 Bad Request"},
		"an endless token": {answered("200 OK", "", strings.Repeat("hush", 30000)), profile.TokenSpec{From: "text"}, "cannot be the value of a header"},
	} {
		t.Run(name, func(t *testing.T) {
			var others atomic.Int32
			base, _ := server(t, func(c net.Conn, r *http.Request, _ int) {
				if r.URL.Path != "/login" {
					others.Add(1)
				}
				say(c, k.answer)
				_ = c.Close()
			})
			u := client(t, base, func(o *Options) {
				o.Credentials.Login = login(t, standard(func(s *profile.LoginSpec) {
					s.Token = &k.token
					s.Path += "?key=hush"
				}))
			})
			for _, again := range []bool{false, true} {
				_, err := do(t, u)
				wantKind(t, err, request.NotSent)
				if !strings.Contains(err.Error(), "POST /login failed: ") || !strings.Contains(err.Error(), k.want) || again != strings.Contains(err.Error(), "no login is tried before") && name != "too many" {
					t.Error(err)
				}
			}
			if others.Load() > 0 {
				t.Error("the call was sent")
			}
			for _, p := range u.Problems() {
				if strings.Contains(p, "hush") {
					t.Error(p)
				}
			}
		})
	}
}

func answered(status, headers, body string) string {
	return fmt.Sprintf("HTTP/1.1 %s\r\n%sContent-Length: %d\r\n\r\n%s", status, headers, len(body), body)
}

func TestLoginUnreachable(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	u := client(t, "http://"+l.Addr().String(), func(o *Options) { o.Credentials.Login = login(t, standard()) })
	_, err = do(t, u)
	wantKind(t, err, request.NotSent)
	if !strings.Contains(err.Error(), "the API cannot be reached: dial tcp") {
		t.Error(err)
	}
}

// A certificate that is not trusted is said to be the cause.
func TestLoginWithoutTrust(t *testing.T) {
	s := httptest.NewUnstartedServer(&office{})
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	u := client(t, s.URL, func(o *Options) { o.Credentials.Login = login(t, standard()) })
	_, err := do(t, u)
	wantKind(t, err, request.NotSent)
	if !strings.Contains(err.Error(), "certificate") {
		t.Error(err)
	}
	u.Close()
	_, err = do(t, u)
	wantKind(t, err, request.NotSent)
}

// The login goes on when the call that began it does not wait for it any more.
func TestWaitingForTheLogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		o := &office{enter: func(http.ResponseWriter, int32) bool { <-release; return false }}
		u := at(t, o, standard(), func(o *Options) { o.Timeout = time.Minute })
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			_, err := u.Do(ctx, post("{}"), true)
			wantKind(t, err, request.ClientGone)
		})
		synctest.Wait()
		cancel()
		wg.Wait()
		began := time.Now()
		_, err := do(t, u)
		wantKind(t, err, request.NotSent)
		if waited := time.Since(began); waited != patience {
			t.Errorf("waited %v", waited)
		}
		wantStatusOf(t, u, false, 401) // a client's own call does not wait, and is not the login's business
		close(release)
		synctest.Wait()
		wantStatus(t, u, 200)
		o.want(t, 1, 2, 1)
	})
}

func wantStatusOf(t *testing.T, u *Client, own bool, want int) {
	t.Helper()
	if a, err := u.Do(t.Context(), post("{}"), own); err != nil || a.Status != want {
		t.Errorf("%d %v, want %d", a.Status, err, want)
	}
}

func TestCloseEndsTheLogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := client(t, "http://x", func(o *Options) {
			o.Timeout, o.Credentials.Login = time.Hour, login(t, standard())
			o.Transport = roundTripper(func(r *http.Request) (*http.Response, error) { <-r.Context().Done(); return nil, r.Context().Err() })
		})
		var wg sync.WaitGroup
		wg.Go(func() {
			_, err := u.Do(t.Context(), post("{}"), true)
			wantKind(t, err, request.NotSent)
		})
		synctest.Wait()
		began := time.Now()
		u.Close()
		wg.Wait()
		if time.Since(began) > 0 {
			t.Error("closing waited")
		}
	})
}

// When there is no new token for a call that was refused, it was certainly not done.
func TestNoNewToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &office{enter: func(w http.ResponseWriter, n int32) bool {
			if n > 1 {
				w.WriteHeader(http.StatusForbidden)
			}
			return n > 1
		}}
		u := at(t, o, standard())
		wantStatus(t, u, 200)
		o.good.Store(-1)
		_, err := do(t, u)
		wantKind(t, err, request.NotSent)
		if !strings.Contains(err.Error(), "the token was refused (status 401), nothing was done, and there is no other") || !strings.Contains(err.Error(), "403") {
			t.Error(err)
		}
		o.want(t, 2, 2, 1)
	})
}

func TestLoginProblems(t *testing.T) {
	for name, k := range map[string]struct {
		change func(*profile.LoginSpec)
		want   string
	}{
		"path":     {func(s *profile.LoginSpec) { s.Path = "" }, "path: the login has no path"},
		"relative": {func(s *profile.LoginSpec) { s.Path = "login" }, "path: the path of a login begins with /, or it is a whole URL of http or https"},
		"scheme":   {func(s *profile.LoginSpec) { s.Path = "ftp://x/login" }, "path: the path of a login begins with /, or it is a whole URL of http or https"},
		"user":     {func(s *profile.LoginSpec) { s.Path = "http://a:b@x/login" }, "path: the path of a login begins with /, or it is a whole URL of http or https"},
		"host":     {func(s *profile.LoginSpec) { s.Path = "http://{username}.x/login" }, "path: the host of a login holds no names in braces"},
		"blank":    {func(s *profile.LoginSpec) { s.Path = "/log in" }, "path: this is not a path"},
		"method":   {func(s *profile.LoginSpec) { s.Method = "post" }, `method: "post" is not a method`},
		"both":     {func(s *profile.LoginSpec) { s.JSON = &profile.Template{JSON: []byte(`{}`)} }, "json: form and json exclude each other"},
		"unknown":  {func(s *profile.LoginSpec) { s.Form["x"] = "{usr}" }, "form/x: nothing is known that {usr} stands for"},
		"unknown json": {func(s *profile.LoginSpec) {
			s.Form, s.JSON = nil, &profile.Template{JSON: []byte(`{"a":["{username}{password}",{"b":"{token}"}]}`)}
		}, "json: nothing is known that {token} stands for"},
		"unknown send": {func(s *profile.LoginSpec) { s.Send = map[string]string{"X": "{tokn}"} }, "send: no header of send carries the token; send/X: nothing is known that {tokn} stands for"},
		"bad send":     {func(s *profile.LoginSpec) { s.Send = map[string]string{"X Y": "{token}\n"} }, `send: "X Y" is not the name of a header; send: the value of X Y has a line end or another control character`},
		"no user":      {func(s *profile.LoginSpec) { s.Username = "" }, "username: the login needs a username"},
		"no password":  {func(s *profile.LoginSpec) { s.Password = "" }, "password: the login needs a password"},
		"unused":       {func(s *profile.LoginSpec) { s.Form = nil }, "username: the username is not sent; password: the password is not sent"},
		"colon":        {func(s *profile.LoginSpec) { s.Basic, s.Username = true, "a:b" }, "username: basic needs a username without a colon"},
		"no token":     {func(s *profile.LoginSpec) { s.Token = nil }, "token: it is not said where in the answer the token is"},
		"nowhere":      {func(s *profile.LoginSpec) { s.Token = &profile.TokenSpec{} }, "token: it is not said where in the body the token is"},
		"no name":      {func(s *profile.LoginSpec) { s.Token = &profile.TokenSpec{From: "cookie", At: "/x"} }, "token: the cookie that holds the token has no name; token/at: at belongs to a token from body"},
		"from":         {func(s *profile.LoginSpec) { s.Token = &profile.TokenSpec{From: "boddy"} }, `token/from: token.from is body, text, header or cookie, not "boddy"`},
		"name":         {func(s *profile.LoginSpec) { s.Token = &profile.TokenSpec{From: "text", Name: "x"} }, "token/name: name belongs to a token from header or cookie"},
		"lifetime":     {func(s *profile.LoginSpec) { s.Lifetime = -1 }, "lifetime: the lifetime is negative"},
		"expired":      {func(s *profile.LoginSpec) { s.Expired = profile.Statuses{200} }, "expired: 200 is the status of a call that was done"},
		"values":       {func(s *profile.LoginSpec) { s.Values = map[string]string{"token": "x", "a b": "y"} }, "values: a name in values has letters, digits and _, and begins with no digit; values: token has a meaning of its own"},
	} {
		_, problems := NewLogin(standard(k.change), nil)
		var got []string
		for _, p := range problems {
			got = append(got, strings.Join(p.Path, "/")+": "+p.Message)
		}
		if s := strings.Join(got, "; "); s != k.want {
			t.Errorf("%s: %s\nwant %s", name, s, k.want)
		}
	}
}

func TestLoginDoesNotShow(t *testing.T) {
	l := login(t, standard())
	c := Credentials{Login: l}
	if c.String() != "[login credentials]" {
		t.Error(c.String())
	}
	j, err := json.Marshal([]any{l, *l, c, Options{Credentials: c}.Credentials})
	if err != nil || strings.Contains(string(j), "hush") {
		t.Error(string(j), err)
	}
	u := client(t, "http://x", func(o *Options) { o.Credentials, o.Transport = c, &office{} })
	wantStatus(t, u, 200)
	for _, v := range []any{l, *l, c, &c, Options{Credentials: c}, u, []*Client{u}, struct{ C *Client }{u}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
			s := strings.ToLower(fmt.Sprintf(verb, v))
			if strings.Contains(s, "hush") || strings.Contains(s, fmt.Sprintf("%x", "hush")) {
				t.Errorf("%T %s: %s", v, verb, s)
			}
		}
	}
}

// Whatever an API answers to a login, there is a token that a header can carry, or an error that shows nothing of it.
func FuzzToken(f *testing.F) {
	for _, body := range []string{`{"t":"hush"}`, `"hush"`, "hush", `{"t":[{"u":1}]}`, "{", "\ufeffhush\n", `{"t":"a\nb"}`} {
		f.Add([]byte(body), "/t", "text")
		f.Add([]byte(body), "t/0/u", "body")
	}
	f.Fuzz(func(t *testing.T, body []byte, pointer, from string) {
		a := request.Answer{Status: 200, Body: body, Header: http.Header{"X": {string(body)}, "Set-Cookie": {string(body)}}}
		token, err := tokenIn(profile.TokenSpec{From: from, At: pointer, Name: "X"}, a)
		if err == nil && (token == "" || !inHeader(token)) {
			t.Errorf("%q", token)
		}
		if err != nil && !strings.Contains(pointer, "hush") && strings.Contains(err.Error(), "hush") {
			t.Error(err)
		}
	})
}
