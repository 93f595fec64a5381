// Package presets holds the profiles of well-known request APIs, as data. A preset is YAML. It may have the keys of a profile, and
// two meanings are its own: collection is laid under each collection of a profile that names the preset, and collections has what is
// laid besides under those of well-known names.
package presets

import (
	"embed"
	"fmt"
	"slices"
	"strings"
)

//go:embed *.yaml
var files embed.FS

// Names are the presets that Load has, the plain convention first.
func Names() []string {
	entries, err := files.ReadDir(".")
	if err != nil {
		return nil // the files are part of the program: there is no such error
	}
	var out []string
	for _, e := range entries {
		if name := strings.TrimSuffix(e.Name(), ".yaml"); name != "rest" {
			out = append(out, name)
		}
	}
	return slices.Insert(out, 0, "rest")
}

// Load returns the YAML text of a preset. The error says which there are.
func Load(name string) ([]byte, error) {
	if names := Names(); !slices.Contains(names, name) {
		return nil, fmt.Errorf("there is no preset %q; there is %s", name, strings.Join(names, ", "))
	}
	return files.ReadFile(name + ".yaml")
}
