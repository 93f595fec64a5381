package configs

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite schema.json and the golden files")

func noEnv(string) (string, bool) { return "", false }

func TestSchemaIsOfTheTypes(t *testing.T) {
	want, err := buildSchema()
	if err != nil {
		t.Fatal(err)
	}
	want = append(want, '\n')
	if *update {
		if err := os.WriteFile("schema.json", want, 0o644); err != nil {
			t.Fatal(err)
		}
	} else if !bytes.Equal(Schema, want) {
		t.Error("schema.json is not that of the types: go test ./configs -update")
	}
	if !json.Valid(want) {
		t.Error("the schema is not JSON")
	}
}

func TestExamplesLoad(t *testing.T) {
	files, _ := filepath.Glob("*/network.yaml")
	if len(files) == 0 {
		t.Fatal("no examples")
	}
	for _, f := range files {
		n, err := Load(f)
		if err != nil {
			t.Errorf("%v", err)
		} else if len(n.Warnings) > 0 {
			t.Errorf("%s: %v", f, n.Warnings)
		}
	}
}

// TestMessages holds what each bad file is told, word for word.
func TestMessages(t *testing.T) {
	files, _ := filepath.Glob("testdata/*.yaml")
	if len(files) < 5 {
		t.Fatalf("only %d bad files", len(files))
	}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		_, err = Parse(filepath.Base(f), data, noEnv)
		faults, ok := err.(Faults)
		if !ok {
			t.Errorf("%s: %v, want faults", f, err)
			continue
		}
		golden := strings.TrimSuffix(f, ".yaml") + ".txt"
		got := faults.Render(data)
		if *update {
			if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if want, _ := os.ReadFile(golden); string(want) != got {
			t.Errorf("%s says\n%s\nwant\n%s", f, got, want)
		}
	}
}

func TestVariables(t *testing.T) {
	text := strings.ReplaceAll(good, "http://127.0.0.1:9001", "http://${HOST:-127.0.0.1}:${PORT}")
	text = strings.Replace(text, "network: n", "network: n\nsecurity: {peer_key: \"${KEY}$$x\"}", 1)
	n, err := Parse("f", []byte(text), func(s string) (string, bool) {
		return map[string]string{"PORT": "9001", "KEY": "s: {}"}[s], s != "HOST"
	})
	if err != nil {
		t.Fatal(err)
	}
	if n.Sites["a"].Upstream.String() != "http://127.0.0.1:9001" || n.Security.PeerKeys[0].Reveal() != "s: {}$x" {
		t.Errorf("%s %q", n.Sites["a"].Upstream, n.Security.PeerKeys[0].Reveal())
	}
	if b, _ := json.Marshal(n.Security); strings.Contains(string(b), "{}") {
		t.Errorf("the key is shown: %s", b)
	}
	other, err := Parse("f", []byte(text), func(s string) (string, bool) { return "9001", s != "HOST" })
	if err != nil || other.Hash != n.Hash {
		t.Error("the hash depends on what variables stand for")
	}
}

const good = `network: n
profiles: {p: {preset: rest, collections: {tickets: {path: /tickets}}}}
sites:
  a:
    profile: p
    upstream: http://127.0.0.1:9001
    listen: 127.0.0.1:8001
    peer: {listen: 127.0.0.1:8101, url: http://127.0.0.1:8101}
    admin: {listen: 127.0.0.1:8201}
routes: []
`

func FuzzParse(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte("routes: [{when: 'a =='}]"))
	f.Add([]byte(withLogin(`login: &l {path: /in, json: [{u: "{username}"}], token: {at: t}}, `, "    credentials: {login: {<<: *l, username: a, values: {x: y}}}\n    timeout: 5s")))
	f.Fuzz(func(_ *testing.T, data []byte) { _, _ = Parse("f", data, noEnv) })
}
