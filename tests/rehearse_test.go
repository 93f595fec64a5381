package tests

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// The requests of a running gateway are put through a changed file, page by page, and nothing is changed by it.
func TestRehearseAgainstAGateway(t *testing.T) {
	t.Parallel()
	n := harness.Start(t, harness.Network{Sites: harness.Fakes(t, "san-francisco", "chicago"), Routes: furniture})
	sf := n.At("san-francisco")
	const all = 450 // more than two pages
	var bodies []string
	for i := range all {
		bodies = append(bodies, ticket(fmt.Sprint("rehearsed ", i), `"category":"lamp"`))
	}
	for _, b := range bodies {
		sf.Create("/tickets", b).Want(201)
	}
	text, err := os.ReadFile(n.Path())
	if err != nil {
		t.Fatal(err)
	}
	changed := filepath.Join(t.TempDir(), "new.yaml")
	if err := os.WriteFile(changed, []byte(strings.Replace(string(text), `category == "chair"`, `category == "lamp"`, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	before := len(sf.Fake().Log())
	out, code := sf.CLI("rehearse", changed, "--on", "create")
	if code != 1 || !strings.Contains(out, fmt.Sprintf("%d requests recorded at san-francisco, judged %d times: %d would go elsewhere.", all, all, all)) {
		t.Errorf("%d\n%s", code, out)
	}
	if out, code = sf.CLI("rehearse", n.Path()); code != 0 || !strings.Contains(out, "nothing would go elsewhere") {
		t.Errorf("the file in force: %d\n%s", code, out)
	}
	if after := len(sf.Fake().Log()); after != before {
		t.Errorf("%d calls reached the request API", after-before)
	}
}
