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
  - {name: six, schedule: {every: 1h, skip_holidays: true, in: Europe/Paris}, copy: {to: b}}
`), noEnv)
	if err != nil {
		t.Fatal(err)
	}
	want := Faults{
		w(2, 22, "security.peer_key is shorter than 32 characters and could be guessed", "openssl rand -hex 32"),
		w(8, 15, "b.upstream is that of a too: copies will stand beside the originals", ""),
		w(19, 45, `route one: no profile names a field "stauts"`, "did you mean status?"),
		w(20, 17, "route two: on delete there is nothing left to be copied or moved", "on_delete says what a deletion does to the copies"),
		w(24, 54, "route six: schedule.skip_holidays counts for cron alone", "openings and closings are by the holidays anyhow; every has no days"),
		w(24, 64, "route six: schedule.in counts for cron alone", "a site opens and closes in its own time zone; every is in none"),
	}
	if diff := cmp.Diff(want, n.Warnings); diff != "" {
		t.Error(diff)
	}
	if n.Defaults.Writes != "queue" || n.Defaults.Update != "daily" || n.Pools["bulk"].Rate != 1 || n.Sites["b"].Upstream.Host != "127.0.0.1:9001" {
		t.Errorf("%+v", n)
	}
}

// What provably cannot come back as it was is said where it is written.
func TestLossesAreWarnings(t *testing.T) {
	t.Parallel()
	n, err := Parse("f", []byte(`network: n
profiles:
  wide: {preset: rest, collections: {tickets: {path: /tickets, fields: {status: /status, source: /source}}}}
  narrow:
    preset: rest
    collections:
      tickets:
        path: /tickets
        fields:
          status: {at: /state, values: {open: 1, waiting: 1}}
          source: {const: web}
sites:
  a: {profile: wide, upstream: http://127.0.0.1:9001, listen: 127.0.0.1:8001, peer: {listen: 127.0.0.1:8101, url: http://127.0.0.1:8101}, admin: {listen: 127.0.0.1:8201}}
  b: {profile: narrow, upstream: http://127.0.0.1:9002, listen: 127.0.0.1:8002, peer: {listen: 127.0.0.1:8102, url: http://127.0.0.1:8102}, admin: {listen: 127.0.0.1:8202}}
`), noEnv)
	if err != nil {
		t.Fatal(err)
	}
	if len(n.Warnings) != 2 || n.Warnings[0].Line != 10 || n.Warnings[1].Line != 11 {
		t.Errorf("%v", n.Warnings)
	}
}

func w(line, column int, message, hint string) Fault {
	return Fault{File: "f", Line: line, Column: column, Message: message, Hint: hint, Warning: true}
}
