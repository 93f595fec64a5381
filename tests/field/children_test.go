package field

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// mark is what the profile of Redmine leaves in notes.
var mark = regexp.MustCompile(`\s*\[ref:[0-9A-Z]{26}[^\]]*\]`)

// comments are the texts of a request's comments as its server has them, in order, without marks and without mails.
func (a *API) comments(id string) ([]string, error) {
	var out []string
	if a.Kind == "redmine" {
		var got struct {
			Issue struct {
				Journals []struct {
					Notes string `json:"notes"`
				} `json:"journals"`
			} `json:"issue"`
		}
		if err := a.ask("/issues/"+id+".json?include=journals", &got); err != nil {
			return nil, err
		}
		for _, j := range got.Issue.Journals {
			if j.Notes != "" {
				out = append(out, strings.TrimSpace(mark.ReplaceAllString(j.Notes, "")))
			}
		}
		return out, nil
	}
	var got struct {
		Items []struct {
			Content, ContentType, Filename string
			Creator                        struct {
				ID string `json:"id"`
			}
		} `json:"items"`
	}
	if err := a.ask("/REST/2.0/ticket/"+id+"/attachments?per_page=100&fields=Content,ContentType,Filename,Creator", &got); err != nil {
		return nil, err
	}
	for _, i := range got.Items {
		if i.ContentType == "text/plain" && i.Filename == "" && i.Creator.ID != "RT_System" {
			out = append(out, strings.TrimSpace(i.Content))
		}
	}
	return out, nil
}

// comment writes a comment as a client of a site does.
func (d desk) comment(site, id, text string) harness.Answer {
	d.t.Helper()
	item := fmt.Sprintf(d.say(site).item, id)
	if d.apis[site].Kind == "redmine" {
		return d.At(site).Put(item, asJSON(map[string]any{"issue": map[string]any{"notes": text}})).Want(204)
	}
	return d.At(site).Create(item+"/comment", asJSON(map[string]any{"Content": text, "ContentType": "text/plain"})).Want(201)
}

// commented waits until all sites have exactly these comments, in this order.
func (d desk) commented(ids map[string]string, what string, want ...string) {
	d.t.Helper()
	for site, id := range ids {
		harness.Eventually(d.t, soon, what+" at "+site, func() error {
			got, err := d.apis[site].comments(id)
			if err == nil && !slices.Equal(got, want) {
				err = fmt.Errorf("it has %q, want %q", got, want)
			}
			return err
		})
	}
}

// Comments of both sites are at both, in their order, each in the manner of its server, and go on after a hand-over.
func TestComments(t *testing.T) {
	inPairs(t, func(t *testing.T, a, b string) {
		n := open(t, a, b, everywhere)
		name := subject("talked about")
		ref := n.create("oslo", words{"subject": name, "status": "new"}).Request()
		ids := map[string]string{"oslo": n.shows("oslo", name, nil), "rome": n.shows("rome", name, nil)}
		n.comment("oslo", ids["oslo"], "from the owner")
		n.commented(ids, "the owner's comment", "from the owner")
		n.comment("rome", ids["rome"], "from the copy, æøå")
		n.commented(ids, "the copy's comment", "from the owner", "from the copy, æøå")
		n.update("rome", ids["rome"], words{"status": "open"})
		n.shows("oslo", name, words{"status": "open"})
		n.At("oslo").Transfer(ref, "rome", "ownership").Want(202)
		n.WantOwner(ref, "rome", soon)
		n.comment("rome", ids["rome"], "from the new owner")
		n.commented(ids, "the new owner's comment", "from the owner", "from the copy, æøå", "from the new owner")
		n.comment("oslo", ids["oslo"], "from the old one")
		n.commented(ids, "the old owner's comment", "from the owner", "from the copy, æøå", "from the new owner", "from the old one")
		n.Settled(soon)
	})
}

// A comment that rides in an update is a comment, and the update an update.
func TestCommentWithinAnUpdate(t *testing.T) {
	n := open(t, "redmine", "redmine", everywhere)
	name := subject("both at once")
	n.create("oslo", words{"subject": name, "status": "new"})
	ids := map[string]string{"oslo": n.shows("oslo", name, nil), "rome": n.shows("rome", name, nil)}
	for i, site := range n.Sites() {
		n.At(site).Put("/issues/"+ids[site]+".json", fmt.Sprintf(`{"issue":{"notes":"done by %s","status_id":%d}}`, site, i+2)).Want(204)
		status := []string{"open", "resolved"}[i]
		n.shows("oslo", name, words{"status": status})
		n.shows("rome", name, words{"status": status})
	}
	n.commented(ids, "two comments", "done by oslo", "done by rome")
}

// attach sends a file as a client of Redmine does: the bytes, and then the token that they got.
func (d desk) attach(site, id, name, text string) {
	d.t.Helper()
	g := d.At(site)
	up := g.Do(harness.Call{Method: http.MethodPost, Path: "/uploads.json?filename=" + name, Body: text, Header: http.Header{"Content-Type": {"application/octet-stream"}}}).Want(201)
	token, _ := up.Record()["upload"].(map[string]any)["token"].(string)
	g.Put("/issues/"+id+".json", asJSON(map[string]any{"issue": map[string]any{"uploads": []any{
		map[string]any{"token": token, "filename": name, "content_type": "application/x-field"}}}})).Want(204)
}

// files are the names and bytes of an issue's attachments.
func (a *API) files(id string) (map[string]string, error) {
	var got struct {
		Issue struct {
			Attachments []struct {
				ID       int    `json:"id"`
				Filename string `json:"filename"`
			} `json:"attachments"`
		} `json:"issue"`
	}
	if err := a.ask("/issues/"+id+".json?include=attachments", &got); err != nil {
		return nil, err
	}
	out := make(map[string]string)
	for _, f := range got.Issue.Attachments {
		b, err := a.Call("GET", fmt.Sprintf("/attachments/download/%d", f.ID), "")
		if err != nil {
			return nil, err
		}
		out[f.Filename] += string(b)
	}
	return out, nil
}

// Files that clients attach at either site are at both, byte by byte.
func TestFiles(t *testing.T) {
	n := open(t, "redmine", "redmine", everywhere)
	name := subject("with files")
	n.create("oslo", words{"subject": name, "status": "new"})
	ids := map[string]string{"oslo": n.shows("oslo", name, nil), "rome": n.shows("rome", name, nil)}
	want := make(map[string]string)
	for _, site := range n.Sites() {
		file := site + ".bin"
		want[file] = strings.Repeat("\x00\xff"+site, 100_000)
		n.attach(site, ids[site], file, want[file])
		for _, at := range n.Sites() {
			harness.Eventually(t, soon, file+" is at "+at, func() error {
				got, err := n.apis[at].files(ids[at])
				if err == nil && (len(got) != len(want) || got[file] != want[file]) {
					err = fmt.Errorf("it has %d files, this one of %d bytes", len(got), len(got[file]))
				}
				return err
			})
		}
	}
	n.Settled(soon)
}
