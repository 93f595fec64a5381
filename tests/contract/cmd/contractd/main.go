// Contractd runs one of the strict contract servers as a process, so that black-box tests and people can talk to it.
//
//	contractd --product jira --listen 127.0.0.1:0
//
// It prints its address and its credentials, a word and a value on each line (url, user, password, token), then serves until it is
// stopped. For tests that cannot reach into the process, GET /-/records gives the records past the API, GET /-/calls the log of
// calls, and POST /-/fault?do=fail|throttle|drop-answer|drop-call|delay|heal&match=POST%20/path&n=1&status=503&wait=2s orders a fault.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/meridian-gateway/meridian/tests/contract"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "contractd:", err)
		os.Exit(1)
	}
}

// run serves until the context ends.
func run(ctx context.Context, args []string, out io.Writer) error {
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
	defer context.AfterFunc(ctx, func() { _ = srv.Close() })()
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// handler serves the product, and what tests want of it below /-/.
func handler(api contract.Product) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/-/records":
			show(w, api.Records())
		case "/-/calls":
			show(w, told(api.Calls()))
		case "/-/fault":
			if err := order(api, r.URL.Query()); err != nil || r.Method != http.MethodPost {
				http.Error(w, fmt.Sprintf("POST a fault: %v", err), http.StatusBadRequest)
			}
		default:
			api.ServeHTTP(w, r)
		}
	})
}

// order makes the product misbehave.
func order(api contract.Product, q url.Values) error {
	n, status, wait := 1, http.StatusServiceUnavailable, time.Second
	var err error
	read := func(name string, into func(string) error) {
		if v := q.Get(name); v != "" && err == nil {
			err = into(v)
		}
	}
	read("n", func(v string) (err error) { n, err = strconv.Atoi(v); return err })
	read("status", func(v string) (err error) { status, err = strconv.Atoi(v); return err })
	read("wait", func(v string) (err error) { wait, err = time.ParseDuration(v); return err })
	if err != nil {
		return err
	}
	switch match := q.Get("match"); q.Get("do") {
	case "fail":
		api.Fail(match, n, status)
	case "throttle":
		api.Throttle(match, n, status, wait)
	case "drop-answer":
		api.DropAnswer(match, n)
	case "drop-call":
		api.DropCall(match, n)
	case "delay":
		api.Delay(match, n, wait)
	case "heal":
		api.Heal()
	default:
		return fmt.Errorf("there is no fault %q", q.Get("do"))
	}
	return nil
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
