package contract

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Zendesk is Zendesk Support: tickets with their comments, uploads, and the incremental export.
type Zendesk struct {
	*Server
	tickets []*zdTicket
	keys    map[string]zdKey // by Idempotency-Key
	uploads []*file
	lastID  int64
	// lastComment is the last id given to a comment; lastChange counts changes, for a stable order of the export.
	lastComment, lastChange int64
}

// zdTicket is one ticket.
type zdTicket struct {
	id               int64
	fields           object
	created, updated time.Time
	change           int64     // number of its last change
	visible          time.Time // before this it cannot be read yet
	deleted          bool
	gone             bool // for good
	comments         []object
}

// zdKey remembers a create.
type zdKey struct {
	until  time.Time
	body   string
	answer reply
}

// NewZendesk returns an account without tickets. It takes User/token and Token as Basic credentials, and Token as a bearer's.
func NewZendesk(o Options) *Zendesk {
	z := &Zendesk{keys: make(map[string]zdKey), lastComment: 700000}
	o = o.filled()
	o.Zendesk.AsyncAfter = orElse(o.Zendesk.AsyncAfter, time.Second)
	z.lastID = orElse(o.First, 35436) - 1
	z.Server = &Server{options: o, product: z}
	return z
}

// Records are all tickets as a read shows them, oldest first; deleted ones are among them with the status deleted.
func (z *Zendesk) Records() []map[string]any {
	z.mu.Lock()
	defer z.mu.Unlock()
	var out []object
	for _, t := range z.tickets {
		if !t.gone {
			out = append(out, t.shown(""))
		}
	}
	return deepAll(out)
}

// Comments are the comments of a ticket, oldest first, the one that is its description included.
func (z *Zendesk) Comments(id int64) []map[string]any {
	z.mu.Lock()
	defer z.mu.Unlock()
	if t := z.ticket(id); t != nil {
		return deepAll(t.comments)
	}
	return nil
}

func (z *Zendesk) refuse(status int, why string) reply {
	name := map[int]string{
		http.StatusTooManyRequests: "APIRateLimitExceeded", http.StatusNotFound: "RecordNotFound", http.StatusInternalServerError: "InternalError",
	}[status]
	return zdError(status, orElse(name, strings.ReplaceAll(http.StatusText(status), " ", "")), why)
}

// zdError is an error as Zendesk tells it.
func zdError(status int, name, description string) reply {
	return jsonReply(status, object{"error": name, "description": description})
}

// zdInvalid is the refusal of a record, with what is wrong by field.
func zdInvalid(field, name, description string) *reply {
	r := jsonReply(http.StatusUnprocessableEntity, object{
		"error": "RecordInvalid", "description": "Record validation errors",
		"details": object{field: []any{object{"error": name, "description": description}}},
	})
	return &r
}

// zdAttribute is the refusal of a call without its envelope.
func zdAttribute(name string) *reply {
	r := jsonReply(http.StatusBadRequest, object{"error": object{
		"title":   "Invalid attribute",
		"message": "You passed an invalid value for the " + name + " attribute. Invalid parameter: " + name + " must be an object",
	}})
	return &r
}

func (z *Zendesk) handle(c *call) reply {
	left, next, within := z.take(c.now)
	answer := z.counted(c, within, next)
	if z.options.Limit > 0 {
		answer = answer.with("X-Rate-Limit", fmt.Sprint(z.options.Limit)).with("X-Rate-Limit-Remaining", fmt.Sprint(left))
	}
	return answer
}

func (z *Zendesk) counted(c *call, within bool, next time.Time) reply {
	if !within {
		r := zdError(http.StatusTooManyRequests, "APIRateLimitExceeded", "Number of allowed API requests per minute exceeded")
		return r.with("Retry-After", fmt.Sprint(max(1, int(next.Sub(c.now)/time.Second))))
	}
	rest, ok := c.under("api", "v2")
	if !ok || len(rest) == 0 {
		return zdError(http.StatusNotFound, "InvalidEndpoint", "Not found")
	}
	if rest[0] == "attachments" && len(rest) == 3 && rest[1] == "content" {
		return z.content(c, rest[2]) // the address itself is the secret
	}
	if !c.basic(z.options.User+"/token", z.options.Token) && c.bearer("Bearer") != z.options.Token {
		return jsonReply(http.StatusUnauthorized, object{"error": "Couldn't authenticate you"}).with("WWW-Authenticate", `Basic realm="Web Password"`)
	}
	last := len(rest) - 1
	rest[last] = strings.TrimSuffix(rest[last], ".json")
	switch rest[0] {
	case "tickets":
		return z.atTickets(c, rest[1:])
	case "incremental":
		return z.atExport(c, rest[1:])
	case "deleted_tickets":
		return z.atDeleted(c, rest[1:])
	case "search":
		return z.search(c)
	case "uploads":
		return z.upload(c, rest[1:])
	case "users":
		if len(rest) == 2 && rest[1] == "me" && c.Method == http.MethodGet {
			return jsonReply(http.StatusOK, object{"user": object{
				"id": z.userID(), "email": z.options.User, "name": "Meridian", "role": "admin", "url": c.base() + "/api/v2/users/20978392.json",
			}})
		}
	}
	return zdError(http.StatusNotFound, "InvalidEndpoint", "Not found")
}

// userID is the id of the user whose credentials these are.
func (z *Zendesk) userID() int64 { return 20978392 }

func (z *Zendesk) notAllowed(c *call, verbs ...string) reply {
	return zdError(http.StatusMethodNotAllowed, "MethodNotAllowed", c.Method+" is not allowed here").allowing(verbs...)
}

func (z *Zendesk) notFound() reply {
	return zdError(http.StatusNotFound, "RecordNotFound", "Not found")
}

// ticket is the ticket of an id, deleted or not; nil when there is none.
func (z *Zendesk) ticket(id int64) *zdTicket {
	for _, t := range z.tickets {
		if t.id == id && !t.gone {
			return t
		}
	}
	return nil
}

// atTickets serves /tickets and all below it.
func (z *Zendesk) atTickets(c *call, rest []string) reply {
	if len(rest) == 0 {
		switch c.Method {
		case http.MethodGet:
			return z.list(c)
		case http.MethodPost:
			return z.idempotent(c)
		}
		return z.notAllowed(c, "GET", "POST")
	}
	id, isNumber := digits(rest[0])
	t := z.ticket(id)
	switch {
	case !isNumber:
		return zdError(http.StatusBadRequest, "InvalidValue", "Invalid ticket id: "+rest[0])
	case t == nil || t.deleted || c.now.Before(t.visible):
		return z.notFound()
	case len(rest) == 2 && rest[1] == "comments":
		return z.comments(c, t)
	case len(rest) > 1:
		return zdError(http.StatusNotFound, "InvalidEndpoint", "Not found")
	}
	switch c.Method {
	case http.MethodGet:
		return jsonReply(http.StatusOK, object{"ticket": t.shown(c.base())})
	case http.MethodPut:
		return z.update(c, t)
	case http.MethodDelete:
		t.deleted = true
		z.touch(t, c.now)
		return empty(http.StatusNoContent)
	}
	return z.notAllowed(c, "GET", "PUT", "DELETE")
}

// touch notes that a ticket has changed now.
func (z *Zendesk) touch(t *zdTicket, now time.Time) {
	z.lastChange++
	t.change, t.updated = z.lastChange, now.Truncate(time.Second)
}

// idempotent is create, done once for each Idempotency-Key within two hours.
func (z *Zendesk) idempotent(c *call) reply {
	key := c.Header.Get("Idempotency-Key")
	if key == "" {
		return z.create(c)
	}
	if len(key) > 255 {
		return zdError(http.StatusBadRequest, "IdempotentRequestError", "The idempotency key is longer than 255 characters")
	}
	if old, known := z.keys[key]; known && c.now.Before(old.until) {
		if old.body != string(c.body) {
			return zdError(http.StatusBadRequest, "IdempotentRequestError",
				"Request parameters do not match the previous request with the same idempotency key")
		}
		return old.answer.with("X-Idempotency-Lookup", "hit")
	}
	answer := z.create(c)
	if answer.status < 300 {
		z.keys[key] = zdKey{until: c.now.Add(2 * time.Hour), body: string(c.body), answer: answer}
	}
	return answer.with("X-Idempotency-Lookup", "miss")
}

// create makes a ticket out of its first comment and its fields.
func (z *Zendesk) create(c *call) reply {
	ch, no := z.sent(c, nil)
	if no != nil {
		return *no
	}
	if ch.comment == nil {
		return *zdInvalid("base", "BlankValue", "Description: cannot be blank")
	}
	z.lastID++
	if !z.options.Zendesk.NoSkips && z.lastID%5 == 0 {
		z.lastID++ // ids may be skipped
	}
	now := c.now.Truncate(time.Second)
	t := &zdTicket{id: z.lastID, created: now, visible: c.now, fields: object{
		"status": "new", "priority": nil, "type": nil, "subject": ch.comment["body"], "external_id": nil, "tags": []any{}, "due_at": nil,
		"assignee_id": nil, "group_id": nil, "organization_id": nil, "requester_id": z.userID(), "submitter_id": z.userID(),
		"custom_fields": []any{}, "recipient": nil, "problem_id": nil, "via": object{"channel": "api"},
	}}
	t.fields["description"] = ch.comment["body"]
	z.apply(c, t, ch)
	z.tickets = append(z.tickets, t)
	if c.query.Get("async") == "true" {
		t.visible = c.now.Add(z.options.Zendesk.AsyncAfter)
		return jsonReply(http.StatusAccepted, object{
			"ticket": object{"id": t.id},
			"job_status": object{
				"id": fmt.Sprintf("%032x", t.id), "status": "queued", "url": c.base() + fmt.Sprintf("/api/v2/job_statuses/%032x.json", t.id),
			},
		})
	}
	return jsonReply(http.StatusCreated, object{"ticket": t.shown(c.base()), "audit": object{"ticket_id": t.id}}).
		with("Location", z.address(c, t))
}

func (z *Zendesk) address(c *call, t *zdTicket) string {
	return fmt.Sprintf("%s/api/v2/tickets/%d.json", c.base(), t.id)
}

// update changes what is sent. A closed ticket cannot be changed, a stale safe update neither.
func (z *Zendesk) update(c *call, t *zdTicket) reply {
	ch, no := z.sent(c, t)
	if no != nil {
		return *no
	}
	if t.fields["status"] == "closed" {
		return *zdInvalid("status", "InvalidValue", "Status: closed prevents ticket update")
	}
	if ch.safe {
		stamp, err := time.Parse(time.RFC3339, ch.stamp)
		if err != nil || !stamp.Equal(t.updated) {
			return zdError(http.StatusConflict, "UpdateConflict",
				"Safe Update prevented the update due to outdated ticket data. Please fetch the latest ticket data and try again.")
		}
	}
	z.apply(c, t, ch)
	return jsonReply(http.StatusOK, object{"ticket": t.shown(c.base()), "audit": object{"ticket_id": t.id}})
}

// apply does a change.
func (z *Zendesk) apply(c *call, t *zdTicket, ch zdChange) {
	for name, v := range ch.fields {
		t.fields[name] = v
	}
	if ch.comment != nil {
		z.addComment(c, t, ch.comment)
	}
	z.touch(t, c.now)
}

// shown is a ticket as answers show it. In a list of changes, and in Records, a deleted one has the status deleted.
func (t *zdTicket) shown(base string) object {
	out := make(object, len(t.fields)+8)
	for k, v := range t.fields {
		out[k] = v
	}
	out["id"], out["url"] = t.id, fmt.Sprintf("%s/api/v2/tickets/%d.json", base, t.id)
	out["created_at"], out["updated_at"] = t.created.Format(time.RFC3339), t.updated.Format(time.RFC3339)
	out["raw_subject"], out["fields"] = out["subject"], out["custom_fields"]
	out["is_public"], out["has_incidents"], out["allow_attachments"] = true, false, true
	out["generated_timestamp"] = t.updated.Unix()
	if t.deleted {
		out["status"] = "deleted"
	}
	return out
}

// atDeleted serves what was deleted: the list, restore, and deletion for good.
func (z *Zendesk) atDeleted(c *call, rest []string) reply {
	if len(rest) == 0 {
		if c.Method != http.MethodGet {
			return z.notAllowed(c, "GET")
		}
		all := []any{}
		for _, t := range z.tickets {
			if t.deleted && !t.gone {
				all = append(all, object{
					"id": t.id, "subject": t.fields["subject"], "deleted_at": t.updated.Format(time.RFC3339), "previous_state": t.fields["status"],
					"actor": object{"id": z.userID(), "name": "Meridian"},
				})
			}
		}
		return z.numbered(c, "deleted_tickets", all)
	}
	id, _ := digits(rest[0])
	t := z.ticket(id)
	switch {
	case t == nil || !t.deleted:
		return z.notFound()
	case len(rest) == 2 && rest[1] == "restore" && c.Method == http.MethodPut:
		t.deleted = false
		z.touch(t, c.now)
		return empty(http.StatusOK)
	case len(rest) == 1 && c.Method == http.MethodDelete:
		t.gone = true
		return jsonReply(http.StatusOK, object{"job_status": object{"id": fmt.Sprintf("%032x", t.id), "status": "queued"}})
	}
	return z.notAllowed(c, "GET", "PUT", "DELETE")
}

// numbered answers one page of a list, by page and per_page, with the addresses of the pages beside it.
func (z *Zendesk) numbered(c *call, name string, all []any) reply {
	number, ok1 := c.whole("page", 1, 1)
	size, ok2 := c.whole("per_page", 100, 1)
	if !ok1 || !ok2 {
		return zdError(http.StatusBadRequest, "InvalidValue", "page and per_page are positive whole numbers")
	}
	size = min(size, 100)
	items, pages := page(all, number, size)
	out := object{name: list(items), "count": len(all), "next_page": nil, "previous_page": nil}
	to := func(n int) string {
		return c.asked(c.URL.EscapedPath(), map[string]string{"page": fmt.Sprint(n)})
	}
	if number < pages {
		out["next_page"] = to(number + 1)
	}
	if number > 1 {
		out["previous_page"] = to(number - 1)
	}
	return jsonReply(http.StatusOK, out)
}

// sorted are the tickets that can be read, by id.
func (z *Zendesk) sorted(c *call) []*zdTicket {
	var out []*zdTicket
	for _, t := range z.tickets {
		if !t.deleted && !t.gone && !c.now.Before(t.visible) {
			out = append(out, t)
		}
	}
	slices.SortFunc(out, func(a, b *zdTicket) int { return int(a.id - b.id) })
	return out
}
