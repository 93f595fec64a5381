// Package web is the dashboard: pages that are built into the program and read the admin API from the browser. They need no build
// step and nothing from other addresses, hold no data themselves, and so may be given to anybody who reaches the admin address.
package web

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
)

//go:embed static
var static embed.FS

// Policy is the content security policy of the pages: everything comes from the admin address itself, and nothing is written into
// the page that could be run.
const Policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// asset is one file of the pages.
type asset struct {
	body      []byte
	kind, tag string
}

type handler map[string]asset

// Handler serves the dashboard at / and its files below. It answers GET and HEAD and knows no other paths: a page of the dashboard is
// named by the fragment of the address.
func Handler() http.Handler {
	files := handler{}
	err := fs.WalkDir(static, "static", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := static.ReadFile(name)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(body)
		files[strings.TrimPrefix(name, "static")] = asset{body, kindOf(name), `"` + hex.EncodeToString(sum[:12]) + `"`}
		return nil
	})
	if err != nil {
		panic("web: the files in the program cannot be read: " + err.Error())
	}
	files["/"] = files["/index.html"]
	delete(files, "/index.html")
	return files
}

// kindOf is the content type of a file. The machine's own table is not asked: on some it has other ideas of JavaScript.
func kindOf(name string) string {
	switch path.Ext(name) {
	case ".html":
		return "text/html; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	}
	return "application/octet-stream"
}

func (files handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", Policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.Set("Allow", "GET, HEAD")
		http.Error(w, "the dashboard is only read", http.StatusMethodNotAllowed)
		return
	}
	f, ok := files[r.URL.Path]
	if !ok {
		http.Error(w, "there is nothing at this path of the admin address; the dashboard is at /", http.StatusNotFound)
		return
	}
	// A browser asks each time and is told that nothing changed: after an upgrade nobody sees half of an old dashboard.
	h.Set("Cache-Control", "no-cache")
	h.Set("ETag", f.tag)
	if strings.Contains(r.Header.Get("If-None-Match"), f.tag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Type", f.kind)
	h.Set("Content-Length", strconv.Itoa(len(f.body)))
	if r.Method == http.MethodGet {
		_, _ = w.Write(f.body) // a browser that went away is nobody's fault
	}
}
