package upstream

import (
	"fmt"
	"net/http"
)

// Credentials are those of the gateway's own calls: one of Basic, Bearer and Login, and headers besides. They never show when
// printed, in whatever way.
type Credentials struct {
	Basic   *Basic
	Bearer  string
	Headers map[string]string
	Login   *Login
}

// Basic is a name with its password.
type Basic struct {
	Username, Password string
}

// set puts the credentials into headers, in place of any that are there.
func (c Credentials) set(h http.Header) {
	switch {
	case c.Basic != nil:
		r := http.Request{Header: h}
		r.SetBasicAuth(c.Basic.Username, c.Basic.Password)
	case c.Bearer != "":
		h.Set("Authorization", "Bearer "+c.Bearer)
	}
	for name, value := range c.Headers {
		h.Set(name, value)
	}
}

// String tells of which kind the credentials are, not what they are.
func (c Credentials) String() string {
	switch {
	case c.Basic != nil:
		return "[basic credentials]"
	case c.Bearer != "":
		return "[bearer token]"
	case c.Login != nil:
		return c.Login.String()
	case len(c.Headers) > 0:
		return "[header credentials]"
	}
	return "[no credentials]"
}

// Format prints String under every verb.
func (c Credentials) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(c.String())) }

// MarshalText is String.
func (c Credentials) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// String tells that there is a password, not which.
func (b Basic) String() string { return "[basic credentials]" }

// Format prints String under every verb.
func (b Basic) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(b.String())) }

// MarshalText is String.
func (b Basic) MarshalText() ([]byte, error) { return []byte(b.String()), nil }
