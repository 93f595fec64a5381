package chaos

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// The page for operators says of every fault what the matrix wants.
func TestPageNamesEveryFault(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(harness.Root(), "docs", "faults.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range Faults() {
		if line := pageLine(f); !strings.Contains(string(text), line) {
			t.Errorf("docs/faults.md lacks the line\n%s", line)
		}
	}
}

// pageLine is a row of the page's table.
func pageLine(f Fault) string {
	cells := make([]string, 0, len(f.Codes))
	for _, code := range f.Codes {
		var words []string
		for word := range strings.SplitSeq(code, "/") {
			words = append(words, "`"+word+"`")
		}
		cells = append(cells, strings.Join(words, " "))
	}
	return "| " + f.Name + " | " + strings.Join(cells, " | ") + " |\n"
}
