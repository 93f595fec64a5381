package profile

import (
	"net/http"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/meridian-gateway/meridian/request"
)

const gid = request.ID("01JD000000000000000000000A")

var marks = Marks{Request: gid, Version: request.Version{Epoch: request.Epoch{Num: 1, Site: "chicago"}, Seq: 3}, Owner: "chicago", State: "owner"}

// profileOf compiles a profile that is written in YAML.
func profileOf(t testing.TB, text string) *Profile {
	t.Helper()
	var s Spec
	if err := yaml.Unmarshal([]byte(text), &s); err != nil {
		t.Fatal(err)
	}
	p, problems := Compile("test", s)
	if len(problems) > 0 {
		t.Fatalf("%+v", problems)
	}
	return p
}

// ticketsOf is the collection tickets of a profile of the preset rest, with what is said of the collection.
func ticketsOf(t testing.TB, collection string) *Collection {
	t.Helper()
	return profileOf(t, "preset: rest\ncollections: {tickets: {path: /tickets, "+collection+"}}").Collections["tickets"]
}

func fieldsOf(t testing.TB, text string) request.Fields {
	t.Helper()
	f, err := request.ParseFields([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func answer(status int, body string, headers ...string) request.Answer {
	a := request.Answer{Status: status, Header: http.Header{}, Body: []byte(body)}
	for i := 0; i < len(headers); i += 2 {
		a.Header.Add(headers[i], headers[i+1])
	}
	return a
}

const pocketBase = `
preset: rest
collections:
  tickets:
    path: /api/collections/tickets/records
    create: {status: 200}
    update: {status: 200}
    replace: false
    delete: {status: 204}
    envelope: {items: /items}
    external_id: {field: /external_id, find: "?filter=(external_id='{value}')"}
    read_only: [/id, /created, /updated, /collectionId, /collectionName]
`
