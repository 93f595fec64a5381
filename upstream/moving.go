package upstream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/meridian-gateway/meridian/request"
)

var errIdle = errors.New("no byte moved for as long as a call may take")

// idle ends a call while it runs and nothing moves.
type idle struct {
	length time.Duration
	mu     sync.Mutex
	timer  *time.Timer
	runs   bool
}

func newIdle(length time.Duration, end func()) *idle {
	return &idle{length: length, timer: time.AfterFunc(length, end), runs: true}
}

// moved says that a byte did.
func (i *idle) moved() {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.runs {
		i.timer.Reset(i.length)
	}
}

// start waits for the next byte from now on; stop waits no more.
func (i *idle) start() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.runs = true
	i.timer.Reset(i.length)
}

func (i *idle) stop() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.runs = false
	i.timer.Stop()
}

// source is the body of a call, which can be read once.
type source struct {
	from  io.Reader
	mu    sync.Mutex
	begun bool
}

// draw is what one try has of the source: net/http may read on when it has told its caller that the try has failed.
type draw struct {
	source *source // nil: there is no body
	idle   *idle
	ended  bool // under source.mu
}

// Read reads from the source until cut.
func (d *draw) Read(p []byte) (int, error) {
	d.source.mu.Lock()
	ended := d.ended
	d.source.begun = d.source.begun || !ended
	d.source.mu.Unlock()
	if ended {
		return 0, errSealed
	}
	n, err := d.source.from.Read(p)
	if n > 0 {
		d.idle.moved()
	}
	return n, err
}

// cut lets this try read no more and reports whether anybody has begun to read the source.
func (d *draw) cut() bool {
	if d.source == nil {
		return false
	}
	d.source.mu.Lock()
	defer d.source.mu.Unlock()
	d.ended = true
	return d.source.begun
}

// arriving is the body of an answer.
type arriving struct {
	res    *http.Response
	ctx    context.Context
	idle   *idle
	draw   *draw
	cancel context.CancelCauseFunc
	leave  func()
	got    int64
	once   sync.Once
}

// Read waits for bytes no longer than the time in which one must move.
func (a *arriving) Read(p []byte) (int, error) {
	a.idle.start()
	n, err := a.res.Body.Read(p)
	a.idle.stop()
	a.got += int64(n)
	if err == nil || err == io.EOF {
		return n, err
	}
	if errors.Is(context.Cause(a.ctx), errIdle) {
		err = errIdle
	}
	return n, &request.Error{Op: "upstream.Stream", Kind: request.Doubtful,
		Detail: fmt.Sprintf("the answer (status %d) broke off after %d bytes", a.res.StatusCode, a.got), Err: err}
}

// Close lets the rest go.
func (a *arriving) Close() error {
	a.once.Do(func() {
		a.idle.stop()
		a.draw.cut()
		_ = a.res.Body.Close()
		a.cancel(nil)
		a.leave()
	})
	return nil
}
