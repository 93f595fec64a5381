package harness

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Upstream is a request API. Tests look at it directly, past the gateway, to see what is really there.
type Upstream interface {
	// Address is host and port of the API.
	Address() string
	// Profile is how the network file describes it: the body of a profile that has the collection tickets.
	Profile() string
	// Records are all records of the tickets, as the API gives them.
	Records() ([]Record, error)
	// Header is what a client of this API sends along, such as credentials; it may be nil.
	Header() http.Header
}

// Record is one record as a request API gives it; numbers are json.Number.
type Record map[string]any

// ID is the record's own id.
func (r Record) ID() string { return fmt.Sprint(r["id"]) }

// RestProfile describes the plain convention with an external id to find lost creates by. Its times are short, since tests
// make calls fail and wait for what comes of it.
const RestProfile = `preset: rest
timeout: 3s
quiescence: 2s
parallel: 16
collections:
  tickets:
    path: /tickets
    external_id: {field: /external_id, find: "/tickets?external_id={value}"}
`

// BlindProfile is RestProfile for an API that gives no means to find out what became of a create.
const BlindProfile = `preset: rest
timeout: 3s
quiescence: 2s
collections:
  tickets:
    path: /tickets
`

// Address is where the fake listens.
func (f *Fake) Address() string { return f.address }

// Profile is RestProfile.
func (f *Fake) Profile() string { return RestProfile }

// Header is nothing: the fake asks for no credentials.
func (f *Fake) Header() http.Header { return nil }

// Records are its tickets, as a GET would give them, read without leaving a trace in the log.
func (f *Fake) Records() ([]Record, error) {
	f.mu.Lock()
	b, err := json.Marshal(list(f.tables["tickets"], &http.Request{URL: noQuery}))
	f.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return parseRecords(b)
}

// JSONServer is a running json-server.
type JSONServer struct {
	*Process
	address string
}

// NewJSONServer starts a json-server of a generation: 0 (0.17, integer ids, Location) or 1 (1.0 beta, string ids).
func NewJSONServer(t testing.TB, generation int) *JSONServer {
	t.Helper()
	return NewJSONServerOf(t, generation, `{"tickets":[]}`)
}

// NewJSONServerOf starts a json-server with other collections: data is its file.
func NewJSONServerOf(t testing.TB, generation int, data string) *JSONServer {
	t.Helper()
	script := [...]string{"json-server-0/node_modules/json-server/lib/cli/bin.js", "json-server-1/node_modules/json-server/lib/bin.js"}[generation]
	bin := cached(t, "json-server", script)
	dir := t.TempDir()
	db := filepath.Join(dir, "db.json")
	if err := os.WriteFile(db, []byte(data), 0o600); err != nil {
		t.Fatal(err)
	}
	port := FreePort(t)
	args := []string{bin, "--host", "127.0.0.1", "--port", fmt.Sprint(port)}
	if generation == 0 {
		args = append(args, "--no-gzip", "--quiet")
	}
	s := &JSONServer{address: Loopback(port)}
	// In development json-server 1 reads its file again whenever that changes, also when it wrote it itself, and then loses records
	// that it has taken since. In production it does not, and wants a folder of pages.
	if err := os.Mkdir(filepath.Join(dir, "public"), 0o700); err != nil {
		t.Fatal(err)
	}
	s.Process = startProcess(t, program{name: fmt.Sprintf("json-server %d", generation), path: "node", args: append(args, db), dir: dir,
		env: []string{"NODE_ENV=production"}})
	Eventually(t, 30*time.Second, "json-server is up", func() error {
		if err := s.Running(); err != nil {
			return err
		}
		_, err := s.Records()
		return err
	})
	return s
}

// Address is where it listens.
func (s *JSONServer) Address() string { return s.address }

// Profile is RestProfile: json-server finds by any field.
func (s *JSONServer) Profile() string { return RestProfile }

// Header is nothing.
func (s *JSONServer) Header() http.Header { return nil }

// Records are its tickets.
func (s *JSONServer) Records() ([]Record, error) {
	b, err := get("http://"+s.address+"/tickets", nil)
	if err != nil {
		return nil, err
	}
	return parseRecords(b)
}

func parseRecords(b []byte) ([]Record, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var out []Record
	if err := d.Decode(&out); err != nil {
		return nil, fmt.Errorf("%w in %.200s", err, b)
	}
	return out, nil
}

// get is a GET that wants 200, of the tests themselves.
func get(url string, header http.Header) ([]byte, error) {
	return send(http.MethodGet, url, header, "")
}

func send(method, url string, header http.Header, body string) ([]byte, error) {
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	if header != nil {
		req.Header = header.Clone()
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := direct.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode/100 != 2 {
		err = fmt.Errorf("%s %s: %d %.300s", method, url, res.StatusCode, b)
	}
	return b, err
}
