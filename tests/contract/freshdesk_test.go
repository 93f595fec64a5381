package contract_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/tests/contract"
)

const fdTickets = "/api/v2/tickets"

func fdClient(t *testing.T, f *contract.Freshdesk) client {
	t.Helper()
	return serve(t, f).as("Authorization", basicAuth(f.Credentials().Token, "X"))
}

// fdNew is the body of a create with some more members.
func fdNew(subject, more string) string {
	return `{"subject":"` + subject + `","description":"text of ` + subject + `","email":"a@example.com"` + more + `}`
}

func TestFreshdeskTickets(t *testing.T) {
	t.Parallel()
	now := newClock()
	f := contract.NewFreshdesk(contract.Options{Now: now.Now})
	c := fdClient(t, f)
	c.do("POST", fdTickets, fdNew("Printer", `,"status":3,"priority":4,"tags":["a"],"custom_fields":{"cf_external_id":"g-1"}`)).
		is(201, `{"id":1,"subject":"Printer","description":"text of Printer","description_text":"text of Printer","status":3,"priority":4,"source":2,"tags":["a"],
			"custom_fields":{"cf_external_id":"g-1"},"requester_id":"*","created_at":"2026-11-22T10:00:30Z","updated_at":"2026-11-22T10:00:30Z","attachments":[]}`)
	at := fdTickets + "/1"
	now.Advance(time.Second)
	c.do("PUT", at, `{"status":5,"description":"<b>new</b> text","custom_fields":{}}`).is(200, `{"status":5,"subject":"Printer","description":"<b>new</b> text",
		"description_text":"new text","custom_fields":{"cf_external_id":"g-1"},"updated_at":"2026-11-22T10:00:31Z"}`)
	got := c.do("GET", at, "").is(200, `{"id":1,"status":5}`)
	if strings.Contains(string(got.body), `"deleted"`) {
		t.Fatalf("deleted is only shown where it holds: %s", got.body)
	}
	c.do("DELETE", at, "").is(204, "")
	c.do("GET", at, "").is(200, `{"id":1,"deleted":true}`)
	c.do("GET", fdTickets, "").is(200, `[]`)
	c.do("GET", fdTickets+"?filter=deleted", "").is(200, `[{"id":1,"deleted":true}]`)
	c.do("PUT", at, `{"status":2}`).is(405, `{"code":"method_not_allowed","message":"*"}`)
	c.do("DELETE", at, "").is(405, "-")
	c.do("PUT", at+"/restore", "").is(204, "")
	c.do("PUT", at+"/restore", "").is(404, "")
	c.do("GET", fdTickets, "").is(200, `[{"id":1}]`)
	c.do("POST", fdTickets, fdNew("Next", "")).is(201, `{"id":2,"status":2,"priority":1,"custom_fields":{"cf_external_id":null}}`)
	if n := len(f.Records()); n != 2 {
		t.Fatalf("%d records", n)
	}
	gone := fdClient(t, contract.NewFreshdesk(contract.Options{Freshdesk: contract.FreshdeskOptions{DeletedGone: true, HTML: true}}))
	gone.do("POST", fdTickets, fdNew("x", "")).is(201, `{"description":"<div>text of x</div>","description_text":"text of x"}`)
	gone.do("DELETE", at, "").is(204, "")
	gone.do("GET", at, "").is(404, "")
	gone.do("DELETE", at, "").is(404, "")
}

func TestFreshdeskRefusals(t *testing.T) {
	t.Parallel()
	f := contract.NewFreshdesk(contract.Options{})
	c := fdClient(t, f)
	c.do("POST", fdTickets, fdNew("one", "")).is(201, "-")
	at := fdTickets + "/1"
	out := `{"code":"invalid_credentials","message":"You have to be logged in to perform this action."}`
	invalid := func(field, code string) string {
		return `{"description":"Validation failed","errors":[{"field":"` + field + `","message":"*","code":"` + code + `"}]}`
	}
	c.run([]row{
		{"no credentials", "GET", fdTickets, "", []string{"Authorization", ""}, 401, out},
		{"wrong ones", "GET", fdTickets, "", []string{"Authorization", basicAuth("x", "X")}, 401, out},
		{"a bearer's token", "GET", fdTickets, "", []string{"Authorization", "Bearer " + f.Credentials().Token}, 401, out},
		{"any password", "GET", "/api/v2/agents/me", "", []string{"Authorization", basicAuth(f.Credentials().Token, "anything")}, 200, `{"id":"*"}`},
		{"text", "POST", fdTickets, `{}`, []string{"Content-Type", "text/plain"}, 415, "-"},
		{"no JSON", "POST", fdTickets, `{`, nil, 400, `{"code":"invalid_json"}`},
		{"an envelope", "PUT", at, `{"ticket":{"subject":"x"}}`, nil, 400, invalid("ticket", "invalid_field")},
		{"nothing", "POST", fdTickets, `{}`, nil, 400, `{"description":"Validation failed","errors":[{"field":"requester_id","code":"missing_field"},{"field":"subject"},{"field":"description"}]}`},
		{"nothing in an update", "PUT", at, `{}`, nil, 400, "-"},
		{"a status as a text", "PUT", at, `{"status":"2"}`, nil, 400, `{"errors":[{"field":"status","message":"Value set is of type String.It should be a/an Integer","code":"datatype_mismatch"}]}`},
		{"a status as a word", "PUT", at, `{"status":"open"}`, nil, 400, invalid("status", "datatype_mismatch")},
		{"a status of one and a half", "PUT", at, `{"status":1.5}`, nil, 400, invalid("status", "datatype_mismatch")},
		{"no such status", "PUT", at, `{"status":1}`, nil, 400, invalid("status", "invalid_value")},
		{"no status", "PUT", at, `{"status":null}`, nil, 400, invalid("status", "datatype_mismatch")},
		{"no such priority", "PUT", at, `{"priority":5}`, nil, 400, invalid("priority", "invalid_value")},
		{"a subject that is none", "PUT", at, `{"subject":1}`, nil, 400, invalid("subject", "datatype_mismatch")},
		{"a long subject", "PUT", at, `{"subject":"` + strings.Repeat("x", 256) + `"}`, nil, 400, invalid("subject", "invalid_value")},
		{"an unknown member", "PUT", at, `{"colour":"red"}`, nil, 400, invalid("colour", "invalid_field")},
		{"the id", "PUT", at, `{"id":1}`, nil, 400, invalid("id", "invalid_field")},
		{"a time of the server", "PUT", at, `{"updated_at":"2026-11-22T10:00:31Z"}`, nil, 400, invalid("updated_at", "invalid_field")},
		{"an unknown custom field", "PUT", at, `{"custom_fields":{"cf_colour":"red"}}`, nil, 400, invalid("custom_fields.cf_colour", "invalid_field")},
		{"tags of numbers", "PUT", at, `{"tags":[1]}`, nil, 400, invalid("tags", "datatype_mismatch")},
		{"a day without a time", "PUT", at, `{"due_by":"2026-11-22"}`, nil, 400, invalid("due_by", "invalid_date")},
		{"no ticket", "GET", fdTickets + "/99", "", nil, 404, ""},
		{"no id", "GET", fdTickets + "/x", "", nil, 404, ""},
		{"PATCH", "PATCH", at, `{"status":2}`, nil, 405, `{"code":"method_not_allowed"}`},
		{"DELETE of all", "DELETE", fdTickets, "", nil, 405, "-"},
		{"elsewhere", "GET", "/api/v1/tickets", "", nil, 404, ""},
		{"too large a page", "GET", fdTickets + "?per_page=101", "", nil, 400, invalid("per_page", "invalid_value")},
		{"too late a page", "GET", fdTickets + "?page=301", "", nil, 400, invalid("page", "invalid_value")},
		{"page 0", "GET", fdTickets + "?page=0", "", nil, 400, "-"},
		{"since that is none", "GET", fdTickets + "?updated_since=yesterday", "", nil, 400, invalid("updated_since", "invalid_date")},
		{"an order that is none", "GET", fdTickets + "?order_by=subject", "", nil, 400, invalid("order_by", "invalid_value")},
		{"an unknown parameter", "GET", fdTickets + "?status=2", "", nil, 400, invalid("status", "invalid_field")},
		{"unchanged", "GET", at, "", nil, 200, `{"subject":"one","status":2,"priority":1}`},
	})
}

func TestFreshdeskLists(t *testing.T) {
	t.Parallel()
	now := newClock()
	c := fdClient(t, contract.NewFreshdesk(contract.Options{Now: now.Now}))
	for i := range 5 {
		c.do("POST", fdTickets, fdNew(fmt.Sprint("t", i), fmt.Sprintf(`,"status":%d,"tags":["x"],"custom_fields":{"cf_external_id":"g:%d"}`, 2+i%2, i))).is(201, "-")
		now.Advance(10 * time.Second)
	}
	c.do("PUT", fdTickets+"/2", `{"priority":3}`).is(200, "-")
	first := c.do("GET", fdTickets, "").is(200, `[{"id":5},{"id":4},{"id":3},{"id":2},{"id":1}]`)
	if strings.Contains(string(first.body), `"description`) || first.header.Get("Link") != "" {
		t.Fatalf("%s %s", first.body, first.header.Get("Link"))
	}
	c.do("GET", fdTickets+"?include=description", "").is(200, `[{"id":5,"description":"text of t4"},{},{},{},{}]`)
	since := fdTickets + "?updated_since=2026-11-22T10:00:50Z&order_by=updated_at&order_type=asc"
	c.do("GET", since, "").is(200, `[{"id":3},{"id":4},{"id":5},{"id":2}]`)
	first = c.do("GET", since+"&per_page=3", "").is(200, `[{"id":3},{"id":4},{"id":5}]`)
	second := c.do("GET", first.next("next"), "").is(200, `[{"id":2}]`)
	if second.header.Get("Link") != "" {
		t.Fatalf("Link behind the last page: %s", second.header.Get("Link"))
	}
	c.do("GET", since+"&per_page=3&page=3", "").is(200, `[]`)
	c.do("GET", `/api/v2/search/tickets?query=%22cf_external_id:%27g:3%27%22`, "").is(200, `{"total":1,"results":[{"id":4}]}`)
	c.do("GET", `/api/v2/search/tickets?query=%22tag:%27x%27%20AND%20status:3%22`, "").is(200, `{"total":2,"results":[{"id":2},{"id":4}]}`)
	c.do("GET", `/api/v2/search/tickets?query=tag:x`, "").is(400, "-")
	c.do("GET", `/api/v2/search/tickets?query=%22cf_colour:x%22`, "").is(400, "-")
	now.Advance(31 * 24 * time.Hour)
	c.do("GET", fdTickets, "").is(200, `[]`)
	c.do("GET", since, "").is(200, `[{},{},{},{}]`)
}

func TestFreshdeskLimit(t *testing.T) {
	t.Parallel()
	now := newClock()
	f := contract.NewFreshdesk(contract.Options{Now: now.Now, Limit: 2})
	c := fdClient(t, f)
	c.do("GET", fdTickets, "").is(200, "-").has("X-Ratelimit-Total", "2").has("X-Ratelimit-Remaining", "1")
	c.do("PUT", fdTickets+"/1", `{`).is(404, "") // refused calls count, too
	c.do("POST", fdTickets, fdNew("x", "")).is(429, `{"message":"*"}`).has("Retry-After", "59")
	if n := len(f.Records()); n != 0 {
		t.Fatalf("a call beyond the limit was done: %v", f.Records())
	}
	now.Advance(time.Minute)
	c.do("POST", fdTickets, fdNew("x", "")).is(201, "-")
}

func TestFreshdeskConversations(t *testing.T) {
	t.Parallel()
	f := contract.NewFreshdesk(contract.Options{Now: newClock().Now})
	c := fdClient(t, f)
	c.do("POST", fdTickets, fdNew("one", "")).is(201, "-")
	at := fdTickets + "/1"
	note := c.do("POST", at+"/notes", `{"body":"<p>first</p>"}`).is(201, `{"id":"*","ticket_id":1,"body":"<p>first</p>","body_text":"first","private":true,"incoming":false,"attachments":[]}`)
	c.do("POST", at+"/notes", `{"body":"second","private":false}`).is(201, `{"private":false}`)
	c.do("POST", at+"/reply", `{"body":"third"}`).is(201, `{"source":0,"private":false}`)
	c.do("GET", at+"/conversations", "").is(200, `[{"body":"<p>first</p>"},{"body":"second"},{"body":"third"}]`)
	page := c.do("GET", at+"/conversations?per_page=2", "").is(200, `[{},{}]`)
	c.do("GET", page.next("next"), "").is(200, `[{"body":"third"}]`)
	one := "/api/v2/conversations/" + note.at("id")
	c.do("PUT", one, `{"body":"changed"}`).is(200, `{"body":"changed"}`)
	c.do("GET", one, "").is(405, "-")
	c.do("DELETE", one, "").is(204, "")
	c.run([]row{
		{"gone", "PUT", one, `{"body":"x"}`, nil, 404, ""},
		{"no body", "POST", at + "/notes", `{}`, nil, 400, `{"errors":[{"field":"body","code":"missing_field"}]}`},
		{"private as a text", "POST", at + "/notes", `{"body":"x","private":"yes"}`, nil, 400, `{"errors":[{"field":"private"}]}`},
		{"a public reply", "POST", at + "/reply", `{"body":"x","private":false}`, nil, 400, `{"errors":[{"field":"private","code":"invalid_field"}]}`},
		{"POST of conversations", "POST", at + "/conversations", `{"body":"x"}`, nil, 405, "-"},
		{"no ticket", "POST", fdTickets + "/9/notes", `{"body":"x"}`, nil, 404, ""},
	})
	if n := len(f.Conversations(1)); n != 2 {
		t.Fatalf("%d entries", n)
	}
}

func TestFreshdeskFiles(t *testing.T) {
	t.Parallel()
	c := fdClient(t, contract.NewFreshdesk(contract.Options{}))
	kind, body := form(t, [4]string{"subject", "", "", "one"}, [4]string{"description", "", "", "d"}, [4]string{"email", "", "", "a@example.com"},
		[4]string{"status", "", "", "3"}, [4]string{"tags[]", "", "", "x"}, [4]string{"tags[]", "", "", "y"}, [4]string{"custom_fields[cf_external_id]", "", "", "g"},
		[4]string{"attachments[]", "a.png", "image/png", "\x89PNG\x00"})
	up := c.as("Content-Type", kind)
	made := up.do("POST", fdTickets, body).is(201, `{"id":1,"status":3,"tags":["x","y"],"custom_fields":{"cf_external_id":"g"},
		"attachments":[{"name":"a.png","content_type":"image/png","size":5,"attachment_url":"*"}]}`)
	got := c.as("Authorization", "").do("GET", made.at("attachments", 0, "attachment_url"), "").is(200, "-").has("Content-Type", "image/png")
	if string(got.body) != "\x89PNG\x00" {
		t.Fatalf("%q", got.body)
	}
	kind, body = form(t, [4]string{"body", "", "", "look"}, [4]string{"attachments[]", "b.txt", "text/plain", "hello"})
	c.as("Content-Type", kind).do("POST", fdTickets+"/1/notes", body).is(201, `{"attachments":[{"name":"b.txt","size":5}]}`)
	c.do("DELETE", "/api/v2/attachments/"+made.at("attachments", 0, "id"), "").is(204, "")
	c.do("GET", fdTickets+"/1", "").is(200, `{"attachments":[]}`)
	c.do("GET", made.at("attachments", 0, "attachment_url"), "").is(404, "")
	c.do("DELETE", "/api/v2/attachments/1", "").is(404, "")
}
