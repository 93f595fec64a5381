// Contractd runs one of the strict contract servers as a process, so that black-box tests and people can talk to it.
//
//	contractd --product jira --listen 127.0.0.1:0
//
// It prints one line with its address and one for each credential that the product takes, then serves until it is stopped. For
// tests that cannot reach into the process, GET /-/records gives the records past the API and GET /-/calls the log of calls.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/meridian-gateway/meridian/tests/contract"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "contractd:", err)
		os.Exit(1)
	}
}

// run serves until the process is interrupted.
func run(args []string, out io.Writer) error {
	flags := flag.NewFlagSet("contractd", flag.ContinueOnError)
	product := flags.String("product", "", "which API: "+strings.Join(slices.Sorted(maps.Keys(contract.Products())), ", "))
	listen := flags.String("listen", "127.0.0.1:0", "address to listen at; port 0 takes any")
	var o contract.Options
	flags.StringVar(&o.User, "user", "", "user name or address that it accepts")
	flags.StringVar(&o.Password, "password", "", "password that it accepts")
	flags.StringVar(&o.Token, "token", "", "token or key that it accepts")
	flags.StringVar(&o.Site, "site", "", "name that ids are made from, where they look random")
	flags.Int64Var(&o.First, "first", 0, "first number that ids are made from; 0 is the product's own")
	flags.IntVar(&o.Limit, "limit", 0, "calls let through per minute; 0 is no limit")
	flags.DurationVar(&o.SearchLag, "search-lag", 0, "how long searches trail behind the store")
	flags.DurationVar(&o.ARSystem.TokenLife, "token-life", 0, "how long a token of AR System is good; 0 is an hour")
	if err := flags.Parse(args); err != nil {
		return err
	}
	create, known := contract.Products()[*product]
	if !known {
		return fmt.Errorf("there is no product %q", *product)
	}
	api := create(o)
	l, err := net.Listen("tcp", *listen)
	if err != nil {
		return err
	}
	c := api.Credentials()
	_, err = fmt.Fprintf(out, "url http://%s\nuser %s\npassword %s\ntoken %s\n", l.Addr(), c.User, c.Password, c.Token)
	if err != nil {
		return err
	}
	srv := &http.Server{Handler: handler(api), ReadHeaderTimeout: 10 * time.Second}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-stop
		_ = srv.Close()
	}()
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// handler serves the product, and the truth about it below /-/.
func handler(api contract.Product) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/-/records":
			show(w, api.Records())
		case "/-/calls":
			show(w, told(api.Calls()))
		default:
			api.ServeHTTP(w, r)
		}
	})
}

// told are calls in a form that people can read.
func told(calls []contract.Call) []map[string]any {
	out := make([]map[string]any, 0, len(calls))
	for _, c := range calls {
		out = append(out, map[string]any{
			"method": c.Method, "path": c.Path, "status": c.Status, "body": string(c.Body), "answer": string(c.Answer), "ignored": c.Ignored,
		})
	}
	return out
}

// show writes v as JSON.
func show(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}
