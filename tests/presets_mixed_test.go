package tests

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/meridian-gateway/meridian/tests/contract"
	"github.com/meridian-gateway/meridian/tests/harness"
)

// pocket is a PocketBase whose records are told in canonical words. It has no priorities, and no comments.
type pocket struct{ *harness.PocketBase }

func pocketNames() (names map[string]string, values map[string]map[string]any) {
	return map[string]string{"subject": "title", "description": "notes", "status": "state"},
		map[string]map[string]any{"status": {"open": "opened", "pending": "in_work", "closed": "closed"}}
}

func (p pocket) Profile() string {
	return strings.Replace(p.PocketBase.Profile(), "in progress: in_work", "pending: in_work", 1) + "    others: drop\n"
}

func (p pocket) Records() ([]harness.Record, error) {
	all, err := p.PocketBase.Records()
	names, values := pocketNames()
	for i, r := range all {
		all[i] = hear(r, names, values)
		all[i]["id"] = r["id"]
	}
	return all, err
}

func (p pocket) speech() speech {
	const path = "/api/collections/tickets/records"
	names, values := pocketNames()
	return speech{
		narrow: []string{"priority"},
		create: func(w words) harness.Call {
			return harness.Call{Method: "POST", Path: path, Body: asJSON(say(w, names, values))}
		},
		change: func(id string, w words) []harness.Call {
			return []harness.Call{{Method: "PATCH", Path: path + "/" + id, Body: asJSON(say(w, names, values))}}
		},
		remove: func(id string) harness.Call { return harness.Call{Method: "DELETE", Path: path + "/" + id} },
	}
}

// Four kinds of request APIs in one network, each with its own names, envelopes and values. A request is owned by each of them in turn, is
// changed by clients of all of them, and what one of them has no place for is not lost on the way.
func TestPresetsTogether(t *testing.T) {
	t.Parallel()
	for _, kinds := range [][2]string{{"jira", "servicenow"}, {"arsystem", "zendesk"}, {"freshdesk", "github"}} {
		t.Run(strings.Join(kinds[:], " and "), func(t *testing.T) { together(t, kinds[0], kinds[1]) })
	}
}

func together(t *testing.T, one, two string) {
	pb := pocket{harness.NewPocketBase(t)}
	lima, tokyo := newProduct(t, one, contract.Options{Site: "lima"}), newProduct(t, two, contract.Options{Site: "tokyo"})
	n := harness.Start(t, harness.Network{Routes: everywhere, Sites: []harness.Site{
		{Name: "oslo", API: newWithComments(t)}, lima.site("lima"),
		{Name: "paris", API: pb, Extra: fmt.Sprintf("credentials: {bearer: %q}\n", pb.Token())}, tokyo.site("tokyo")}})
	all := voices(n)
	all["paris"] = voice{n.At("paris"), pb.speech()}
	states := []string{"pending", "closed", "open"}
	if two == "github" {
		states = []string{"closed", "open"}
	}
	for _, from := range []string{"oslo", "tokyo"} {
		w := first(subject("going round from " + from))
		maps.DeleteFunc(w, func(k, _ string) bool { return slices.Contains(all[from].narrow, k) })
		made := all[from].make(w).Want(200, 201).WantReceipt(from)
		ids := wantWords(t, all, w, n.Sites()...)
		turn := 0
		round := slices.Concat(n.Sites()[1:], n.Sites()[:1])
		if from == "tokyo" {
			round = n.Sites()
		}
		owner := from
		for _, next := range round {
			n.At(owner).Transfer(made.Request(), next, "ownership").Want(202)
			n.WantOwner(made.Request(), next, soon)
			owner = next
			for _, by := range n.Sites() {
				change := words{"status": states[turn%len(states)], "subject": fmt.Sprintf("%s, change %d by %s", made.Request(), turn, by)}
				turn++
				if by == "oslo" && from == "oslo" {
					change["priority"] = []string{"low", "high"}[turn%2]
				}
				maps.Copy(w, change)
				all[by].tell(ids[by], change)
				if got := wantWords(t, all, w, n.Sites()...); !maps.Equal(got, ids) {
					t.Fatalf("the ids were %v and are %v", ids, got)
				}
			}
		}
		n.At(owner).Transfer(made.Request(), "oslo", "ownership")
		n.WantOwner(made.Request(), "oslo", soon)
		talking := maps.Clone(ids)
		delete(talking, "paris")
		var want []string
		for _, by := range []string{"lima", "oslo", "tokyo"} {
			text := "said at " + by
			want = append(want, text)
			all[by].Do(all[by].comment(ids[by], text)).Want(200, 201, 204)
			wantTexts(t, all, talking, text, want...)
		}
		n.Settled(soon)
		wantEqual(t, n.At("oslo"))
	}
	lima.wantClean()
	tokyo.wantClean()
}
