package profile

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strconv"

	"github.com/meridian-gateway/meridian/request"
)

// Bytes are the bytes of a file in the body of the answer to ContentCall, read as they come: the body or, where the profile says so,
// what is in it as base64 within JSON. Reading fails with an error of Kind Doubtful where the body does not hold them.
func (c *Collection) Bytes(body io.Reader) io.Reader {
	if !c.content.inline {
		return body
	}
	places := []pointer{c.content.at}
	if c.envelope.answer != nil {
		places = append(places, slices.Concat(c.envelope.answer, c.content.at))
	}
	return &inline{in: bufio.NewReader(body), places: places}
}

// inline reads what a text within JSON holds as base64, without keeping either.
type inline struct {
	in     *bufio.Reader
	places []pointer
	path   pointer // where in the JSON text it is
	out    io.Reader
}

const (
	longestKey = 64 << 10
	deepest    = 200
)

var errJSON = errors.New("the JSON text is broken")

// Read gives the decoded bytes.
func (r *inline) Read(b []byte) (int, error) {
	if r.out == nil {
		found, err := r.value()
		switch {
		case errors.Is(err, io.EOF):
			err = io.ErrUnexpectedEOF
			fallthrough
		case err != nil:
			return 0, &request.Error{Op: "profile.Bytes", Kind: request.Doubtful, Err: err}
		case !found:
			return 0, &request.Error{Op: "profile.Bytes", Kind: request.Doubtful,
				Detail: "the answer does not hold the bytes of the file at " + oneAfterAnother(r.places)}
		case r.out == nil:
			r.out = base64.NewDecoder(base64.StdEncoding, &quoted{r.in})
		}
	}
	return r.out.Read(b)
}

// here reports whether the bytes are where r is.
func (r *inline) here() bool {
	return slices.ContainsFunc(r.places, func(p pointer) bool { return slices.Equal(p, r.path) })
}

// value goes on through one value; found says that it has come into the text with the bytes, or that there are none.
func (r *inline) value() (found bool, err error) {
	c, err := r.next()
	switch {
	case err != nil || len(r.path) > deepest:
		return false, errors.Join(err, errJSON)
	case c == '{' || c == '[':
		return r.members(c)
	case c == '"' && r.here():
		return true, nil
	case c == '"':
		return false, r.skipText()
	}
	word := []byte{c}
	for {
		c, err := r.in.ReadByte()
		if err != nil {
			return false, err
		}
		if c == ',' || c == '}' || c == ']' || c <= ' ' {
			break
		}
		if word = append(word, c); len(word) > longestKey {
			return false, errJSON
		}
	}
	if isNull(word) && r.here() {
		r.out = eof{}
		return true, nil
	}
	return false, r.in.UnreadByte()
}

// members goes on through an object or a list.
func (r *inline) members(open byte) (found bool, err error) {
	for n := 0; ; n++ {
		c, err := r.next()
		if err != nil {
			return false, err
		}
		switch {
		case c == '}' && open == '{' || c == ']' && open == '[':
			return false, nil
		case n > 0 && c == ',':
			if c, err = r.next(); err != nil {
				return false, err
			}
		case n > 0:
			return false, errJSON
		}
		key := strconv.Itoa(n)
		if open == '[' {
			err = r.in.UnreadByte()
		} else if key, err = r.key(c); err == nil {
			c, err = r.next()
			if err == nil && c != ':' {
				err = errJSON
			}
		}
		if err != nil {
			return false, err
		}
		r.path = append(r.path, key)
		if found, err = r.value(); found || err != nil {
			return found, err
		}
		r.path = r.path[:len(r.path)-1]
	}
}

// key is the name of a member, which begins with c.
func (r *inline) key(c byte) (string, error) {
	text := []byte{c}
	for escaped := false; c == '"'; {
		b, err := r.in.ReadByte()
		if err != nil {
			return "", err
		}
		if text = append(text, b); len(text) > longestKey {
			return "", errJSON
		}
		if b == '"' && !escaped {
			var s string
			err := json.Unmarshal(text, &s)
			return s, err
		}
		escaped = b == '\\' && !escaped
	}
	return "", errJSON
}

// skipText goes behind a text.
func (r *inline) skipText() error {
	for escaped := false; ; {
		b, err := r.in.ReadByte()
		if err != nil || b == '"' && !escaped {
			return err
		}
		escaped = b == '\\' && !escaped
	}
}

// next is the next byte that is no white space.
func (r *inline) next() (byte, error) {
	for {
		b, err := r.in.ReadByte()
		if err != nil || b != ' ' && b != '\t' && b != '\r' && b != '\n' {
			return b, err
		}
	}
}

// eof is what has no bytes.
type eof struct{}

func (eof) Read([]byte) (int, error) { return 0, io.EOF }

// quoted is what is in a JSON text of ASCII letters up to its end, which must come.
type quoted struct{ in *bufio.Reader }

// Read gives the letters.
func (q *quoted) Read(b []byte) (n int, err error) {
	for n < len(b) {
		c, err := q.in.ReadByte()
		switch {
		case errors.Is(err, io.EOF):
			return n, io.ErrUnexpectedEOF
		case err != nil:
			return n, err
		case c == '"':
			if err := q.in.UnreadByte(); err != nil {
				return n, err
			}
			return n, io.EOF
		case c == '\\':
			if c, err = q.escape(); err != nil {
				return n, err
			}
		}
		b[n] = c
		n++
	}
	return n, nil
}

// escape is what follows a backslash.
func (q *quoted) escape() (byte, error) {
	c, err := q.in.ReadByte()
	switch {
	case err != nil:
		return 0, io.ErrUnexpectedEOF
	case c == 'n' || c == 'r':
		return '\n', nil
	case c != 'u':
		return c, nil
	}
	var hex [4]byte
	if _, err := io.ReadFull(q.in, hex[:]); err != nil {
		return 0, io.ErrUnexpectedEOF
	}
	code, err := strconv.ParseUint(string(hex[:]), 16, 7)
	if err != nil {
		return 0, errJSON
	}
	return byte(code), nil
}
