package fieldnpm

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/tests/harness"
)

//go:embed apps *.yaml
var files embed.FS

// API is a running request server, as the harness wants it.
type API struct {
	// Name is its kind, and the name of its profile.
	Name string
	// Credentials are the lines of a site in the network file that let the gateway in.
	Credentials string
	// Field is the name under which Records show the subject.
	Field string

	address string
	header  http.Header
	records func(*API) ([]harness.Record, error)
}

// Address is where it listens.
func (a *API) Address() string { return a.address }

// Header is what clients send along: they are let in as somebody else than the gateway where the server tells users apart.
func (a *API) Header() http.Header { return a.header }

// Profile is the text of its profile in this folder.
func (a *API) Profile() string {
	text, err := files.ReadFile(a.Name + ".yaml")
	if err != nil {
		return "# " + err.Error()
	}
	return string(text)
}

// Records are its requests, each as one flat record whose member id is the one that stands in addresses.
func (a *API) Records() ([]harness.Record, error) { return a.records(a) }

// Site is a site of a network that runs this server.
func (a *API) Site(name string) harness.Site {
	return harness.Site{Name: name, API: a, Extra: a.Credentials}
}

// call is a call of the tests themselves, as a client, past all gateways. A status that is no success is an error.
func (a *API) call(method, path, body string) ([]byte, error) {
	return a.as(a.header, method, path, "application/json", body)
}

func (a *API) as(header http.Header, method, path, contentType, body string) ([]byte, error) {
	req, err := http.NewRequest(method, "http://"+a.address+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	for k, v := range header {
		req.Header[k] = v
	}
	if body != "" {
		req.Header.Set("Content-Type", contentType)
	}
	c := http.Client{Timeout: 20 * time.Second}
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
	b, err := a.call(http.MethodGet, path, "")
	if err != nil {
		return err
	}
	return decode(b, into)
}

func decode(b []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("%w in %.300s", err, b)
	}
	return nil
}

// withID shows the member of records that stands in addresses as id.
func withID(list []harness.Record, member string) []harness.Record {
	for _, r := range list {
		r["id"] = r[member]
	}
	return list
}

// basic is a header with a name and a password.
func basic(user, password string) http.Header {
	r := http.Request{Header: http.Header{}}
	r.SetBasicAuth(user, password)
	return r.Header
}

// app copies an application of this folder to a directory of its own, next to the packages that it needs.
func app(t testing.TB, name string) string {
	t.Helper()
	modules := installed(t, name+"/node_modules")
	dir := t.TempDir()
	sub, err := fs.Sub(files, "apps/"+name)
	if err == nil {
		err = os.CopyFS(dir, sub)
	}
	if err == nil {
		err = os.Symlink(modules, filepath.Join(dir, "node_modules"))
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}
