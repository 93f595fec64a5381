package tests

import (
	"fmt"
	"slices"
	"testing"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// workshops is the furniture company: chairs are Chicago's, those that need an upholsterer are handed on, and what is repaired goes
// home on the way it came.
const workshops = chairs + `- name: upholstery
  on: [create, update, arrive]
  at: [chicago]
  when: skill == "upholsterer" && changed("skill")
  transfer: {to: upholstery}
- name: repaired-goes-home
  on: [update]
  when: status == "repaired" && old.status != "repaired"
  return: {}
- name: further-home
  on: [returned]
  when: status == "repaired"
  return: {}
`

// realWorkshops is the company on real servers.
func realWorkshops(t *testing.T) *harness.Cluster {
	t.Helper()
	return harness.Start(t, harness.Network{Sites: []harness.Site{
		{Name: "san-francisco", API: harness.NewJSONServer(t, 1)},
		{Name: "chicago", API: harness.NewJSONServer(t, 0)},
		{Name: "upholstery", API: harness.NewJSONServer(t, 1)},
	}, Routes: workshops})
}

// A chair goes to Chicago when it is entered, on to the upholsterer when its skill is found out, and home through Chicago when it is
// repaired. San Francisco follows all of it, each site has one record, and every receipt says who owns it.
func TestOwnershipChain(t *testing.T) {
	t.Parallel()
	n := realWorkshops(t)
	sf, chicago, upholstery := n.At("san-francisco"), n.At("chicago"), n.At("upholstery")
	name := subject("armchair")
	made := sf.Create("/tickets", ticket(name, `"category":"chair","n":0`)).Want(201).WantReceipt("chicago")
	ref := made.Request()
	if epoch, seq := made.Version(); epoch != 1 || seq != 1 || made.Header.Get("Meridian-Role") != "copy" || made.Copies()["san-francisco"] != "delivered" {
		t.Errorf("the receipt of the create: %v", made.Header)
	}
	n.WantOwner(ref, "chicago", soon)

	moved := sf.Patch("/tickets/"+made.ID(), `{"skill":"upholsterer"}`).Want(200)
	if r := moved.Routes(); !slices.Contains(r, "upholstery") || slices.Contains(r, "repaired-goes-home") {
		t.Errorf("the update that hands it on names the routes %v", r)
	}
	v := n.WantOwner(ref, "upholstery", soon)
	if v.Version != "2.0" || !slices.Equal(v.Path, []string{"chicago", "san-francisco"}) {
		t.Errorf("the upholsterer owns it in version %s, with the way home %v", v.Version, v.Path)
	}
	n.WantSame(name, soon, "san-francisco", "chicago", "upholstery")
	local := map[string]string{"san-francisco": made.ID()}
	for _, g := range []*harness.Gateway{chicago, upholstery} {
		rec, err := g.One(name)
		if err != nil {
			t.Fatal(err)
		}
		local[g.Name] = rec.ID()
	}
	for i, site := range n.Sites() {
		g := n.At(site)
		done := g.Patch("/tickets/"+local[site], fmt.Sprintf(`{"n":%d}`, i+1)).Want(200).WantReceipt("upholstery")
		if epoch, seq := done.Version(); epoch != 2 || seq != i+1 {
			t.Errorf("write %d in the upholsterer's reign has version %d.%d", i+1, epoch, seq)
		}
		read := g.Get("/tickets/" + local[site]).Want(200).WantReceipt("upholstery")
		if role := read.Header.Get("Meridian-Role"); (role == "owner") != (site == "upholstery") {
			t.Errorf("%s says that it is %q", site, role)
		}
		n.WantSame(name, soon, n.Sites()...)
	}
	n.Settled(soon)

	home := upholstery.Patch("/tickets/"+local["upholstery"], `{"status":"repaired"}`).Want(200)
	if !slices.Equal(home.Routes(), []string{"repaired-goes-home"}) {
		t.Errorf("the routes home are %v", home.Routes())
	}
	// It was entered in San Francisco, so there the way home ends, though Chicago was the first to own it.
	v = n.WantOwner(ref, "san-francisco", soon)
	if v.Version != "4.0" || len(v.Path) != 0 || len(v.Former) != 3 {
		t.Errorf("home it is %+v", v)
	}
	for _, site := range n.Sites() {
		n.At(site).WantCopy(name, soon, map[string]any{"status": "repaired", "n": 3})
	}
	n.Settled(soon)
	sf.Patch("/tickets/"+made.ID(), `{"n":9}`).Want(200).WantReceipt("san-francisco")
	n.WantSame(name, soon, n.Sites()...)
}

// A desk that is entered in San Francisco and becomes a chair later moves on the update; with skill and all it goes through both
// workshops, and home step by step to where it was entered.
func TestOwnershipMovesOnUpdate(t *testing.T) {
	t.Parallel()
	n := harness.Start(t, harness.Network{Sites: harness.Fakes(t, "san-francisco", "chicago", "upholstery"), Routes: workshops})
	sf, upholstery := n.At("san-francisco"), n.At("upholstery")
	name := subject("desk that is a chair")
	made := sf.Create("/tickets", ticket(name, `"category":"desk"`)).Want(201).WantReceipt("san-francisco")
	changed := sf.Patch("/tickets/"+made.ID(), `{"category":"chair","skill":"upholsterer"}`).Want(200)
	if got := changed.Header.Get("Meridian-Intended-Owner"); changed.Owner() == "san-francisco" && got != "chicago" {
		t.Errorf("the receipt names the owner %s and the intended owner %q", changed.Owner(), got)
	}
	v := n.WantOwner(made.Request(), "upholstery", soon)
	if v.Version != "3.0" || !slices.Equal(v.Path, []string{"chicago", "san-francisco"}) {
		t.Errorf("after two hand-overs it is %+v", v)
	}
	n.WantSame(name, soon, n.Sites()...)
	rec, err := upholstery.One(name)
	if err != nil {
		t.Fatal(err)
	}
	upholstery.Patch("/tickets/"+rec.ID(), `{"status":"repaired"}`).Want(200)
	v = n.WantOwner(made.Request(), "san-francisco", soon)
	if v.Version != "5.0" || len(v.Path) != 0 {
		t.Errorf("home it is %+v", v)
	}
	n.WantSame(name, soon, n.Sites()...)
	n.Settled(soon)
	for _, site := range n.Sites() {
		if c := n.At(site).Fake().Commits("POST"); len(c) != 1 {
			t.Errorf("%s was sent %d creates", site, len(c))
		}
	}
}

// The owner's site sees a create that was forwarded to it arrive, and hands it on by its own rules at once.
func TestOwnershipMovesOnArrive(t *testing.T) {
	t.Parallel()
	n := harness.Start(t, harness.Network{Sites: harness.Fakes(t, "san-francisco", "chicago", "upholstery"), Routes: workshops})
	name := subject("chair for the upholsterer")
	made := n.At("san-francisco").Create("/tickets", ticket(name, `"category":"chair","skill":"upholsterer"`)).Want(201)
	n.WantOwner(made.Request(), "upholstery", soon)
	n.WantSame(name, soon, n.Sites()...)
	n.At("san-francisco").Patch("/tickets/"+made.ID(), `{"n":7}`).Want(200).WantReceipt("upholstery")
	n.WantSame(name, soon, n.Sites()...)
}

// forward: later answers at local speed, with the local owner, and transfers afterwards; also when the owner's side is slow.
func TestOwnershipForwardLater(t *testing.T) {
	t.Parallel()
	n := harness.Start(t, harness.Network{Sites: harness.Fakes(t, "oslo", "rome"), Routes: `
- {name: later, on: [create], at: [oslo], transfer: {to: rome, forward: later}}
`})
	oslo, rome := n.At("oslo"), n.At("rome")
	rome.Fake().Inject(&harness.Fault{Method: "POST", Times: 1, Commit: true, Wait: 1500e6})
	name := subject("forwarded later")
	made := oslo.Create("/tickets", ticket(name, `"n":0`)).Want(201).WantReceipt("oslo")
	if got := made.Header.Get("Meridian-Intended-Owner"); got != "rome" || !slices.Contains(made.Routes(), "later") {
		t.Errorf("intended owner %q, routes %v", got, made.Routes())
	}
	if _, err := rome.One(name); err == nil {
		t.Error("the answer came after Rome had it")
	}
	oslo.Get("/tickets/" + made.ID()).Want(200)
	if v := n.WantOwner(made.Request(), "rome", soon); v.Version != "2.0" {
		t.Errorf("Rome owns it in version %s", v.Version)
	}
	oslo.Patch("/tickets/"+made.ID(), `{"n":1}`).Want(200).WantReceipt("rome")
	n.WantSame(name, soon, "oslo", "rome")
}

// The same by hand: the admin API and the command line move a request from whichever site they are asked, return it, and say where
// it stands. Going round in a circle leaves no more holders and no longer way home.
func TestOwnershipByHand(t *testing.T) {
	t.Parallel()
	n := harness.Start(t, harness.Network{Sites: harness.Fakes(t, "oslo", "rome", "paris")})
	oslo, rome, paris := n.At("oslo"), n.At("rome"), n.At("paris")
	name := subject("moved by hand")
	made := oslo.Create("/tickets", ticket(name, "")).Want(201)
	ref := made.Request()

	oslo.Transfer("oslo:"+made.ID(), "rome", "ownership").Want(202)
	n.WantOwner(ref, "rome", soon)
	n.WantSame(name, soon, "oslo", "rome")
	// asked at Oslo, which is a copy by now
	if out, code := oslo.CLI("transfer", made.ID(), "--to", "paris", "--wait", "15s"); code != 0 {
		t.Fatalf("transfer: exit %d\n%s", code, out)
	}
	v := n.WantOwner(ref, "paris", soon)
	if !slices.Equal(v.Path, []string{"rome", "oslo"}) {
		t.Errorf("the way home is %v", v.Path)
	}
	for _, to := range []string{"rome", "oslo"} {
		if out, code := paris.CLI("return", ref, "--wait", "15s"); code != 0 {
			t.Fatalf("return to %s: exit %d\n%s", to, code, out)
		}
		n.WantOwner(ref, to, soon)
	}
	if out, code := paris.CLI("return", ref); code != 1 {
		t.Errorf("a return with nowhere to go: exit %d\n%s", code, out)
	}
	for range 3 {
		oslo.Transfer(ref, "rome", "").Want(202)
		n.WantOwner(ref, "rome", soon)
		rome.Transfer(ref, "oslo", "").Want(202)
		v = n.WantOwner(ref, "oslo", soon)
	}
	if len(v.Path) != 0 {
		t.Errorf("after going in circles the way home is %v", v.Path)
	}
	n.Settled(soon)
	n.WantSame(name, soon, n.Sites()...)
	if v, err := oslo.Request(ref); err != nil || len(v.Holders) != 2 {
		t.Errorf("the holders are %+v (%v)", v.Holders, err)
	}
	for _, site := range n.Sites() {
		if c := n.At(site).Fake().Commits("POST"); len(c) != 1 {
			t.Errorf("%s was sent %d creates", site, len(c))
		}
	}
	oslo.Transfer(ref, "oslo", "").Want(200, 202)
	n.WantOwner(ref, "oslo", soon)
}

// What is no transfer is refused with words and exit codes that mean something, and changes nothing.
func TestOwnershipBadOrders(t *testing.T) {
	t.Parallel()
	n := harness.Start(t, harness.Network{Sites: harness.Fakes(t, "oslo", "rome")})
	oslo := n.At("oslo")
	made := oslo.Create("/tickets", ticket(subject("stays"), "")).Want(201)
	ref := made.Request()
	for what, c := range map[string]struct {
		ref, command, body string
		want               []int
	}{
		"unknown site":    {ref, "transfer", `{"to":"atlantis"}`, []int{422}},
		"no site":         {ref, "transfer", `{}`, []int{400, 422}},
		"bad mode":        {ref, "transfer", `{"to":"rome","mode":"data"}`, []int{400, 422}},
		"unknown request": {"01JD000000000000000000000A", "transfer", `{"to":"rome"}`, []int{404}},
		"bad ref":         {"../x", "transfer", `{"to":"rome"}`, []int{400, 404}},
		"nothing to":      {ref, "return", ``, []int{400, 409, 422}},
		"own already":     {ref, "reclaim", `{"reason":"to see"}`, []int{409}},
		"no reason":       {ref, "reclaim", `{}`, []int{400, 422}},
		"two values":      {ref, "transfer", `{"to":"rome"}{"to":"oslo"}`, []int{400}},
	} {
		if a := oslo.Command(c.ref, c.command, c.body); a.Err != nil || !slices.Contains(c.want, a.Status) {
			t.Errorf("%s: %d %v, want %v: %s", what, a.Status, a.Err, c.want, a.Body)
		}
	}
	for _, c := range []struct {
		want int
		args []string
	}{
		{2, []string{"transfer", ref, "--to", "atlantis"}},
		{2, []string{"transfer", ref}},
		{2, []string{"transfer", ref, "--to", "rome", "--mode", "data"}},
		{1, []string{"transfer", "01JD000000000000000000000A", "--to", "rome"}},
		{1, []string{"return", ref}},
		{2, []string{"reclaim", ref, "--yes"}},
		{1, []string{"reclaim", ref, "--reason", "to see", "--yes"}},
		{0, []string{"transfer", ref, "--to", "oslo"}},
		{0, []string{"transfers"}},
		{0, []string{"conflicts", "list"}},
	} {
		if out, code := oslo.CLI(c.args...); code != c.want {
			t.Errorf("meridian %v: exit %d, want %d\n%s", c.args, code, c.want, out)
		}
	}
	if v := n.WantOwner(ref, "oslo", soon); v.Version != "1.1" {
		t.Errorf("refused orders left version %s", v.Version)
	}
	oslo.Kill()
	if out, code := oslo.CLI("transfer", ref, "--to", "rome"); code != 3 {
		t.Errorf("a gateway that is down: exit %d\n%s", code, out)
	}
}
