package upstream

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/meridian-gateway/meridian/profile"
	"github.com/meridian-gateway/meridian/request"
)

// longestToken is the most bytes of a token: what is longer cannot be the value of a header.
const longestToken = 64 << 10

// tokenIn finds the token in the answer to a login. Its errors say nothing of what is in the answer.
func tokenIn(spec profile.TokenSpec, a request.Answer) (string, error) {
	var token string
	switch spec.From {
	case "text":
		token = bare(a.Body)
		if strings.ContainsAny(token, " \t\r\n<>") {
			return "", errors.New("the body of its answer is not a token")
		}
	case "header":
		if token = strings.TrimSpace(a.Header.Get(spec.Name)); token == "" {
			return "", fmt.Errorf("its answer has no header %s", spec.Name)
		}
	case "cookie":
		for _, c := range (&http.Response{Header: a.Header}).Cookies() {
			if gone := c.MaxAge < 0 || !c.Expires.IsZero() && c.MaxAge == 0 && c.Expires.Before(time.Now()); c.Name == spec.Name && !gone {
				token = c.Value
			}
		}
		if token == "" {
			return "", fmt.Errorf("its answer sets no cookie %s", spec.Name)
		}
	default:
		var err error
		if token, err = pointed(a.Body, spec.At); err != nil {
			return "", err
		}
	}
	switch {
	case token == "":
		return "", errors.New("the token in its answer is empty")
	case !inHeader(token) || len(token) > longestToken:
		return "", errors.New("the token in its answer cannot be the value of a header")
	}
	return token, nil
}

// bare is a body that is a token, in quotes or not.
func bare(body []byte) string {
	text := strings.TrimSpace(strings.TrimPrefix(string(body), "\ufeff"))
	var inner string
	if strings.HasPrefix(text, `"`) && json.Unmarshal([]byte(text), &inner) == nil {
		return inner
	}
	return text
}

// pointed is the text or number that a pointer leads to.
func pointed(body []byte, pointer string) (string, error) {
	text := json.RawMessage(body)
	if !json.Valid(text) {
		return "", errors.New("its answer is not JSON")
	}
	if !strings.HasPrefix(pointer, "/") {
		pointer = "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(pointer)
	}
	for _, name := range strings.Split(pointer[1:], "/") {
		name = strings.NewReplacer("~1", "/", "~0", "~").Replace(name)
		var members map[string]json.RawMessage
		var list []json.RawMessage
		switch i, err := strconv.Atoi(name); {
		case json.Unmarshal(text, &members) == nil:
			text = members[name]
		case json.Unmarshal(text, &list) == nil && err == nil && i >= 0 && i < len(list):
			text = list[i]
		default:
			text = nil
		}
		if text == nil {
			return "", errors.New("its answer has nothing at " + pointer)
		}
	}
	var s string
	if json.Unmarshal(text, &s) == nil && string(text) != "null" {
		return s, nil
	}
	var n json.Number
	if json.Unmarshal(text, &n) == nil && n != "" {
		return n.String(), nil
	}
	return "", errors.New("what its answer has at " + pointer + " is not a text")
}
