package contract

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Freshdesk is Freshdesk's API of version 2: tickets, their conversations, and files.
type Freshdesk struct {
	*Server
	tickets    []*fdTicket
	files      []*file
	lastID     int64
	lastInside int64 // of conversations and files
}

// fdTicket is one ticket.
type fdTicket struct {
	id               int64
	fields           object
	created, updated time.Time
	deleted          bool
	talk             []*fdEntry
	files            []any
}

// fdEntry is one entry of a conversation: a note or a reply.
type fdEntry struct {
	id               int64
	fields           object
	created, updated time.Time
	files            []any
}

// NewFreshdesk returns a helpdesk without tickets. It takes Token as the user of Basic credentials; the password does not matter.
func NewFreshdesk(o Options) *Freshdesk {
	f := &Freshdesk{lastInside: 82000}
	o = o.filled()
	if o.Freshdesk.CustomFields == nil {
		o.Freshdesk.CustomFields = map[string]string{"cf_external_id": "string"}
	}
	f.lastID = orElse(o.First, 1) - 1
	f.Server = &Server{options: o, product: f}
	return f
}

// Records are all tickets as a read shows them, oldest first; deleted ones are among them with deleted: true.
func (f *Freshdesk) Records() []map[string]any {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []object
	for _, t := range f.tickets {
		out = append(out, f.shown(t))
	}
	return deepAll(out)
}

// Conversations are the notes and replies of a ticket, oldest first.
func (f *Freshdesk) Conversations(id int64) []map[string]any {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []object
	if t := f.ticket(id); t != nil {
		for _, e := range t.talk {
			out = append(out, e.shown(t.id))
		}
	}
	return deepAll(out)
}

func (f *Freshdesk) refuse(status int, why string) reply {
	if status == http.StatusNotFound {
		return empty(status) // without a word
	}
	code := map[int]string{http.StatusForbidden: "access_denied", http.StatusConflict: "inconsistent_state"}[status]
	return jsonReply(status, object{"code": orElse(code, "request_refused"), "message": why})
}

// fdError is what is wrong with one member of a call.
type fdError struct {
	Field   string `json:"field"`
	Message string `json:"message"`
	Code    string `json:"code"`
}

// fdInvalid is the refusal of a call whose members do not fit.
func fdInvalid(errors ...fdError) *reply {
	r := jsonReply(http.StatusBadRequest, object{"description": "Validation failed", "errors": list(errors)})
	return &r
}

// handle counts the call, refused ones too, and tells how many are left.
func (f *Freshdesk) handle(c *call) reply {
	left, next, within := f.take(c.now)
	var answer reply
	if within {
		answer = f.counted(c)
	} else {
		answer = jsonReply(http.StatusTooManyRequests, object{"message": "You have exceeded the limit of requests per minute"}).
			with("Retry-After", fmt.Sprint(max(1, int(next.Sub(c.now)/time.Second))))
	}
	return answer.with("X-Ratelimit-Total", fmt.Sprint(orElse(f.options.Limit, 5000))).
		with("X-Ratelimit-Remaining", fmt.Sprint(left)).
		with("X-Ratelimit-Used-Currentrequest", "1")
}

func (f *Freshdesk) counted(c *call) reply {
	if rest, ok := c.under("data", "helpdesk", "attachments"); ok && len(rest) == 1 {
		return f.content(c, rest[0]) // the address itself is the secret
	}
	rest, ok := c.under("api", "v2")
	if !ok || len(rest) == 0 {
		return f.refuse(http.StatusNotFound, "")
	}
	if user, _, has := c.BasicAuth(); !has || user != f.options.Token {
		return jsonReply(http.StatusUnauthorized, object{"code": "invalid_credentials", "message": "You have to be logged in to perform this action."})
	}
	switch {
	case rest[0] == "tickets":
		return f.atTickets(c, rest[1:])
	case rest[0] == "conversations" && len(rest) == 2:
		return f.atConversation(c, rest[1])
	case rest[0] == "attachments" && len(rest) == 2:
		return f.atFile(c, rest[1])
	case c.at("api", "v2", "search", "tickets"):
		return f.search(c)
	case c.at("api", "v2", "agents", "me") && c.Method == http.MethodGet:
		return jsonReply(http.StatusOK, object{"id": f.agent(), "available": true, "contact": object{"email": f.options.User, "name": "Meridian", "active": true}})
	}
	return f.refuse(http.StatusNotFound, "")
}

// agent is the id of the agent whose key this is.
func (f *Freshdesk) agent() int64 { return 432 }

func (f *Freshdesk) notAllowed(c *call, verbs ...string) reply {
	return jsonReply(http.StatusMethodNotAllowed, object{
		"code":    "method_not_allowed",
		"message": c.Method + " method is not allowed. It should be one of these method(s): " + strings.Join(verbs, ", "),
	}).allowing(verbs...)
}

// ticket is the ticket of an id, deleted or not; nil when there is none.
func (f *Freshdesk) ticket(id int64) *fdTicket {
	for _, t := range f.tickets {
		if t.id == id {
			return t
		}
	}
	return nil
}

// atTickets serves /tickets and all below it.
func (f *Freshdesk) atTickets(c *call, rest []string) reply {
	if len(rest) == 0 {
		switch c.Method {
		case http.MethodGet:
			return f.list(c)
		case http.MethodPost:
			return f.create(c)
		}
		return f.notAllowed(c, "GET", "POST")
	}
	id, _ := digits(rest[0])
	t := f.ticket(id)
	if t == nil || len(rest) > 2 {
		return f.refuse(http.StatusNotFound, "")
	}
	if len(rest) == 1 {
		return f.atTicket(c, t)
	}
	switch rest[1] {
	case "restore":
		return f.restore(c, t)
	case "notes", "reply":
		return f.talk(c, t, rest[1])
	case "conversations":
		return f.conversations(c, t)
	}
	return f.refuse(http.StatusNotFound, "")
}

// atTicket reads, changes or deletes one ticket. That a deleted one can be read, and only that, is not confirmed.
func (f *Freshdesk) atTicket(c *call, t *fdTicket) reply {
	if t.deleted {
		switch {
		case f.options.Freshdesk.DeletedGone:
			return f.refuse(http.StatusNotFound, "")
		case c.Method != http.MethodGet:
			return f.notAllowed(c, "GET")
		}
	}
	switch c.Method {
	case http.MethodGet:
		return jsonReply(http.StatusOK, f.shown(t))
	case http.MethodPut:
		fields, files, no := f.sent(c, true)
		if no != nil {
			return *no
		}
		if len(fields)+len(files) == 0 {
			return *fdInvalid(fdError{"base", "Given request is invalid: no parameters", "missing_params"})
		}
		f.apply(c, t, fields, files)
		return jsonReply(http.StatusOK, f.shown(t))
	case http.MethodDelete:
		t.deleted, t.updated = true, c.now.Truncate(time.Second)
		return empty(http.StatusNoContent)
	}
	return f.notAllowed(c, "GET", "PUT", "DELETE")
}

// restore takes a deletion back.
func (f *Freshdesk) restore(c *call, t *fdTicket) reply {
	switch {
	case c.Method != http.MethodPut:
		return f.notAllowed(c, "PUT")
	case !t.deleted:
		return f.refuse(http.StatusNotFound, "")
	}
	t.deleted, t.updated = false, c.now.Truncate(time.Second)
	return empty(http.StatusNoContent)
}

// create makes a ticket and answers the whole of it.
func (f *Freshdesk) create(c *call) reply {
	fields, files, no := f.sent(c, false)
	if no != nil {
		return *no
	}
	f.lastID++
	t := &fdTicket{id: f.lastID, created: c.now.Truncate(time.Second), fields: object{
		"status": 2, "priority": 1, "source": 2, "type": nil, "tags": []any{}, "cc_emails": []any{}, "responder_id": nil, "group_id": nil,
		"company_id": nil, "product_id": nil, "email_config_id": nil, "due_by": nil, "fr_due_by": nil, "custom_fields": object{}, "requester_id": 129,
	}}
	f.apply(c, t, fields, files)
	f.tickets = append(f.tickets, t)
	return jsonReply(http.StatusCreated, f.shown(t)).with("Location", fmt.Sprintf("%s/api/v2/tickets/%d", c.base(), t.id))
}

// apply does a change.
func (f *Freshdesk) apply(c *call, t *fdTicket, fields object, files []part) {
	custom, _ := t.fields["custom_fields"].(object)
	for name, v := range fields {
		switch name {
		case "custom_fields":
			sent, _ := v.(object)
			for k, e := range sent {
				custom[k] = e
			}
		case "email", "phone", "name", "unique_external_id", "facebook_id", "twitter_id":
			// They say who asks; the ticket shows the id of that contact.
		default:
			t.fields[name] = v
		}
	}
	t.files = append(t.files, f.keep(c, files)...)
	t.updated = c.now.Truncate(time.Second)
}

// shown is a ticket as answers show it. The description is HTML; its text stands beside it.
func (f *Freshdesk) shown(t *fdTicket) object {
	out := make(object, len(t.fields)+8)
	for k, v := range t.fields {
		out[k] = v
	}
	custom := make(object)
	for name := range f.options.Freshdesk.CustomFields {
		custom[name] = nil
	}
	sent, _ := t.fields["custom_fields"].(object)
	for k, v := range sent {
		custom[k] = v
	}
	d := text(out["description"])
	out["description_text"] = stripped(d)
	if f.options.Freshdesk.HTML && !strings.Contains(d, "<") {
		out["description"] = "<div>" + d + "</div>"
	}
	out["id"], out["custom_fields"], out["attachments"] = t.id, custom, list(t.files)
	out["created_at"], out["updated_at"] = t.created.Format(time.RFC3339), t.updated.Format(time.RFC3339)
	out["spam"], out["is_escalated"], out["fr_escalated"], out["fwd_emails"], out["reply_cc_emails"], out["to_emails"] = false, false, false, []any{}, []any{}, nil
	if t.deleted {
		out["deleted"] = true
	}
	return out
}

// stripped is HTML without its tags.
func stripped(html string) string {
	var b strings.Builder
	inside := false
	for _, r := range html {
		switch {
		case r == '<':
			inside = true
		case r == '>' && inside:
			inside = false
		case !inside:
			b.WriteRune(r)
		}
	}
	return b.String()
}
