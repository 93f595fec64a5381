package profile

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/meridian-gateway/meridian/request"
)

// CheckJSON is the gate for a client's body: exactly one JSON object, in valid UTF-8 without byte order mark or lone
// surrogates, no name twice in an object at any depth, nested at most maxDepth deep, no number beyond the range of a double,
// nothing behind it. The error has Kind Invalid; its Detail begins with what is wrong ("duplicate-key", "syntax", "utf-8",
// "byte-order-mark", "hidden-character", "too-deep", "number-range", "not-an-object", "empty") and says where.
func CheckJSON(body []byte, maxDepth int) error {
	switch i := skipSpace(body, 0); {
	case i == len(body):
		return badJSON("empty: the body must be a JSON object")
	case bytes.HasPrefix(body, []byte("\xef\xbb\xbf")):
		return badJSON("byte-order-mark: JSON begins without one")
	case body[i] != '{':
		return badJSON("not-an-object: the body must be a JSON object")
	}
	if err := checkTokens(body, maxDepth); err != nil {
		return err
	}
	if valid(body) {
		return nil
	}
	return explain(body)
}

func badJSON(detail string) error {
	return &request.Error{Op: "profile.CheckJSON", Kind: request.Invalid, Detail: detail}
}

// checkTokens finds what the syntax allows and we do not: deep nesting, numbers beyond a double, names that look like others. It runs
// first, so that nothing after it meets deep text; on text that is no JSON it may say anything but must end.
func checkTokens(body []byte, maxDepth int) error {
	depth := 0
	for i := 0; i < len(body); {
		switch c := body[i]; {
		case c == '"':
			end := skipValue(body, i)
			if next := skipSpace(body, end); next < len(body) && body[next] == ':' && hiddenName(body[i:end]) {
				return badJSON(fmt.Sprintf("hidden-character: the name at byte %d has characters that cannot be seen", i))
			}
			i = end
			continue
		case c == '{' || c == '[':
			if depth++; depth > maxDepth {
				return badJSON(fmt.Sprintf("too-deep: more than %d levels at byte %d", maxDepth, i))
			}
		case c == '}' || c == ']':
			depth--
		case c >= '0' && c <= '9':
			start := i
			for i < len(body) && inNumber(body[i]) {
				i++
			}
			if !inRange(body[start:i]) {
				return badJSON(fmt.Sprintf("number-range: the number at byte %d is beyond what a double can hold", start))
			}
			continue
		}
		i++
	}
	return nil
}

// hiddenName reports whether the quoted name of a member has control characters, or such as change the order of what is seen.
func hiddenName(quoted []byte) bool {
	for _, c := range quoted {
		if c == '\\' || c >= 0x7f {
			// Two that have no width are letters of some scripts.
			return hidden(strings.NewReplacer("\u200c", "", "\u200d", "").Replace(unquote(quoted)))
		}
	}
	return false
}

func inNumber(c byte) bool {
	return c >= '0' && c <= '9' || c == '.' || c == 'e' || c == 'E' || c == '+' || c == '-'
}

// inRange reports whether a number without its sign is below the largest double. Short ones without exponent always are.
func inRange(n []byte) bool {
	if len(n) < 300 && bytes.IndexByte(n, 'e') < 0 && bytes.IndexByte(n, 'E') < 0 {
		return true
	}
	_, err := strconv.ParseFloat(string(n), 64)
	return !errors.Is(err, strconv.ErrRange)
}

// explain says what is wrong with text that is not valid.
func explain(body []byte) error {
	dec := jsontext.NewDecoder(bytes.NewReader(body))
	_, err := dec.ReadValue()
	if err == nil {
		return badJSON(fmt.Sprintf("syntax: something follows the JSON object, after byte %d", dec.InputOffset()))
	}
	syn, ok := errors.AsType[*jsontext.SyntacticError](err)
	switch {
	case !ok:
		return badJSON("syntax: the JSON text ends too early")
	case errors.Is(err, jsontext.ErrDuplicateName):
		return badJSON(fmt.Sprintf("duplicate-key: %s is there twice, again at byte %d", clip(string(syn.JSONPointer)), syn.ByteOffset))
	case !utf8.Valid(body) || syn.Err != nil && bytes.Contains([]byte(syn.Err.Error()), []byte("surrogate")):
		return badJSON(fmt.Sprintf("utf-8: not valid Unicode at byte %d", syn.ByteOffset))
	}
	return badJSON(fmt.Sprintf("syntax: not valid JSON at byte %d", syn.ByteOffset))
}

// clip is a client's word, quoted and short enough to be said back.
func clip(s string) string {
	if len(s) > 60 {
		s = s[:60] + "…"
	}
	return strconv.QuoteToASCII(s)
}
