package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/meridian-gateway/meridian/configs"
)

// What two files would do with recorded requests is compared: where something would go elsewhere it is told, with what stands in the way
// there, and what is the same by another name is no difference.
func TestRehearse(t *testing.T) {
	t.Parallel()
	text, err := configs.Example("furniture")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	old := file("old.yaml", string(text))
	renamed := file("renamed.yaml", strings.ReplaceAll(string(text), "chairs-to-chicago", "chairs"))
	stools := file("stools.yaml", strings.Replace(string(text), `category == "chair"`, `category == "stool"`, 1)+
		"  - {name: hourly, schedule: {every: 1h}, when: 'status == \"open\"', copy: {to: [upholstery]}}\n")
	less := file("less.yaml", strings.Replace(string(text), "  chicago:", "  gone:", 1))
	records := file("records.ndjson", `{"request":"01JD000000000000000000000A","collection":"tickets","role":"copy","owner":"chicago","origin":"san-francisco","updated":"2026-03-01T12:00:00Z","fields":{"category":"chair","status":"open"}}
{"request":"01JD000000000000000000000B","collection":"tickets","role":"owner","owner":"san-francisco","origin":"san-francisco","updated":"2026-03-02T12:00:00Z","fields":{"category":"stool","status":"open","title":"\u001b[31mred"}}
{"request":"01JD000000000000000000000C","collection":"tickets","role":"tombstone","owner":"san-francisco","origin":"san-francisco","updated":"2026-03-02T12:00:00Z"}
`)
	run := func(file string, more ...string) (int, string, string) {
		return runArgs(t, append([]string{"rehearse", file, "--config", old, "--site", "san-francisco", "--records", records}, more...)...)
	}
	if code, out, errs := run(renamed); code != Done || !strings.Contains(out, "nothing would go elsewhere") {
		t.Errorf("renamed: %d %s%s", code, out, errs)
	}
	code, out, errs := run(stools)
	for _, want := range []string{"01JD000000000000000000000A tickets, on create\n  - transfer to chicago, by chairs-to-chicago\n  + stays\n",
		"01JD000000000000000000000B tickets, on create\n  - stays\n  + transfer to chicago, by chairs-to-chicago\n",
		"on schedule hourly\n  - stays\n  + copy to upholstery, by hourly\n", "2 requests recorded at san-francisco"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in\n%s%s", want, out, errs)
		}
	}
	if code != Failed || strings.Contains(out, "\x1b") {
		t.Errorf("stools: %d", code)
	}
	code, out, _ = run(stools, "-o", "json", "--on", "create", "--since", "2026-03-02T00:00:00Z")
	var v told
	if err := json.Unmarshal([]byte(out), &v); err != nil || code != Failed || v.Requests != 1 || v.Moved != 1 || len(v.Diff) != 1 || v.Diff[0].Is[0].To != "chicago" {
		t.Errorf("for programs: %d %v\n%s", code, err, out)
	}
	for name, c := range map[string][]string{"no such event": {stools, "--on", "arrive"}, "no such file": {"nothing.yaml"}, "a site that is left out": {less, "--site", "chicago"},
		"no time": {stools, "--since", "yesterday"}, "bad records": {stools, "--records", old}} {
		if code, out, errs := run(c[0], c[1:]...); code != Misused || errs == "" {
			t.Errorf("%s: %d %s%s", name, code, out, errs)
		}
	}
	code, out, _ = run(stools, "--save", filepath.Join(dir, "kept"), "-o", "json")
	again, out2, _ := runArgs(t, "rehearse", stools, "--config", old, "--site", "san-francisco", "--records", filepath.Join(dir, "kept"), "-o", "json")
	if out != out2 || code != again {
		t.Errorf("what was kept is another thing:\n%s\n%s", out, out2)
	}
}
