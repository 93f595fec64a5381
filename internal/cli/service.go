package cli

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/meridian-gateway/meridian/request"
)

// winService is what a Windows service is made from.
type winService struct {
	name, config, site, account, level string
}

// localService is the account of few rights that every Windows has.
const localService = `NT AUTHORITY\LocalService`

// service installs and runs a gateway as a service of Windows.
func (c *command) service() *cobra.Command {
	root := &cobra.Command{Use: "service", Short: "Install, start and stop a gateway as a service of Windows",
		Long: "Install a site's gateway as a service of Windows, start it, stop it, or take it away. The service is called meridian-SITE, starts with\n" +
			"the machine, is started again when it fails, and writes warnings and errors to the event log. On other systems the service\n" +
			"manager of the system is used: see docs/install.md."}
	var o winService
	sub := func(cmd *cobra.Command, do func(*cobra.Command, winService) error) *cobra.Command {
		cmd.Args = exactly(0)
		c.siteFlag(cmd, "the site whose gateway it is")
		c.configFlag(cmd, "the network file")
		cmd.RunE = func(cmd *cobra.Command, _ []string) error {
			o.site, o.config = c.site, c.config
			if o.site == "" {
				return misuse("say which site: --site NAME")
			}
			o.name = "meridian-" + o.site
			return do(cmd, o)
		}
		root.AddCommand(cmd)
		return cmd
	}
	install := sub(&cobra.Command{Use: "install", Short: "Install the service; it is started by service start, and with the machine",
		Example: `  meridian service install --config C:\ProgramData\Meridian\network.yaml --site chicago`}, func(_ *cobra.Command, o winService) error {
		if err := c.forService(&o); err != nil {
			return err
		}
		return c.serviceInstall(o)
	})
	install.Flags().StringVar(&o.account, "account", localService, "the account that it runs as; it must be able to read the network file and to write beside it")
	install.Flags().StringVar(&o.level, "log-level", "warn", "what goes to the event log: debug, info, warn or error")
	choose(install, "log-level", "debug", "info", "warn", "error")
	sub(&cobra.Command{Use: "uninstall", Short: "Stop the service and take it away; the network file and the data stay",
		Example: "  meridian service uninstall --site chicago"},
		func(_ *cobra.Command, o winService) error { return c.serviceUninstall(o) })
	sub(&cobra.Command{Use: "start", Short: "Start the service", Example: "  meridian service start --site chicago"}, func(_ *cobra.Command, o winService) error { return c.serviceStart(o) })
	sub(&cobra.Command{Use: "stop", Short: "Stop the service, and wait until it has stopped", Example: "  meridian service stop --site chicago"}, func(_ *cobra.Command, o winService) error { return c.serviceStop(o) })
	run := sub(&cobra.Command{Use: "run", Short: "What the service manager of Windows starts; by hand: meridian run",
		Example: `  meridian service run --config C:\ProgramData\Meridian\network.yaml --site chicago`}, func(cmd *cobra.Command, o winService) error {
		return c.serviceRun(cmd.Context(), o)
	})
	run.Flags().StringVar(&o.level, "log-level", "warn", "what goes to the event log: debug, info, warn or error")
	choose(run, "log-level", "debug", "info", "warn", "error")
	return group(root, func(cmd *cobra.Command) error { return cmd.Help() })
}

// forService checks what the service is installed with, since nobody reads its error messages later, and makes paths whole: a service
// is started in a folder of the system's.
func (c *command) forService(o *winService) error {
	if o.config == "" {
		return misuse("say where the network file is: --config FILE")
	}
	path, err := filepath.Abs(o.config)
	if err != nil {
		return coded{Failed, fmt.Errorf("the path of the network file is not understood: %w", err)}
	}
	o.config = path
	n, missing, err := readLenient(o.config, request.Site(o.site))
	if err != nil {
		return c.faults(o.config, err)
	}
	if _, ok := n.Sites[request.Site(o.site)]; !ok {
		return misuse("site %s is not in %s, which has %s", o.site, o.config, join(siteList(n)))
	}
	if len(missing) > 0 {
		fmt.Fprintf(c.err, "note: %s; the service takes variables from the environment of the machine (setx /M), or write ${file:PATH}\n", unknown(missing))
	}
	_, err = logger(c.err, o.level, "json")
	return err
}
