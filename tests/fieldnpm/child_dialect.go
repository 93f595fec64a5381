package fieldnpm

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// Comments is how clients of a server speak about the comments of a request. List, Make and Item hold the request's id and the
// comment's as %[1]s and %[2]s.
type Comments struct {
	List, Make, Item string
	// Body is the text of a comment as a call has it; the second argument is the request's id, the third the comment's, "" for a new one.
	Body func(text, parent, id string) any
	// ID and Text are the members of a comment in a list, Items where that is; Inner is what they lie in.
	ID, Text, Items, Inner string
	Method, Media          string
	Made, Changed, Removed int
}

// comments are those of the servers that have them, by name.
func comments() map[string]Comments {
	plain := func(member string) func(text, parent, id string) any {
		return func(text, _, _ string) any { return map[string]any{member: text} }
	}
	return map[string]Comments{
		"cap": {
			List: "/odata/v4/desk/Requests(%[1]s)/notes?$orderby=createdAt", Make: "/odata/v4/desk/Requests(%[1]s)/notes",
			Item: "/odata/v4/desk/Requests(%[1]s)/notes(%[2]s)", Body: plain("text"), ID: "ID", Text: "text", Items: "value",
			Method: http.MethodPatch, Made: 201, Changed: 200, Removed: 204,
		},
		"gitea": {
			List: "/api/v1/repos/gateway/desk/issues/%[1]s/comments", Make: "/api/v1/repos/gateway/desk/issues/%[1]s/comments",
			Item: "/api/v1/repos/gateway/desk/issues/comments/%[2]s", Body: plain("body"), ID: "id", Text: "body",
			Method: http.MethodPatch, Made: 201, Changed: 200, Removed: 204,
		},
		"strapi": {
			List: "/api/notes?filters[request][documentId][$eq]=%[1]s&sort=createdAt:asc", Make: "/api/notes", Item: "/api/notes/%[2]s",
			Body: func(text, parent, id string) any {
				data := map[string]any{"text": text}
				if id == "" {
					data["request"] = parent
				}
				return map[string]any{"data": data}
			},
			ID: "documentId", Text: "text", Items: "data", Method: http.MethodPut, Made: 201, Changed: 200, Removed: 204,
		},
		"directus": {
			List: "/items/remarks?filter[ticket][_eq]=%[1]s&sort=id", Make: "/items/remarks", Item: "/items/remarks/%[2]s",
			Body: func(text, parent, id string) any {
				if id != "" {
					return map[string]any{"text": text}
				}
				return map[string]any{"text": text, "ticket": parent}
			},
			ID: "id", Text: "text", Items: "data", Method: http.MethodPatch, Made: 200, Changed: 200, Removed: 204,
		},
		"jsonapi": {
			List: "/rest/comments?filter[ticket]=%[1]s", Make: "/rest/comments", Item: "/rest/comments/%[2]s",
			Body: func(text, parent, id string) any {
				data := map[string]any{"type": "comments", "attributes": map[string]any{"text": text}}
				if id == "" {
					data["relationships"] = map[string]any{"ticket": map[string]any{"data": map[string]any{"type": "tickets", "id": parent}}}
				} else {
					data["id"] = id
				}
				return map[string]any{"data": data}
			},
			ID: "id", Text: "text", Items: "data", Inner: "attributes", Method: http.MethodPatch, Media: "application/vnd.api+json",
			Made: 201, Changed: 200, Removed: 200,
		},
	}
}

// Comment is one of a request's comments as its server shows it.
type Comment struct{ ID, Text string }

// Of are the comments of a request at its own server, past all gateways.
func (c Comments) Of(a *API, parent string) ([]Comment, error) {
	b, err := a.call(http.MethodGet, fmt.Sprintf(c.List, parent), "")
	if err != nil {
		return nil, err
	}
	var list []harness.Record
	if c.Items == "" {
		err = decode(b, &list)
	} else {
		page := make(map[string]json.RawMessage)
		if err = decode(b, &page); err == nil {
			err = decode(page[c.Items], &list)
		}
	}
	var out []Comment
	for _, r := range list {
		text := r[c.Text]
		if inner, ok := r[c.Inner].(map[string]any); ok {
			text = inner[c.Text]
		}
		out = append(out, Comment{fmt.Sprint(r[c.ID]), fmt.Sprint(text)})
	}
	return out, err
}

// Create, Change and Remove are the calls of clients.
func (c Comments) Create(g *harness.Gateway, parent, text string) harness.Answer {
	return g.Do(c.call(http.MethodPost, fmt.Sprintf(c.Make, parent), c.Body(text, parent, "")))
}

// Change writes another text.
func (c Comments) Change(g *harness.Gateway, parent, id, text string) harness.Answer {
	return g.Do(c.call(c.Method, fmt.Sprintf(c.Item, parent, id), c.Body(text, parent, id)))
}

// Remove deletes a comment.
func (c Comments) Remove(g *harness.Gateway, parent, id string) harness.Answer {
	return g.Do(c.call(http.MethodDelete, fmt.Sprintf(c.Item, parent, id), nil))
}

func (c Comments) call(method, path string, body any) harness.Call {
	// Sprintf notes arguments that a path has no use for; what it wrote before is the path.
	path, _, _ = strings.Cut(path, "%!(EXTRA")
	out := harness.Call{Method: method, Path: path, Header: make(http.Header)}
	if c.Media != "" {
		out.Header.Set("Content-Type", c.Media)
	}
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			b = []byte(err.Error())
		}
		out.Body = string(b)
	}
	return out
}
