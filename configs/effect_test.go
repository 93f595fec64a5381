package configs

import (
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
)

// docs/upgrade.md says of each row of the table what the code does, in the same order, and no key of the file is without a row.
func TestEffectsAreDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../docs/upgrade.md")
	if err != nil {
		t.Fatal(err)
	}
	rest := string(text)
	for _, e := range effects() {
		row := fmt.Sprintf("\n| `%s` | %s |", e.Key, e.Effect)
		i := strings.Index(rest, row)
		if i < 0 {
			t.Fatalf("docs/upgrade.md does not have, or not here:%s", row)
		}
		rest = rest[i+1:]
	}
	if n := strings.Count(string(text), "\n| `"); n != len(effects()) {
		t.Errorf("docs/upgrade.md has %d rows, the code %d", n, len(effects()))
	}
	for _, k := range documentedKeys(reflect.TypeFor[fileSpec](), "") {
		path := strings.Split(strings.ReplaceAll(k.path(), "[]", ""), ".")
		known := false
		for _, e := range effects() {
			known = known || matches(strings.Split(e.Key, "."), path)
		}
		if !known && len(path) > 1 {
			t.Errorf("%s has no effect that is written down", k.path())
		}
	}
}
