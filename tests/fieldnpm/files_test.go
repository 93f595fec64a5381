package fieldnpm

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"mime/multipart"
	"net/http"
	"testing"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// attachments is how clients of a server speak about files.
type attachments struct {
	// upload gives a file to a request, in as many calls as it takes; it returns the file's id.
	upload func(w *world, site, parent, name string, content []byte) string
	// list are the files of a request at its own server, and their bytes by name.
	list func(a *API, parent string) (map[string][]byte, error)
	// item is the path of one.
	item string
}

func filesOf(kind string) attachments {
	if kind == "cap" {
		return attachments{capUpload, capFiles, "/odata/v4/desk/Requests(%s)/files(%s)"}
	}
	return attachments{giteaUpload, giteaFiles, "/api/v1/repos/gateway/desk/issues/%s/assets/%s"}
}

// capUpload makes the record of a file first and gives it its bytes then.
func capUpload(w *world, site, parent, name string, content []byte) string {
	w.t.Helper()
	g, path := w.At(site), "/odata/v4/desk/Requests("+parent+")/files"
	made := g.Create(path, fmt.Sprintf(`{"name":%q,"mediaType":"application/zip"}`, name)).Want(201).Record()
	id := fmt.Sprint(made["ID"])
	g.Do(harness.Call{Method: http.MethodPut, Path: path + "(" + id + ")/content", Body: string(content),
		Header: http.Header{"Content-Type": {"application/zip"}}}).Want(204)
	return id
}

func capFiles(a *API, parent string) (map[string][]byte, error) {
	path := "/odata/v4/desk/Requests(" + parent + ")/files"
	var page struct {
		Value []struct{ ID, Name string }
	}
	err := a.ask(path, &page)
	out := make(map[string][]byte)
	for _, f := range page.Value {
		if err == nil {
			out[f.Name], err = a.call(http.MethodGet, path+"("+f.ID+")/content", "")
		}
	}
	return out, err
}

func giteaUpload(w *world, site, parent, name string, content []byte) string {
	w.t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile("attachment", name)
	if err == nil {
		_, err = part.Write(content)
	}
	if err == nil {
		err = form.Close()
	}
	if err != nil {
		w.t.Fatal(err)
	}
	made := w.At(site).Do(harness.Call{Method: http.MethodPost, Path: "/api/v1/repos/gateway/desk/issues/" + parent + "/assets",
		Body: body.String(), Header: http.Header{"Content-Type": {form.FormDataContentType()}}}).Want(201).Record()
	return made.ID()
}

func giteaFiles(a *API, parent string) (map[string][]byte, error) {
	var list []struct {
		Name string
		UUID string
	}
	err := a.ask("/api/v1/repos/gateway/desk/issues/"+parent+"/assets", &list)
	out := make(map[string][]byte)
	for _, f := range list {
		if err == nil {
			out[f.Name], err = a.call(http.MethodGet, "/attachments/"+f.UUID, "")
		}
	}
	return out, err
}

// shelf waits until a request's files at a site's own server are these, by name and sum.
func (w *world) shelf(site, name string, want map[string][]byte) {
	w.t.Helper()
	parent := w.id(site, name)
	harness.Eventually(w.t, soon, fmt.Sprintf("the files of %q at %s", name, site), func() error {
		have, err := filesOf(w.apis[site].Name).list(w.apis[site], parent)
		if err != nil {
			return err
		}
		a, b := sums(have), sums(want)
		if a != b {
			return fmt.Errorf("they are %s, want %s", a, b)
		}
		return nil
	})
}

// sums are the names of files and the sums of their bytes, as text.
func sums(files map[string][]byte) string {
	out := make(map[string]string)
	for name, content := range files {
		out[name] = fmt.Sprintf("%d bytes, %x", len(content), sha256.Sum256(content))
	}
	b, err := json.Marshal(out)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

func noise(seed uint64, size int) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	out := make([]byte, size)
	for i := range out {
		out[i] = byte(r.Uint32())
	}
	return out
}

// Files given to a request at either site are at both, byte by byte, and can be deleted at either.
func TestFiles(t *testing.T) {
	field(t)
	for _, kinds := range [][2]string{{"cap", "cap"}, {"gitea", "gitea"}, {"cap", "gitea"}, {"gitea", "cap"}} {
		t.Run(kinds[0]+" and "+kinds[1], func(t *testing.T) {
			w := network(t, map[string]*API{"oslo": starts()[kinds[0]](t), "rome": starts()[kinds[1]](t)}, everywhere)
			name := subject("with files")
			w.create("oslo", Words{"subject": name, "status": "open"})
			w.everywhere(name, nil)
			want := map[string][]byte{"first.zip": noise(1, 300<<10), "second.zip": noise(2, 5)}
			for i, site := range w.Sites() {
				file := []string{"first.zip", "second.zip"}[i]
				filesOf(kinds[i]).upload(w, site, w.id(site, name), file, want[file])
			}
			w.shelf("oslo", name, want)
			w.shelf("rome", name, want)
			third := filesOf(kinds[1]).upload(w, "rome", w.id("rome", name), "third.zip", noise(3, 10))
			want["third.zip"] = noise(3, 10)
			w.shelf("oslo", name, want)
			w.At("rome").Delete(fmt.Sprintf(filesOf(kinds[1]).item, w.id("rome", name), third)).Want(204)
			delete(want, "third.zip")
			w.shelf("oslo", name, want)
			w.shelf("rome", name, want)
			w.Settled(soon)
		})
	}
}
