package contract_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/tests/contract"
)

const zdTickets = "/api/v2/tickets"

func zdClient(t *testing.T, z *contract.Zendesk) client {
	t.Helper()
	cred := z.Credentials()
	return serve(t, z).as("Authorization", basicAuth(cred.User+"/token", cred.Token))
}

// zdNew is the body of a create with some more members.
func zdNew(subject, more string) string {
	return `{"ticket":{"subject":"` + subject + `","comment":{"body":"text of ` + subject + `"}` + more + `}}`
}

func TestZendeskTickets(t *testing.T) {
	t.Parallel()
	now := newClock()
	z := contract.NewZendesk(contract.Options{Now: now.Now})
	c := zdClient(t, z)
	c.do("POST", zdTickets, zdNew("Printer", `,"external_id":"g-1","priority":"high","tags":["a"],"custom_fields":[{"id":1,"value":"x"}],"created_at":"2000-01-01T00:00:00Z","colour":1`)).
		is(201, `{"ticket":{"id":35436,"url":"`+c.base+`/api/v2/tickets/35436.json","subject":"Printer","description":"text of Printer","external_id":"g-1",
			"priority":"high","status":"new","tags":["a"],"custom_fields":[{"id":1,"value":"x"}],"created_at":"2026-11-22T10:00:30Z","updated_at":"2026-11-22T10:00:30Z"}}`).
		has("Location", c.base+"/api/v2/tickets/35436.json")
	if got := fmt.Sprint(z.Calls()[0].Ignored); got != "[colour created_at]" {
		t.Fatalf("ignored: %s", got)
	}
	at := zdTickets + "/35436"
	now.Advance(time.Second)
	c.do("PUT", at+".json", `{"ticket":{"status":"open","custom_fields":[{"id":2,"value":"y"}]}}`).
		is(200, `{"ticket":{"status":"open","subject":"Printer","updated_at":"2026-11-22T10:00:31Z","custom_fields":[{"id":1,"value":"x"},{"id":2,"value":"y"}]}}`)
	c.do("PUT", at, `{"ticket":{"priority":null,"external_id":null}}`).is(200, `{"ticket":{"priority":null,"external_id":null,"status":"open"}}`)
	c.do("GET", at, "").is(200, `{"ticket":{"id":35436,"status":"open"}}`)

	c.do("PUT", at, `{"ticket":{"subject":"late","safe_update":true,"updated_stamp":"2026-11-22T10:00:30Z"}}`).is(409, `{"error":"UpdateConflict"}`)
	c.do("PUT", at, `{"ticket":{"subject":"in time","safe_update":true,"updated_stamp":"2026-11-22T10:00:31Z"}}`).is(200, `{"ticket":{"subject":"in time"}}`)

	c.do("PUT", at, `{"ticket":{"status":"closed"}}`).is(200, "-")
	c.do("PUT", at, `{"ticket":{"status":"open"}}`).is(422, `{"error":"RecordInvalid","description":"Record validation errors","details":{"status":[{"description":"*"}]}}`)

	c.do("DELETE", at, "").is(204, "")
	none := `{"error":"RecordNotFound","description":"Not found"}`
	c.do("GET", at, "").is(404, none)
	c.do("DELETE", at, "").is(404, none)
	c.do("GET", "/api/v2/deleted_tickets.json", "").is(200, `{"deleted_tickets":[{"id":35436,"subject":"in time","previous_state":"closed"}],"count":1}`)
	c.do("PUT", "/api/v2/deleted_tickets/35436/restore", "").is(200, "-")
	c.do("GET", at, "").is(200, "-")
	c.do("DELETE", at, "").is(204, "")
	c.do("DELETE", "/api/v2/deleted_tickets/35436", "").is(200, `{"job_status":{}}`)
	c.do("PUT", "/api/v2/deleted_tickets/35436/restore", "").is(404, none)
	if n := len(z.Records()); n != 0 {
		t.Fatalf("%d records", n)
	}
}

func TestZendeskIDs(t *testing.T) {
	t.Parallel()
	for _, skips := range []bool{true, false} {
		c := zdClient(t, contract.NewZendesk(contract.Options{First: 8, Zendesk: contract.ZendeskOptions{NoSkips: !skips}}))
		var got []string
		for range 4 {
			got = append(got, c.do("POST", zdTickets, zdNew("x", "")).is(201, "-").at("ticket", "id"))
		}
		if want := map[bool]string{true: "8 9 11 12", false: "8 9 10 11"}[skips]; strings.Join(got, " ") != want {
			t.Errorf("ids %v, not %s", got, want)
		}
	}
}

func TestZendeskRefusals(t *testing.T) {
	t.Parallel()
	z := contract.NewZendesk(contract.Options{})
	c := zdClient(t, z)
	c.do("POST", zdTickets, zdNew("one", `,"status":"open"`)).is(201, "-")
	at := zdTickets + "/35436"
	out := `{"error":"Couldn't authenticate you"}`
	invalid := func(field string) string {
		return `{"error":"RecordInvalid","details":{"` + field + `":[{"description":"*","error":"*"}]}}`
	}
	cred := z.Credentials()
	c.run([]row{
		{"no credentials", "GET", zdTickets, "", []string{"Authorization", ""}, 401, out},
		{"a user without /token", "GET", zdTickets, "", []string{"Authorization", basicAuth(cred.User, cred.Token)}, 401, out},
		{"a bearer's token", "GET", "/api/v2/users/me.json", "", []string{"Authorization", "Bearer " + cred.Token}, 200, `{"user":{"id":"*"}}`},
		{"text", "POST", zdTickets, `{}`, []string{"Content-Type", "text/plain"}, 415, "-"},
		{"no JSON", "POST", zdTickets, `{`, nil, 400, "-"},
		{"no envelope", "POST", zdTickets, `{"subject":"x","comment":{"body":"x"}}`, nil, 400, `{"error":{"title":"Invalid attribute","message":"*"}}`},
		{"no envelope in an update", "PUT", at, `{"subject":"x"}`, nil, 400, `{"error":{"title":"Invalid attribute"}}`},
		{"no comment", "POST", zdTickets, `{"ticket":{"subject":"x"}}`, nil, 422, invalid("base")},
		{"an empty comment", "PUT", at, `{"ticket":{"comment":{"body":""}}}`, nil, 422, invalid("base")},
		{"no such status", "PUT", at, `{"ticket":{"status":"opened"}}`, nil, 422, invalid("status")},
		{"back to new", "PUT", at, `{"ticket":{"status":"new"}}`, nil, 422, invalid("status")},
		{"no such priority", "PUT", at, `{"ticket":{"priority":2}}`, nil, 422, invalid("priority")},
		{"a number as external id", "PUT", at, `{"ticket":{"external_id":7}}`, nil, 422, invalid("external_id")},
		{"a text as assignee", "PUT", at, `{"ticket":{"assignee_id":"7"}}`, nil, 422, invalid("assignee_id")},
		{"tags as a text", "PUT", at, `{"ticket":{"tags":"a b"}}`, nil, 422, invalid("tags")},
		{"no ticket", "GET", zdTickets + "/1", "", nil, 404, `{"error":"RecordNotFound"}`},
		{"no id", "GET", zdTickets + "/x1", "", nil, 400, "-"},
		{"PATCH", "PATCH", at, `{"ticket":{}}`, nil, 405, "-"},
		{"DELETE of all", "DELETE", zdTickets, "", nil, 405, "-"},
		{"elsewhere", "GET", "/api/v2/nothing", "", nil, 404, `{"error":"InvalidEndpoint"}`},
		{"unchanged", "GET", at, "", nil, 200, `{"ticket":{"subject":"one","status":"open","external_id":null}}`},
	})
	strict := zdClient(t, contract.NewZendesk(contract.Options{RefuseUnknown: true}))
	strict.do("POST", zdTickets, zdNew("x", `,"colour":1`)).is(422, invalid("base"))
}

func TestZendeskIdempotency(t *testing.T) {
	t.Parallel()
	now := newClock()
	z := contract.NewZendesk(contract.Options{Now: now.Now})
	c := zdClient(t, z)
	k := c.as("Idempotency-Key", "key-1")
	k.do("POST", zdTickets, zdNew("x", "")).is(201, `{"ticket":{"id":35436}}`).has("X-Idempotency-Lookup", "miss")
	k.do("POST", zdTickets, zdNew("x", "")).is(201, `{"ticket":{"id":35436}}`).has("X-Idempotency-Lookup", "hit")
	k.do("POST", zdTickets, zdNew("y", "")).is(400, `{"error":"IdempotentRequestError"}`)
	c.as("Idempotency-Key", strings.Repeat("k", 256)).do("POST", zdTickets, zdNew("x", "")).is(400, `{"error":"IdempotentRequestError"}`)
	c.as("Idempotency-Key", strings.Repeat("k", 255)).do("POST", zdTickets, zdNew("x", "")).is(201, "-").has("X-Idempotency-Lookup", "miss")
	bad := c.as("Idempotency-Key", "key-2")
	bad.do("POST", zdTickets, `{"ticket":{}}`).is(422, "-")
	bad.do("POST", zdTickets, zdNew("x", "")).is(201, "-").has("X-Idempotency-Lookup", "miss")
	now.Advance(2*time.Hour - time.Second)
	k.do("POST", zdTickets, zdNew("x", "")).is(201, "-").has("X-Idempotency-Lookup", "hit")
	now.Advance(time.Second)
	k.do("POST", zdTickets, zdNew("y", "")).is(201, "-").has("X-Idempotency-Lookup", "miss")
	c.do("POST", zdTickets, zdNew("x", "")).is(201, "-").has("X-Idempotency-Lookup", "")
	if n := len(z.Records()); n != 5 {
		t.Fatalf("%d records", n)
	}
}

func TestZendeskAsync(t *testing.T) {
	t.Parallel()
	now := newClock()
	c := zdClient(t, contract.NewZendesk(contract.Options{Now: now.Now}))
	c.do("POST", zdTickets+"?async=true", zdNew("x", `,"external_id":"g"`)).is(202, `{"ticket":{"id":35436},"job_status":{"id":"*","status":"queued"}}`)
	c.do("GET", zdTickets+"/35436", "").is(404, "-")
	c.do("GET", zdTickets+"?external_id=g", "").is(200, `{"tickets":[]}`)
	now.Advance(time.Second)
	c.do("GET", zdTickets+"/35436", "").is(200, "-")
}

func TestZendeskLists(t *testing.T) {
	t.Parallel()
	c := zdClient(t, contract.NewZendesk(contract.Options{Zendesk: contract.ZendeskOptions{NoSkips: true}, First: 1}))
	for i := range 5 {
		c.do("POST", zdTickets, zdNew(fmt.Sprint("t", i), fmt.Sprintf(`,"external_id":"g-%d","tags":["x"]`, i%4))).is(201, "-")
	}
	c.do("DELETE", zdTickets+"/3", "").is(204, "")
	c.do("GET", zdTickets+"?external_id=g-0", "").is(200, `{"tickets":[{"id":1},{"id":5}],"count":2,"next_page":null}`)
	c.do("GET", zdTickets+".json?external_id=none", "").is(200, `{"tickets":[],"count":0}`)
	first := c.do("GET", zdTickets+"?per_page=3", "").is(200, `{"tickets":[{"id":1},{"id":2},{"id":4}],"count":4,"previous_page":null}`)
	c.do("GET", first.at("next_page"), "").is(200, `{"tickets":[{"id":5}],"next_page":null}`)
	first = c.do("GET", zdTickets+"?page[size]=3", "").is(200, `{"tickets":[{"id":1},{"id":2},{"id":4}],"meta":{"has_more":true}}`)
	c.do("GET", first.at("links", "next"), "").is(200, `{"tickets":[{"id":5}],"meta":{"has_more":false},"links":{"next":null}}`)
	c.do("GET", zdTickets+"?per_page=x", "").is(400, "-")
	c.do("GET", "/api/v2/search.json?query=type:ticket%20external_id:g-1", "").is(200, `{"results":[{"id":2,"result_type":"ticket"}],"count":1}`)
	c.do("GET", "/api/v2/search.json?query=%22of%20t4%22%20tags:x", "").is(200, `{"results":[{"id":5}]}`)
	c.do("GET", "/api/v2/search.json", "").is(422, "-")
}

func TestZendeskExport(t *testing.T) {
	t.Parallel()
	now := newClock()
	c := zdClient(t, contract.NewZendesk(contract.Options{Now: now.Now, Zendesk: contract.ZendeskOptions{NoSkips: true}, First: 1}))
	for i := range 5 {
		c.do("POST", zdTickets, zdNew(fmt.Sprint("t", i), "")).is(201, "-")
		now.Advance(20 * time.Second)
	}
	// 10:00:30, :50, 10:01:10, :30, :50; it is 10:02:10 now, so that the first three are a minute old.
	at := "/api/v2/incremental/tickets/cursor.json"
	unix := func(s int) string { return fmt.Sprint(start.Truncate(time.Second).Unix() + int64(s)) }
	c.do("GET", at+"?start_time="+unix(20), "").is(200, `{"tickets":[{"id":2},{"id":3}],"end_of_stream":true,"after_cursor":"*","after_url":"*","before_url":null}`)
	first := c.do("GET", at+"?per_page=2&start_time=0", "").is(200, `{"tickets":[{"id":1},{"id":2}],"end_of_stream":false}`)
	second := c.do("GET", first.at("after_url"), "").is(200, `{"tickets":[{"id":3}],"end_of_stream":true}`)
	c.do("GET", second.at("after_url"), "").is(200, `{"tickets":[],"end_of_stream":true,"after_cursor":"`+second.at("after_cursor")+`"}`)
	c.do("DELETE", zdTickets+"/1", "").is(204, "")
	c.do("PUT", zdTickets+"/2", `{"ticket":{"subject":"new"}}`).is(200, "-")
	now.Advance(time.Minute)
	c.do("GET", strings.Replace(second.at("after_url"), "per_page=2", "per_page=9", 1), "").
		is(200, `{"tickets":[{"id":4},{"id":5},{"id":1,"status":"deleted"},{"id":2,"subject":"new"}],"end_of_stream":true}`)
	c.run([]row{
		{"no start", "GET", at, "", nil, 400, "-"},
		{"no number", "GET", at + "?start_time=2026-11-22T10:00:00Z", "", nil, 400, "-"},
		{"too recent", "GET", at + "?start_time=" + fmt.Sprint(now.Now().Unix()-59), "", nil, 400, `{"error":"StartTimeTooRecent"}`},
		{"recent, but well", "GET", at + "?start_time=" + fmt.Sprint(now.Now().Unix()-60), "", nil, 200, "-"},
		{"no cursor", "GET", at + "?cursor=xyz", "", nil, 400, "-"},
		{"a verb", "POST", at + "?start_time=0", "", nil, 405, "-"},
	})
}

func TestZendeskComments(t *testing.T) {
	t.Parallel()
	z := contract.NewZendesk(contract.Options{Now: newClock().Now})
	c := zdClient(t, z)
	c.do("POST", zdTickets, zdNew("one", "")).is(201, "-")
	at := zdTickets + "/35436"
	up := c.as("Content-Type", "image/png").do("POST", "/api/v2/uploads.json?filename=a.png", "\x89PNG\x00").
		is(201, `{"upload":{"token":"*","attachment":{"file_name":"a.png","content_type":"image/png","size":5}}}`)
	c.do("PUT", at, `{"ticket":{"comment":{"body":"second","public":false,"uploads":["`+up.at("upload", "token")+`"]}}}`).is(200, "-")
	list := c.do("GET", at+"/comments.json", "").is(200, `{"comments":[{"id":700001,"type":"Comment","body":"text of one","public":true},
		{"id":700002,"body":"second","public":false,"attachments":[{"file_name":"a.png"}],"created_at":"2026-11-22T10:00:30Z"}],"count":2}`)
	got := c.as("Authorization", "").do("GET", list.at("comments", 1, "attachments", 0, "content_url"), "").is(200, "-").has("Content-Type", "image/png")
	if string(got.body) != "\x89PNG\x00" {
		t.Fatalf("%q", got.body)
	}
	c.do("POST", at+"/comments", `{"comment":{"body":"x"}}`).is(405, "-")
	c.do("POST", "/api/v2/uploads", "x").is(400, "-")
	if n := len(z.Comments(35436)); n != 2 {
		t.Fatalf("%d comments", n)
	}
}

func TestZendeskLimit(t *testing.T) {
	t.Parallel()
	now := newClock()
	c := zdClient(t, contract.NewZendesk(contract.Options{Now: now.Now, Limit: 2}))
	c.do("GET", zdTickets, "").is(200, "-").has("X-Rate-Limit", "2").has("X-Rate-Limit-Remaining", "1")
	c.do("GET", zdTickets, "").is(200, "-")
	now.Advance(10 * time.Second)
	c.do("GET", zdTickets, "").is(429, "-").has("Retry-After", "49")
	now.Advance(50 * time.Second)
	c.do("GET", zdTickets, "").is(200, "-")
}

func TestZendeskCommentRefusals(t *testing.T) {
	t.Parallel()
	c := zdClient(t, contract.NewZendesk(contract.Options{}))
	c.do("POST", zdTickets, `{"ticket":{"comment":"short"}}`).is(201, `{"ticket":{"subject":"short","description":"short"}}`)
	at := zdTickets + "/35436"
	for comment, status := range map[string]int{
		`{"body":"x","public":"no"}`: 422, `{"body":"x","uploads":"t"}`: 422, `{"html_body":"<b>x</b>"}`: 200, `7`: 400, `{"body":"x","author_id":5}`: 200,
	} {
		c.do("PUT", at, `{"ticket":{"comment":`+comment+`}}`).is(status, "-")
	}
	c.do("GET", "/api/v2/attachments/content/none", "").is(404, "-")
	c.do("POST", zdTickets, `{"ticket":{"description":"not by this"}}`).is(422, "-")
}
