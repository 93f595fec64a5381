package tests

import (
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// A record that one gateway is just making is nobody else's to enter: a client that sees it in the API writes it through the other
// gateway, which waits until it is known whose it is. There is one request, at both sites, with both writes.
func TestReplicaMeetsARecordJustMade(t *testing.T) {
	t.Parallel()
	sites := harness.Fakes(t, "oslo", "rome")
	sites[0].Store = harness.NewRedis(t).URL()
	sites[0].Profile = harness.BlindProfile
	n := harness.Start(t, harness.Network{Sites: sites, Routes: everywhere})
	oslo := n.At("oslo")
	second := oslo.Replica(t)
	name := subject("just made")
	// The request API has made it, and the gateway does not know yet.
	oslo.Fake().Inject(&harness.Fault{Method: "POST", Times: 1, Commit: true, Linger: time.Second})
	made := make(chan harness.Answer, 1)
	go func() { made <- oslo.Create("/tickets", ticket(name, "")) }()
	underWay(t, oslo, "POST", name)
	rec, err := oslo.One(name)
	if err != nil {
		t.Fatal(err)
	}
	other := second.Patch("/tickets/"+rec.ID(), `{"note":"by the second"}`).Want(200)
	first := (<-made).Want(201)
	if first.Request() != other.Request() {
		t.Errorf("one record is two requests: %s and %s", first.Request(), other.Request())
	}
	n.WantSame(name, soon, "oslo", "rome")
	n.Settled(soon)
}
