// Command meridian runs the gateway.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"go.uber.org/zap"

	"github.com/meridian-gateway/meridian/configs"
	"github.com/meridian-gateway/meridian/internal/app"
	"github.com/meridian-gateway/meridian/request"
)

func main() {
	fs := flag.NewFlagSet("run", flag.ExitOnError)
	config := fs.String("config", "", "")
	site := fs.String("site", "", "")
	_ = fs.Parse(os.Args[2:])
	n, err := configs.Load(*config)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	log, _ := zap.NewProduction()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	a, err := app.Start(ctx, app.Options{Network: n, Site: request.Site(*site), Logger: log})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("ready", a.Addresses())
	<-ctx.Done()
	sctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	_ = a.Stop(sctx)
}
