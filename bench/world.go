package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// world is the bench's handle of a process that plays the upstreams of one network.
type world struct {
	*process
	at worldAddresses
}

// world starts the upstreams of so many sites.
func (w *workshop) world(sites int) (*world, error) {
	p, err := w.role(roleWorld, worldSpec{Sites: sites})
	if err != nil {
		return nil, err
	}
	out := &world{process: p}
	if err := p.stdout.Decode(&out.at); err != nil {
		return nil, fmt.Errorf("%w; %s", err, p.tell())
	}
	return out, nil
}

func (w *world) standings(ctx context.Context) (out []standing, err error) {
	return out, w.ask(ctx, "/standings", nil, &out)
}

func (w *world) mark(ctx context.Context) error {
	return w.ask(ctx, "/mark", nil, nil)
}

// seen returns when the writes since the last mark landed at a site, by number, in Unix nanoseconds.
func (w *world) seen(ctx context.Context, site int) (out map[int64]int64, err error) {
	return out, w.ask(ctx, "/seen", url.Values{"site": {strconv.Itoa(site)}}, &out)
}

// settled waits until every site has what site 0 has, or the patience is over. It returns how many records are behind then.
func (w *world) settled(ctx context.Context, patience time.Duration) (left int, err error) {
	return left, w.ask(ctx, "/settled", url.Values{"within": {patience.String()}}, &left)
}

func (w *world) ask(ctx context.Context, path string, query url.Values, into any) error {
	u := url.URL{Scheme: "http", Host: w.at.Control, Path: path, RawQuery: query.Encode()}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(res.Body, 500))
		return fmt.Errorf("upstreams: %s: %s", res.Status, text)
	}
	if into == nil {
		return nil
	}
	return json.NewDecoder(res.Body).Decode(into)
}
