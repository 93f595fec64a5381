package peer

import (
	"time"

	"github.com/meridian-gateway/meridian/request"
)

// pass asks the breaker. The error is Kind OwnerUnreachable with an *OpenError: nothing was sent.
func (d *dest) pass(op string, probe bool) (done func(verdict), err error) {
	done, err = d.gate.pass(probe)
	if err == nil {
		return done, nil
	}
	_, since, until := d.gate.state()
	open := &OpenError{Site: d.site, Since: since, Until: until}
	d.mu.Lock()
	open.Last = d.st.LastError
	d.mu.Unlock()
	return nil, &request.Error{Op: op, Kind: request.OwnerUnreachable, Retry: max(time.Until(until), time.Second), Err: open,
		Detail: "nothing was sent"}
}

// settle reports the end of a call to the breaker and to the status.
func (d *dest) settle(done func(verdict), v verdict, verified bool, err error, now time.Time) {
	d.mu.Lock()
	if verified {
		d.st.LastSuccess = now
	}
	if v == bad && err != nil {
		d.st.LastError, d.st.LastErrorAt = err.Error(), now
	}
	d.mu.Unlock()
	done(v)
	if word, _, _ := d.gate.state(); v == bad && word != "closed" {
		d.mu.Lock()
		d.up = false
		d.mu.Unlock()
	}
}

func (d *dest) status(config string) Status {
	word, since, _ := d.gate.state()
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.st
	s.Breaker, s.Since, s.Up = word, since, d.up && word == "closed"
	s.Drift = s.ConfigHash != "" && config != "" && s.ConfigHash != config
	return s
}

// fail notes a failure that is not an error of the call.
func (d *dest) fail(why string, now time.Time) {
	d.mu.Lock()
	d.st.LastError, d.st.LastErrorAt = why, now
	d.mu.Unlock()
}
