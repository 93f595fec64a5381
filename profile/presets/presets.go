// Package presets holds the profiles of well-known request APIs, as data. A preset is YAML with one key, collection: what is
// laid under each collection of a profile that names the preset.
package presets

import (
	"embed"
	"fmt"
)

//go:embed *.yaml
var files embed.FS

// Names are the presets that the network file knows, those included that Load does not have yet.
func Names() []string {
	return []string{"rest", "arsystem", "servicenow", "jira", "zendesk", "github", "freshdesk"}
}

// Load returns the YAML text of a preset. The error says which there are.
func Load(name string) ([]byte, error) {
	for _, n := range Names() {
		if n != name {
			continue
		}
		text, err := files.ReadFile(name + ".yaml")
		if err != nil {
			return nil, fmt.Errorf("preset %s is not supported yet; use rest and describe what differs", name)
		}
		return text, nil
	}
	return nil, fmt.Errorf("there is no preset %q; there is rest", name)
}
