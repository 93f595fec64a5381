package gateway

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/meridian-gateway/meridian/profile"
	"github.com/meridian-gateway/meridian/request"
)

// overriding reports whether a header or a parameter of the query is one by which frameworks take a call for another method. Some read
// "_" in the name of a header as "-", and names of parameters in any case.
func overriding(name string) bool {
	if len(name) < len("_method") || len(name) > len("x-http-method-override") {
		return false
	}
	switch strings.ReplaceAll(strings.ToLower(name), "_", "-") {
	case "-method", "x-http-method-override", "x-http-method", "x-method-override":
		return true
	}
	return false
}

// overrides are the other methods that a call asks to be taken for, in one of the ways that frameworks know; none as a rule. Some
// clients always say which method they mean, and mean the one that they use.
func overrides(r *http.Request) []string {
	return slices.DeleteFunc(asks(r), func(m string) bool { return strings.EqualFold(strings.TrimSpace(m), r.Method) })
}

func asks(r *http.Request) (asked []string) {
	for name, values := range r.Header {
		if name[0] == 'X' && overriding(name) {
			asked = append(asked, values...)
		}
	}
	if !strings.ContainsAny(r.URL.RawQuery, "%mM") { // "_method", and it would have to be escaped to hide
		return asked
	}
	// Some take a semicolon for an ampersand.
	for pair := range strings.FieldsFuncSeq(r.URL.RawQuery, func(c rune) bool { return c == '&' || c == ';' }) {
		name, v, _ := strings.Cut(pair, "=")
		if u, err := url.QueryUnescape(name); err == nil {
			name = u
		}
		if !overriding(name) {
			continue
		}
		if u, err := url.QueryUnescape(v); err == nil {
			v = u
		}
		asked = append(asked, v)
	}
	return asked
}

// overridesInside reports whether a JSON object has a member by which frameworks take a POST for another method.
func overridesInside(body []byte) bool {
	if !bytes.Contains(body, []byte("method")) && !bytes.Contains(body, []byte(`\u`)) {
		return false
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(body, &members) != nil {
		return false // a list, or no JSON at all: checked elsewhere
	}
	_, asked := members["_method"]
	return asked
}

// overridden refuses a call that is a write of a described collection, or asks to be taken for one. The upstream might do what
// the override says, and the gateway would not know.
func (f *face) overridden(asked []string, match Matcher, path string, m profile.Match, ok bool) error {
	wrong := &request.Error{Op: "gateway", Kind: request.Invalid,
		Detail: "the call asks to be taken for another method (X-HTTP-Method-Override or _method); send it with the method that is meant"}
	if ok && isWrite(m.Verb) {
		return wrong
	}
	for _, method := range asked {
		method = strings.ToUpper(strings.TrimSpace(method))
		m, ok, err := match.Match(method, path)
		if err != nil || ok && isWrite(m.Verb) {
			return wrong
		}
		if b, knows := match.(below); knows && !ok {
			if _, _, changes := b.Below(method, path); changes {
				return wrong
			}
		}
	}
	return nil
}
