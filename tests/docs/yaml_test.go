package docs

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/meridian-gateway/meridian/configs"
)

// lay lays one mapping over another.
func lay(into, more *yaml.Node) {
	if into.Kind != yaml.MappingNode || more.Kind != yaml.MappingNode {
		*into = *more
		return
	}
	for i := 0; i < len(more.Content); i += 2 {
		key := more.Content[i]
		at := 0
		for at < len(into.Content) && into.Content[at].Value != key.Value {
			at += 2
		}
		if at < len(into.Content) {
			lay(into.Content[at+1], more.Content[i+1])
		} else {
			into.Content = append(into.Content, key, more.Content[i+1])
		}
	}
}

func encode(n *yaml.Node) (string, error) {
	var out strings.Builder
	e := yaml.NewEncoder(&out)
	e.SetIndent(2)
	err := e.Encode(n)
	return out.String(), err
}

// anyEnv has a value for every variable, long enough for a key.
func anyEnv(string) (string, bool) { return strings.Repeat("0123456789abcdef", 4), true }

// taken checks that a network file is taken. What lies in files of the reader is not there.
func taken(text string) error {
	_, err := configs.Parse("network.yaml", []byte(text), anyEnv)
	return err
}

// fragment checks that a part of a network file is taken when it is laid over a base: "furniture", "readme at sites.chicago", "…, each line".
func fragment(t *testing.T, text, how string) error {
	t.Helper()
	how, each := strings.CutSuffix(how, ", each line")
	parts := []string{text}
	if each {
		parts = strings.Split(strings.TrimRight(text, "\n"), "\n")
	}
	name, at, _ := strings.Cut(how, " at ")
	for _, part := range parts {
		if strings.TrimSpace(part) == "" {
			continue
		}
		if err := completed(t, part, name, at); err != nil {
			return err
		}
	}
	return nil
}

func completed(t *testing.T, text, base, at string) error {
	t.Helper()
	whole := []byte(readmeFile(t))
	if base != "readme" {
		var err error
		if whole, err = configs.Example(base); err != nil {
			return err
		}
	}
	var into, more yaml.Node
	if err := yaml.Unmarshal(whole, &into); err != nil {
		return err
	}
	if at != "" {
		keys, head := strings.Split(at, "."), ""
		for i, key := range keys {
			head += strings.Repeat("  ", i) + key + ":\n"
		}
		text = head + regexp.MustCompile(`(?m)^(.)`).ReplaceAllString(text, strings.Repeat("  ", len(keys))+"$1")
	}
	if err := yaml.Unmarshal([]byte(text), &more); err != nil {
		return fmt.Errorf("%w in\n%s", err, text)
	}
	lay(into.Content[0], more.Content[0])
	out, err := encode(&into)
	if err != nil {
		return err
	}
	if err := taken(out); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}
