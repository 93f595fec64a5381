package replicate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/meridian-gateway/meridian/profile"
	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/spool"
)

// This file moves the bytes of children that are files: from the client to the owner's API, and from there to those of the copies. They
// go through the spool, in parts, and their sum is checked wherever they come to an end.

// answerMost is the most bytes of the answer to an upload.
const answerMost = 1 << 20

// errNoFiles is the error of a gateway without a spool.
func errNoFiles() error {
	return &request.Error{Op: "replicate.files", Kind: request.Invalid, Detail: "this gateway has no place for files on their way"}
}

// whole reports whether all bytes of a file are in the spool.
func (g *Engine) whole(sum string) (size int64, ok bool) {
	if g.Files == nil {
		return 0, false
	}
	return g.Files.Have(sum)
}

// missing is the answer to a write that names a file whose bytes are not here yet.
func missing(f request.File) error {
	return &request.Error{Op: "replicate.files", Kind: request.NoContent, Detail: "the bytes of the file " + f.SHA256 + " are not here"}
}

// weigh finds out what is to be known of the bytes of a child that is a file. They stay in the spool, for the copies will ask for them.
func (g *Engine) weigh(ctx context.Context, cc *profile.Collection, c *request.Child, record []byte) error {
	if !cc.IsFile() {
		return nil
	}
	file := cc.FileOf(record)
	sum, size, err := g.download(ctx, cc, c.Local, record)
	if err != nil {
		return err
	}
	file.SHA256, file.Size = sum, size
	c.File = &file
	return nil
}

// download reads the bytes of a file out of this site's API into the spool.
func (g *Engine) download(ctx context.Context, cc *profile.Collection, local string, record []byte) (sum string, size int64, err error) {
	if g.Files == nil || g.Streams == nil {
		return "", 0, errNoFiles()
	}
	call, err := cc.ContentCall(local, record)
	if err != nil {
		return "", 0, err
	}
	res, err := g.Streams.Stream(ctx, call, nil, 0, true)
	if err != nil {
		return "", 0, &request.Error{Op: "replicate.download", Kind: request.Unavailable, Err: err, Retry: time.Second}
	}
	defer func() { _ = res.Body.Close() }()
	if res.Status != 200 {
		return "", 0, &request.Error{Op: "replicate.download", Kind: request.Unavailable, Retry: time.Second,
			Detail: said(g.Self, request.Answer{Status: res.Status}) + "reading the bytes of " + cc.Name() + " " + local}
	}
	w, err := g.Files.New()
	if err != nil {
		return "", 0, err
	}
	defer w.Drop()
	if _, err := io.Copy(w, cc.Bytes(res.Body)); err != nil {
		return "", 0, &request.Error{Op: "replicate.download", Kind: request.Unavailable, Err: err, Retry: time.Second}
	}
	return w.Done()
}

// upload makes a child that is a file in this site's API, with bytes that are in the spool or are fetched from the owner.
func (g *Engine) upload(ctx context.Context, cc *profile.Collection, e request.Entry, c request.Child, m profile.Marks) (request.Answer, error) {
	f, err := g.content(ctx, e, c)
	if err != nil {
		return request.Answer{}, err
	}
	defer func() { _ = f.Close() }()
	if first, before, after, ok := cc.FirstCall(*c.File); ok {
		size := int64(len(before)) + c.File.Size + int64(len(after))
		up, err := g.stream(ctx, first, io.MultiReader(bytes.NewReader(before), f, bytes.NewReader(after)), size, true)
		return g.attach(ctx, cc, c, m, upstreamAnswer{up, err})
	}
	call, before, after, err := cc.UploadCall(c.Fields, *c.File, m)
	if err != nil {
		return request.Answer{}, err
	}
	if before == nil { // the record is made first, and its bytes after it
		return g.Upstream.Do(context.WithoutCancel(ctx), call, true)
	}
	size := int64(len(before)) + c.File.Size + int64(len(after))
	return g.stream(ctx, call, io.MultiReader(bytes.NewReader(before), f, bytes.NewReader(after)), size, true)
}

// upstreamAnswer is what came of a call.
type upstreamAnswer struct {
	request.Answer
	err error
}

// attach makes the record of a file whose bytes this site's API has taken already, as up says, or has not: then nothing is done.
func (g *Engine) attach(ctx context.Context, cc *profile.Collection, c request.Child, m profile.Marks, up upstreamAnswer) (request.Answer, error) {
	token, err := []byte(nil), up.err
	if err == nil {
		token, err = cc.TokenIn(up.Answer)
	}
	switch {
	case err == nil:
	case up.err == nil && request.KindOf(err) == request.Invalid && cc.Judge(profile.Create, up.Answer) == profile.Refused:
		return up.Answer, nil
	case up.err == nil && request.KindOf(err) == request.Invalid:
		return request.Answer{}, err
	default: // bytes without a record are nothing
		return request.Answer{}, &request.Error{Op: "replicate.upload", Kind: request.NotSent, Err: err, Retry: time.Second}
	}
	call, err := cc.AttachCall(c.Fields, m, *c.File, token)
	if err != nil {
		return request.Answer{}, err
	}
	ans, err := g.Upstream.Do(context.WithoutCancel(ctx), call, true)
	if err != nil || cc.Judge(profile.Create, ans) != profile.Accepted {
		return ans, err
	}
	return cc.Told(ans, up.Answer), nil
}

// filled makes sure that a file in this site's API has the bytes that it should have: they are put there where that is a call of its
// own, and read again. The error has Kind Conflict when they are others.
func (g *Engine) filled(ctx context.Context, cc *profile.Collection, e request.Entry, c request.Child, local string) error {
	if c.File == nil || !cc.IsFile() {
		return nil
	}
	err := g.uploaded(ctx, cc, c, local)
	call, ok := cc.PutContentCall(local, *c.File)
	if err == nil || !ok {
		return err
	}
	f, err := g.content(ctx, e, c)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	ans, err := g.stream(ctx, call, f, c.File.Size, true)
	if err != nil {
		return err
	}
	if ans.Status >= 300 {
		return &request.Error{Op: "replicate.upload", Kind: request.Unavailable, Detail: said(g.Self, ans), Retry: time.Second}
	}
	return g.uploaded(ctx, cc, c, local)
}

// stream makes a call with a body of any size and reads its answer, which is short.
func (g *Engine) stream(ctx context.Context, call request.Call, body io.Reader, size int64, own bool) (request.Answer, error) {
	res, err := g.Streams.Stream(context.WithoutCancel(ctx), call, body, size, own)
	if err != nil {
		return request.Answer{}, err
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(res.Body, answerMost+1))
	if err == nil && len(text) > answerMost {
		err = errors.New("the answer to an upload is longer than 1 MiB")
	}
	if err != nil {
		return request.Answer{}, &request.Error{Op: "replicate.upload", Kind: request.Doubtful, Err: err}
	}
	return request.Answer{Status: res.Status, Header: res.Header, Body: text}, nil
}

// content opens the bytes of a file; those that are not here are fetched from the owner, from where an earlier attempt was cut.
func (g *Engine) content(ctx context.Context, e request.Entry, c request.Child) (*os.File, error) {
	if g.Files == nil || g.Streams == nil {
		return nil, errNoFiles()
	}
	f, err := g.Files.Get(c.File.SHA256)
	if err == nil || request.KindOf(err) != request.NotFound || e.Owner == g.Self {
		return f, err
	}
	for {
		have, whole := g.Files.Have(c.File.SHA256)
		if whole {
			return g.Files.Get(c.File.SHA256)
		}
		p, err := g.Peers.Part(ctx, e.Owner, request.Part{Request: e.ID, Child: c.ID, SHA256: c.File.SHA256, Size: c.File.Size, Offset: have})
		if err != nil {
			return nil, &request.Error{Op: "replicate.content", Kind: request.Unavailable, Request: e.ID, Err: err, Retry: time.Second,
				Detail: "fetching a file from " + string(e.Owner)}
		}
		if len(p.Bytes) == 0 && have < c.File.Size || p.Offset != have {
			return nil, &request.Error{Op: "replicate.content", Kind: request.Unavailable, Request: e.ID, Retry: time.Second,
				Detail: string(e.Owner) + " does not give the file's bytes"}
		}
		if _, err := g.Files.Append(c.File.SHA256, c.File.Size, have, p.Bytes); err != nil {
			return nil, &request.Error{Op: "replicate.content", Kind: request.Unavailable, Request: e.ID, Err: err, Retry: time.Second}
		}
	}
}

// push gives the owner the bytes of a file that a write will name.
func (g *Engine) push(ctx context.Context, to request.Site, file request.File) error {
	f, err := g.Files.Get(file.SHA256)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	buf := make([]byte, request.MaxPart)
	for at := int64(0); ; {
		n, err := f.ReadAt(buf, at)
		if err != nil && !errors.Is(err, io.EOF) {
			return &request.Error{Op: "replicate.push", Kind: request.Unavailable, Err: err}
		}
		have, err := g.Peers.PutPart(ctx, to, request.Part{SHA256: file.SHA256, Size: file.Size, Offset: at, Bytes: buf[:n]})
		if err != nil {
			return err
		}
		if have >= file.Size {
			return nil
		}
		if have == at && n > 0 { // it came to its end there and was not what it should be
			return &request.Error{Op: "replicate.push", Kind: request.Unavailable, Detail: "the file does not arrive at " + string(to)}
		}
		at = have
	}
}

// PutPart takes a part of a file that a write to come will name.
func (f Face) PutPart(_ context.Context, _ request.Site, p request.Part) (int64, error) {
	if f.Files == nil {
		return 0, errNoFiles()
	}
	have, err := f.Files.Append(p.SHA256, p.Size, p.Offset, p.Bytes)
	if err == nil && have > p.Size {
		err = &request.Error{Op: "replicate.PutPart", Kind: request.Invalid, Detail: "the file is longer than it is said to be"}
	}
	return have, err
}

// Part gives a part of a file of a request that this site holds, from the spool or, when it is not there (any more), from the API.
func (f Face) Part(ctx context.Context, _ request.Site, p request.Part) (request.Part, error) {
	g := f.Engine
	if g.Files == nil {
		return request.Part{}, errNoFiles()
	}
	rec, err := g.Ledger.Read(ctx, p.Request)
	if err != nil {
		return request.Part{}, storeError("replicate.Part", p.Request, err)
	}
	c, ok := rec.Entry.Child(p.Child)
	if !ok || c.File == nil || c.Deleted || c.File.SHA256 != p.SHA256 {
		return request.Part{}, &request.Error{Op: "replicate.Part", Kind: request.NotFound, Request: p.Request, Detail: "the request has no such file"}
	}
	file, err := g.Files.Get(c.File.SHA256)
	if request.KindOf(err) == request.NotFound && err != nil {
		if err = g.bringBack(ctx, rec.Entry, c); err == nil {
			file, err = g.Files.Get(c.File.SHA256)
		}
	}
	if err != nil {
		return request.Part{}, err
	}
	defer func() { _ = file.Close() }()
	p.Size = c.File.Size
	if p.Offset > p.Size {
		return request.Part{}, &request.Error{Op: "replicate.Part", Kind: request.Invalid, Request: p.Request, Detail: "behind the end of the file"}
	}
	p.Bytes = make([]byte, min(request.MaxPart, p.Size-p.Offset))
	if _, err := file.ReadAt(p.Bytes, p.Offset); err != nil && !errors.Is(err, io.EOF) {
		return request.Part{}, &request.Error{Op: "replicate.Part", Kind: request.Unavailable, Err: err}
	}
	return p, nil
}

// bringBack reads a file out of this site's API again. What is there by now may be something else.
func (g *Engine) bringBack(ctx context.Context, e request.Entry, c request.Child) error {
	leave, err := g.lanes.enter(ctx, "file:"+c.File.SHA256) // once for all who ask
	if err != nil {
		return err
	}
	defer leave()
	if _, whole := g.Files.Have(c.File.SHA256); whole {
		return nil
	}
	cc, err := g.collection(c.Collection)
	if err != nil {
		return err
	}
	cc = cc.Under(e.Local)
	record, err := g.readChild(ctx, cc, c.Local)
	if err != nil {
		return err
	}
	sum, _, err := g.download(ctx, cc, c.Local, record)
	if err == nil && sum != c.File.SHA256 {
		err = &request.Error{Op: "replicate.Part", Kind: request.NotFound, Request: e.ID, Detail: "the file's bytes were changed in the API of " + string(g.Self)}
	}
	return err
}

// uploaded checks that what an API holds after an upload is what was given to it.
func (g *Engine) uploaded(ctx context.Context, cc *profile.Collection, c request.Child, local string) error {
	record, err := g.readChild(ctx, cc, local)
	if err != nil {
		return err
	}
	sum, size, err := g.download(ctx, cc, local, record)
	if err != nil {
		return err
	}
	if sum != c.File.SHA256 {
		return &request.Error{Op: "replicate.upload", Kind: request.Conflict,
			Detail: fmt.Sprintf("the API holds other bytes than those of the file: %d bytes instead of %d", size, c.File.Size)}
	}
	return nil
}

// rawBody is the body of a client's own call that is kept in the spool.
func rawBody(files *spool.Spool, sum string) (*os.File, int64, error) {
	if files == nil {
		return nil, 0, errNoFiles()
	}
	f, err := files.Get(sum)
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err != nil {
		_ = f.Close()
		return nil, 0, &request.Error{Op: "replicate.files", Kind: request.Unavailable, Err: err}
	}
	return f, info.Size(), nil
}
