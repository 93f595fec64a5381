// Package spool keeps the bytes of files on disk while they are on their way between sites: what a client uploads until it is at the
// owner, what an owner's API holds while copies fetch it, what a copy has fetched so far. A file is named by its SHA-256, so the same
// bytes are there once, and what has come whole is known to be right. Nothing here must survive: what is missing is fetched again.
package spool

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/meridian-gateway/meridian/request"
)

// Options say how much is kept. The zero value keeps 10 GiB, each file an hour after it was last used.
type Options struct {
	// Most is in bytes, for all files together.
	Most int64
	// Keep is how long a file stays that nobody uses.
	Keep time.Duration
	// Now is the clock; nil: time.Now.
	Now func() time.Time
}

// Spool is a directory of files. Any number of goroutines may use it, but only one process.
type Spool struct {
	dir   string
	o     Options
	parts sync.Mutex // held while a part is appended
	mu    sync.Mutex
	used  int64
	swept time.Time
}

// Open makes the directory where it is missing, and removes what an earlier process left unfinished and without a name.
func Open(dir string, o Options) (*Spool, error) {
	if o.Most == 0 {
		o.Most = 10 << 30
	}
	if o.Keep == 0 {
		o.Keep = time.Hour
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("the directory for files on their way: %w", err)
	}
	s := &Spool{dir: dir, o: o}
	left, err := filepath.Glob(filepath.Join(dir, "new-*"))
	if err != nil {
		return nil, err
	}
	for _, name := range left {
		_ = os.Remove(name)
	}
	return s, s.Sweep()
}

// Sweep removes what was not used for a while.
func (s *Spool) Sweep() error {
	var used int64
	err := s.each(func(name string, info fs.FileInfo) {
		if s.o.Now().Sub(info.ModTime()) > s.o.Keep {
			_ = os.Remove(name)
			return
		}
		used += info.Size()
	})
	s.mu.Lock()
	s.used, s.swept = used, s.o.Now()
	s.mu.Unlock()
	return err
}

func (s *Spool) each(do func(name string, info fs.FileInfo)) error {
	list, err := os.ReadDir(s.dir)
	for _, e := range list {
		if info, err := e.Info(); err == nil && !e.IsDir() {
			do(filepath.Join(s.dir, e.Name()), info)
		}
	}
	return err
}

// room takes n bytes of what may be kept. The error has Kind Unavailable: there is no room just now.
func (s *Spool) room(n int64) error {
	s.mu.Lock()
	full := s.used+n > s.o.Most || s.o.Now().Sub(s.swept) > s.o.Keep/2
	if !full {
		s.used += n
	}
	s.mu.Unlock()
	if !full {
		return nil
	}
	_ = s.Sweep()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.used+n > s.o.Most {
		return &request.Error{Op: "spool", Kind: request.Unavailable, Retry: time.Minute,
			Detail: fmt.Sprintf("files on their way fill the %d MiB that they may take", s.o.Most>>20)}
	}
	s.used += n
	return nil
}

// Writer takes the bytes of a file whose sum is not known yet. It must be ended with Done or Drop.
type Writer struct {
	s    *Spool
	file *os.File
	sum  hash.Hash
	size int64
}

// New begins a file.
func (s *Spool) New() (*Writer, error) {
	f, err := os.CreateTemp(s.dir, "new-*")
	if err != nil {
		return nil, &request.Error{Op: "spool", Kind: request.Unavailable, Err: err}
	}
	return &Writer{s: s, file: f, sum: sha256.New()}, nil
}

// Write appends to the file.
func (w *Writer) Write(b []byte) (int, error) {
	if err := w.s.room(int64(len(b))); err != nil {
		return 0, err
	}
	n, err := w.file.Write(b)
	w.sum.Write(b[:n])
	w.size += int64(n)
	return n, err
}

// Done gives the file its name: its sum, under which Get finds it.
func (w *Writer) Done() (sum string, size int64, err error) {
	sum = hex.EncodeToString(w.sum.Sum(nil))
	if err := w.file.Close(); err != nil {
		return "", 0, &request.Error{Op: "spool", Kind: request.Unavailable, Err: err}
	}
	if err := os.Rename(w.file.Name(), w.s.whole(sum)); err != nil {
		return "", 0, &request.Error{Op: "spool", Kind: request.Unavailable, Err: err}
	}
	return sum, w.size, nil
}

// Drop forgets the file, unless it is Done.
func (w *Writer) Drop() {
	_ = w.file.Close()
	_ = os.Remove(w.file.Name())
}

// Valid reports whether a text is a sum.
func Valid(sum string) bool {
	return len(sum) == 2*sha256.Size && strings.Trim(sum, "0123456789abcdef") == ""
}

func (s *Spool) whole(sum string) string { return filepath.Join(s.dir, sum) }
func (s *Spool) part(sum string) string  { return filepath.Join(s.dir, sum+".part") }

// Have is how many bytes of a file are here, and whether that is all of it.
func (s *Spool) Have(sum string) (n int64, whole bool) {
	if !Valid(sum) {
		return 0, false
	}
	if info, err := os.Stat(s.whole(sum)); err == nil {
		return info.Size(), true
	}
	if info, err := os.Stat(s.part(sum)); err == nil {
		return info.Size(), false
	}
	return 0, false
}

// Get opens a file that is here whole. The error has Kind NotFound: it is not.
func (s *Spool) Get(sum string) (*os.File, error) {
	if !Valid(sum) {
		return nil, &request.Error{Op: "spool", Kind: request.Invalid, Detail: "not the SHA-256 of a file"}
	}
	f, err := os.Open(s.whole(sum))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, &request.Error{Op: "spool", Kind: request.NotFound, Detail: "the bytes of the file are not here"}
	case err != nil:
		return nil, &request.Error{Op: "spool", Kind: request.Unavailable, Err: err}
	}
	now := s.o.Now()
	_ = os.Chtimes(f.Name(), now, now) // it is used
	return f, nil
}

// Append adds bytes to a file of which the sum and the size are known. They are taken where they follow what is here, and left where
// they are here already; have is how many bytes are here then. With the last ones the sum is checked: the error has Kind Invalid when
// it is another, and nothing is kept.
func (s *Spool) Append(sum string, size, at int64, b []byte) (have int64, err error) {
	if !Valid(sum) || size < 0 || at < 0 || at+int64(len(b)) > size {
		return 0, &request.Error{Op: "spool", Kind: request.Invalid, Detail: "not a part of a file"}
	}
	s.parts.Lock()
	defer s.parts.Unlock()
	have, whole := s.Have(sum)
	if whole || at > have || at+int64(len(b)) <= have && have < size {
		return have, nil
	}
	b = b[have-at:]
	if err := s.room(int64(len(b))); err != nil {
		return have, err
	}
	f, err := os.OpenFile(s.part(sum), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return have, &request.Error{Op: "spool", Kind: request.Unavailable, Err: err}
	}
	defer func() { _ = f.Close() }()
	if _, err := f.WriteAt(b, have); err != nil {
		return have, &request.Error{Op: "spool", Kind: request.Unavailable, Err: err}
	}
	if have += int64(len(b)); have < size {
		return have, nil
	}
	return s.complete(f, sum, size)
}

// complete checks the sum of a file that has come to its end.
func (s *Spool) complete(f *os.File, sum string, size int64) (int64, error) {
	h := sha256.New()
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return 0, &request.Error{Op: "spool", Kind: request.Unavailable, Err: err}
	}
	if _, err := io.Copy(h, f); err != nil {
		return 0, &request.Error{Op: "spool", Kind: request.Unavailable, Err: err}
	}
	if hex.EncodeToString(h.Sum(nil)) != sum {
		_ = os.Remove(s.part(sum))
		return 0, &request.Error{Op: "spool", Kind: request.Invalid, Detail: "the bytes that came are not those of the file"}
	}
	if err := os.Rename(s.part(sum), s.whole(sum)); err != nil {
		return 0, &request.Error{Op: "spool", Kind: request.Unavailable, Err: err}
	}
	return size, nil
}
