package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"
)

// wire is one kept HTTP/1.1 connection of the load generator. It writes calls that were laid out beforehand and reads answers
// with next to no work, so that on a machine with few cores the measured proxy gets them and not the generator.
type wire struct {
	addr string
	// until bounds every call of a job: a gateway that hangs ends the job instead of hanging it.
	until time.Time
	conn  net.Conn
	in    *bufio.Reader
	body  []byte
}

// layOut writes a call as it goes over the wire. A nil body is a call without one.
func layOut(method, path, host string, body []byte) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: meridian-bench\r\n", method, path, host)
	if body != nil {
		fmt.Fprintf(&b, "Content-Type: application/json\r\nContent-Length: %d\r\n", len(body))
	}
	b.WriteString("\r\n")
	b.Write(body)
	return b.Bytes()
}

// do sends one call and reads its answer whole. The body is valid until the next do. After an error the connection is made
// anew by the next do; a call is never sent twice.
func (w *wire) do(call []byte) (status int, body []byte, err error) {
	if w.conn == nil {
		if err := w.dial(); err != nil {
			return 0, nil, err
		}
	}
	status, keep, err := w.exchange(call)
	if err != nil || !keep {
		w.close()
	}
	return status, w.body, err
}

func (w *wire) dial() error {
	conn, err := net.DialTimeout("tcp", w.addr, 5*time.Second)
	if err != nil {
		return err
	}
	if err := conn.SetDeadline(w.until); err != nil {
		_ = conn.Close()
		return err
	}
	w.conn, w.in = conn, bufio.NewReaderSize(conn, 16<<10)
	return nil
}

func (w *wire) close() {
	if w.conn != nil {
		_ = w.conn.Close()
		w.conn = nil
	}
}

func (w *wire) exchange(call []byte) (status int, keep bool, err error) {
	w.body = w.body[:0]
	if _, err := w.conn.Write(call); err != nil {
		return 0, false, err
	}
	h, err := w.head()
	for err == nil && h.status >= 100 && h.status < 200 {
		h, err = w.head() // an interim answer; the real one follows
	}
	if err != nil {
		return 0, false, err
	}
	switch {
	case h.status == 204 || h.status == 304:
	case h.chunked:
		err = w.chunks()
	case h.length >= 0:
		err = w.take(h.length)
	default:
		err = fmt.Errorf("answer %d without a length", h.status)
	}
	return h.status, !h.close, err
}

// head is what matters of an answer's first lines.
type head struct {
	status  int
	length  int // -1: not said
	chunked bool
	close   bool
}

func (w *wire) head() (head, error) {
	h := head{length: -1}
	line, err := w.line()
	if err != nil {
		return h, err
	}
	if len(line) < 12 || !bytes.HasPrefix(line, []byte("HTTP/1.")) {
		return h, fmt.Errorf("not an HTTP/1 answer: %q", line)
	}
	if h.status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return h, fmt.Errorf("status line %q: %w", line, err)
	}
	for {
		if line, err = w.line(); err != nil || len(line) == 0 {
			return h, err
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimSpace(value)
		switch {
		case bytes.EqualFold(name, []byte("Content-Length")):
			if h.length, err = strconv.Atoi(string(value)); err != nil || h.length < 0 {
				return h, fmt.Errorf("content length %q", value)
			}
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			h.chunked = bytes.EqualFold(value, []byte("chunked"))
		case bytes.EqualFold(name, []byte("Connection")):
			h.close = bytes.EqualFold(value, []byte("close"))
		}
	}
}

// line reads up to a line's end, without it.
func (w *wire) line() ([]byte, error) {
	line, err := w.in.ReadSlice('\n')
	if err != nil {
		return nil, err
	}
	return bytes.TrimRight(line, "\r\n"), nil
}

func (w *wire) take(n int) error {
	at := len(w.body)
	w.body = append(w.body, make([]byte, n)...)
	_, err := io.ReadFull(w.in, w.body[at:])
	return err
}

func (w *wire) chunks() error {
	for {
		line, err := w.line()
		if err != nil {
			return err
		}
		size, _, _ := bytes.Cut(line, []byte(";"))
		n, err := strconv.ParseUint(string(bytes.TrimSpace(size)), 16, 31)
		if err != nil {
			return fmt.Errorf("chunk size %q", line)
		}
		if err := w.take(int(n)); err != nil {
			return err
		}
		for { // the chunk's own line end; behind the last chunk, trailers up to an empty line
			end, err := w.line()
			if err != nil {
				return err
			}
			if len(end) == 0 {
				break
			}
		}
		if n == 0 {
			return nil
		}
	}
}
