package fieldnpm

import (
	"strings"
	"testing"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// What a live API shows is enough to propose most of a profile, and the record that was made for it is gone afterwards.
func TestLearn(t *testing.T) {
	field(t)
	for kind, wants := range map[string][]string{
		"cap": {"id: {from: body, at: /ID}", "envelope: {items: /value}", "etag: true", "external_id: {field: /extRef,", "create: {method: POST,",
			"update: {method: PATCH,", "since: /modifiedAt"},
		"strapi":   {"id: {from: body, at: /documentId}", "envelope: {call: /data, answer: /data, items: /data}", "update: {method: PUT,", "external_id: {field: /extRef,"},
		"directus": {"envelope: {answer: /data, items: /data}", `create: {method: POST, path: "{path}", status: [200]}`, "external_id: {field: /ext_ref,"},
		"gitea":    {`update: {method: PATCH, path: "{path}/{id}", body: merge, status: [201]`, "replace: false", "since: /updated_at"},
		"jsonapi":  {"items: /data, item: /attributes"},
	} {
		t.Run(kind, func(t *testing.T) {
			w := pair(t, kind, everywhere)
			for range 3 {
				w.put("oslo", first(subject("to be learnt from")))
			}
			out, _ := harness.CLI(t, w.At("oslo").Env(), "profile", "learn", "oslo", "--config", w.Path(), "--write", "--path", w.dialect("oslo").Path)
			for _, want := range wants {
				if !strings.Contains(out, want) {
					t.Errorf("there is no %s in the proposal:\n%s", want, out)
				}
			}
			if all, err := w.apis["oslo"].Records(); err != nil || len(all) != 3 {
				t.Errorf("there are %d records afterwards, want 3: %v", len(all), err)
			}
		})
	}
}
