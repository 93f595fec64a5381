package debts

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// verb is what a line does.
type verb string

const (
	opened   verb = "open"
	ended    verb = "end"
	proposed verb = "proposed"
	struck   verb = "struck"
)

// line is one line of the file: a CRC-32C of the rest in eight hexadecimal digits, a space, this as JSON.
type line struct {
	Verb verb `json:"verb"`
	// Debt is the whole debt when it is opened, and what is needed to find the record when it ends; else only its name.
	Debt Debt `json:"debt"`
	End  *End `json:"end,omitempty"`
}

// table is the polynomial that storage uses.
func table() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// encode is a line as it stands in the file.
func encode(l line) ([]byte, error) {
	body, err := json.Marshal(l)
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, "%08x %s\n", crc32.Checksum(body, table()), body), nil
}

// decode reads a line without its end.
func decode(text []byte) (l line, ok bool) {
	sum, body, found := bytes.Cut(text, []byte(" "))
	if !found || len(sum) != 8 {
		return l, false
	}
	want, err := hex.DecodeString(string(sum))
	if err != nil || string(want) != string(crcOf(body)) {
		return l, false
	}
	return l, json.Unmarshal(body, &l) == nil && l.Debt.Op != ""
}

func crcOf(body []byte) []byte {
	n := crc32.Checksum(body, table())
	return []byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}
}

// load reads the file. What stands behind the last end of a line was being written when the process died: its writer was never told
// that it is there, so it is cut off. Any other line that cannot be read was changed by something else.
func (s *Spool) load(now time.Time) (damaged int, err error) {
	text, err := io.ReadAll(s.file)
	if err != nil {
		return 0, err
	}
	whole := bytes.LastIndexByte(text, '\n') + 1
	for one := range bytes.Lines(text[:whole]) {
		l, ok := decode(bytes.TrimSuffix(one, []byte("\n")))
		if !ok {
			damaged++
			continue
		}
		s.count(l, len(one))
	}
	for _, d := range s.live {
		d.Quiet = now
	}
	s.size = int64(whole)
	if whole < len(text) {
		if err := s.file.Truncate(s.size); err != nil {
			return damaged, err
		}
		if err := s.file.Sync(); err != nil {
			return damaged, err
		}
	}
	_, err = s.file.Seek(s.size, io.SeekStart)
	return damaged, err
}

// apply does to the debts in memory what a line says.
func (s *Spool) apply(l line) {
	op := l.Debt.Op
	d := s.live[op]
	switch l.Verb {
	case opened:
		if d == nil {
			s.add(l.Debt)
		}
	case ended:
		if d == nil { // its first line was lost
			d = s.add(l.Debt)
		}
		if d.End == nil {
			d.End, d.Flying = l.End, false
			s.place(d)
		}
	case proposed:
		if d != nil && !d.Proposed {
			s.release(d)
			d.Proposed = true
		}
	case struck:
		s.remove(op)
	}
}

// count applies a line that stands in the file, and keeps account of the bytes in it that say nothing any more.
func (s *Spool) count(l line, bytes int) {
	if d := s.live[l.Debt.Op]; d != nil && l.Verb == struck {
		s.dead += d.size
	}
	s.apply(l)
	if d := s.live[l.Debt.Op]; d != nil {
		d.size += int64(bytes)
	} else {
		s.dead += int64(bytes)
	}
}

// keepAside saves a file with damaged lines before anything in it is changed.
func keepAside(path string, now time.Time) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	aside := path + ".damaged-" + now.UTC().Format("20060102T150405")
	f, err := os.OpenFile(aside, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Sync(), f.Close())
}

// asides are the files that were kept aside and that nobody has dealt with yet.
func asides(dir string) []string {
	list, _ := filepath.Glob(filepath.Join(dir, "*.damaged-*")) // the pattern is right
	slices.Sort(list)
	return list
}

// text is the whole spool as a file that says nothing more than it must.
func (s *Spool) text() ([]byte, error) {
	var b bytes.Buffer
	for _, op := range s.order() {
		d, before := s.live[op], b.Len()
		lines := []line{{Verb: opened, Debt: *d}}
		if d.End != nil {
			lines = append(lines, line{Verb: ended, Debt: d.brief(), End: d.End})
		}
		if d.Proposed {
			lines = append(lines, line{Verb: proposed, Debt: Debt{Op: op}})
		}
		for _, l := range lines {
			one, err := encode(l)
			if err != nil {
				return nil, err
			}
			b.Write(one)
		}
		d.size = int64(b.Len() - before)
	}
	return b.Bytes(), nil
}

// rewrite puts the debts that there are into a new file in place of the old one. The caller holds mu.
func (s *Spool) rewrite() error {
	if len(s.live) == 0 { // that takes no room on the disk
		err := s.file.Truncate(0)
		if err == nil {
			_, err = s.file.Seek(0, io.SeekStart)
		}
		if err = errors.Join(err, s.file.Sync()); err == nil {
			s.size, s.dead, s.stale = 0, 0, false
		}
		return err
	}
	text, err := s.text()
	if err != nil {
		return err
	}
	next := s.path + ".new"
	f, err := os.OpenFile(next, os.O_CREATE|os.O_RDWR|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	if _, err = f.Write(text); err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = os.Rename(next, s.path)
	}
	if err != nil {
		return errors.Join(err, f.Close(), ignoreMissing(os.Remove(next)))
	}
	old := s.file
	s.file, s.size, s.dead = f, int64(len(text)), 0
	_ = old.Close() // nothing in it is needed any more
	if err := syncFolder(filepath.Dir(s.path)); err != nil {
		return err // the new file may lose its name to the old one: it is written again
	}
	s.stale = false
	return nil
}

func ignoreMissing(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// syncFolder makes names in a folder durable, where the system can.
func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	err = d.Sync()
	if errors.Is(err, os.ErrInvalid) || !canSyncFolders {
		err = nil
	}
	return errors.Join(err, d.Close())
}
