package docs

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// shipped compares the network file at the end of docs/describe.md with the one beside the case desk.
func (s *scene) shipped() {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(harness.Root(), "configs", "describe", "desks.yaml"))
	var want yaml.Node
	if err == nil {
		err = yaml.Unmarshal(text, &want)
	}
	if err != nil || len(want.Content) != 1 || !slices.Equal(flat("", want.Content[0]), flat("", &s.network)) {
		got, _ := encode(&s.network)
		s.t.Errorf("configs/describe/desks.yaml is not the file of the end of the page (%v), which is\n%s", err, got)
	}
}

// flat are all scalars of a file with the ways to them, sorted.
func flat(at string, n *yaml.Node) (out []string) {
	for i, inner := range n.Content {
		switch n.Kind {
		case yaml.MappingNode:
			if i%2 == 1 {
				out = append(out, flat(at+"/"+n.Content[i-1].Value, inner)...)
			}
		default:
			out = append(out, flat(fmt.Sprint(at, "/", i), inner)...)
		}
	}
	if n.Kind == yaml.ScalarNode {
		out = append(out, at+" "+n.Value)
	}
	slices.Sort(out)
	return out
}

// caseDesk puts the case desk of docs/describe.md where its set-up puts it.
func (s *scene) caseDesk(t *testing.T) {
	t.Helper()
	desk, err := os.ReadFile(filepath.Join(harness.Root(), "configs", "describe", "casedesk.js"))
	if err == nil {
		err = os.WriteFile(filepath.Join(s.dir, "casedesk.js"), desk, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}
