package gateway

import (
	"context"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/meridian-gateway/meridian/profile"
	"github.com/meridian-gateway/meridian/request"
)

// speaking is a gateway before an API of a profile.
func speaking(t *testing.T, text string) *bundle {
	t.Helper()
	var s profile.Spec
	if err := yaml.Unmarshal([]byte(text), &s); err != nil {
		t.Fatal(err)
	}
	p, problems := profile.Compile("helpdesk", s)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return setup(t, nobody(t), func(o *Options) { o.Profile = func() Matcher { return p } })
}

// wrote makes the engine accept writes and returns where their fields will be.
func wrote(b *bundle) *string {
	got := new(string)
	b.engine.write = func(_ context.Context, w request.Write) (request.Result, error) {
		*got = string(w.Fields.AppendJSON(nil)) + " " + string(w.Call.Body)
		return made(200, `{}`), nil
	}
	return got
}

func TestForms(t *testing.T) {
	t.Parallel()
	b := speaking(t, "preset: rest\nencoding: form\ncollections: {tickets: {path: /tickets, envelope: {call: /ticket}}}")
	got := wrote(b)
	const form = "Content-Type: application/x-www-form-urlencoded"
	if res, body := b.do(t, "POST", "/tickets", "ticket[title]=a+desk&x=1", form); res.StatusCode != 200 || *got != `{"title":"a desk"} ticket[title]=a+desk&x=1` {
		t.Errorf("%d %s: %s", res.StatusCode, body, *got)
	}
	for body, want := range map[string]int{"ticket[title]=a&_method=DELETE": 400, "title=a": 400, "ticket[a]=1&ticket[a]=2": 400, "ticket[a]=%zz": 400} {
		if res, text := b.do(t, "PATCH", "/tickets/7", body, form); res.StatusCode != want {
			t.Errorf("%s: %d %s", body, res.StatusCode, text)
		}
	}
	if res, _ := b.do(t, "POST", "/tickets", "a", "Content-Type: text/plain"); res.StatusCode != 415 {
		t.Error(res.StatusCode)
	}
	plain := setup(t, nobody(t))
	if res, _ := plain.do(t, "POST", "/tickets", "title=x", form); res.StatusCode != 415 {
		t.Error("an API of JSON takes no forms:", res.StatusCode)
	}
}

// reader is an engine that knows the record.
type reader struct {
	*engine
	record string
	asked  profile.Match
}

func (r *reader) Record(_ context.Context, m profile.Match) ([]byte, error) {
	r.asked = m
	if r.record == "" {
		return nil, &request.Error{Op: "test", Kind: request.NotFound, Detail: "there is no such record"}
	}
	return []byte(r.record), nil
}

func TestPatches(t *testing.T) {
	t.Parallel()
	const patch = "Content-Type: application/json-patch+json"
	b := speaking(t, "preset: rest\ncollections: {tickets: {path: /tickets, update: {body: json-patch}}}")
	got := wrote(b)
	if res, body := b.do(t, "PATCH", "/tickets/7", `[]`, patch); res.StatusCode != 415 {
		t.Error("an engine that knows no record:", res.StatusCode, body)
	}
	r := &reader{engine: b.engine, record: `{"id":7,"title":"a","tags":["x"]}`}
	o := b.options
	o.Engine = r
	b.gateway = serve(t, New(o))
	const body = `[ {"op":"add","path":"/tags/-","value":"y"} ]`
	if res, text := b.do(t, "PATCH", "/tickets/oslo:7", body, patch); res.StatusCode != 200 || *got != `{"tags":["x","y"]} `+body || r.asked.ID != "oslo:7" {
		t.Errorf("%d %s: %s", res.StatusCode, text, *got)
	}
	if res, _ := b.do(t, "PATCH", "/tickets/7", `{"title":"b"}`); res.StatusCode != 200 || *got != `{"title":"b"} {"title":"b"}` {
		t.Error("a merge is as good:", *got)
	}
	for body, want := range map[string]int{`[{"op":"test","path":"/title","value":"b"}]`: 412, `[{"op":"replace","path":"/none","value":1}]`: 400, `{"title":"b"}`: 400, `[{"op":"x"}]`: 400} {
		if res, text := b.do(t, "PATCH", "/tickets/7", body, patch); res.StatusCode != want {
			t.Errorf("%s: %d %s, want %d", body, res.StatusCode, text, want)
		}
	}
	r.record = ""
	if res, _ := b.do(t, "PATCH", "/tickets/7", body, patch); res.StatusCode != 404 {
		t.Error(res.StatusCode)
	}
}

func TestJSONUnderAnotherName(t *testing.T) {
	t.Parallel()
	b := speaking(t, "preset: rest\ncontent_type: text/plain\ncollections: {tickets: {path: /tickets}}")
	got := wrote(b)
	for _, header := range []string{"Content-Type: text/plain; charset=utf-8", "Content-Type: "} {
		if res, body := b.do(t, "POST", "/tickets", `{"title":"x"}`, header); res.StatusCode != 200 || *got != `{"title":"x"} {"title":"x"}` {
			t.Errorf("%s: %d %s", header, res.StatusCode, body)
		}
	}
	for body, want := range map[string]int{`title`: 400, `{"a":1,"a":2}`: 400} {
		if res, _ := b.do(t, "POST", "/tickets", body, "Content-Type: text/plain"); res.StatusCode != want {
			t.Errorf("%s: %d", body, res.StatusCode)
		}
	}
}
