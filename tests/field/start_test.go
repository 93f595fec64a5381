package field

import (
	"os"
	"testing"

	"github.com/meridian-gateway/meridian/tests/harness"
)

func TestMain(m *testing.M) {
	code := m.Run()
	harness.Tidy()
	os.Exit(code)
}

// starts are the servers by kind.
func starts() map[string]func(testing.TB) *API {
	return map[string]func(testing.TB) *API{"redmine": StartRedmine, "rt": StartRT}
}

// Two servers of each kind run at once, and know nothing of each other.
func TestServersStart(t *testing.T) {
	for kind, start := range starts() {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			a, b := start(t), start(t)
			say := speeches()[kind]
			if _, err := a.Call("POST", say.create, say.body(words{"subject": "lamp"}, true)); err != nil {
				t.Fatal(err)
			}
			if all, err := a.Records(); err != nil || len(all) != 1 || all[0]["subject"] != "lamp" {
				t.Errorf("%v %v", all, err)
			}
			if all, err := b.Records(); err != nil || len(all) != 0 {
				t.Errorf("%v %v", all, err)
			}
		})
	}
}
