package debts

import (
	"errors"
	"io"

	"github.com/meridian-gateway/meridian/request"
)

// job is one line handed to the writer.
type job struct {
	line line
	text []byte
	done chan error // nil when nobody waits
}

// mostJobs bounds how many lines share a flush.
const mostJobs = 512

// rewriteAt is how many bytes may say nothing any more before the file is written anew.
const rewriteAt = 256 << 10

// append hands a line to the writer; with wait it returns when the line is on the disk.
func (s *Spool) append(l line, wait bool) error {
	text, err := encode(l)
	if err != nil {
		return err
	}
	j := &job{line: l, text: text}
	if wait {
		j.done = make(chan error, 1)
	}
	s.gate.RLock()
	if s.closed {
		s.gate.RUnlock()
		return &request.Error{Op: "debts", Kind: request.StoreDown, Detail: "the gateway is stopping"}
	}
	s.jobs <- j
	s.gate.RUnlock()
	if !wait {
		return nil
	}
	return <-j.done
}

// write is the writer: it takes all lines that wait, writes and flushes them together, and only then lets them count.
func (s *Spool) write() {
	defer close(s.done)
	for first := range s.jobs {
		batch := []*job{first}
		for len(batch) < mostJobs {
			select {
			case j, more := <-s.jobs:
				if more {
					batch = append(batch, j)
					continue
				}
			default:
			}
			break
		}
		s.mu.Lock()
		err := s.flush(batch)
		s.mu.Unlock()
		for _, j := range batch {
			if j.done != nil {
				j.done <- err
			}
		}
	}
}

// flush writes a batch. The caller holds mu.
func (s *Spool) flush(batch []*job) (err error) {
	defer func() {
		s.trouble = ""
		if err != nil {
			s.trouble = "what is passed on while the store is away cannot be remembered: " + err.Error()
		}
	}()
	if s.stale {
		if err = s.rewrite(); err != nil {
			return s.unwritten(batch, err)
		}
	}
	var text []byte
	for _, j := range batch {
		text = append(text, j.text...)
	}
	if _, err = s.file.Write(text); err != nil {
		// Half of it may be there: it is taken back, so that no line stands behind one that was cut off.
		back := s.file.Truncate(s.size)
		if back == nil {
			_, back = s.file.Seek(s.size, io.SeekStart)
		}
		s.stale = s.stale || back != nil
		return s.unwritten(batch, errors.Join(err, back))
	}
	if err = s.file.Sync(); err != nil {
		s.stale = true // what is on the disk now nobody knows, also not after a flush that succeeds later
		return s.unwritten(batch, err)
	}
	s.size += int64(len(text))
	for _, j := range batch {
		s.count(j.line, len(j.text))
	}
	if len(s.live) == 0 || s.dead > rewriteAt && s.dead > s.size/4 || s.size > s.options.Bytes/2 && s.dead > s.size/8 {
		if s.rewrite() != nil {
			s.stale = true
		}
	}
	return nil
}

// unwritten lets those lines of a batch count whose effect is in memory alone until the file can be written anew: striking out.
func (s *Spool) unwritten(batch []*job, err error) error {
	for _, j := range batch {
		if j.line.Verb == struck {
			s.apply(j.line)
			s.stale = true
		}
	}
	return err
}
