package field

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/meridian-gateway/meridian/tests/harness"
)

//go:embed redmine.yaml rt.yaml
var profiles embed.FS

// API is a running request server, as the harness wants it.
type API struct {
	// Kind is redmine or rt, and the name of its profile.
	Kind string
	// Credentials are the lines of a site in the network file that let the gateway in.
	Credentials string

	address string
	header  http.Header
	records func() ([]harness.Record, error)
	process *process
	db      string
}

// Address is where it listens.
func (a *API) Address() string { return a.address }

// Header is what clients send along: they are let in as somebody else than the gateway.
func (a *API) Header() http.Header { return a.header }

// Profile is the text of its profile in this folder.
func (a *API) Profile() string {
	text, err := profiles.ReadFile(a.Kind + ".yaml")
	if err != nil {
		return "# " + err.Error()
	}
	return string(text)
}

// Records are its requests, closed ones too, each as one flat record with the members id, subject, status (in the server's own
// word), place, cost, detail (with plain line ends) and external_id.
func (a *API) Records() ([]harness.Record, error) { return a.records() }

// Site is a site of a network that runs this server.
func (a *API) Site(name string) harness.Site {
	return harness.Site{Name: name, API: a, Extra: a.Credentials}
}

// Call is a call of the tests themselves, as a client, past all gateways: the body of the answer, and an error when its status is no
// success.
func (a *API) Call(method, path, body string) ([]byte, error) {
	req, err := http.NewRequest(method, "http://"+a.address+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	for k, v := range a.header {
		req.Header[k] = v
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	c := http.Client{Timeout: 60 * time.Second}
	res, err := c.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode/100 != 2 {
		err = fmt.Errorf("%s %s: %d %.400s", method, path, res.StatusCode, b)
	}
	return b, err
}

// ask is a GET whose answer goes into a value; numbers stay as they are written.
func (a *API) ask(path string, into any) error {
	b, err := a.Call(http.MethodGet, path, "")
	if err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("%w in %.300s", err, b)
	}
	return nil
}
