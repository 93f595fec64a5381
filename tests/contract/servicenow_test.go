package contract_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/tests/contract"
)

const snTable = "/api/now/table/incident"

func snClient(t *testing.T, s *contract.ServiceNow) client {
	t.Helper()
	cred := s.Credentials()
	return serve(t, s).as("Authorization", basicAuth(cred.User, cred.Password))
}

func TestServiceNowRecords(t *testing.T) {
	t.Parallel()
	now := newClock()
	s := contract.NewServiceNow(contract.Options{Now: now.Now})
	c := snClient(t, s)
	made := c.do("POST", snTable, `{"short_description":"Printer","priority":3,"active":true,"assigned_to":"46d44a","sys_mod_count":"9","colour":"red","close_notes":null}`)
	made.is(201, `{"result":{"number":"INC0010001","short_description":"Printer","priority":"3","active":"true","state":"1","description":"","close_notes":"",
		"assigned_to":{"link":"`+c.base+`/api/now/table/sys_user/46d44a","value":"46d44a"},"sys_mod_count":"0",
		"sys_created_on":"2026-11-22 10:00:30","sys_updated_on":"2026-11-22 10:00:30"}}`)
	id := made.at("result", "sys_id")
	if len(id) != 32 || strings.Trim(id, "0123456789abcdef") != "" {
		t.Fatalf("sys_id %q", id)
	}
	if got := s.Calls()[0].Ignored; !slices.Equal(got, []string{"colour", "sys_mod_count"}) {
		t.Fatalf("ignored: %v", got)
	}
	at := snTable + "/" + id
	made.has("Location", c.base+at)
	now.Advance(time.Second)
	c.do("PATCH", at, `{"state":"2"}`).is(200, `{"result":{"state":"2","short_description":"Printer","sys_mod_count":"1","sys_updated_on":"2026-11-22 10:00:31"}}`)
	now.Advance(time.Second)
	c.do("PUT", at, `{"state":"2"}`).is(200, `{"result":{"short_description":"Printer","sys_mod_count":"1","sys_updated_on":"2026-11-22 10:00:31"}}`)
	c.do("PUT", at, `{"correlation_id":"g-1"}`).is(200, `{"result":{"correlation_id":"g-1","sys_mod_count":"2"}}`)
	c.do("GET", at+"?sysparm_exclude_reference_link=true&sysparm_fields=assigned_to,number", "").is(200, `{"result":{"assigned_to":"46d44a","number":"INC0010001"}}`)
	c.do("GET", at+"?sysparm_display_value=all", "").is(200, `{"result":{"state":{"display_value":"*","value":"2"}}}`)
	quiet := c.as("X-no-response-body", "true")
	quiet.do("PATCH", at, `{"state":"6"}`).is(200, "")
	second := quiet.do("POST", snTable, `{}`).is(201, "")
	c.do("GET", second.header.Get("Location"), "").is(200, `{"result":{"number":"INC0010002","short_description":""}}`)
	c.do("DELETE", at, "").is(204, "")
	none := `{"error":{"message":"No Record found","detail":"*"},"status":"failure"}`
	for _, method := range []string{"GET", "PATCH", "PUT", "DELETE"} {
		c.do(method, at, `{}`).is(404, none)
	}
	if n := len(s.Records()); n != 1 {
		t.Fatalf("%d records", n)
	}
}

func TestServiceNowRefusals(t *testing.T) {
	t.Parallel()
	s := contract.NewServiceNow(contract.Options{})
	c := snClient(t, s)
	failure := func(message string) string { return `{"error":{"message":"` + message + `"},"status":"failure"}` }
	c.run([]row{
		{"no credentials", "GET", snTable, "", []string{"Authorization", ""}, 401, failure("User Not Authenticated")},
		{"wrong ones", "GET", snTable, "", []string{"Authorization", basicAuth("a", "b")}, 401, failure("User Not Authenticated")},
		{"a token", "GET", snTable, "", []string{"Authorization", "Bearer " + s.Credentials().Token}, 200, `{"result":[]}`},
		{"text", "POST", snTable, `{}`, []string{"Content-Type", "text/plain"}, 415, failure("Unsupported Media Type")},
		{"no JSON", "POST", snTable, `{"a"`, nil, 400, failure("Exception while reading request")},
		{"a list", "POST", snTable, `[]`, nil, 400, failure("Exception while reading request")},
		{"a nested value", "POST", snTable, `{"description":{"a":1}}`, nil, 400, failure("Exception while reading request")},
		{"HTML wanted", "GET", snTable, "", []string{"Accept", "text/html"}, 406, failure("Not Acceptable")},
		{"another table", "GET", "/api/now/table/nothing", "", nil, 400, failure("Invalid table nothing")},
		{"another path", "GET", "/api/now/tables", "", nil, 400, failure("Requested URI does not represent any resource")},
		{"a verb of a table", "DELETE", snTable, "", nil, 405, failure("Method not supported")},
		{"a verb of a record", "POST", snTable + "/x", "", nil, 405, failure("Method not supported")},
		{"an offset below none", "GET", snTable + "?sysparm_offset=-1", "", nil, 400, "-"},
	})
	strict := snClient(t, contract.NewServiceNow(contract.Options{RefuseUnknown: true}))
	strict.do("POST", snTable, `{"colour":"red"}`).is(400, failure("Invalid column"))
}

// numbers are the last digits of the numbers of a list.
func numbers(a answer) string {
	out := []string{}
	for _, e := range a.json().(map[string]any)["result"].([]any) {
		n := fmt.Sprint(e.(map[string]any)["number"])
		out = append(out, n[len(n)-1:])
	}
	return strings.Join(out, "")
}

func TestServiceNowLists(t *testing.T) {
	t.Parallel()
	now := newClock()
	s := contract.NewServiceNow(contract.Options{Now: now.Now})
	c := snClient(t, s)
	var ids []string
	for i := 1; i <= 5; i++ {
		a := c.do("POST", snTable, fmt.Sprintf(`{"short_description":"r%d","priority":"%d","correlation_id":"g-%d"}`, i, i, i)).is(201, "-")
		ids = append(ids, a.at("result", "sys_id"))
		now.Advance(10 * time.Second)
	}
	for query, want := range map[string]string{
		"ORDERBYsys_updated_on":                                                                      "12345",
		"ORDERBYDESCsys_updated_on":                                                                  "54321",
		"sys_updated_on>=2026-11-22 10:00:50^ORDERBYsys_updated_on":                                  "345",
		"sys_updated_on>=javascript:gs.dateGenerate('2026-11-22','10:00:50')^ORDERBYnumber":          "345",
		"sys_updated_on>2026-11-22 10:00:50^priority!=5^ORDERBYnumber":                               "4",
		"correlation_id=g-2":                                                                         "2",
		"correlation_id=g-2^ORcorrelation_id=g-4^ORDERBYnumber":                                      "24",
		"correlation_id=g-2^NQcorrelation_id=g-5^ORDERBYnumber":                                      "25",
		"priorityIN1,3^ORDERBYnumber":                                                                "13",
		"short_descriptionLIKEr1^ORDERBYnumber":                                                      "1",
		"correlation_displayISNOTEMPTY":                                                              "",
		"correlation_idd=g-2^ORDERBYnumber":                                                          "12345", // a column that is none
		"correlation_id~g-2^ORDERBYnumber":                                                           "12345", // an operator that is none
		"sys_updated_on>=2026-11-22T10:00:50Z^ORDERBYnumber":                                         "12345", // a time that is none
		"sys_updated_on>=2026-11-22T10:00:50Z^correlation_id=g-1^ORcorrelation_id=g-3^ORDERBYnumber": "13",
	} {
		a := c.do("GET", snTable+"?sysparm_query="+url.QueryEscape(query), "").is(200, "-")
		if got := numbers(a); got != want {
			t.Errorf("%s: %s, not %s", query, got, want)
		}
	}
	s.Hide(ids[1])
	order := "?sysparm_query=ORDERBYnumber&sysparm_limit=2"
	first := c.do("GET", snTable+order, "").is(200, "-").has("X-Total-Count", "5")
	if got := numbers(first); got != "1" {
		t.Fatalf("the first page: %s", got)
	}
	s.Hide(ids[2])
	s.Hide(ids[3])
	empty := c.do("GET", first.next("next"), "").is(200, `{"result":[]}`).has("X-Total-Count", "5")
	last := c.do("GET", empty.next("next"), "").is(200, "-")
	if got := numbers(last); got != "5" || last.next("next") != "" || last.next("prev") == "" || last.next("first") == "" || last.next("last") == "" {
		t.Fatalf("the last page: %s, Link %s", got, last.header.Get("Link"))
	}
	c.do("GET", snTable+"/"+ids[1], "").is(404, "-")
	c.do("GET", "/api/now/v2/table/incident?sysparm_query=number=none", "").is(200, `{"result":[]}`)
	c.do("GET", "/api/now/v1/table/incident?sysparm_query=number=none", "").is(404, `{"error":{"message":"No Record found"}}`)
	strict := snClient(t, contract.NewServiceNow(contract.Options{ServiceNow: contract.ServiceNowOptions{InvalidQueryEmpty: true}}))
	strict.do("POST", snTable, `{}`).is(201, "-")
	strict.do("GET", snTable+"?sysparm_query=colour=red", "").is(200, `{"result":[]}`)
}

func TestServiceNowJournal(t *testing.T) {
	t.Parallel()
	c := snClient(t, contract.NewServiceNow(contract.Options{}))
	id := c.do("POST", snTable, `{"comments":"first"}`).is(201, `{"result":{"comments":""}}`).at("result", "sys_id")
	c.do("PATCH", snTable+"/"+id, `{"comments":"second","work_notes":"inside"}`).is(200, `{"result":{"comments":"","sys_mod_count":"1"}}`)
	c.do("GET", "/api/now/table/sys_journal_field?sysparm_query=element_id="+id+"%5Eelement=comments%5EORDERBYvalue", "").
		is(200, `{"result":[{"value":"first","element":"comments"},{"value":"second"}]}`)
}

func TestServiceNowFiles(t *testing.T) {
	t.Parallel()
	s := contract.NewServiceNow(contract.Options{})
	c := snClient(t, s)
	id := c.do("POST", snTable, `{}`).is(201, "-").at("result", "sys_id")
	to := "/api/now/attachment/file?table_name=incident&table_sys_id=" + id + "&file_name=a%20b.png"
	up := c.as("Content-Type", "image/png").do("POST", to, "\x89PNG\x00").
		is(201, `{"result":{"file_name":"a b.png","content_type":"image/png","size_bytes":"5","table_sys_id":"`+id+`"}}`)
	one := "/api/now/attachment/" + up.at("result", "sys_id")
	up.has("Location", c.base+one)
	c.do("GET", one, "").is(200, `{"result":{"file_name":"a b.png"}}`)
	got := c.do("GET", up.at("result", "download_link"), "").is(200, "-").has("Content-Type", "image/png")
	if string(got.body) != "\x89PNG\x00" {
		t.Fatalf("%q", got.body)
	}
	kind, body := form(t, [4]string{"table_name", "", "", "incident"}, [4]string{"table_sys_id", "", "", id}, [4]string{"uploadFile", "c.txt", "text/plain", "hello"})
	c.as("Content-Type", kind).do("POST", "/api/now/attachment/upload", body).is(201, `{"result":{"file_name":"c.txt","size_bytes":"5"}}`)
	c.do("GET", "/api/now/attachment?sysparm_query=table_sys_id="+id+"%5EORDERBYfile_name", "").
		is(200, `{"result":[{"file_name":"a b.png"},{"file_name":"c.txt"}]}`).has("X-Total-Count", "2")
	if n := len(s.Files()); n != 2 {
		t.Fatalf("%d files", n)
	}
	none := c.as("Content-Type", "text/plain")
	none.do("POST", strings.Replace(to, id, strings.Repeat("0", 32), 1), "x").is(404, "-")
	none.do("POST", "/api/now/attachment/file?table_name=incident&table_sys_id="+id, "x").is(400, "-")
	c.do("DELETE", one, "").is(204, "")
	c.do("GET", one+"/file", "").is(404, "-")
	c.do("DELETE", snTable+"/"+id, "").is(204, "")
	c.do("GET", "/api/now/attachment", "").is(200, `{"result":[]}`)
}
