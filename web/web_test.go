package web

import (
	"io/fs"
	"net/http"
	"net/http/httptest"
	"path"
	"regexp"
	"strings"
	"testing"
)

func get(t *testing.T, method, target string, header http.Header) *http.Response {
	t.Helper()
	r := httptest.NewRequest(method, target, nil)
	for k, v := range header {
		r.Header[k] = v
	}
	w := httptest.NewRecorder()
	Handler().ServeHTTP(w, r)
	return w.Result()
}

// Every answer says what a browser may do with it, also one that there is nothing.
func TestHeaders(t *testing.T) {
	t.Parallel()
	want := map[string]string{
		"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
			"base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
		"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
		"Cross-Origin-Resource-Policy": "same-origin",
	}
	for target, status := range map[string]int{"/": 200, "/js/main.js": 200, "/css/base.css": 200, "/icon.svg": 200, "/nothing": 404, "/index.html": 404, "/js/": 404, "/static/js/main.js": 404} {
		res := get(t, "GET", target, nil)
		if res.StatusCode != status {
			t.Errorf("%s: %d, want %d", target, res.StatusCode, status)
		}
		for name, value := range want {
			if got := res.Header.Get(name); got != value {
				t.Errorf("%s: %s is %q, want %q", target, name, got, value)
			}
		}
		if status == 200 && (res.Header.Get("ETag") == "" || res.Header.Get("Cache-Control") != "no-cache") {
			t.Errorf("%s: ETag %q, Cache-Control %q", target, res.Header.Get("ETag"), res.Header.Get("Cache-Control"))
		}
	}
}

func TestContentTypes(t *testing.T) {
	t.Parallel()
	for target, want := range map[string]string{"/": "text/html; charset=utf-8", "/js/main.js": "text/javascript; charset=utf-8", "/css/base.css": "text/css; charset=utf-8", "/icon.svg": "image/svg+xml"} {
		if got := get(t, "GET", target, nil).Header.Get("Content-Type"); got != want {
			t.Errorf("%s is %q, want %q", target, got, want)
		}
	}
}

// What a browser has already is not sent again; what changed is, because its tag is made from it.
func TestETag(t *testing.T) {
	t.Parallel()
	first := get(t, "GET", "/", nil)
	tag := first.Header.Get("ETag")
	again := get(t, "GET", "/", http.Header{"If-None-Match": {`"other", ` + tag}})
	if again.StatusCode != http.StatusNotModified || again.ContentLength > 0 {
		t.Errorf("with its tag: %d", again.StatusCode)
	}
	if other := get(t, "GET", "/", http.Header{"If-None-Match": {`"other"`}}); other.StatusCode != http.StatusOK {
		t.Errorf("with another tag: %d", other.StatusCode)
	}
	if get(t, "GET", "/js/main.js", nil).Header.Get("ETag") == tag {
		t.Error("two files have one tag")
	}
}

func TestMethods(t *testing.T) {
	t.Parallel()
	if res := get(t, "POST", "/", nil); res.StatusCode != http.StatusMethodNotAllowed || res.Header.Get("Allow") != "GET, HEAD" {
		t.Errorf("POST: %d, Allow %q", res.StatusCode, res.Header.Get("Allow"))
	}
	if res := get(t, "HEAD", "/", nil); res.StatusCode != http.StatusOK || res.Header.Get("Content-Length") == "" {
		t.Errorf("HEAD: %d, Content-Length %q", res.StatusCode, res.Header.Get("Content-Length"))
	}
}

// files are those of the pages, by their name below static.
func files(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := fs.WalkDir(static, "static", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := static.ReadFile(name)
		out[strings.TrimPrefix(name, "static/")] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Nothing is read from another address, nothing is written into the page as markup, and nothing is inline that the policy would refuse.
func TestAssetsAreStrict(t *testing.T) {
	t.Parallel()
	address := regexp.MustCompile(`(?i)\b(https?:)?//[a-z0-9-]+(\.[a-z0-9-]+)+`)
	forbidden := map[string]*regexp.Regexp{
		"markup from strings": regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|srcdoc|DOMParser|createContextualFragment`),
		"code from strings":   regexp.MustCompile(`\beval\(|new Function\(|javascript:|setTimeout\(\s*['"]`),
		"cookies":             regexp.MustCompile(`document\.cookie`),
		"stubs":               regexp.MustCompile(`TODO|FIXME|console\.(log|debug)`),
	}
	inline := regexp.MustCompile(`(?i)<style|\sstyle=|\son[a-z]+=|<script>|<iframe|<object|<embed`)
	for name, text := range files(t) {
		for _, at := range address.FindAllString(text, -1) {
			if at != "http://www.w3.org" { // a name space, which nobody reads
				t.Errorf("%s names %s", name, at)
			}
		}
		for what, pattern := range forbidden {
			if hit := pattern.FindString(text); hit != "" {
				t.Errorf("%s has %s: %s", name, what, hit)
			}
		}
		if path.Ext(name) == ".html" {
			if hit := inline.FindString(text); hit != "" {
				t.Errorf("%s has %q", name, hit)
			}
		}
		if lines := strings.Count(text, "\n"); lines > 400 {
			t.Errorf("%s has %d lines, more than 400", name, lines)
		}
	}
}

// Every module, style and symbol that is named is there, and every file is named somewhere.
func TestAssetsAreWhole(t *testing.T) {
	t.Parallel()
	all := files(t)
	used := map[string]bool{"index.html": true}
	imports := regexp.MustCompile(`(?m)^(?:import|export)[^;]*?from '([^']+)'`)
	links := regexp.MustCompile(`(?:href|src)="/([^"]+)"`)
	for name, text := range all {
		var names []string
		if path.Ext(name) == ".js" {
			for _, m := range imports.FindAllStringSubmatch(text, -1) {
				names = append(names, path.Join(path.Dir(name), m[1]))
			}
		}
		if path.Ext(name) == ".html" {
			for _, m := range links.FindAllStringSubmatch(text, -1) {
				names = append(names, m[1])
			}
		}
		for _, n := range names {
			if _, ok := all[n]; !ok {
				t.Errorf("%s names %s, which is not there", name, n)
			}
			used[n] = true
		}
	}
	for name := range all {
		if !used[name] {
			t.Errorf("%s is named nowhere", name)
		}
	}
}

// A map that costs nobody a wait.
func TestMapIsSmall(t *testing.T) {
	t.Parallel()
	if n := len(files(t)["js/map/land.js"]); n > 40<<10 {
		t.Errorf("the land has %d bytes, more than 40 KiB", n)
	}
}
