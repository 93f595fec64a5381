package tests

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/tests/contract"
	"github.com/meridian-gateway/meridian/tests/harness"
)

// variant is a product as some of its customers have it, with what the preset's comments tell them to say.
type variant struct {
	kind    string
	options contract.Options
	// old is replaced by now in what the tests say of the product; old begins a line of its own.
	old, now string
}

func variants(t *testing.T) map[string]variant {
	kolkata, err := time.LoadLocation("Asia/Kolkata")
	if err != nil {
		t.Fatal(err)
	}
	const tickets = "  tickets:\n"
	return map[string]variant{
		"arsystem wants X-Requested-By, and resets what an update does not name": {"arsystem",
			contract.Options{ARSystem: contract.ARSystemOptions{RequestedBy: true, ResetOmitted: true}}, tickets, tickets + "    update: {body: full, read_only: omit}\n"},
		"arsystem ends its tokens early": {"arsystem", contract.Options{ARSystem: contract.ARSystemOptions{TokenLife: 300 * time.Millisecond}}, "", ""},
		"arsystem with small pages":      {"arsystem", contract.Options{MaxPage: 3}, "", ""},
		"servicenow finds nothing for a wrong query": {"servicenow",
			contract.Options{RefuseUnknown: true, ServiceNow: contract.ServiceNowOptions{InvalidQueryEmpty: true}}, tickets, tickets + "    list: {size: 3}\n"},
		"servicenow with another field for the id": {"servicenow", contract.Options{RefuseUnknown: true}, tickets,
			tickets + "    external_id: {field: /u_external_id, find: \"{path}?sysparm_query=u_external_id%3D{value}\"}\n"},
		"jira in another time zone, with small pages": {"jira", contract.Options{MaxPage: 3, Jira: contract.JiraOptions{Zone: kolkata}},
			"    list: {only", "    list: {zone: Asia/Kolkata, only"},
		"jira with pages by a token": {"jira", contract.Options{MaxPage: 3, Jira: contract.JiraOptions{TokenSearch: true}}, "    list: {only: {at: /fields/project/key, values: [ABC]}}\n    external_id: {",
			`    list:
      only: {at: /fields/project/key, values: [ABC]}
      path: "/rest/api/2/search/jql?jql=updated%20%3E%3D%20%22{since}%22%20ORDER%20BY%20key%20ASC&fields=*all&maxResults={size}&nextPageToken={cursor}"
      next: /nextPageToken
    external_id: {find: "/rest/api/2/search/jql?jql=labels%20%3D%20%22meridian-{value}%22&fields=*all", `},
		"zendesk with safe updates": {"zendesk", contract.Options{RefuseUnknown: true}, tickets,
			tickets + "    envelope: {with: {/ticket/safe_update: true, /ticket/updated_stamp: \"{version}\"}}\n    etag: {field: /updated_at, stale: [409]}\n"},
		"zendesk with small pages": {"zendesk", contract.Options{RefuseUnknown: true}, tickets, tickets + "    list: {size: 3}\n"},
		"github with a search": {"github", contract.Options{RefuseUnknown: true, SearchLag: 300 * time.Millisecond, GitHub: contract.GitHubOptions{PullEvery: 2}},
			"    path: /repos/meridian/requests/issues\n",
			"    path: /repos/meridian/requests/issues\n    list: {size: 3}\n    external_id: {find: \"/search/issues?q={value}%20repo%3Ameridian%2Frequests\", lag: 1s}\n"},
		"freshdesk with HTML, and small pages":           {"freshdesk", contract.Options{Freshdesk: contract.FreshdeskOptions{HTML: true}}, tickets, tickets + "    list: {size: 3}\n"},
		"freshdesk, whose deleted tickets are not shown": {"freshdesk", contract.Options{Freshdesk: contract.FreshdeskOptions{DeletedGone: true}}, "", ""},
	}
}

// Products differ from customer to customer. What the presets' comments say is to be written for that is right: requests are copied, found
// again after a lost answer, brought in from pages of a few, compared and deleted.
func TestPresetVariants(t *testing.T) {
	t.Parallel()
	for name, v := range variants(t) {
		t.Run(name, func(t *testing.T) {
			var ahead time.Duration
			began := time.Now()
			v.options.Now = func() time.Time { return time.Now().Add(ahead) }
			ahead = -3 * time.Minute // an export leaves out the last minute
			p := newProduct(t, v.kind, v.options)
			if v.old != "" && !strings.Contains(p.profile, v.old) {
				t.Fatalf("there is no %q in %s", v.old, p.profile)
			}
			p.whole = v.options.ARSystem.ResetOmitted
			p.speech.profile = strings.Replace(p.profile, v.old, v.now, 1)
			var names []string
			for range 8 {
				w := first(subject("there before"))
				for _, k := range p.narrow {
					delete(w, k)
				}
				names = append(names, w["subject"])
				p.behind(p.create(w))
			}
			ahead = time.Since(began) // and goes right from here on
			n := harness.Start(t, harness.Network{Sites: []harness.Site{{Name: "oslo", API: newWithComments(t)}, p.site("rome")}, Routes: everywhere})
			all := voices(n)
			if s := seed(t, n.At("rome"), 0); s.Collections[0].Seeded != len(names) || s.Collections[0].Failed != 0 {
				t.Fatalf("%+v", s)
			}
			for _, name := range names {
				wantWords(t, all, words{"subject": name, "description": "a leg is loose"}, n.Sites()...)
			}
			w, ids := copied(t, n, all, "oslo")
			lost := first(subject("lost"))
			p.DropAnswer(p.creating(), 1)
			all["oslo"].make(lost).Want(201)
			wantSingle(t, n, all, lost)
			wantEqual(t, n.At("oslo"))
			all["oslo"].Do(all["oslo"].remove(ids["oslo"])).Want(200, 204)
			wantGone(t, all, w["subject"], n.Sites()...)
			n.Settled(soon)
			p.wantClean("401 ", "409 ")
		})
	}
}

// uploads are how clients of two products send a file to a request.
func uploads(kind, id, name string, content []byte) harness.Call {
	if kind == "servicenow" {
		return harness.Call{Method: "POST", Path: "/api/now/attachment/file?table_name=incident&table_sys_id=" + id + "&file_name=" + name,
			Body: string(content), Header: http.Header{"Content-Type": {"image/png"}}}
	}
	var b bytes.Buffer
	form := multipart.NewWriter(&b)
	part, err := form.CreatePart(map[string][]string{
		"Content-Disposition": {fmt.Sprintf(`form-data; name="file"; filename=%q`, name)}, "Content-Type": {"image/png"}})
	if err == nil {
		_, err = part.Write(content)
	}
	if err == nil {
		err = form.Close()
	}
	if err != nil {
		panic(err)
	}
	return harness.Call{Method: "POST", Path: "/rest/api/2/issue/" + id + "/attachments", Body: b.String(),
		Header: http.Header{"Content-Type": {form.FormDataContentType()}, "X-Atlassian-Token": {"no-check"}}}
}

// Files go from Jira, which takes forms, to ServiceNow, which takes bytes as they are, and back.
func TestPresetFiles(t *testing.T) {
	t.Parallel()
	desk, now := newProduct(t, "jira", contract.Options{}), newProduct(t, "servicenow", contract.Options{})
	for _, p := range []*product{desk, now} {
		p.speech.profile += "  files: {}\n"
	}
	n := harness.Start(t, harness.Network{Sites: []harness.Site{desk.site("oslo"), now.site("rome")}, Routes: everywhere})
	all := voices(n)
	w := first(subject("with files"))
	all["oslo"].make(w).Want(201)
	ids := wantWords(t, all, w, n.Sites()...)
	for i, by := range []string{"oslo", "rome"} {
		content := make([]byte, 300_000)
		for j := range content {
			content[j] = byte(rand.Uint32())
		}
		name := "from-" + by + ".png"
		kind := map[string]string{"oslo": "jira", "rome": "servicenow"}[by]
		all[by].Do(uploads(kind, ids[by], name, content)).Want(200, 201)
		for _, at := range n.Sites() {
			harness.Eventually(t, 2*soon, name+" is at "+at, func() error {
				files := filesOf(t, all[at], ids[at])
				got, there := files[name]
				if len(files) != i+1 || !there || !bytes.Equal(got, content) {
					return fmt.Errorf("%s has %d files, and %d bytes of %s", at, len(files), len(got), name)
				}
				return nil
			})
		}
	}
	n.Settled(soon)
	wantEqual(t, n.At("oslo"))
	desk.wantClean()
	now.wantClean()
}

// filesOf are the files of a request at a site, by name.
func filesOf(t *testing.T, v voice, id string) map[string][]byte {
	t.Helper()
	out := make(map[string][]byte)
	fetch := func(name, address string) {
		_, path, _ := strings.Cut(strings.TrimPrefix(address, "http://"), "/")
		b, err := v.Behind("GET", "/"+path, "")
		if err != nil {
			t.Fatal(err)
		}
		out[name] = b
	}
	p := v.API().(*product)
	switch api := p.Product.(type) {
	case *contract.ServiceNow:
		for _, f := range api.Files() {
			if f["table_sys_id"] == id {
				fetch(fmt.Sprint(f["file_name"]), fmt.Sprint(f["download_link"]))
			}
		}
	case *contract.Jira:
		for _, r := range api.Records() {
			fields, _ := r["fields"].(map[string]any)
			list, _ := fields["attachment"].([]any)
			for _, f := range list {
				one, _ := f.(map[string]any)
				if r["key"] == id {
					fetch(fmt.Sprint(one["filename"]), fmt.Sprint(one["content"]))
				}
			}
		}
	}
	return out
}
