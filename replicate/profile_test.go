package replicate

import (
	"sync"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/meridian-gateway/meridian/profile"
)

var testProfiles sync.Map // by corr; compiled once, they do not change

// testProfile is the plain convention, with an external-id field when corr is set.
func testProfile(t *testing.T, corr bool) *profile.Profile {
	t.Helper()
	if p, ok := testProfiles.Load(corr); ok {
		return p.(*profile.Profile)
	}
	text := "preset: rest\ncollections:\n  tickets:\n    path: /tickets\n    local: [assignee]\n"
	if corr {
		text += "    external_id: {field: /ref}\n"
	}
	return compiled(t, corr, text)
}

// stampedProfile is the same API with places for all that a gateway knows.
func stampedProfile(t *testing.T) *profile.Profile {
	t.Helper()
	return compiled(t, "stamped", "preset: rest\ncollections:\n  tickets:\n    path: /tickets\n    external_id: {field: /ref}\n    stamp: {version: /sv, owner: /so}\n")
}

func compiled(t *testing.T, key any, text string) *profile.Profile {
	t.Helper()
	if p, ok := testProfiles.Load(key); ok {
		return p.(*profile.Profile)
	}
	var spec profile.Spec
	if err := yaml.Unmarshal([]byte(text), &spec); err != nil {
		t.Fatal(err)
	}
	p, problems := profile.Compile("test", spec)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	testProfiles.Store(key, p)
	return p
}
