package profile

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"

	"github.com/meridian-gateway/meridian/request"
)

const attached = `
preset: rest
collections:
  issues: {path: /issues}
  files:
    parent: issues
    path: /attachments
    create: {method: PUT, path: "/issues/{parent}.json", status: 204, send: {issue: {uploads: [{token: "{token}", filename: "{name}", content_type: "{type}"}]}}%s}
    read: {path: "{path}/{id}.json"}
    update: false
    replace: false
    list: {path: "/issues/{parent}.json?include=attachments"}
    id: {from: body, at: [/upload/id, /id]}
    envelope: {answer: /attachment, items: /issue/attachments}
    read_only: [/id, /filename, /size]
    content: {read: {path: "/download/{id}"}, upload: first, post: {path: "/uploads.json?filename={name}", status: 201, content_type: application/octet-stream}, token: /upload/token, name: /filename, size: /size}
`

// Bytes that are sent first get a token, with which the record is made.
func TestBytesFirst(t *testing.T) {
	p := profileOf(t, fmt.Sprintf(attached, ""))
	c := p.Collections["files"].Under("7")
	file := request.File{Name: `a b".png`, Type: "image/png", Size: 3}
	call, before, after, ok := c.FirstCall(file)
	if !ok || len(before)+len(after) != 0 || line(call) != `POST /uploads.json?filename=a%20b%22.png application/octet-stream` {
		t.Error(line(call), ok)
	}
	up := answer(201, `{"upload":{"id":5,"token":"5.ab"}}`)
	token, err := c.TokenIn(up)
	if string(token) != `"5.ab"` || err != nil {
		t.Fatal(string(token), err)
	}
	f := fieldsOf(t, `{"description":"d"}`)
	call, err = c.AttachCall(f, marks, file, token)
	if want := `PUT /issues/7.json application/json {"issue":{"uploads":[{"token":"5.ab","filename":"a b\".png","content_type":"image/png"}]}}`; err != nil || line(call) != want {
		t.Errorf("%s %v", line(call), err)
	}
	if made, err := c.Created(c.Told(answer(204, ""), up)); err != nil || made.Local != "5" || made.Record != nil {
		t.Error(made, err)
	}
	if made, err := c.Created(c.Told(answer(201, `{"attachment":{"id":6,"x":1}}`), up)); err != nil || made.Local != "6" {
		t.Error(made, err)
	}
	if got := c.Told(answer(204, ""), answer(201, `{"upload":{"token":1}}`)); got.Status != 204 || len(got.Body) != 0 {
		t.Error("nothing tells the id:", got)
	}
	for body, kind := range map[string]request.ErrKind{`{"upload":{}}`: request.Invalid, `{"upload":{"token":null}}`: request.Invalid, `<html>`: request.Invalid} {
		if _, err := c.TokenIn(answer(201, body)); request.KindOf(err) != kind {
			t.Error(body, err)
		}
	}
	for status, kind := range map[int]request.ErrKind{413: request.Invalid, 500: request.Unavailable, 429: request.Unavailable} {
		if _, err := c.TokenIn(answer(status, "{}")); request.KindOf(err) != kind {
			t.Error(status, err)
		}
	}
	if !c.Rides() {
		t.Error("clients' files are found in the list")
	}
	if m, ok, err := p.Match("POST", "/uploads.json"); ok || err != nil {
		t.Error(m, err)
	}
	with := profileOf(t, fmt.Sprintf(attached, `, envelope: /issue/uploads/0`)).Collections["files"].Under("7")
	if call, err = with.AttachCall(f, Marks{}, request.File{Name: "n"}, []byte(`12`)); err != nil || string(call.Body) != `{"issue":{"uploads":[{"token":12,"filename":"n","content_type":"application/octet-stream","description":"d"}]}}` {
		t.Errorf("%s %v", call.Body, err)
	}
	beside := profileOf(t, `{preset: rest, encoding: form, collections: {t: {path: /t}, c: {parent: t, path: "/t/{parent}/f", envelope: {call: /file, with: {/file/blob: "{token}"}},
		content: {at: /url, upload: first, post: {path: /blobs, content_type: multipart/form-data}, part: data, token: /id, name: /name, type: /kind}}}}`).Collections["c"].Under("1")
	if call, err = beside.AttachCall(f, Marks{}, request.File{Name: "n"}, []byte(`12`)); err != nil || line(call) != `POST /t/1/f application/x-www-form-urlencoded file%5Bdescription%5D=d&file%5Bname%5D=n&file%5Bblob%5D=12` {
		t.Errorf("%s %v", line(call), err)
	}
	call, before, after, _ = beside.FirstCall(file)
	part, text := onlyPart(t, call, slices.Concat(before, []byte("bytes"), after))
	if part.FormName() != "data" || part.FileName() != "a b_.png" || text != "bytes" || call.Target != "/blobs" {
		t.Error(call.Target, part, text)
	}
}

func onlyPart(t *testing.T, call request.Call, body []byte) (*multipart.Part, string) {
	t.Helper()
	media, params, err := mime.ParseMediaType(call.Header.Get("Content-Type"))
	if err != nil || media != "multipart/form-data" {
		t.Fatal(call.Header)
	}
	p, err := multipart.NewReader(bytes.NewReader(body), params["boundary"]).NextPart()
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(p)
	if err != nil {
		t.Fatal(err)
	}
	return p, string(text)
}

// A form in which one part has the record as JSON.
func TestRecordInAPart(t *testing.T) {
	c := profileOf(t, `{preset: rest, collections: {t: {path: /t}, c: {parent: t, path: "/t/{parent}/c", envelope: {call: /doc, with: {/v: 1}}, fields: {text: /Content}, external_id: {field: /ref},
		content: {at: /Content, decode: base64, upload: multipart, part: Attachments, record: JSON, name: /Filename}}}}`).Collections["c"].Under("1")
	call, before, after, err := c.UploadCall(fieldsOf(t, `{"text":"x","n":[1]}`), request.File{Name: "f", Type: "a/b"}, Marks{Request: gid})
	if err != nil || len(after) == 0 {
		t.Fatal(err)
	}
	part, text := onlyPart(t, call, slices.Concat(before, after))
	if want := `{"doc":{"Content":"x","n":[1],"ref":"` + string(gid) + `"},"v":1}`; text != want || part.FormName() != "JSON" || part.Header.Get("Content-Type") != "application/json" {
		t.Error(part.Header, text)
	}
	f, err := c.FromParts(map[string]string{"JSON": text, "other": "y"})
	if err != nil || string(f.AppendJSON(nil)) != `{"text":"x","n":[1]}` {
		t.Error(f, err)
	}
	if f, err = c.FromParts(nil); err != nil || len(f) != 0 {
		t.Error(f, err)
	}
	for _, bad := range []string{"", "[1]", `{"a":1}`, `{"doc":1}`, `{`} {
		if _, err := c.FromParts(map[string]string{"JSON": bad}); request.KindOf(err) != request.Invalid {
			t.Error(bad, err)
		}
	}
}

// Bytes within the JSON text of a record are read as they come.
func TestBytesInline(t *testing.T) {
	const family = `{preset: rest, collections: {t: {path: /t}, c: {parent: t, path: "/t/{parent}/c", %s, content: {%s, decode: base64}}}}`
	c := profileOf(t, fmt.Sprintf(family, "envelope: {answer: /doc}", "at: /files/1/Content")).Collections["c"].Under("1")
	if call, err := c.ContentCall("9", nil); err != nil || line(call) != "GET /t/1/c/9" {
		t.Error(line(call), err)
	}
	by := profileOf(t, fmt.Sprintf(family, "local: [x]", `at: /Content, read: {path: "/raw/{id}"}`)).Collections["c"]
	if call, err := by.ContentCall("9", nil); err != nil || line(call) != "GET /raw/9" || call.Header.Get("Accept") != "application/json" {
		t.Error(line(call), err)
	}
	const inner = `{"files":[{"Content":"eA=="},{"a":{"Content":"eA=="},"b":[1,-2.5e3,true,null,"]}\"\\"],"Content":"aGVs\nbG8\u002B\u002f\/8="}]}`
	want, _ := base64.StdEncoding.DecodeString("aGVsbG8+//8=")
	for body, want := range map[string]string{
		inner: string(want), "\n{ \"x\" : {} , \"doc\" :" + inner + " }": string(want), `{"files":[0,{"Content":null}]}`: "", `{"files":[0,{"Content":""}]}`: "",
	} {
		for _, in := range []io.Reader{strings.NewReader(body), iotest.OneByteReader(strings.NewReader(body)), iotest.DataErrReader(strings.NewReader(body))} {
			got, err := io.ReadAll(c.Bytes(in))
			if err != nil || string(got) != want {
				t.Errorf("%s: %q %v", body, got, err)
			}
		}
	}
	for _, body := range []string{"", "{", `{"files":[0,{"Content":"aGVs`, `{"files":[0,{"Content":"aGVs\`, `{"files":[0,{"Content":"aGVs\u00e9"}]}`, `{"files":[]}`, `{"files":[0,{"Content":7}]}`, "[]", "7", `{"a" 1}`,
		`{"a":1 "b":2}`, `{a:1}`, strings.Repeat("[", 1000), `{"files":[0,{"Content":"a?=="}]}`} {
		if got, err := io.ReadAll(c.Bytes(strings.NewReader(body))); err == nil {
			t.Errorf("%s: %q", body, got)
		}
	}
	if _, err := io.ReadAll(c.Bytes(strings.NewReader(`{"files":[]}`))); request.KindOf(err) != request.Doubtful || !strings.Contains(err.Error(), "/files/1/Content") {
		t.Error(err)
	}
	cut := errors.New("cut")
	if _, err := io.ReadAll(c.Bytes(io.MultiReader(strings.NewReader(`{"files":[0,{"Content":"aGVs`), iotest.ErrReader(cut)))); !errors.Is(err, cut) {
		t.Error(err)
	}
	plain := profileOf(t, `{preset: rest, collections: {t: {path: /t}, c: {parent: t, path: "/t/{parent}/c", content: {at: /url}}}}`).Collections["c"]
	if got, err := io.ReadAll(plain.Bytes(strings.NewReader("x"))); err != nil || string(got) != "x" {
		t.Error(got, err)
	}
	rapid.Check(t, func(t *rapid.T) { // whatever is around them
		want := rapid.SliceOfN(rapid.Byte(), 0, 5000).Draw(t, "bytes")
		around := rapid.String().Draw(t, "around")
		body := fmt.Sprintf(`{%s:%s,"files":[[%s],{%s:null,"Content":"%s"}]}`, request.Quote("x"+around), request.Quote(around), request.Quote(around), request.Quote("y"+around), base64.StdEncoding.EncodeToString(want))
		if got, err := io.ReadAll(c.Bytes(strings.NewReader(body))); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%s: %q %v", body, got, err)
		}
	})
}

func TestContentProblems(t *testing.T) {
	const post = `create: {send: {a: "{token}"}}, content: {at: /u, upload: first, post: {path: "/up"}`
	for text, want := range map[string]string{
		`content: {at: /u, upload: other}`:            "content/upload: upload is multipart, raw, then or first",
		`content: {}`:                                 "content/read: it is not said where the bytes",
		`content: {at: /u, upload: then}`:             "content/put: upload: then and put: belong together",
		`content: {at: /u, upload: first, token: /t}`: "content/post: upload: first and post: belong together",
		`content: {at: /u, post: {path: /x}}`:         "content/post: upload: first and post: belong together",
		post + `}`:                                    "content/token: it is not said where the answer",
		`content: {at: /u, token: /x}`:                "content/token: it is not said where the answer",
		`content: {at: /u, upload: first, post: {path: /x}, token: /x}, create: {method: PUT}`:                 "create/send: nothing in the call that makes the record holds {token}",
		`content: {at: /u, upload: first, post: {path: "/x/{id}"}, token: /x}, create: {send: {a: "{token}"}}`: "content/post/path: there is no {id}",
		`content: {at: /u, upload: first, post: {path: "x"}, token: /x}, create: {send: {a: "{token}"}}`:       "content/post/path: a path begins with /",
		`content: {at: /u, upload: raw, record: JSON}`:                                                         "content/record: a part with the record",
		`content: {at: /u, decode: zip}`:                                                                       "content/decode: decode is base64",
		`content: {read: {path: "/{id}"}, decode: base64}`:                                                     "content/at: it is not said where the bytes are",
		`content: {at: "/a[b=c]/d", decode: base64}`:                                                           "content/at: nothing is selected",
		`content: {at: /u}, create: {send: {a: 1}}`:                                                            "create/send: the body of this call is the record",
		`content: {at: /u}, create: {path: "/t/{parent}/c?n={token}"}`:                                         "create/path: {token} means nothing",
	} {
		var s Spec
		if err := yaml.Unmarshal([]byte(`{preset: rest, collections: {t: {path: /t}, c: {parent: t, path: "/t/{parent}/c", `+text+"}}}"), &s); err != nil {
			t.Fatal(text, err)
		}
		_, problems := Compile("x", s)
		got := ""
		for _, q := range problems {
			got += strings.TrimPrefix(strings.Join(q.Path, "/"), "collections/c/") + ": " + q.Message + "\n"
		}
		if !strings.Contains(got, want) {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
	var s Spec
	_ = yaml.Unmarshal([]byte(`{preset: rest, collections: {t: {path: /t}, c: {parent: t, path: /c, content: {at: /u}}}}`), &s)
	if _, problems := Compile("x", s); len(problems) == 0 {
		t.Error("a file without its parent")
	}
}
