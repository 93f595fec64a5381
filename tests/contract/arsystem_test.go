package contract_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/tests/contract"
)

const arForm = "/api/arsys/v1/entry/Meridian:Requests"

// arLogin logs in and returns a client that has a token.
func arLogin(t *testing.T, a *contract.ARSystem) client {
	t.Helper()
	c := serve(t, a)
	cred := a.Credentials()
	f := url.Values{"username": {cred.User}, "password": {cred.Password}}.Encode()
	in := c.as("Content-Type", "application/x-www-form-urlencoded").do("POST", "/api/jwt/login", f).is(200, "-")
	if ct := in.header.Get("Content-Type"); !strings.HasPrefix(ct, "text/plain") || strings.ContainsAny(string(in.body), "{}\" ") {
		t.Fatalf("the token is not plain text: %s %s", ct, in.body)
	}
	return c.as("Authorization", "AR-JWT "+string(in.body))
}

func TestARSystemLogin(t *testing.T) {
	t.Parallel()
	now := newClock()
	a := contract.NewARSystem(contract.Options{Now: now.Now, ARSystem: contract.ARSystemOptions{TokenLife: time.Minute, RequestedBy: true}})
	c := arLogin(t, a)
	failed := `[{"messageType":"ERROR","messageText":"Authentication failed","messageNumber":"*","messageAppendedText":"*"}]`
	form := []string{"Content-Type", "application/x-www-form-urlencoded"}
	x := []string{"X-Requested-By", "XMLHttpRequest"}
	c.run([]row{
		{"the wrong password", "POST", "/api/jwt/login", "username=x&password=y", form, 401, failed},
		{"JSON", "POST", "/api/jwt/login", `{"username":"x"}`, nil, 415, `[{"messageType":"ERROR"}]`},
		{"a read", "GET", "/api/jwt/login", "", nil, 405, "-"},
		{"no X-Requested-By", "GET", arForm, "", nil, 403, "-"},
		{"all well", "GET", arForm, "", x, 200, `{"entries":[],"_links":{}}`},
		{"no token", "GET", arForm, "", append(x, "Authorization", ""), 401, failed},
		{"another scheme", "GET", arForm, "", append(x, "Authorization", strings.Replace(c.header.Get("Authorization"), "AR-JWT", "Bearer", 1)), 401, failed},
	})
	now.Advance(time.Minute)
	c.as(x...).do("GET", arForm, "").is(401, failed)
	c = arLogin(t, a).as(x...)
	c.do("GET", arForm, "").is(200, "-")
	a.Expire()
	c.do("GET", arForm, "").is(401, failed)
	c = arLogin(t, a).as(x...)
	c.do("POST", "/api/jwt/logout", "").is(204, "")
	c.do("GET", arForm, "").is(401, failed)
}

func TestARSystemEntries(t *testing.T) {
	t.Parallel()
	now := newClock()
	a := contract.NewARSystem(contract.Options{Now: now.Now})
	c := arLogin(t, a)
	made := c.do("POST", arForm, `{"values":{"Submitter":"Allen","Short Description":"Printer","External ID":"g-1"}}`).is(201, "")
	at := c.base + arForm + "/000000000000101"
	made.has("Location", at)
	c.do("GET", at, "").is(200, `{"values":{"Request ID":"000000000000101","Submitter":"Allen","Short Description":"Printer","Status":"New",
		"Create Date":"2026-11-22T10:00:30.000+0000","Modified Date":"2026-11-22T10:00:30.000+0000"},"_links":{"self":[{"href":"`+at+`"}]}}`)
	now.Advance(5 * time.Second)
	c.do("PUT", at, `{"values":{"Status":"Assigned","External ID":null}}`).is(204, "")
	got := c.do("GET", at, "").is(200, `{"values":{"Status":"Assigned","Short Description":"Printer","Modified Date":"2026-11-22T10:00:35.000+0000"}}`)
	if strings.Contains(string(got.body), "External ID") {
		t.Fatalf("null did not empty a field: %s", got.body)
	}
	c.do("GET", at+"?fields=values(Status,Request%20ID)", "").is(200, `{"values":{"Status":"Assigned","Request ID":"*"}}`)
	c.do("POST", arForm+"?fields=values(Request%20ID)", `{"values":{"Short Description":"Two"}}`).
		is(201, `{"values":{"Request ID":"000000000000102"}}`).has("Location", c.base+arForm+"/000000000000102")
	c.do("POST", "/api/arsys/v1/entry/Meridian:Join", `{"values":{"Short Description":"x"}}`).is(204, "").has("Location", "")
	c.do("POST", "/api/arsys/v1/mergeEntry/Meridian:Requests", `{"values":{"Request ID":"000000000000102","Short Description":"Merged"}}`).is(204, "")
	c.do("POST", "/api/arsys/v1/mergeEntry/Meridian:Requests", `{"values":{"Short Description":"New by merge"}}`).is(201, "")
	c.do("DELETE", at+"?option=FORCE", "").is(204, "")
	gone := `[{"messageType":"ERROR","messageText":"Entry does not exist in database","messageNumber":302,"messageAppendedText":"000000000000101"}]`
	c.do("GET", at, "").is(404, gone)
	c.do("PUT", at, `{"values":{"Status":"New"}}`).is(404, gone)
	c.do("DELETE", at, "").is(404, gone)
	if n := len(a.Records()); n != 3 {
		t.Fatalf("%d records: %v", n, a.Records())
	}
}

func TestARSystemRefusals(t *testing.T) {
	t.Parallel()
	c := arLogin(t, contract.NewARSystem(contract.Options{Now: newClock().Now}))
	c.do("POST", arForm, `{"values":{"Short Description":"one"}}`).is(201, "")
	at := arForm + "/000000000000101"
	errors := func(number string) string {
		return `[{"messageType":"ERROR","messageText":"*","messageNumber":` + number + `,"messageAppendedText":"*"}]`
	}
	c.run([]row{
		{"no values", "POST", arForm, `{"Short Description":"x"}`, nil, 400, errors("8979")},
		{"more than values", "POST", arForm, `{"values":{"Short Description":"x"},"extra":1}`, nil, 400, errors("8979")},
		{"no JSON", "POST", arForm, `{`, nil, 400, errors("8979")},
		{"text", "POST", arForm, `{"values":{}}`, []string{"Content-Type", "text/plain"}, 415, errors("8979")},
		{"a required field", "POST", arForm, `{"values":{"Status":"New"}}`, nil, 400, errors("307")},
		{"an unknown field", "POST", arForm, `{"values":{"Short Description":"x","Colour":"red"}}`, nil, 400, errors("314")},
		{"the server's own field", "PUT", at, `{"values":{"Request ID":"000000000000109"}}`, nil, 400, errors("330")},
		{"a time", "PUT", at, `{"values":{"Modified Date":"2026-11-22T10:00:30.000+0000"}}`, nil, 400, errors("330")},
		{"no such choice", "PUT", at, `{"values":{"Status":"open"}}`, nil, 400, errors("306")},
		{"too long", "PUT", at, `{"values":{"Short Description":"` + strings.Repeat("x", 255) + `"}}`, nil, 400, errors("306")},
		{"an object", "PUT", at, `{"values":{"Short Description":{"a":1}}}`, nil, 400, errors("308")},
		{"emptied", "PUT", at, `{"values":{"Short Description":null}}`, nil, 400, errors("307")},
		{"an unknown form", "GET", "/api/arsys/v1/entry/Nothing", "", nil, 404, errors("303")},
		{"an id without zeros", "GET", arForm + "/101", "", nil, 404, errors("302")},
		{"PATCH", "PATCH", at, `{"values":{}}`, nil, 405, errors("8979")},
		{"PUT of a form", "PUT", arForm, `{"values":{}}`, nil, 405, errors("8979")},
		{"elsewhere", "GET", "/api/arsys/v2/entry", "", nil, 404, errors("8979")},
		{"unchanged", "GET", at, "", nil, 200, `{"values":{"Short Description":"one","Status":"New"}}`},
	})
}

// q is a list of the form with a qualification, its blanks as %20.
func q(qualification string) string {
	return arForm + "?q=" + strings.ReplaceAll(url.QueryEscape(qualification), "+", "%20")
}

func TestARSystemLists(t *testing.T) {
	t.Parallel()
	now := newClock()
	c := arLogin(t, contract.NewARSystem(contract.Options{Now: now.Now}))
	for _, name := range []string{"a", "b", "c"} {
		c.do("POST", arForm, `{"values":{"Short Description":"`+name+`","External ID":"x `+name+`","Priority":"High"}}`).is(201, "")
		now.Advance(10 * time.Second)
	}
	only := func(ids ...string) string {
		out := []string{}
		for _, id := range ids {
			out = append(out, `{"values":{"Request ID":"000000000000`+id+`"},"_links":{"self":"*"}}`)
		}
		return `{"entries":[` + strings.Join(out, ",") + `]}`
	}
	c.run([]row{
		{"all", "GET", arForm, "", nil, 200, only("101", "102", "103")},
		{"since", "GET", q(`'Modified Date' > "2026-11-22T10:00:30.000+0000"`), "", nil, 200, only("102", "103")},
		{"since, in another offset", "GET", q(`'Modified Date' >= "2026-11-22T11:00:40.000+0100"`), "", nil, 200, only("102", "103")},
		{"and", "GET", q(`'Modified Date' >= "2026-11-22T10:00:30.000+0000" AND 'External ID' = "x b"`), "", nil, 200, only("102")},
		{"or, in parentheses", "GET", q(`('External ID' = "x a" OR 'Short Description' LIKE "%c") AND NOT 'Priority' = "Low"`), "", nil, 200, only("101", "103")},
		{"null", "GET", q(`'Queue' = $NULL$`), "", nil, 200, only("101", "102", "103")},
		{"nothing", "GET", q(`'External ID' = "none"`), "", nil, 200, `{"entries":[]}`},
		{"sorted", "GET", arForm + "?sort=Create%20Date.desc&limit=2", "", nil, 200, only("103", "102")},
		{"the second page", "GET", arForm + "?offset=2&limit=2", "", nil, 200, only("103")},
		{"behind the end", "GET", arForm + "?offset=9", "", nil, 200, `{"entries":[]}`},
		{"an unknown field", "GET", q(`'Colour' = "red"`), "", nil, 400, `[{"messageNumber":1587}]`},
		{"a time with a colon", "GET", q(`'Modified Date' > "2026-11-22T10:00:30+00:00"`), "", nil, 400, `[{"messageNumber":1587}]`},
		{"no quotes", "GET", q(`External ID = x`), "", nil, 400, `[{"messageNumber":1587}]`},
		{"an open quote", "GET", q(`'External ID' = "x`), "", nil, 400, `[{"messageNumber":1587}]`},
		{"a plus sign for a blank", "GET", arForm + "?q=%27External+ID%27%3D%22x+a%22", "", nil, 400, `[{"messageNumber":1587}]`},
		{"a limit of none", "GET", arForm + "?limit=0", "", nil, 400, "-"},
	})
	first := c.do("GET", arForm+"?limit=2", "").is(200, only("101", "102"))
	c.do("GET", first.at("_links", "next", 0, "href"), "").is(200, only("103"))
}

func TestARSystemReset(t *testing.T) {
	t.Parallel()
	c := arLogin(t, contract.NewARSystem(contract.Options{ARSystem: contract.ARSystemOptions{ResetOmitted: true}}))
	c.do("POST", arForm, `{"values":{"Short Description":"one","Queue":"blue"}}`).is(201, "")
	c.do("PUT", arForm+"/000000000000101", `{"values":{"Short Description":"two"}}`).is(204, "")
	got := c.do("GET", arForm+"/000000000000101", "").is(200, `{"values":{"Short Description":"two","Status":"New"}}`)
	if strings.Contains(string(got.body), "blue") {
		t.Fatalf("an omitted field was kept: %s", got.body)
	}
}

func TestARSystemFiles(t *testing.T) {
	t.Parallel()
	c := arLogin(t, contract.NewARSystem(contract.Options{}))
	kind, body := form(t, [4]string{"entry", "", "application/json", `{"values":{"Short Description":"with a file"}}`},
		[4]string{"attach-Attachment", "a.png", "image/png", "\x89PNG\x00"})
	c.as("Content-Type", kind).do("POST", arForm, body).is(201, "")
	got := c.do("GET", arForm+"/000000000000101/attach/Attachment", "").is(200, "-").has("Content-Type", "application/octet-stream")
	if string(got.body) != "\x89PNG\x00" {
		t.Fatalf("%q", got.body)
	}
	c.do("GET", arForm+"/000000000000101/attach/Other", "").is(404, "-")
	kind, body = form(t, [4]string{"entry", "", "", `{"values":{"Short Description":"x"}}`}, [4]string{"attach-Nothing", "a", "", "x"})
	c.as("Content-Type", kind).do("POST", arForm, body).is(400, `[{"messageNumber":314}]`)
}

var _ http.Handler = (*contract.ARSystem)(nil)
