package demo

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/configs"
)

// tried is a line to try, with what its answer is said to have: a status, headers and parts of the body.
type tried struct{ line, want string }

// toTry are the lines of a README that begin with curl. What to look for stands in the comment above, and begins with the status.
func toTry(t *testing.T, network string) (list []tried) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "configs", network, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	want := ""
	for line := range strings.SplitSeq(string(text), "\n") {
		switch {
		case regexp.MustCompile(`^# \d{3}\b`).MatchString(line):
			want = line[2:]
		case strings.HasPrefix(line, "curl "):
			list = append(list, tried{line, want})
			want = ""
		}
	}
	return list
}

// lacks says what of the expectation an answer does not have; "" when it has all.
func lacks(res *http.Response, want string) string {
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return err.Error()
	}
	for i, part := range strings.Split(want, ", ") {
		name, value, isHeader := strings.Cut(part, ": ")
		switch {
		case i == 0:
			if fmt.Sprint(res.StatusCode) != part {
				return fmt.Sprintf("status %s: it is %d %s", part, res.StatusCode, text)
			}
		case isHeader && strings.HasPrefix(name, "Meridian-"):
			if res.Header.Get(name) != value {
				return fmt.Sprintf("%s: it is %q", part, res.Header.Get(name))
			}
		case !strings.Contains(string(text)+res.Header.Get("Meridian-Copies"), part):
			return part + " in " + string(text)
		}
	}
	return ""
}

// The lines to try in the examples' READMEs do what stands above them.
func TestReadmes(t *testing.T) {
	t.Parallel()
	for _, network := range configs.Examples() {
		t.Run(network, func(t *testing.T) {
			t.Parallel()
			list := toTry(t, network)
			if len(list) < 3 {
				t.Fatalf("there are %d lines to try", len(list))
			}
			d := start(t, Options{Network: network, Begin: TourBegins(network)}) // no schedule runs just now
			var moved []string
			for i, p := range d.places {
				at := d.apps[p.site].Addresses()
				for base, addr := range map[int]string{8000: at.Client, 8200: at.Admin, 9000: d.apiAddr[p.site]} {
					moved = append(moved, fmt.Sprint("127.0.0.1:", base+i+1), addr)
				}
			}
			for _, x := range list {
				if x.want == "" {
					t.Fatalf("%s: nothing is said about the answer", x.line)
				}
				try(t, x, strings.NewReplacer(moved...))
			}
		})
	}
}

// try runs a line. A read is repeated while what it shows is still on its way.
func try(t *testing.T, x tried, here *strings.Replacer) {
	t.Helper()
	read := !strings.Contains(x.line, "--json") && !strings.Contains(x.line, " -d ")
	for end := time.Now().Add(patience); ; {
		missing := lacks(curl(t, here.Replace(x.line)), x.want)
		if missing == "" {
			return
		}
		if !read || time.Now().After(end) {
			t.Fatalf("%s\nlacks %s", x.line, missing)
		}
		<-time.After(20 * time.Millisecond)
	}
}
