package profile

import (
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

func TestWatch(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]any{
		"{every: 30s}": Watch{Every: 30 * time.Second, Publish: true, Revert: true},
		"{every: 1s, owned: ignore, copies: report, new: seed}": Watch{Every: time.Second, Seed: true},
		"{every: 10ms}":              "how often",
		"{owned: publish}":           "how often",
		"{every: 1m, copies: mend}":  "revert or report",
		"{every: 1m, new: publish}":  "seed or ignore",
		"{every: 1m, owned: revert}": "publish or ignore",
	} {
		var s Spec
		if err := yaml.Unmarshal([]byte("preset: rest\ncollections: {tickets: {path: /tickets, watch: "+text+"}}"), &s); err != nil {
			t.Fatal(err)
		}
		p, problems := Compile("test", s)
		switch w := want.(type) {
		case Watch:
			if len(problems) > 0 || p.Collections["tickets"].Watch() != w {
				t.Errorf("%s: %v", text, problems)
			}
		case string:
			if len(problems) != 1 || !strings.Contains(problems[0].Message, w) {
				t.Errorf("%s: %v", text, problems)
			}
		}
	}
}
