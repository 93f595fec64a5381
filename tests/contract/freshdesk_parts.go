package contract

import (
	"fmt"
	"net/http"
	"slices"
	"time"
)

// conversations lists the notes and replies of a ticket, oldest first.
func (f *Freshdesk) conversations(c *call, t *fdTicket) reply {
	if c.Method != http.MethodGet {
		return f.notAllowed(c, "GET")
	}
	all := make([]any, 0, len(t.talk))
	for _, e := range t.talk {
		all = append(all, e.shown(t.id))
	}
	return f.paged(c, all)
}

// atConversation changes or deletes a note; its path does not name its ticket. A conversation cannot be read by itself.
func (f *Freshdesk) atConversation(c *call, id string) reply {
	n, _ := digits(id)
	for _, t := range f.tickets {
		at := slices.IndexFunc(t.talk, func(e *fdEntry) bool { return e.id == n })
		if at < 0 {
			continue
		}
		e := t.talk[at]
		switch c.Method {
		case http.MethodPut:
			body, files, no := f.parse(c)
			if no != nil {
				return *no
			}
			if wrong := fdTalk(body, map[string]string{"body": "String", "attachments": "Array"}); len(wrong) > 0 {
				return *fdInvalid(wrong...)
			}
			e.fields["body"], e.updated = body["body"], c.now.Truncate(time.Second)
			e.files = append(e.files, f.keep(c, files)...)
			return jsonReply(http.StatusOK, e.shown(t.id))
		case http.MethodDelete:
			t.talk = slices.Delete(t.talk, at, at+1)
			return empty(http.StatusNoContent)
		}
		return f.notAllowed(c, "PUT", "DELETE")
	}
	return f.refuse(http.StatusNotFound, "")
}

// keep stores files and returns how answers show them.
func (f *Freshdesk) keep(c *call, parts []part) []any {
	var out []any
	for _, p := range parts {
		f.lastInside++
		one := &file{id: fmt.Sprint(f.lastInside), name: p.file, mediaType: p.mediaType, body: p.body}
		one.parent = digest(f.options.Site, f.options.Token, one.id)
		at := c.now.Truncate(time.Second).Format(time.RFC3339)
		one.record = object{
			"id": f.lastInside, "name": p.file, "content_type": p.mediaType, "size": len(p.body), "created_at": at, "updated_at": at,
			"attachment_url": c.base() + "/data/helpdesk/attachments/" + one.parent,
		}
		f.files = append(f.files, one)
		out = append(out, one.record)
	}
	return out
}

// content gives the bytes of a file.
func (f *Freshdesk) content(c *call, secret string) reply {
	if c.Method != http.MethodGet {
		return f.notAllowed(c, "GET")
	}
	for _, one := range f.files {
		if one.parent == secret {
			return raw(http.StatusOK, one.mediaType, one.body)
		}
	}
	return f.refuse(http.StatusNotFound, "")
}

// atFile deletes a file from where it is attached.
func (f *Freshdesk) atFile(c *call, id string) reply {
	if c.Method != http.MethodDelete {
		return f.notAllowed(c, "DELETE")
	}
	at := slices.IndexFunc(f.files, func(o *file) bool { return o.id == id })
	if at < 0 {
		return f.refuse(http.StatusNotFound, "")
	}
	gone := func(shown any) bool {
		o, _ := shown.(object)
		return fmt.Sprint(o["id"]) == id
	}
	for _, t := range f.tickets {
		t.files = slices.DeleteFunc(t.files, gone)
		for _, e := range t.talk {
			e.files = slices.DeleteFunc(e.files, gone)
		}
	}
	f.files = slices.Delete(f.files, at, at+1)
	return empty(http.StatusNoContent)
}
