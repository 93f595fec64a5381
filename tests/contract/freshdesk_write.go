package contract

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// fdTypes are the members of a ticket that can be written, with their types.
func fdTypes() map[string]string {
	return map[string]string{
		"name": "String", "email": "String", "phone": "String", "unique_external_id": "String", "facebook_id": "String", "twitter_id": "String",
		"subject": "String", "description": "String", "type": "String", "due_by": "DateTime", "fr_due_by": "DateTime",
		"status": "Integer", "priority": "Integer", "source": "Integer", "requester_id": "Integer", "responder_id": "Integer", "group_id": "Integer",
		"product_id": "Integer", "company_id": "Integer", "email_config_id": "Integer", "parent_id": "Integer",
		"tags": "Array", "cc_emails": "Array", "attachments": "Array", "related_ticket_ids": "Array", "custom_fields": "Hash",
	}
}

// sent reads the members of a ticket, as JSON or, with files, as a form. Every member that is unknown, read-only or of another type is
// named in the refusal.
func (f *Freshdesk) sent(c *call, update bool) (object, []part, *reply) {
	body, files, no := f.parse(c)
	if no != nil {
		return nil, nil, no
	}
	var wrong []fdError
	types := fdTypes()
	for _, name := range names(body) {
		wrong = append(wrong, f.member(name, body[name], types[name])...)
	}
	if !update {
		wrong = append(wrong, fdMissing(body)...)
	}
	if len(wrong) > 0 {
		return nil, nil, fdInvalid(wrong...)
	}
	return body, files, nil
}

// fdMissing is what a create lacks: somebody who asks, a subject and a description. That the latter are mandatory is not confirmed.
func fdMissing(body object) []fdError {
	var wrong []fdError
	who := []string{"requester_id", "phone", "email", "twitter_id", "facebook_id", "unique_external_id"}
	if !slices.ContainsFunc(who, func(n string) bool { return body[n] != nil }) {
		wrong = append(wrong, fdError{"requester_id", "One of the following is mandatory: " + strings.Join(who, ", "), "missing_field"})
	}
	for _, name := range []string{"subject", "description"} {
		if strings.TrimSpace(text(body[name])) == "" {
			wrong = append(wrong, fdError{name, "It should be a/an String", "missing_field"})
		}
	}
	return wrong
}

// member checks one member of a ticket.
func (f *Freshdesk) member(name string, v any, want string) []fdError {
	mismatch := func(want string) []fdError {
		return []fdError{{name, fmt.Sprintf("Value set is of type %s.It should be a/an %s", fdType(v), want), "datatype_mismatch"}}
	}
	switch {
	case want == "":
		return []fdError{{name, "Unexpected/invalid field in request", "invalid_field"}}
	case v == nil && slices.Contains([]string{"status", "priority", "subject", "description", "source"}, name):
		return mismatch(want)
	case v == nil:
		return nil
	case want == "DateTime":
		if _, err := time.Parse(time.RFC3339, text(v)); err != nil {
			return []fdError{{name, "It should be in the 'combined date and time ISO8601' format", "invalid_date"}}
		}
		return nil
	case fdType(v) != want:
		return mismatch(want)
	case name == "tags" || name == "cc_emails":
		if _, ok := texts(v); !ok {
			return []fdError{{name, "It should contain elements that are of String", "datatype_mismatch"}}
		}
	case name == "subject" && len([]rune(text(v))) > 255:
		return []fdError{{name, "Has more than 255 characters", "invalid_value"}}
	case name == "email" && !strings.Contains(text(v), "@"):
		return []fdError{{name, "It should be in the 'valid email address' format", "invalid_value"}}
	case name == "custom_fields":
		return f.custom(v)
	}
	choices := map[string][]int64{"status": {2, 3, 4, 5}, "priority": {1, 2, 3, 4}, "source": {1, 2, 3, 5, 6, 7, 9, 10, 11}}[name]
	if n, _ := integer(v); choices != nil && !slices.Contains(choices, n) {
		return []fdError{{name, "It should be one of these values: '" + strings.Trim(fmt.Sprint(choices), "[]") + "'", "invalid_value"}}
	}
	return nil
}

// custom checks the custom fields: an unknown one is refused.
func (f *Freshdesk) custom(v any) []fdError {
	var wrong []fdError
	sent, _ := v.(object)
	for _, name := range names(sent) {
		want, known := f.options.Freshdesk.CustomFields[name]
		switch {
		case !known:
			wrong = append(wrong, fdError{"custom_fields." + name, "Unexpected/invalid field in request", "invalid_field"})
		case sent[name] != nil && !strings.EqualFold(fdType(sent[name]), want):
			wrong = append(wrong, fdError{"custom_fields." + name, "It should be a/an " + want, "datatype_mismatch"})
		}
	}
	return wrong
}

// fdType is what Freshdesk calls the type of a value.
func fdType(v any) string {
	return map[string]string{
		"null": "Null", "boolean": "Boolean", "string": "String", "integer": "Integer", "number": "Float", "array": "Array", "object": "Hash",
	}[kind(v)]
}

// parse reads a body: a JSON object, or a form whose names nest as custom_fields[x] and whose lists end in []. The numbers of a form
// are those of the members that must be numbers.
func (f *Freshdesk) parse(c *call) (object, []part, *reply) {
	no := func(r reply) (object, []part, *reply) { return nil, nil, &r }
	if c.isJSON() {
		body, err := parseObject(c.body)
		if err != nil {
			return no(jsonReply(http.StatusBadRequest, object{"code": "invalid_json", "message": "Request had invalid JSON: " + err.Error()}))
		}
		return body, nil, nil
	}
	parts, err := c.parts()
	if err != nil {
		return no(jsonReply(http.StatusUnsupportedMediaType, object{
			"code": "unsupported_media_type", "message": "Content type " + c.Header.Get("Content-Type") + " is not supported. Only application/json is.",
		}))
	}
	body := make(object)
	var files []part
	types := fdTypes()
	for _, p := range parts {
		name, isList := strings.CutSuffix(p.name, "[]")
		outer, inner, nested := strings.Cut(strings.TrimSuffix(name, "]"), "[")
		var v any = string(p.body)
		if types[name] == "Integer" && strings.Trim(string(p.body), "0123456789") == "" {
			v = json.Number(p.body)
		}
		switch {
		case name == "attachments" && p.file != "":
			files = append(files, p)
		case isList:
			old, _ := body[name].([]any)
			body[name] = append(old, v)
		case nested:
			o, _ := body[outer].(object)
			if o == nil {
				o = make(object)
				body[outer] = o
			}
			o[inner] = v
		default:
			body[name] = v
		}
	}
	return body, files, nil
}

// talk makes a note, private unless told otherwise, or a reply.
func (f *Freshdesk) talk(c *call, t *fdTicket, sort string) reply {
	if c.Method != http.MethodPost {
		return f.notAllowed(c, "POST")
	}
	if t.deleted {
		return f.refuse(http.StatusNotFound, "")
	}
	body, files, no := f.parse(c)
	if no != nil {
		return *no
	}
	types := map[string]string{"body": "String", "user_id": "Integer", "attachments": "Array"}
	if sort == "notes" {
		types["private"], types["incoming"], types["notify_emails"] = "Boolean", "Boolean", "Array"
	} else {
		types["cc_emails"], types["bcc_emails"], types["from_email"] = "Array", "Array", "String"
	}
	if wrong := fdTalk(body, types); len(wrong) > 0 {
		return *fdInvalid(wrong...)
	}
	f.lastInside++
	now := c.now.Truncate(time.Second)
	e := &fdEntry{id: f.lastInside, created: now, updated: now, files: f.keep(c, files), fields: object{
		"body": body["body"], "private": sort == "notes", "incoming": false, "user_id": f.agent(), "source": map[string]int{"notes": 2, "reply": 0}[sort],
	}}
	for _, name := range []string{"private", "incoming", "user_id"} {
		if body[name] != nil {
			e.fields[name] = body[name]
		}
	}
	t.talk, t.updated = append(t.talk, e), now
	return jsonReply(http.StatusCreated, e.shown(t.id))
}

// fdTalk is what is wrong with a note or a reply.
func fdTalk(body object, types map[string]string) []fdError {
	var wrong []fdError
	for _, name := range names(body) {
		switch want := types[name]; {
		case want == "":
			wrong = append(wrong, fdError{name, "Unexpected/invalid field in request", "invalid_field"})
		case fdType(body[name]) != want:
			wrong = append(wrong, fdError{name, "It should be a/an " + want, "datatype_mismatch"})
		}
	}
	if strings.TrimSpace(text(body["body"])) == "" {
		wrong = append(wrong, fdError{"body", "It should be a/an String", "missing_field"})
	}
	return wrong
}

// shown is an entry of a conversation as answers show it.
func (e *fdEntry) shown(ticket int64) object {
	out := object{
		"id": e.id, "ticket_id": ticket, "body_text": stripped(text(e.fields["body"])), "attachments": list(e.files), "support_email": nil,
		"to_emails": []any{}, "created_at": e.created.Format(time.RFC3339), "updated_at": e.updated.Format(time.RFC3339),
	}
	for k, v := range e.fields {
		out[k] = v
	}
	return out
}
