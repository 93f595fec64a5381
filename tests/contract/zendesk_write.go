package contract

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// zdChange is what a create or an update asks for, checked.
type zdChange struct {
	fields  object
	comment object
	safe    bool
	stamp   string
}

// sent reads {"ticket":{…}}. Unknown members and the server's own (id, description, created_at and so on) are passed over in silence;
// values that do not fit are refused. The ticket is nil for
// a create.
func (z *Zendesk) sent(c *call, of *zdTicket) (zdChange, *reply) {
	ch := zdChange{fields: make(object)}
	if !c.isJSON() {
		r := zdError(http.StatusUnsupportedMediaType, "UnsupportedMediaType", c.Header.Get("Content-Type"))
		return ch, &r
	}
	body, err := parseObject(c.body)
	if err != nil {
		r := zdError(http.StatusBadRequest, "Unprocessable", "The request could not be understood: "+err.Error())
		return ch, &r
	}
	ticket, ok := body["ticket"].(object)
	if !ok {
		return ch, zdAttribute("ticket")
	}
	for _, name := range names(body) {
		if name != "ticket" {
			c.ignore(name)
		}
	}
	for _, name := range names(ticket) {
		if no := z.member(c, name, ticket[name], of, &ch); no != nil {
			return ch, no
		}
	}
	if z.options.RefuseUnknown && len(c.ignored) > 0 {
		return ch, zdInvalid("base", "InvalidValue", "unknown or read-only: "+strings.Join(c.ignored, ", "))
	}
	return ch, nil
}

// member checks one member of a ticket.
func (z *Zendesk) member(c *call, name string, v any, of *zdTicket, ch *zdChange) *reply {
	choices := map[string][]string{
		"status":   {"new", "open", "pending", "hold", "solved", "closed"},
		"priority": {"urgent", "high", "normal", "low"},
		"type":     {"problem", "incident", "question", "task"},
	}
	switch name {
	case "status", "priority", "type":
		if v == nil && name != "status" {
			break
		}
		if !slices.Contains(choices[name], text(v)) {
			return zdInvalid(name, "InvalidValue", fmt.Sprintf("%s: %v is not valid", name, v))
		}
		if name == "status" && v == "new" && of != nil && of.fields["status"] != "new" {
			return zdInvalid(name, "InvalidValue", "Status: cannot be changed back to new")
		}
	case "subject", "external_id", "recipient":
		if _, ok := v.(string); !ok && v != nil {
			return zdInvalid(name, "InvalidValue", name+": must be a string")
		}
	case "tags":
		if _, ok := texts(v); !ok {
			return zdInvalid(name, "InvalidValue", "tags: must be a list of strings")
		}
	case "due_at":
		if _, err := time.Parse(time.RFC3339, text(v)); v != nil && err != nil {
			return zdInvalid(name, "InvalidValue", "due_at: is no time")
		}
	case "assignee_id", "group_id", "organization_id", "requester_id", "submitter_id", "problem_id", "brand_id", "ticket_form_id":
		if _, ok := integer(v); !ok && v != nil {
			return zdInvalid(name, "InvalidValue", name+": must be an integer")
		}
	case "custom_fields":
		return z.customFields(v, of, ch)
	case "comment":
		return z.comment(v, ch)
	case "safe_update":
		ch.safe, _ = v.(bool)
		return nil
	case "updated_stamp":
		ch.stamp = text(v)
		return nil
	default:
		c.ignore(name)
		return nil
	}
	ch.fields[name] = v
	return nil
}

// customFields checks a list of {"id","value"} and lays it over what the ticket has.
func (z *Zendesk) customFields(v any, of *zdTicket, ch *zdChange) *reply {
	sent, ok := v.([]any)
	if !ok {
		return zdInvalid("custom_fields", "InvalidValue", "custom_fields: must be a list")
	}
	var out []any
	if of != nil {
		old, _ := of.fields["custom_fields"].([]any)
		out = slices.Clone(old)
	}
	for _, e := range sent {
		one, _ := e.(object)
		id, isID := integer(one["id"])
		if !isID {
			return zdInvalid("custom_fields", "InvalidValue", "custom_fields: an id must be an integer")
		}
		field := object{"id": json.Number(fmt.Sprint(id)), "value": one["value"]}
		at := slices.IndexFunc(out, func(o any) bool { old, _ := o.(object); return old["id"] == field["id"] })
		if at < 0 {
			out = append(out, field)
			continue
		}
		out[at] = field
	}
	ch.fields["custom_fields"] = list(out)
	return nil
}

// comment checks the comment that rides in a ticket.
func (z *Zendesk) comment(v any, ch *zdChange) *reply {
	sent, ok := v.(object)
	if s, plain := v.(string); plain { // short for its body
		sent, ok = object{"body": s}, true
	}
	if !ok {
		return zdAttribute("comment")
	}
	body := orElse(text(sent["body"]), text(sent["html_body"]))
	if strings.TrimSpace(body) == "" {
		return zdInvalid("base", "BlankValue", "Comment: cannot be blank")
	}
	public, isBool := sent["public"].(bool)
	if !isBool && sent["public"] != nil {
		return zdInvalid("base", "InvalidValue", "public: must be a boolean")
	}
	uploads, ok := texts(sent["uploads"])
	if !ok && sent["uploads"] != nil {
		return zdInvalid("base", "InvalidValue", "uploads: must be a list of tokens")
	}
	ch.comment = object{"body": body, "public": public || !isBool, "uploads": list(uploads)}
	if author, ok := integer(sent["author_id"]); ok {
		ch.comment["author_id"] = author
	}
	return nil
}

// addComment keeps a comment, with the uploads that it names.
func (z *Zendesk) addComment(c *call, t *zdTicket, sent object) {
	z.lastComment++
	var author any = z.userID()
	if sent["author_id"] != nil {
		author = sent["author_id"]
	}
	files := []any{}
	tokens, _ := texts(sent["uploads"])
	for _, f := range z.uploads {
		if slices.Contains(tokens, f.parent) {
			files = append(files, f.record)
		}
	}
	t.comments = append(t.comments, object{
		"id": z.lastComment, "type": "Comment", "author_id": author, "body": sent["body"], "plain_body": sent["body"],
		"html_body": "<div class=\"zd-comment\">" + text(sent["body"]) + "</div>", "public": sent["public"], "attachments": files,
		"created_at": c.now.Truncate(time.Second).Format(time.RFC3339), "via": object{"channel": "api"},
	})
}

// comments lists the comments of a ticket; they are made by an update of the ticket, and cannot be changed.
func (z *Zendesk) comments(c *call, t *zdTicket) reply {
	if c.Method != http.MethodGet {
		return z.notAllowed(c, "GET")
	}
	all := list(t.comments)
	if c.query.Get("sort_order") == "desc" || c.query.Get("sort") == "-created_at" {
		slices.Reverse(all)
	}
	return z.numbered(c, "comments", all)
}

// upload takes a file as a raw body; its name stands in the query. Its token then stands in a comment.
func (z *Zendesk) upload(c *call, rest []string) reply {
	if len(rest) > 0 || c.Method != http.MethodPost {
		return z.notAllowed(c, "POST")
	}
	name := c.query.Get("filename")
	if name == "" || c.mediaType() == "" {
		return zdError(http.StatusBadRequest, "InvalidValue", "filename and Content-Type are needed")
	}
	n := len(z.uploads) + 1
	f := &file{
		id: fmt.Sprint(498000 + n), parent: pseudoToken(z.options.Site, n, c.now), name: name, mediaType: c.Header.Get("Content-Type"), body: c.body,
	}
	f.record = object{
		"id": 498000 + n, "file_name": name, "content_type": f.mediaType, "size": len(c.body), "inline": false, "thumbnails": []any{},
		"content_url": c.base() + "/api/v2/attachments/content/" + f.parent,
	}
	z.uploads = append(z.uploads, f)
	return jsonReply(http.StatusCreated, object{"upload": object{
		"token": f.parent, "attachment": f.record, "attachments": []any{f.record},
		"expires_at": c.now.Add(72 * time.Hour).Format(time.RFC3339),
	}})
}

// content gives the bytes of a file.
func (z *Zendesk) content(c *call, token string) reply {
	if c.Method != http.MethodGet {
		return z.notAllowed(c, "GET")
	}
	for _, f := range z.uploads {
		if f.parent == token {
			return raw(http.StatusOK, f.mediaType, f.body)
		}
	}
	return z.notFound()
}
