package tests

import (
	"fmt"
	"testing"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// One client that sends too much is told so, nothing of what was refused is done, and another client is not held up.
func TestOneClientTooFast(t *testing.T) {
	t.Parallel()
	n := harness.Start(t, harness.Network{Sites: harness.Fakes(t, "oslo", "rome"), Routes: everywhere, Extra: "limits: {client_rate: 5/s}\n"})
	oslo := n.At("oslo")
	made, refused := 0, 0
	for i := range 60 {
		a := oslo.Do(harness.Call{Method: "POST", Path: "/tickets", Body: ticket(fmt.Sprint("fast ", i), ""), Header: map[string][]string{"Authorization": {"Bearer greedy"}}})
		switch {
		case a.Err != nil:
			t.Fatal(a.Err)
		case a.Status == 201:
			made++
		default:
			a.WantProblem(429, "too-many")
			if a.Header.Get("Retry-After") == "" {
				t.Error("a 429 without Retry-After")
			}
			refused++
		}
	}
	if made == 0 || refused == 0 {
		t.Errorf("%d made, %d refused", made, refused)
	}
	oslo.Do(harness.Call{Method: "POST", Path: "/tickets", Body: ticket("patient", ""), Header: map[string][]string{"Authorization": {"Bearer patient"}}}).Want(201)
	if done := len(oslo.Fake().Commits("POST")); done != made+1 {
		t.Errorf("%d records made, %d acknowledged", done, made+1)
	}
}
