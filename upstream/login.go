package upstream

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/meridian-gateway/meridian/profile"
	"github.com/meridian-gateway/meridian/request"
)

// Login is how a token is had for the gateway's own calls. It does not change, any number of clients may use it, and it never
// shows what is in it when printed, in whatever way.
type Login struct {
	spec profile.LoginSpec
	// headers are on the call itself.
	headers http.Header
}

// NewLogin checks how a login is described, user and password included, and fills in what is usual: POST, any 2xx for success,
// 401 for a token that is no longer good, and Authorization: Bearer {token} or, for a token from a cookie, that cookie. headers
// are on the login call as on all others. With problems, whose paths begin at the login, the Login is nil.
func NewLogin(s profile.LoginSpec, headers http.Header) (*Login, []profile.Problem) {
	c := &checker{spec: s}
	c.call()
	c.body()
	c.token()
	c.send()
	c.placeholders()
	if len(c.problems) > 0 {
		return nil, c.problems
	}
	return &Login{spec: c.spec, headers: headers.Clone()}, nil
}

// String tells that there is a login, not which.
func (l Login) String() string { return "[login credentials]" }

// Format prints String under every verb.
func (l Login) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(l.String())) }

// MarshalText is String.
func (l Login) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// value is what a placeholder stands for. Each name is known: NewLogin has looked.
func (l *Login) value(name string) string {
	switch name {
	case "username":
		return l.spec.Username
	case "password":
		return l.spec.Password
	}
	return l.spec.Values[name]
}

// call is the login as it goes out. The target may be a whole address.
func (l *Login) call() (request.Call, error) {
	out := request.Call{Method: l.spec.Method, Target: fillTarget(l.spec.Path, l.value), Header: l.headers.Clone()}
	if out.Header == nil {
		out.Header = http.Header{}
	}
	if out.Header.Get("Accept") == "" {
		out.Header.Set("Accept", "application/json, text/plain, */*")
	}
	if l.spec.Basic {
		r := http.Request{Header: out.Header}
		r.SetBasicAuth(l.spec.Username, l.spec.Password)
	}
	switch {
	case l.spec.Form != nil:
		var pairs []string
		for _, name := range slices.Sorted(maps.Keys(l.spec.Form)) {
			pairs = append(pairs, formEscape(name)+"="+formEscape(fill(l.spec.Form[name], l.value)))
		}
		out.Body = []byte(strings.Join(pairs, "&"))
		out.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	case l.spec.JSON != nil:
		body, err := fillJSON(l.spec.JSON.JSON, l.value)
		if err != nil {
			return out, err
		}
		out.Body = body
		out.Header.Set("Content-Type", "application/json")
	}
	return out, nil
}

// carried are the headers that carry a token.
func (l *Login) carried(token string) map[string]string {
	out := make(map[string]string, len(l.spec.Send))
	for name, text := range l.spec.Send {
		out[name] = fill(text, func(name string) string {
			if name == "token" {
				return token
			}
			return l.value(name)
		})
	}
	return out
}

// succeeded reports whether a status is one of success.
func (l *Login) succeeded(status int) bool {
	if len(l.spec.Status) == 0 {
		return status >= 200 && status < 300
	}
	return slices.Contains(l.spec.Status, status)
}

// expired reports whether a status says that the token is no longer good.
func (l *Login) expired(status int) bool { return slices.Contains(l.spec.Expired, status) }

// where is the call in words: the path as it is written, without its query and what is put in.
func (l *Login) where() string {
	path, _, _ := strings.Cut(l.spec.Path, "?")
	return l.spec.Method + " " + path
}

// checker collects what is wrong with a login, and completes it.
type checker struct {
	spec     profile.LoginSpec
	problems []profile.Problem
}

func (c *checker) problem(message, hint string, path ...string) {
	c.problems = append(c.problems, profile.Problem{Path: path, Message: message, Hint: hint})
}

var method = regexp.MustCompile(`^[A-Z]+$`)

func (c *checker) call() {
	s := &c.spec
	if s.Method == "" {
		s.Method = http.MethodPost
	}
	if !method.MatchString(s.Method) {
		c.problem(fmt.Sprintf("%q is not a method", s.Method), "methods are in capitals, as in POST", "method")
	}
	u, err := url.Parse(placeholder.ReplaceAllString(s.Path, "x"))
	switch {
	case s.Path == "":
		c.problem("the login has no path", "as in path: /api/login", "path")
	case err != nil || strings.ContainsFunc(s.Path, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '#' }):
		c.problem("this is not a path", "as in /api/login", "path")
	case strings.HasPrefix(s.Path, "/"):
	case u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil:
		c.problem("the path of a login begins with /, or it is a whole URL of http or https", "as in /api/login", "path")
	case !strings.HasPrefix(s.Path, u.Scheme+"://"+u.Host):
		c.problem("the host of a login holds no names in braces", "", "path")
	}
	if s.Lifetime < 0 {
		c.problem("the lifetime is negative", "", "lifetime")
	}
	if len(s.Expired) == 0 {
		s.Expired = profile.Statuses{http.StatusUnauthorized}
	}
	for _, status := range s.Expired {
		if status < 300 {
			c.problem(fmt.Sprintf("%d is the status of a call that was done", status), "usually 401", "expired")
		}
	}
}

func (c *checker) body() {
	s := c.spec
	if s.Form != nil && s.JSON != nil {
		c.problem("form and json exclude each other", "", "json")
	}
	if s.JSON != nil && !json.Valid(s.JSON.JSON) {
		c.problem("this cannot be written as JSON", "", "json")
	}
	if s.Basic && (s.Username == "" || strings.Contains(s.Username, ":")) {
		c.problem("basic needs a username without a colon", `username: gateway, password: "${PASSWORD}"`, "username")
	}
	for _, name := range slices.Sorted(maps.Keys(s.Values)) {
		if name == "username" || name == "password" || name == "token" {
			c.problem(fmt.Sprintf("%s has a meaning of its own", name), "give it another name", "values")
		} else if !placeholder.MatchString("{" + name + "}") {
			c.problem("a name in values has letters, digits and _, and begins with no digit", "as in values: {realm: staff}", "values")
		}
	}
}

func (c *checker) token() {
	if c.spec.Token == nil {
		c.problem("it is not said where in the answer the token is", "token: {from: body, at: /access_token}, or from text, header or cookie", "token")
		return
	}
	t := *c.spec.Token
	c.spec.Token = &t
	if t.From == "" {
		t.From = "body"
		c.spec.Token.From = "body"
	}
	switch t.From {
	case "body":
		if t.At == "" {
			c.problem("it is not said where in the body the token is", "as in token: {from: body, at: /access_token}", "token")
		}
	case "text":
	case "header", "cookie":
		if t.Name == "" {
			c.problem("the "+t.From+" that holds the token has no name", "as in token: {from: "+t.From+", name: X-Token}", "token")
		}
	default:
		c.problem(fmt.Sprintf("token.from is body, text, header or cookie, not %q", t.From), "", "token", "from")
		return
	}
	if t.At != "" && t.From != "body" {
		c.problem("at belongs to a token from body", "", "token", "at")
	}
	if t.Name != "" && t.From != "header" && t.From != "cookie" {
		c.problem("name belongs to a token from header or cookie", "", "token", "name")
	}
}

func (c *checker) send() {
	if len(c.spec.Send) == 0 {
		c.spec.Send = map[string]string{"Authorization": "Bearer {token}"}
		if t := c.spec.Token; t != nil && t.From == "cookie" {
			c.spec.Send = map[string]string{"Cookie": t.Name + "={token}"}
		}
		return
	}
	carried := false
	for _, name := range slices.Sorted(maps.Keys(c.spec.Send)) {
		text := c.spec.Send[name]
		carried = carried || strings.Contains(text, "{token}")
		if !headerName.MatchString(name) {
			c.problem(fmt.Sprintf("%q is not the name of a header", name), "", "send")
		}
		filled := fill(text, (&Login{spec: c.spec}).value)
		if !inHeader(filled) {
			c.problem("the value of "+name+" has a line end or another control character", "", "send")
		}
	}
	if !carried {
		c.problem("no header of send carries the token", `as in send: {Authorization: "Bearer {token}"}`, "send")
	}
}

var headerName = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")

// placeholders finds names that stand for nothing, and a user that is not used.
func (c *checker) placeholders() {
	s := c.spec
	used, unknown := map[string]bool{}, false
	look := func(text string, token bool, path ...string) {
		fill(text, func(name string) string {
			used[name] = true
			_, given := s.Values[name]
			switch {
			case given, name == "token" && token:
			case name != "username" && name != "password":
				unknown = true
				c.problem(fmt.Sprintf("nothing is known that {%s} stands for", name),
					"known are {username}, {password}, the names under values and, in send, {token}", path...)
			case name == "username" && s.Username == "", name == "password" && s.Password == "":
				c.problem(fmt.Sprintf("the login needs a %s", name), `username: gateway, password: "${PASSWORD}"`, name)
			}
			return ""
		})
	}
	look(s.Path, false, "path")
	for _, name := range slices.Sorted(maps.Keys(s.Form)) {
		look(s.Form[name], false, "form", name)
	}
	if s.JSON != nil {
		_, _ = fillJSON(s.JSON.JSON, func(name string) string { look("{"+name+"}", false, "json"); return "" })
	}
	for _, name := range slices.Sorted(maps.Keys(s.Send)) {
		look(s.Send[name], true, "send", name)
	}
	for _, given := range []struct{ name, value string }{{"username", s.Username}, {"password", s.Password}} {
		if given.value != "" && !s.Basic && !used[given.name] && !unknown {
			c.problem("the "+given.name+" is not sent", `form: {username: "{username}", password: "{password}"}, or json, or basic: true`, given.name)
		}
	}
}

// margin is how long before the end of its lifetime a token is renewed.
func margin(lifetime time.Duration) time.Duration { return min(lifetime/10, 30*time.Second) }
