package tests

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// withComments is a json-server whose tickets have comments.
type withComments struct{ *harness.JSONServer }

func newWithComments(t *testing.T) withComments {
	return withComments{harness.NewJSONServerOf(t, 0, `{"tickets":[],"comments":[]}`)}
}

func (withComments) Profile() string {
	return harness.RestProfile + `
  comments:
    parent: tickets
    path: /tickets/{parent}/comments
    read: {path: "/comments/{id}"}
    update: {path: "/comments/{id}"}
    delete: {path: "/comments/{id}"}
    replace: false
    read_only: [/id, /ticketId]
    required: [text]
`
}

// comments are the texts of a ticket's comments as its API has them, in their order.
func (s withComments) comments(t *testing.T, ticket string) ([]string, error) {
	res, err := http.Get("http://" + s.Address() + "/tickets/" + ticket + "/comments")
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	var list []struct {
		ID   int    `json:"id"`
		Text string `json:"text"`
	}
	if err := json.NewDecoder(res.Body).Decode(&list); err != nil {
		return nil, err
	}
	var out []string
	for _, c := range list {
		out = append(out, c.Text)
	}
	return out, nil
}

// comment is the body of a comment.
func comment(text string) string { return fmt.Sprintf(`{"text":%q}`, text) }

func TestCommentsFollowTheirTicket(t *testing.T) {
	t.Parallel()
	apis := map[string]withComments{"oslo": newWithComments(t), "rome": newWithComments(t), "paris": newWithComments(t)}
	// Ids of comments must not be the same by accident.
	for i, at := range []string{"rome", "paris"} {
		for range i + 1 {
			res, err := http.Post("http://"+apis[at].Address()+"/comments", "application/json", strings.NewReader(`{"ticketId":999,"text":"old"}`))
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
		}
	}
	n := harness.Start(t, harness.Network{Sites: []harness.Site{{Name: "oslo", API: apis["oslo"]}, {Name: "rome", API: apis["rome"]},
		{Name: "paris", API: apis["paris"]}}, Routes: everywhere})
	made := n.At("oslo").Create("/tickets", `{"subject":"lamp"}`).Want(201)
	ids := map[string]string{"oslo": made.ID()}
	for _, at := range []string{"rome", "paris"} {
		ids[at] = n.At(at).WantCopy("lamp", soon, nil).ID()
	}
	have := func(what string, want ...string) {
		t.Helper()
		for at, api := range apis {
			harness.Eventually(t, soon, what+" at "+at, func() error {
				got, err := api.comments(t, ids[at])
				if err == nil && !slices.Equal(got, want) {
					err = fmt.Errorf("it has %q, want %q", got, want)
				}
				return err
			})
		}
	}
	first := n.At("oslo").Create("/tickets/"+ids["oslo"]+"/comments", comment("one")).Want(201).WantReceipt("oslo")
	have("the owner's comment", "one")
	// One made at a copy reaches the owner first, and is there at the copy when its client is answered.
	second := n.At("rome").Create("/tickets/"+ids["rome"]+"/comments", comment("two")).Want(201).WantReceipt("oslo")
	if got, err := apis["rome"].comments(t, ids["rome"]); err != nil || !slices.Equal(got, []string{"one", "two"}) {
		t.Errorf("right after the answer rome has %q (%v)", got, err)
	}
	have("a copy's comment", "one", "two")
	// By another site's id of the ticket.
	n.At("paris").Create("/tickets/oslo:"+ids["oslo"]+"/comments", comment("three")).Want(201)
	have("by another site's id", "one", "two", "three")
	if got := n.At("paris").Get("/tickets/oslo:" + ids["oslo"] + "/comments").Want(200); !strings.Contains(string(got.Body), "three") {
		t.Errorf("read by another site's id: %s", got.Body)
	}
	// Changes and deletions, at the owner and at a copy, where the comment is addressed without its ticket.
	n.At("oslo").Patch("/comments/"+first.ID(), comment("one, corrected")).Want(200)
	have("changed at the owner", "one, corrected", "two", "three")
	n.At("rome").Patch("/comments/"+second.ID(), comment("two, corrected")).Want(200)
	have("changed at a copy", "one, corrected", "two, corrected", "three")
	n.At("rome").Delete("/comments/"+second.ID()).Want(200, 204)
	have("deleted at a copy", "one, corrected", "three")

	// Ownership moves and takes them along; what is commented while a link is down comes later, in order and once.
	if out, code := n.At("oslo").CLI("transfer", ids["oslo"], "--to", "paris", "--wait", "15s"); code != 0 {
		t.Fatalf("transfer: exit %d\n%s", code, out)
	}
	n.At("paris").Create("/tickets/"+ids["paris"]+"/comments", comment("four")).Want(201).WantReceipt("paris")
	have("at the new owner", "one, corrected", "three", "four")
	n.Cut("paris", "rome")
	for i := range 5 {
		n.At("paris").Create("/tickets/"+ids["paris"]+"/comments", comment(fmt.Sprint("late ", i))).Want(201)
	}
	n.Heal("paris", "rome")
	have("after the cut", "one, corrected", "three", "four", "late 0", "late 1", "late 2", "late 3", "late 4")
}
