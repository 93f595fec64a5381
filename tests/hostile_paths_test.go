package tests

import (
	"fmt"
	"strings"
)

// hostilePaths are rows 24 to 27: paths and ids that mean another thing to whoever decodes them.
func hostilePaths() (out []hostile) {
	add := func(name string, text string) {
		out = append(out, hostile{name: name, want: []int{400}, text: text})
	}
	all := []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
	// Another spelling of a described path, or one that leads out of it.
	for _, p := range []string{"/tickets/../tickets/{id}", "//tickets/{id}", "/./tickets/{id}", "/tickets//{id}", "/x/../tickets/{id}", "/x/%2e%2e/tickets/{id}", "/%74ickets/{id}", "/tickets%2f{id}",
		"/tickets/../admin", "/tickets/%2e%2e/admin", "/tickets/..%2fadmin", "/tickets/..%5cadmin", "/tickets/%252e%252e/admin", "/tickets/..;/admin", "/tickets/{id}/../../admin",
		"/tickets/{id}/..%2f..%2fadmin", "/tickets/{id}/%2e%2e/%2e%2e/users/1", "/tickets/..%c0%af..%c0%afadmin", "/x/..%2ftickets/{id}", "/tickets/{id}/x/%2E%2E%5C%2E%2E%5Cadmin",
		"/tickets;x=1", "/tickets;x=1/{id}", "/tickets/{id};x=1", "/tickets/{id};x=1/close", "/tickets/{id}%3bx=1", "/tickets/.", "/tickets/..", "/tickets/%2e", "/tickets/%2e%2e", "/tickets/%252e%252e",
		"/tickets/{id}%00", "/tickets/{id}%00.json", "/tickets/{id}%0d%0aX-Evil:%201", "/tickets/{id}%0a", "/tickets/a%2fb", "/tickets/a%2Fb", "/tickets/a%5cb", "/tickets/a%252fb", "/tickets/%c0%af",
		"/tickets/%e0%80%af", "/tickets/%ff", "/tickets/%e2%80%ae{id}", "/tickets/{id}%e2%80%8b", "/tickets/%ef%bb%bf{id}", "/tickets/%2531", "/tickets/{id}%7f",
		"/tickets/oslo:..%2f{id}", "/tickets/oslo:%2e%2e", "/tickets/oslo:{id}%00", "/tickets/oslo%3A{id};x", "/tickets/oslo:{id}%2f..%2f..", "/tickets/oslo:%e2%80%ae{id}", "/tickets/oslo:a%5cb"} {
		for _, m := range all {
			add(m+" "+p, closing(m, p, okBody))
		}
	}
	// What is no id, in writes; reads are the API's to answer.
	for _, id := range []string{"a%20b", "%3Fx=1%23", "%2A", "a'b", "a%22b", "a.b", "%24%7Bx%7D", "{id}%20", "%20{id}", strings.Repeat("7", 65), strings.Repeat("7", 3000), "oslo:", ":{id}", "OSLO:{id}", "oslo:rome:{id}", "os%20lo:{id}", "oslo:" + strings.Repeat("7", 65), "caf%C3%A9", "%F0%9F%92%A9", "%D0%B0"} {
		for _, m := range []string{"PATCH", "PUT", "DELETE"} {
			add(m+" /tickets/"+id, closing(m, "/tickets/"+id, okBody))
		}
	}
	// The same in capitals: an API that does not tell them apart would take it, so no write goes through.
	for _, m := range []string{"PATCH", "PUT", "DELETE"} {
		add(m+" in capitals", closing(m, "/Tickets/{id}", okBody))
	}
	for _, p := range []string{"/Tickets", "/TICKETS/", "/tickets/.", "/tickets//"} {
		add("POST "+p, closing("POST", p, okBody))
	}
	for _, p := range []string{"/tickets/%zz", "/tickets/%", "/tickets/a b", "/tickets/a\x01b", "/tickets/\x7f", "tickets"} {
		add(fmt.Sprintf("broken target %q", p), closing("PATCH", p, okBody))
	}
	// The gateway's own paths.
	for _, p := range []string{"/.meridian/operations/..%2f..%2fx", "/.meridian/operations/%00", "/.meridian/operations/" + strings.Repeat("a", 300), "/.meridian/../tickets", "/.meridian/problems/%2e%2e", "/.meridian/x"} {
		out = append(out, hostile{name: p, text: lines("GET "+p, "Connection: close"), want: []int{400, 404}})
		out = append(out, hostile{name: "DELETE " + p, text: closing("DELETE", p, okBody), want: []int{400, 404, 405}})
	}
	return out
}
