package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is that of the software.
const version = "0.1.0-dev"

// revision is the commit that the program was built from, where the build knows it.
func revision() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value
		}
	}
	return ""
}

func (c *command) version() *cobra.Command {
	return &cobra.Command{Use: "version", Short: "Print the version", Args: exactly(0), RunE: func(*cobra.Command, []string) error {
		platform := runtime.GOOS + "/" + runtime.GOARCH
		if c.output == "json" {
			return c.json(map[string]string{"version": version, "revision": revision(), "go": runtime.Version(), "platform": platform})
		}
		_, err := fmt.Fprintln(c.out, "meridian", version, platform, runtime.Version(), revision())
		return err
	}}
}
