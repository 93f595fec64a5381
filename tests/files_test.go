package tests

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"mime/multipart"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// shelf is a request API whose tickets have files, which it keeps on disk. There is no third-party server that takes files in all
// three manners, so this one has the manner as a switch.
type shelf struct {
	address, dir, manner string

	mu      sync.Mutex
	last    int
	tickets map[string]map[string]any
	files   map[string]map[string]any
	// cut breaks off the next upload of bytes after that many.
	cut int64
}

func newShelf(t *testing.T, manner string, from int) *shelf {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &shelf{address: l.Addr().String(), dir: t.TempDir(), manner: manner, last: from,
		tickets: map[string]map[string]any{}, files: map[string]map[string]any{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /tickets", s.create)
	mux.HandleFunc("GET /tickets", s.list)
	mux.HandleFunc("GET /tickets/{id}", s.read)
	mux.HandleFunc("PATCH /tickets/{id}", s.update)
	mux.HandleFunc("POST /tickets/{id}/close", s.close)
	mux.HandleFunc("POST /tickets/{id}/files", s.attach)
	mux.HandleFunc("GET /tickets/{id}/files", s.attached)
	mux.HandleFunc("GET /files/{id}", s.file)
	mux.HandleFunc("GET /files/{id}/content", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, s.path(r.PathValue("id"))) })
	mux.HandleFunc("PUT /files/{id}/content", s.fill)
	server := &http.Server{Handler: mux}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	return s
}

func (s *shelf) Address() string                    { return s.address }
func (s *shelf) Header() http.Header                { return nil }
func (s *shelf) Records() ([]harness.Record, error) { return nil, nil }
func (s *shelf) path(id string) string              { return filepath.Join(s.dir, filepath.Base(id)) }

func (s *shelf) Profile() string {
	create := map[string]string{"multipart": "", "raw": `    create: {path: "/tickets/{parent}/files?name={name}"}` + "\n", "then": ""}[s.manner]
	put := map[string]string{"then": `, put: {path: "/files/{id}/content"}`}[s.manner]
	return `preset: rest
timeout: 5s
quiescence: 1s
collections:
  tickets:
    path: /tickets
    external_id: {field: /external_id, find: "/tickets?external_id={value}"}
  files:
    parent: tickets
    path: /tickets/{parent}/files
` + create + `    read: {path: "/files/{id}"}
    update: false
    replace: false
    delete: false
    read_only: [/id, /size, /type]
    parent_at: /ticket
    content: {read: {path: "/files/{id}/content"}, upload: ` + s.manner + `, name: /filename, type: /type, size: /size` + put + `}
`
}

func (s *shelf) new() string {
	s.last++
	return strconv.Itoa(s.last)
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

func (s *shelf) create(w http.ResponseWriter, r *http.Request) {
	rec := map[string]any{}
	if json.NewDecoder(r.Body).Decode(&rec) != nil {
		answer(w, 400, nil)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	id := s.new()
	rec["id"] = id
	s.tickets[id] = rec
	answer(w, 201, rec)
}

func (s *shelf) list(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := []any{}
	for _, rec := range s.tickets {
		if want := r.URL.Query().Get("external_id"); want == "" || rec["external_id"] == want {
			out = append(out, rec)
		}
	}
	answer(w, 200, out)
}

func (s *shelf) read(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if rec := s.tickets[r.PathValue("id")]; rec != nil {
		answer(w, 200, rec)
		return
	}
	answer(w, 404, nil)
}

func (s *shelf) update(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	rec := s.tickets[r.PathValue("id")]
	if rec == nil || json.NewDecoder(r.Body).Decode(&rec) != nil {
		answer(w, 404, nil)
		return
	}
	answer(w, 200, rec)
}

// close changes a record by a call that no profile describes.
func (s *shelf) close(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	rec := s.tickets[r.PathValue("id")]
	if rec == nil {
		answer(w, 404, nil)
		return
	}
	rec["status"] = "closed"
	answer(w, 200, map[string]any{"ok": true})
}

// status is that of the only ticket.
func (s *shelf) status() (id, status string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, rec := range s.tickets {
		text, _ := rec["status"].(string)
		return id, text
	}
	return "", ""
}

// attach takes a file as its manner is.
func (s *shelf) attach(w http.ResponseWriter, r *http.Request) {
	rec := map[string]any{"ticket": r.PathValue("id")}
	s.mu.Lock()
	known := s.tickets[r.PathValue("id")] != nil
	id := s.new()
	s.mu.Unlock()
	var in io.Reader
	switch s.manner {
	case "multipart":
		form, err := r.MultipartReader()
		if err != nil {
			answer(w, 415, nil)
			return
		}
		for {
			p, err := form.NextPart()
			if err != nil {
				break
			}
			if p.FormName() == "file" {
				rec["filename"], rec["type"] = p.FileName(), p.Header.Get("Content-Type")
				if !s.keep(id, p) {
					panic(http.ErrAbortHandler)
				}
				continue
			}
			text, _ := io.ReadAll(p)
			rec[p.FormName()] = string(text)
		}
	case "raw":
		rec["filename"], rec["type"] = r.URL.Query().Get("name"), r.Header.Get("Content-Type")
		in = r.Body
	case "then":
		if json.NewDecoder(r.Body).Decode(&rec) != nil {
			answer(w, 400, nil)
			return
		}
		in = strings.NewReader("")
	}
	if in != nil && !s.keep(id, in) {
		panic(http.ErrAbortHandler)
	}
	if !known {
		answer(w, 404, nil)
		return
	}
	rec["id"] = id
	s.mu.Lock()
	s.files[id] = rec
	s.mu.Unlock()
	answer(w, 201, s.shown(id))
}

func (s *shelf) fill(w http.ResponseWriter, r *http.Request) {
	if !s.keep(r.PathValue("id"), r.Body) {
		panic(http.ErrAbortHandler)
	}
	w.WriteHeader(http.StatusNoContent)
}

// keep writes bytes to disk; false when they are to be cut off.
func (s *shelf) keep(id string, in io.Reader) bool {
	f, err := os.Create(s.path(id))
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }()
	s.mu.Lock()
	cut := s.cut
	s.cut = 0
	s.mu.Unlock()
	if cut > 0 {
		_, _ = io.CopyN(f, in, cut)
		return false
	}
	_, err = io.Copy(f, in)
	return err == nil
}

func (s *shelf) shown(id string) map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	rec := maps.Clone(s.files[id])
	if info, err := os.Stat(s.path(id)); err == nil && rec != nil {
		rec["size"] = info.Size()
	}
	return rec
}

func (s *shelf) file(w http.ResponseWriter, r *http.Request) {
	if rec := s.shown(r.PathValue("id")); rec != nil {
		answer(w, 200, rec)
		return
	}
	answer(w, 404, nil)
}

func (s *shelf) attached(w http.ResponseWriter, r *http.Request) {
	out := []any{}
	for _, id := range s.of(r.PathValue("id")) {
		out = append(out, s.shown(id))
	}
	answer(w, 200, out)
}

// of are the ids of the files of a ticket, in their order.
func (s *shelf) of(ticket string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for id, rec := range s.files {
		if rec["ticket"] == ticket {
			out = append(out, id)
		}
	}
	slices.SortFunc(out, func(a, b string) int { return len(a)*10 - len(b)*10 + strings.Compare(a, b) })
	return out
}

// sums are the sums of the bytes of a ticket's files.
func (s *shelf) sums(ticket string) (out []string) {
	for _, id := range s.of(ticket) {
		b, err := os.ReadFile(s.path(id))
		if err != nil {
			return []string{err.Error()}
		}
		out = append(out, fmt.Sprintf("%v %x", s.shown(id)["filename"], sha256.Sum256(b)))
	}
	return out
}

// randomBytes are bytes that nobody compresses or guesses.
func randomBytes(seed uint64, n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(seed)})
	_, _ = r.Read(b)
	return b
}

// attachTo uploads a file as a client of the API at a site does.
func attachTo(t *testing.T, g *harness.Gateway, s *shelf, ticket, name string, content []byte) {
	t.Helper()
	path, kind, body := "/tickets/"+ticket+"/files", "image/png", bytes.NewBuffer(content)
	switch s.manner {
	case "multipart":
		body = &bytes.Buffer{}
		w := multipart.NewWriter(body)
		_ = w.WriteField("note", "from the client")
		p, err := w.CreateFormFile("file", name)
		if err == nil {
			_, err = p.Write(content)
		}
		if err != nil || w.Close() != nil {
			t.Fatal(err)
		}
		kind = w.FormDataContentType()
	case "raw":
		path += "?name=" + name
	}
	if s.manner == "then" {
		made := g.Do(harness.Call{Method: "POST", Path: path, Body: fmt.Sprintf(`{"filename":%q}`, name)}).Want(201)
		put, err := http.NewRequestWithContext(t.Context(), http.MethodPut, g.URL("/files/"+made.ID()+"/content"), body)
		if err != nil {
			t.Fatal(err)
		}
		put.Header.Set("Content-Type", kind)
		res, err := http.DefaultClient.Do(put)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
		if res.StatusCode != 204 {
			t.Fatalf("%s answered the bytes with %d", g.Name, res.StatusCode)
		}
		return
	}
	res, err := http.Post(g.URL(path), kind, body)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, _ := io.ReadAll(res.Body)
	if res.StatusCode != 201 || res.Header.Get("Meridian-Request") == "" {
		t.Fatalf("%s answered %d %s %v", g.Name, res.StatusCode, text, res.Header)
	}
}

// Files made at the owner and at a copy are at every site, byte for byte, whatever manner of upload its API has; cut uploads and links
// make none twice and none wrong.
func TestFilesFollowTheirTicket(t *testing.T) {
	t.Parallel()
	shelves := map[string]*shelf{"oslo": newShelf(t, "multipart", 100), "rome": newShelf(t, "raw", 2000), "paris": newShelf(t, "then", 30000)}
	var sites []harness.Site
	for _, at := range []string{"oslo", "rome", "paris"} {
		sites = append(sites, harness.Site{Name: at, API: shelves[at]})
	}
	n := harness.Start(t, harness.Network{Sites: sites, Routes: everywhere})
	made := n.At("oslo").Create("/tickets", `{"subject":"lamp"}`).Want(201)
	ids := map[string]string{"oslo": made.ID()}
	for _, at := range []string{"rome", "paris"} {
		harness.Eventually(t, soon, "the ticket is at "+at, func() error {
			s := shelves[at]
			s.mu.Lock()
			defer s.mu.Unlock()
			for id := range s.tickets {
				ids[at] = id
				return nil
			}
			return fmt.Errorf("there is none")
		})
	}
	var want []string
	have := func(what string) {
		t.Helper()
		for at, s := range shelves {
			harness.Eventually(t, 2*soon, what+" at "+at, func() error {
				if got := s.sums(ids[at]); !slices.Equal(got, want) {
					return fmt.Errorf("it has %q, want %q", got, want)
				}
				return nil
			})
		}
	}
	small := randomBytes(1, 3000)
	attachTo(t, n.At("oslo"), shelves["oslo"], ids["oslo"], "one.png", small)
	want = append(want, fmt.Sprintf("one.png %x", sha256.Sum256(small)))
	have("the owner's file")
	// At a copy: over several parts, and its bytes reach the owner first.
	large := randomBytes(2, 3<<20+17)
	attachTo(t, n.At("rome"), shelves["rome"], ids["rome"], "two.png", large)
	want = append(want, fmt.Sprintf("two.png %x", sha256.Sum256(large)))
	if got := shelves["rome"].sums(ids["rome"]); !slices.Equal(got, want) {
		t.Errorf("right after the answer rome has %q", got)
	}
	have("a copy's file")
	// Uploads that the APIs of the copies cut off, and an empty file.
	for _, at := range []string{"rome", "paris"} {
		s := shelves[at]
		s.mu.Lock()
		s.cut = 100_000
		s.mu.Unlock()
	}
	again := randomBytes(3, 2<<20)
	attachTo(t, n.At("oslo"), shelves["oslo"], ids["oslo"], "three.png", again)
	want = append(want, fmt.Sprintf("three.png %x", sha256.Sum256(again)))
	attachTo(t, n.At("oslo"), shelves["oslo"], ids["oslo"], "empty.png", nil)
	want = append(want, fmt.Sprintf("empty.png %x", sha256.Sum256(nil)))
	have("after cuts")
	// Where the record comes first the file is one when its bytes are there; the record that the client was given stays it.
	late := randomBytes(4, 700_000)
	before := shelves["paris"].of(ids["paris"])
	attachTo(t, n.At("paris"), shelves["paris"], ids["paris"], "five.png", late)
	want = append(want, fmt.Sprintf("five.png %x", sha256.Sum256(late)))
	have("a file whose record came first")
	if got := shelves["paris"].of(ids["paris"]); len(got) != len(before)+1 {
		t.Errorf("paris has %v, and had %v", got, before)
	}
}

// pattern is a reader of bytes that nobody keeps.
type pattern struct{ left int64 }

func (p *pattern) Read(b []byte) (int, error) {
	if p.left == 0 {
		return 0, io.EOF
	}
	n := int(min(int64(len(b)), p.left))
	for i := range n {
		b[i] = byte((p.left - int64(i)) * 131 >> 7)
	}
	p.left -= int64(n)
	return n, nil
}

// A file of any size goes from a copy to the owner and to a third site in the memory of a small one, and a link that is cut in the middle
// does not begin it anew.
func TestLargeFilesTakeNoMemory(t *testing.T) {
	t.Parallel()
	const size = 48 << 20
	shelves := map[string]*shelf{"oslo": newShelf(t, "multipart", 100), "rome": newShelf(t, "raw", 2000)}
	n := harness.Start(t, harness.Network{Sites: []harness.Site{{Name: "oslo", API: shelves["oslo"]}, {Name: "rome", API: shelves["rome"]}}, Routes: everywhere})
	n.At("oslo").Create("/tickets", `{"subject":"film"}`).Want(201)
	ids := map[string]string{}
	for at, s := range shelves {
		harness.Eventually(t, soon, "it is at "+at, func() error {
			if ids[at], _ = s.status(); ids[at] == "" {
				return fmt.Errorf("there is none")
			}
			return nil
		})
	}
	before := map[string]int64{}
	for at := range shelves {
		m, err := n.At(at).Process().Memory()
		if err != nil {
			t.Skip(err)
		}
		before[at] = m
	}
	res, err := http.Post(n.At("rome").URL("/tickets/"+ids["rome"]+"/files?name=film.mp4"), "video/mp4", &pattern{size})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if text, _ := io.ReadAll(res.Body); res.StatusCode != 201 {
		t.Fatalf("%d %s", res.StatusCode, text)
	}
	h := sha256.New()
	if _, err := io.Copy(h, &pattern{size}); err != nil {
		t.Fatal(err)
	}
	want := []string{fmt.Sprintf("film.mp4 %x", h.Sum(nil))}
	for at, s := range shelves {
		harness.Eventually(t, 2*soon, "the file is at "+at, func() error {
			if got := s.sums(ids[at]); !slices.Equal(got, want) {
				return fmt.Errorf("it has %q, want %q", got, want)
			}
			return nil
		})
		m, err := n.At(at).Process().Memory()
		if err != nil {
			t.Fatal(err)
		}
		if grown := m - before[at]; grown > size*2/3 {
			t.Errorf("%s took %d MiB more for a file of %d MiB", at, grown>>20, size>>20)
		} else {
			t.Logf("%s: %d MiB before, %d MiB more after", at, before[at]>>20, grown>>20)
		}
	}
}
