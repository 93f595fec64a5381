// Command meridian runs and asks synchronizing gateways; see meridian --help.
package main

import (
	"context"
	"os"
	_ "time/tzdata" // time zones also where the system has none

	"github.com/meridian-gateway/meridian/internal/cli"
)

func main() {
	os.Exit(cli.Run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
