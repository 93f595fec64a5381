package field

import (
	"fmt"
	"testing"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// The answer to a create is lost on its way, at a copy and at the client's own site: the record is found by its external id, and there
// is one of it.
func TestLostAnswers(t *testing.T) {
	inPairs(t, func(t *testing.T, a, b string) {
		apis := map[string]*API{"oslo": starts()[a](t), "rome": starts()[b](t)}
		sites := []harness.Site{apis["oslo"].Site("oslo"), apis["rome"].Site("rome")}
		sites[0].Loose, sites[1].Loose = true, true
		n := desk{harness.Start(t, harness.Network{Sites: sites, Routes: everywhere}), t, apis}
		name := subject("answer lost at the copy")
		n.At("rome").Loose().OneWay()
		n.create("oslo", words{"subject": name, "status": "new", "place": "desk"})
		n.shows("rome", name, nil)
		n.At("rome").Loose().Cut()
		n.At("rome").Loose().Heal()
		n.both(name, words{"status": "open", "place": "chair"})

		name = subject("answer lost at the client's site")
		n.At("oslo").Loose().OneWay()
		say := n.say("oslo")
		answered := make(chan harness.Answer, 1)
		go func() {
			answered <- n.At("oslo").Create(say.create, say.body(words{"subject": name, "status": "new", "place": "desk"}, true))
		}()
		n.shows("oslo", name, nil)
		n.At("oslo").Loose().Cut()
		n.At("oslo").Loose().Heal()
		if got := <-answered; got.Err != nil || got.Status != 201 && got.Status != 202 && got.Status != 504 {
			t.Errorf("the client got %d %v %s", got.Status, got.Err, got.Body)
		}
		n.both(name, words{"status": "open", "place": "chair"})
		n.Settled(soon)
	})
}

// both wants exactly one record at each site, changes it at rome, and sees the change at both.
func (d desk) both(name string, change words) {
	d.t.Helper()
	d.shows("oslo", name, nil)
	id := d.shows("rome", name, nil)
	say := d.say("rome")
	harness.Eventually(d.t, soon, "an update of "+name+" is taken", func() error {
		if a := d.At("rome").Put(fmt.Sprintf(say.item, id), say.body(change, false)); a.Err != nil || a.Status != say.updated {
			return fmt.Errorf("%d %v %s", a.Status, a.Err, a.Body)
		}
		return nil
	})
	d.shows("oslo", name, change)
	d.shows("rome", name, change)
}
