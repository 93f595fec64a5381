package upstream

import (
	"bytes"
	"errors"
	"io"
	"net/url"
	"regexp"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// placeholder is a name in braces. Other braces stand for themselves.
var placeholder = regexp.MustCompile(`\{([A-Za-z_][A-Za-z0-9_]*)\}`)

// fill puts values in the place of names; what is put in is not looked at again.
func fill(text string, value func(name string) string) string {
	return placeholder.ReplaceAllStringFunc(text, func(m string) string { return value(m[1 : len(m)-1]) })
}

// fillJSON does it with all texts in a JSON value that are not names of members.
func fillJSON(text []byte, value func(name string) string) ([]byte, error) {
	var out bytes.Buffer
	dec, enc := jsontext.NewDecoder(bytes.NewReader(text)), jsontext.NewEncoder(&out)
	for {
		in, n := dec.StackIndex(dec.StackDepth())
		name := in == '{' && n%2 == 0
		tok, err := dec.ReadToken()
		if errors.Is(err, io.EOF) {
			return bytes.TrimSpace(out.Bytes()), nil
		}
		if err == nil && tok.Kind() == '"' && !name {
			tok = jsontext.String(fill(tok.String(), value))
		}
		if err == nil {
			err = enc.WriteToken(tok)
		}
		if err != nil {
			return nil, err
		}
	}
}

// fillTarget does it with a path and its query, where what is put in must not become more than a part of it.
func fillTarget(target string, value func(name string) string) string {
	path, query, has := strings.Cut(target, "?")
	path = fill(path, func(name string) string { return url.PathEscape(value(name)) })
	if !has {
		return path
	}
	return path + "?" + fill(query, func(name string) string { return formEscape(value(name)) })
}

// formEscape writes a blank as %20, which every server takes.
func formEscape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// inHeader reports whether a text can be the value of a header.
func inHeader(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f })
}
