package request

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"slices"
	"strings"
)

// Field is one canonical field; the value is JSON text, exactly as its site wrote it.
type Field struct {
	Name  string
	Value json.RawMessage
}

// Fields are the canonical fields of a request in the order in which they were written. Names are unique. Values are never
// decoded on their way through, so numbers beyond 2^53 and the formatting of nested values survive. Treat as immutable.
type Fields []Field

// Get returns the value of a field and whether it is there.
func (f Fields) Get(name string) (json.RawMessage, bool) {
	for i := range f {
		if f[i].Name == name {
			return f[i].Value, true
		}
	}
	return nil, false
}

// With returns a copy of f in which name has the value.
func (f Fields) With(name string, value json.RawMessage) Fields {
	out := slices.Clone(f)
	for i := range out {
		if out[i].Name == name {
			out[i].Value = value
			return out
		}
	}
	return append(out, Field{name, value})
}

// Without returns a copy of f without the names.
func (f Fields) Without(names ...string) Fields {
	out := make(Fields, 0, len(f))
	for _, x := range f {
		if !slices.Contains(names, x.Name) {
			out = append(out, x)
		}
	}
	return out
}

// Only returns the fields of f with the names, in the order of f.
func (f Fields) Only(names ...string) Fields {
	out := make(Fields, 0, len(names))
	for _, x := range f {
		if slices.Contains(names, x.Name) {
			out = append(out, x)
		}
	}
	return out
}

// Merge returns f with the fields of patch written over it. An explicit null is a value, not a removal.
func (f Fields) Merge(patch Fields) Fields {
	out := slices.Clone(f)
next:
	for _, p := range patch {
		for i := range out {
			if out[i].Name == p.Name {
				out[i].Value = p.Value
				continue next
			}
		}
		out = append(out, p)
	}
	return out
}

// Names lists the names in order.
func (f Fields) Names() []string {
	out := make([]string, len(f))
	for i := range f {
		out[i] = f[i].Name
	}
	return out
}

// Missing lists the names of f that g does not have.
func (f Fields) Missing(g Fields) []string {
	var out []string
	for _, x := range f {
		if _, ok := g.Get(x.Name); !ok {
			out = append(out, x.Name)
		}
	}
	return out
}

// AppendJSON appends f as one JSON object.
func (f Fields) AppendJSON(dst []byte) []byte {
	dst = append(dst, '{')
	for i, x := range f {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = AppendString(dst, x.Name)
		dst = append(dst, ':')
		dst = append(dst, x.Value...)
	}
	return append(dst, '}')
}

// MarshalJSON writes f as one JSON object.
func (f Fields) MarshalJSON() ([]byte, error) { return f.AppendJSON(nil), nil }

// UnmarshalJSON is ParseFields.
func (f *Fields) UnmarshalJSON(b []byte) (err error) {
	if string(b) == "null" {
		*f = nil
		return nil
	}
	*f, err = ParseFields(b)
	return err
}

// ParseFields splits the text of one JSON object into its members. The text must be valid JSON: this only splits. It keeps a
// copy of the text, not the text itself.
func ParseFields(text []byte) (Fields, error) {
	text = bytes.Clone(bytes.TrimSpace(text))
	if len(text) < 2 || text[0] != '{' || text[len(text)-1] != '}' {
		return nil, errors.New("not a JSON object")
	}
	out := make(Fields, 0, 16)
	i := skipSpace(text, 1)
	for text[i] != '}' {
		if text[i] == ',' {
			i = skipSpace(text, i+1)
		}
		end := skipValue(text, i)
		if end > len(text)-1 || text[i] != '"' {
			return nil, errors.New("not a JSON object")
		}
		name := string(text[i+1 : end-1])
		if strings.IndexByte(name, '\\') >= 0 {
			if err := json.Unmarshal(text[i:end], &name); err != nil {
				return nil, err
			}
		}
		i = skipSpace(text, end)
		if i >= len(text) || text[i] != ':' {
			return nil, errors.New("not a JSON object")
		}
		i = skipSpace(text, i+1)
		end = skipValue(text, i)
		if end > len(text)-1 {
			return nil, errors.New("not a JSON object")
		}
		out = append(out, Field{name, text[i:end:end]})
		i = skipSpace(text, end)
		if i >= len(text) || text[i] != ',' && text[i] != '}' {
			return nil, errors.New("not a JSON object")
		}
	}
	return out, nil
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\t' || b[i] == '\n' || b[i] == '\r') {
		i++
	}
	return i
}

// skipValue returns the index after the value that begins at i.
func skipValue(b []byte, i int) int {
	depth := 0
	for ; i < len(b); i++ {
		switch b[i] {
		case '"':
			for i++; i < len(b) && b[i] != '"'; i++ {
				if b[i] == '\\' {
					i++
				}
			}
			if depth == 0 {
				return i + 1
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case ',', ':', ' ', '\t', '\n', '\r':
			if depth == 0 {
				return i
			}
		}
	}
	return i
}

// AppendString appends s as a JSON string. Unlike encoding/json it does not escape <, > and &.
func AppendString(dst []byte, s string) []byte {
	if plain(s) {
		dst = append(dst, '"')
		dst = append(dst, s...)
		return append(dst, '"')
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a string always encodes
	return append(dst, bytes.TrimSuffix(buf.Bytes(), []byte("\n"))...)
}

func plain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c > 0x7e || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// Quote is s as JSON text.
func Quote(s string) json.RawMessage { return AppendString(nil, s) }

// Hash is a digest of names and values that does not depend on the order of the fields or on white space around tokens.
func (f Fields) Hash() uint64 {
	var sum uint64
	var buf bytes.Buffer
	for _, x := range f {
		buf.Reset()
		buf.WriteString(x.Name)
		buf.WriteByte(0)
		if json.Compact(&buf, x.Value) != nil {
			buf.Write(x.Value)
		}
		h := sha256.Sum256(buf.Bytes())
		sum += binary.BigEndian.Uint64(h[:8])
	}
	return sum
}
