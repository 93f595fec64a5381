package harness

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"testing"
	"time"
)

// PocketBase is a running PocketBase with a collection of tickets whose fields have names of their own. Only superusers may
// read or write it, so the gateway needs its own credentials and clients theirs.
type PocketBase struct {
	*Process
	address string
	token   string
}

const (
	pocketBaseUser     = "gateway@example.org"
	pocketBasePassword = "correct horse battery"
)

// NewPocketBase starts one. Its tickets have the fields title, state (opened, in_work, closed), sort, notes and ext_ref, which is
// unique.
func NewPocketBase(t testing.TB) *PocketBase {
	t.Helper()
	bin := cached(t, "PocketBase", "bin/base")
	dir := t.TempDir()
	if out, err := exec.CommandContext(t.Context(), bin, "superuser", "upsert", pocketBaseUser, pocketBasePassword, "--dir", dir).CombinedOutput(); err != nil {
		t.Fatalf("make a superuser: %v\n%s", err, out)
	}
	port := FreePort(t)
	p := &PocketBase{address: Loopback(port)}
	p.Process = startProcess(t, program{name: "PocketBase", path: bin, args: []string{"serve", "--http", p.address, "--dir", dir}, dir: dir})
	Eventually(t, 30*time.Second, "PocketBase is up", func() error {
		if err := p.Running(); err != nil {
			return err
		}
		return p.login()
	})
	_, err := send(http.MethodPost, "http://"+p.address+"/api/collections", p.Header(), `{"name":"tickets","type":"base","fields":[
		{"name":"title","type":"text","required":true},{"name":"state","type":"text"},{"name":"sort","type":"text"},
		{"name":"notes","type":"text"},{"name":"ext_ref","type":"text"}],
		"indexes":["CREATE UNIQUE INDEX idx_ext ON tickets (ext_ref) WHERE ext_ref != ''"]}`)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *PocketBase) login() error {
	b, err := send(http.MethodPost, "http://"+p.address+"/api/collections/_superusers/auth-with-password", nil,
		fmt.Sprintf(`{"identity":%q,"password":%q}`, pocketBaseUser, pocketBasePassword))
	if err != nil {
		return err
	}
	var got struct{ Token string }
	if err := json.Unmarshal(b, &got); err != nil || got.Token == "" {
		return fmt.Errorf("no token in %s", b)
	}
	p.token = got.Token
	return nil
}

// Address is where it listens.
func (p *PocketBase) Address() string { return p.address }

// Token is the superuser's.
func (p *PocketBase) Token() string { return p.token }

// Header carries the superuser's token.
func (p *PocketBase) Header() http.Header {
	return http.Header{"Authorization": {"Bearer " + p.token}}
}

// Profile maps its names and values to the canonical ones: subject, status (open, in progress, closed), category, description.
func (p *PocketBase) Profile() string {
	return `preset: rest
timeout: 5s
quiescence: 2s
collections:
  tickets:
    path: /api/collections/tickets/records
    create: {method: POST, path: /api/collections/tickets/records, status: [200]}
    update: {method: PATCH, path: "/api/collections/tickets/records/{id}", body: merge, status: [200]}
    delete: {method: DELETE, path: "/api/collections/tickets/records/{id}", status: [204], gone: [404]}
    envelope: {items: /items}
    external_id: {field: /ext_ref, find: "/api/collections/tickets/records?filter=ext_ref%3D%22{value}%22"}
    read_only: [/id, /collectionId, /collectionName, /created, /updated]
    fields:
      subject: /title
      status: {at: /state, values: {open: opened, in progress: in_work, closed: closed}}
      category: /sort
      description: /notes
`
}

// Records are its tickets.
func (p *PocketBase) Records() ([]Record, error) {
	b, err := get("http://"+p.address+"/api/collections/tickets/records?perPage=1000", p.Header())
	if err != nil {
		return nil, err
	}
	var page struct {
		Items json.RawMessage `json:"items"`
	}
	if err := json.Unmarshal(b, &page); err != nil {
		return nil, err
	}
	return parseRecords(page.Items)
}
