package docs

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// variable are the parts of an output that are others each time, and what they are made.
var variable = []struct {
	is *regexp.Regexp
	as string
}{
	{regexp.MustCompile(`\r`), ""},
	{regexp.MustCompile(`\b[0-7][0-9A-HJKMNP-TV-Z]{25}\b`), "ID"},
	{regexp.MustCompile(`\b0[0-9A-HJKMNP-TV-Z]{9,24}…`), "ID…"},
	{regexp.MustCompile(`\b202\d-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)?`), "TIME"},
	{regexp.MustCompile(`\b[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} 202\d \d\d:\d\d:\d\d GMT`), "DATE"},
	{regexp.MustCompile(`\b[0-9a-f]{16}\b`), "HASH"},
	{regexp.MustCompile(`in version \d+\.\d+`), "in version V"},          // of which the site that is asked may not have heard yet
	{regexp.MustCompile(`network\.yaml:\d+:\d+:`), "network.yaml:LINE:"}, // who types it has other lines
	{regexp.MustCompile(`\b\d+(\.\d+)?(ns|µs|ms|s|m|h)(\d+(\.\d+)?(ms|s|m))*\b`), "DURATION"},
	{regexp.MustCompile(`\b\d+(\.\d+)? (ms|s|min|h)\b`), "DURATION"},
	{regexp.MustCompile(`(?m)[ \t]+`), " "},
	{regexp.MustCompile(`(?m) $`), ""},
	{regexp.MustCompile(`\n{2,}`), "\n"},
}

// equalized is an output without what is another each time.
func equalized(s string) string {
	for _, v := range variable {
		s = v.is.ReplaceAllString(s, v.as)
	}
	return strings.TrimSpace(s)
}

// matches reports whether an output is what is shown. A line of … stands for any number of lines, … in a line for any text in it; … directly
// behind an id that was cut belongs to it.
func (b *block) matches(got string) bool {
	if b.json {
		return b.shape(got) == nil
	}
	return matches(b.shown, got)
}

func matches(shown, got string) bool {
	parts := strings.Split("\n"+equalized(shown)+"\n", "\n…\n")
	for i, p := range parts {
		p = strings.ReplaceAll(regexp.QuoteMeta(p), "ID…", "\x00")
		p = strings.ReplaceAll(p, " … ", ` (?:[^\n]* )?`)
		p = strings.ReplaceAll(p, "…", `[^\n]*`)
		parts[i] = strings.ReplaceAll(p, "\x00", "ID…")
	}
	return regexp.MustCompile(`(?s)\A` + strings.Join(parts, `\n(?:.*\n)?`) + `\z`).MatchString("\n" + equalized(got) + "\n")
}

// shape compares what is shown as JSON with what came: the error names the first place where they differ.
func (b *block) shape(got string) error {
	if _, body, has := strings.Cut(strings.ReplaceAll(got, "\r", ""), "\n\n"); has && strings.HasPrefix(got, "HTTP/") {
		got = body
	}
	var want, have any
	more := regexp.MustCompile(`,?\s*…\s*,?`).ReplaceAllStringFunc(b.shown, func(s string) string {
		out := `"…":"…"`
		if strings.HasPrefix(strings.TrimSpace(s), ",") {
			out = "," + out
		}
		if strings.HasSuffix(strings.TrimSpace(s), ",") {
			out += ","
		}
		return out
	})
	more = regexp.MustCompile(`\[([^\[\]{}]*)"…":"…"`).ReplaceAllString(more, `[$1"…"`)
	more = regexp.MustCompile(`},"…":"…"\s*\]`).ReplaceAllString(more, `},"…"]`)
	if err := json.Unmarshal([]byte(more), &want); err != nil {
		return fmt.Errorf("what is shown is no JSON: %w\n%s", err, more)
	}
	if err := json.Unmarshal([]byte(got), &have); err != nil {
		return fmt.Errorf("what came is no JSON: %w\n%s", err, got)
	}
	return alike("", want, have)
}

// alike compares two values. What is null in one of them may be anything in the other.
func alike(at string, want, have any) error {
	if want == nil || have == nil {
		return nil
	}
	switch want := want.(type) {
	case map[string]any:
		have, ok := have.(map[string]any)
		if !ok {
			return fmt.Errorf("%s: an object is shown, %v came", at, have)
		}
		return alikeObjects(at, want, have)
	case []any:
		have, ok := have.([]any)
		if !ok {
			return fmt.Errorf("%s: a list is shown, %v came", at, have)
		}
		for i := range min(len(want), len(have)) {
			if want[i] == "…" {
				break
			}
			if err := alike(fmt.Sprint(at, "/", i), want[i], have[i]); err != nil {
				return err
			}
		}
		if len(want) > 0 && want[0] != "…" && len(have) == 0 {
			return fmt.Errorf("%s: the list that came is empty", at)
		}
		return nil
	}
	if a, b := fmt.Sprintf("%T", want), fmt.Sprintf("%T", have); a != b {
		return fmt.Errorf("%s: %v is shown, %v came", at, want, have)
	}
	return nil
}

func alikeObjects(at string, want, have map[string]any) error {
	for k, v := range want {
		if k == "…" {
			continue
		}
		other, has := have[k]
		if !has {
			return fmt.Errorf("%s/%s is shown and did not come", at, k)
		}
		if err := alike(at+"/"+k, v, other); err != nil {
			return err
		}
	}
	if _, open := want["…"]; open {
		return nil
	}
	for k := range have {
		if _, has := want[k]; !has {
			return fmt.Errorf("%s/%s came and is not shown", at, k)
		}
	}
	return nil
}

// What compares the pages must itself see a difference.
func TestMatching(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		shown, got string
		json, same bool
	}{
		{"a\n…\nz\n", "a\nb\nc\nz\n", false, true},
		{"a\n…\nz\n", "a\nz\n", false, true},
		{"a\n…\nz\n", "a\nb\n", false, false},
		{"took 3s, hash 0123456789abcdef", "took 17.2s, hash fedcba9876543210", false, true},
		{"got … of them", "got 17 of them", false, true},
		{"got … of them", "got 17\nof them", false, false},
		{"got … of them", "got of them", false, true},
		{"01JD000000… x", "01KE111111… x", false, true},
		{"one", "one\ntwo", false, false},
		{`{"a": 1, …}`, `{"a": 2, "b": 3}`, true, true},
		{`{"a": 1}`, `{"a": 2, "b": 3}`, true, false},
		{`{"a": "x", …}`, `{"a": 2}`, true, false},
		{`{"a": [{"b": 1, …}, …]}`, `{"a": [{"b": 1, "c": 2}, {"d": 1}]}`, true, true},
		{`{"a": [{"b": 1}]}`, `{"a": []}`, true, false},
		{`{"a": {"b": 1, …}, "c": null}`, `{"a": {}, "c": 1}`, true, false},
	} {
		b := block{shown: c.shown, json: c.json}
		if b.matches(c.got) != c.same {
			t.Errorf("%q and %q: want %v (%v)", c.shown, c.got, c.same, b.shape(c.got))
		}
	}
}
