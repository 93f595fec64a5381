package gateway

import (
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/meridian-gateway/meridian/profile"
	"github.com/meridian-gateway/meridian/request"
)

// ofChild turns a write of a record of a child collection into one of its parent's.
func (c *intercepted) ofChild() {
	col := c.m.Collection
	if col.Parent() == "" {
		return
	}
	c.work.Child = &request.ChildWrite{Collection: col.Name(), Kind: c.work.Kind, Local: c.m.ID}
	c.work.Collection, c.work.Local, c.work.IfMatch = col.Parent(), c.m.Parent, nil
	if c.work.Local == "" && c.m.Verb == profileCreate && c.work.Call != nil {
		if c.work.Local = col.ParentIn(c.work.Call.Body); c.work.Local == "" {
			c.work.Local = col.ParentInQuery(c.work.Call.Target)
		}
	}
}

// familiar passes a read below a request on, to the request's record at this site when the client named it by another site's id.
func (f *face) familiar(w http.ResponseWriter, r *http.Request, m profile.Match) {
	if m.Parent == "" {
		f.pass(w, r)
		return
	}
	e, ok, _ := f.find(r, m)
	if !ok || e.Local == "" || e.Local == m.Parent {
		f.pass(w, r)
		return
	}
	f.proxyTo(w, r, replaceID(rawPath(r), m.RawParent, url.PathEscape(e.Local)), e)
}

// partMost bounds a field of a form that comes with a file, partsMost their number.
const (
	partMost  = 64 << 10
	partsMost = 64
)

// upload reads a client's call that makes a file: its body goes to the spool as it comes, and is then read there. False when the call
// has been answered already.
func (c *intercepted) upload() bool {
	if c.Files == nil {
		c.refuse(problemOf(notSupported, "this gateway takes no files"))
		return false
	}
	key, err := parseKey(c.r.Header["Idempotency-Key"])
	if err == nil {
		err = c.spooled(key)
	}
	if err != nil {
		p := problemFor(err)
		c.refuse(*closing(p))
		return false
	}
	return true
}

// spooled takes the body of an upload in and makes the write of it.
func (c *intercepted) spooled(key string) error {
	raw, err := c.Files.New()
	if err != nil {
		return err
	}
	defer raw.Drop()
	_, err = io.Copy(raw, &timed{c.r.Body, http.NewResponseController(c.w), c.BodyTimeout})
	_ = http.NewResponseController(c.w).SetReadDeadline(time.Time{})
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return &request.Error{Op: "gateway", Kind: slowBody}
	} else if err != nil {
		if _, ours := errors.AsType[*request.Error](err); ours {
			return err
		}
		return &request.Error{Op: "gateway", Kind: request.Invalid, Detail: "the body could not be read to its end"}
	}
	sum, _, err := raw.Done()
	if err != nil {
		return err
	}
	file, fields, err := c.parts(sum)
	if err != nil {
		return err
	}
	wait, held, prefer := parsePrefer(c.r.Header["Prefer"])
	c.wait, c.held = wait, held
	target := targetOf(c.r)
	c.work = request.Write{Kind: request.Create, Collection: c.m.Collection.Name(), Fields: fields, Raw: sum,
		Call: &request.Call{Method: c.r.Method, Target: target, Header: c.callHeader(prefer, false)},
		Key:  scopedKey(c.Site, c.m.Collection.Name(), c.r.Header, key), Entry: c.Site, EnteredBy: enteredBy(c.r)}
	c.ofChild()
	c.work.Child.File = &file
	if key != "" {
		c.work.Digest = digest(c.r.Method, target, []byte(file.SHA256))
	}
	return nil
}

// parts takes an upload apart: the file, and the fields beside it.
func (c *intercepted) parts(sum string) (request.File, request.Fields, error) {
	f, err := c.Files.Get(sum)
	if err != nil {
		return request.File{}, nil, err
	}
	defer func() { _ = f.Close() }()
	part, rawBody := c.m.Collection.FilePart()
	t, params, _ := mime.ParseMediaType(value(c.r.Header, "Content-Type"))
	if rawBody {
		info, err := f.Stat()
		if err != nil {
			return request.File{}, nil, err
		}
		name := c.m.Collection.NameIn(targetOf(c.r))
		if _, d, err := mime.ParseMediaType(value(c.r.Header, "Content-Disposition")); err == nil && name == "" {
			name = d["filename"]
		}
		return request.File{Name: name, Type: t, Size: info.Size(), SHA256: sum}, nil, nil
	}
	if t != "multipart/form-data" || params["boundary"] == "" {
		return request.File{}, nil, &request.Error{Op: "gateway", Kind: unsupported, Detail: "a file comes as multipart/form-data"}
	}
	return c.form(multipart.NewReader(f, params["boundary"]), part)
}

// form reads a form with a file in it.
func (c *intercepted) form(in *multipart.Reader, part string) (file request.File, fields request.Fields, err error) {
	bad := func(detail string) error { return &request.Error{Op: "gateway", Kind: request.Invalid, Detail: detail} }
	others := make(map[string]string)
	for n := 0; ; n++ {
		p, err := in.NextRawPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil || n > partsMost {
			return file, nil, bad("the form cannot be read")
		}
		if p.FormName() != part {
			text, err := io.ReadAll(io.LimitReader(p, partMost+1))
			if err != nil || len(text) > partMost {
				return file, nil, bad("a field of the form cannot be read, or is over 64 KiB")
			}
			others[p.FormName()] = string(text)
			continue
		}
		if file.SHA256 != "" {
			return file, nil, bad("the form holds more than one file")
		}
		w, err := c.Files.New()
		if err != nil {
			return file, nil, err
		}
		_, err = io.Copy(w, p)
		if err == nil {
			file.SHA256, file.Size, err = w.Done()
		}
		w.Drop()
		if err != nil {
			return file, nil, bad("the file in the form cannot be read")
		}
		file.Name, file.Type = p.FileName(), p.Header.Get("Content-Type")
	}
	if file.SHA256 == "" {
		return file, nil, bad("the form holds no file in its part " + part)
	}
	fields, err = c.m.Collection.FromParts(others)
	return file, fields, err
}

// timed is a body of which each piece must come in time, however long it is as a whole.
type timed struct {
	io.Reader
	rc   *http.ResponseController
	each time.Duration
}

func (t *timed) Read(b []byte) (int, error) {
	_ = t.rc.SetReadDeadline(time.Now().Add(t.each))
	return t.Reader.Read(b)
}
