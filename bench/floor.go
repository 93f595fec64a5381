package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// The floor is the least that a program must do to accept a write and bring it to two other sites: hand the call to the
// upstream, put it into a durable queue before the client is answered, and post it to both others from there. It keeps no
// ledger and no versions, repeats nothing, verifies nothing and loses the order: what it costs is the yardstick for what Meridian
// costs, not an alternative to it.
type floor struct {
	spec  proxySpec
	redis *redis.Client
	to    *http.Client
	pass  *httputil.ReverseProxy
}

const (
	floorStream  = "writes"
	floorGroup   = "copies"
	floorWorkers = 8
	floorBatch   = 32
)

func runFloor(spec proxySpec) error {
	f, err := newFloor(context.Background(), spec)
	if err != nil {
		return err
	}
	return serveProxy(f)
}

// newFloor makes the queue and starts the workers; they end with ctx.
func newFloor(ctx context.Context, spec proxySpec) (*floor, error) {
	f := &floor{
		spec:  spec,
		redis: redis.NewClient(&redis.Options{Addr: spec.Redis, PoolSize: 64}),
		to:    &http.Client{Transport: proxyTransport(), Timeout: 10 * time.Second},
		pass: &httputil.ReverseProxy{
			Rewrite: func(p *httputil.ProxyRequest) {
				p.SetURL(&url.URL{Scheme: "http", Host: spec.Upstream})
				p.SetXForwarded()
			},
			Transport:  proxyTransport(),
			BufferPool: &bufferPool{},
		},
	}
	if err := f.redis.XGroupCreateMkStream(ctx, floorStream, floorGroup, "0").Err(); err != nil {
		return nil, err
	}
	for i := range floorWorkers {
		go f.work(ctx, fmt.Sprint("worker-", i))
	}
	return f, nil
}

func (f *floor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost && r.Method != http.MethodPatch {
		f.pass.ServeHTTP(w, r)
		return
	}
	if err := f.write(w, r); err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
	}
}

// write does what must be done before the client is answered: the upstream's part and the queue's.
func (f *floor) write(w http.ResponseWriter, r *http.Request) error {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil {
		return err
	}
	out, err := http.NewRequestWithContext(r.Context(), r.Method, "http://"+f.spec.Upstream+r.RequestURI, bytes.NewReader(body))
	if err != nil {
		return err
	}
	out.Header = r.Header.Clone()
	res, err := f.to.Do(out)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode < 300 {
		entry := redis.XAddArgs{Stream: floorStream, Values: []any{"body", body}}
		if err := f.redis.XAdd(r.Context(), &entry).Err(); err != nil {
			return err
		}
	}
	for name, values := range res.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(res.StatusCode)
	_, err = w.Write(answer)
	return err
}

// work takes entries from the queue and posts each to the holders.
func (f *floor) work(ctx context.Context, name string) {
	args := redis.XReadGroupArgs{Group: floorGroup, Consumer: name, Streams: []string{floorStream, ">"}, Count: floorBatch, Block: time.Second}
	for ctx.Err() == nil {
		got, err := f.redis.XReadGroup(ctx, &args).Result()
		if errors.Is(err, redis.Nil) || ctx.Err() != nil {
			continue
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			time.Sleep(100 * time.Millisecond)
			continue
		}
		for _, stream := range got {
			f.deliver(ctx, stream.Messages)
		}
	}
}

func (f *floor) deliver(ctx context.Context, entries []redis.XMessage) {
	done := make([]string, 0, len(entries))
	for _, e := range entries {
		body, _ := e.Values["body"].(string)
		var both sync.WaitGroup
		for _, holder := range f.spec.Holders {
			both.Go(func() { f.post(ctx, holder, body) })
		}
		both.Wait()
		done = append(done, e.ID)
	}
	pipe := f.redis.Pipeline()
	pipe.XAck(ctx, floorStream, floorGroup, done...)
	pipe.XDel(ctx, floorStream, done...)
	if _, err := pipe.Exec(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}

func (f *floor) post(ctx context.Context, holder, body string) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+holder+"/tickets", strings.NewReader(body))
	if err == nil {
		req.Header.Set("Content-Type", "application/json")
		var res *http.Response
		if res, err = f.to.Do(req); err == nil {
			_, err = io.Copy(io.Discard, res.Body)
			_ = res.Body.Close()
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}
