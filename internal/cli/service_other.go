//go:build !windows

package cli

import (
	"context"
	"runtime"
)

// elsewhere says what to use in the place of a service of Windows.
func elsewhere(o winService) error {
	switch runtime.GOOS {
	case "linux":
		return misuse("services of Windows are not for this system. Use systemd: systemctl enable --now meridian@%s (the unit comes with the package; docs/install.md)", o.site)
	case "darwin":
		return misuse("services of Windows are not for this system. Have launchd start: meridian run --config FILE --site %s (docs/install.md)", o.site)
	}
	return misuse("services of Windows are not for this system. Have its service manager start: meridian run --config FILE --site %s", o.site)
}

func (c *command) serviceInstall(o winService) error                { return elsewhere(o) }
func (c *command) serviceUninstall(o winService) error              { return elsewhere(o) }
func (c *command) serviceStart(o winService) error                  { return elsewhere(o) }
func (c *command) serviceStop(o winService) error                   { return elsewhere(o) }
func (c *command) serviceRun(_ context.Context, o winService) error { return elsewhere(o) }
