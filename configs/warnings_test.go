package configs

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What this version reads and does not act on is said, and is no fault.
func TestWarnings(t *testing.T) {
	t.Parallel()
	n, err := Parse("f", []byte(`network: n
security: {peer_key: short}
defaults: {writes: queue, update: daily}
profiles: {p: {preset: rest, collections: {tickets: {path: /tickets, fields: {status: /status}}}}}
sites:
  a: &a
    profile: p
    upstream: http://127.0.0.1:9001
    listen: :8001
    peer: {listen: ":8101", url: http://a.example:8101}
    admin: {listen: 127.0.0.1:8201}
    hours: {mon-fri: "09:00-12:00, 13:00-17:00", sat-sun: "20:00-06:00"}
  b:
    <<: *a
    peer: {listen: ":8101", url: http://b.example:8101}
    admin: {listen: 127.0.0.1:8202}
pools: {bulk: {parallel: 2, rate: 60/m, priority: low}}
routes:
  - {name: one, on: [create, update], when: stauts == "x", transfer: {to: b, mode: move, writes: refuse, on_delete: keep, pool: bulk}}
  - {name: two, on: [update, delete], copy: {to: all, window: "20:00-06:00", match: [ref], duplicate: overwrite, update: "0 1 * * *"}}
  - {name: three, schedule: {at: close, of: a}, when: status == "open", archive: {to: b}}
  - {name: four, on: [update], return: {}}
  - {name: five, on: [update], delete: {copies: all}}
`), noEnv)
	if err != nil {
		t.Fatal(err)
	}
	want := Faults{
		w(2, 22, "security.peer_key is shorter than 32 characters and could be guessed", "openssl rand -hex 32"),
		w(3, 20, "defaults.writes: queue is not acted on by this version: writes are forwarded", ""),
		w(3, 35, "defaults.update: daily is not acted on by this version: copies are refreshed immediately", ""),
		w(8, 15, "b.upstream is that of a too: copies will stand beside the originals", ""),
		w(17, 8, "pools: a lane of their own is not acted on by this version: their deliveries go with all others", ""),
		w(19, 17, "route one: this version transfers a request when it is created; a transfer on a later event is not acted on by this version", ""),
		w(19, 45, `route one: no profile names a field "stauts"`, "did you mean status?"),
		w(19, 84, "route one: transfer.mode move is not acted on by this version: the source keeps a copy", ""),
		w(19, 98, "route one: transfer.writes is not acted on by this version for a single route: defaults.writes counts", ""),
		w(19, 117, "route one: transfer.on_delete is not acted on by this version for a single route: defaults.on_delete counts", ""),
		w(20, 17, "route two: a copy on delete or returned is not acted on by this version", ""),
		w(20, 63, "route two: copy.window is not acted on by this version: copies are refreshed immediately", ""),
		w(20, 85, "route two: copy.match is not acted on by this version: a record of its own is made at every site", ""),
		w(20, 122, "route two: copy.update is not acted on by this version: copies are refreshed immediately", ""),
		w(21, 19, "route three: a schedule is not acted on by this version", ""),
		w(21, 73, "route three: archive is not acted on by this version", ""),
		w(22, 32, "route four: return is not acted on by this version", ""),
		w(23, 32, "route five: delete is not acted on by this version", ""),
	}
	if diff := cmp.Diff(want, n.Warnings); diff != "" {
		t.Error(diff)
	}
	if n.Defaults.Writes != "forward" || n.Pools["bulk"].Rate != 1 || n.Sites["b"].Upstream.Host != "127.0.0.1:9001" {
		t.Errorf("%+v", n)
	}
}

func w(line, column int, message, hint string) Fault {
	return Fault{File: "f", Line: line, Column: column, Message: message, Hint: hint, Warning: true}
}
