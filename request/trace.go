package request

import "strings"

// Trace is the W3C trace context of a write that is being traced, as one text: its traceparent and, behind a space, its tracestate
// where it has one. "" is none. It is kept with what must survive, so that what the write causes later, also after a restart and at
// another site, is told as caused by it. Nothing is decided by it.
type Trace string

// MaxTrace bounds a trace context in bytes: a traceparent, a space, and the 512 bytes of tracestate that are passed on.
const MaxTrace = traceParent + 1 + 512

// traceParent is the length of a traceparent: 00-(32 digits)-(16 digits)-(2 digits).
const traceParent = 55

// Parent is the traceparent.
func (t Trace) Parent() string {
	parent, _, _ := strings.Cut(string(t), " ")
	return parent
}

// State is the tracestate, "" without one.
func (t Trace) State() string {
	_, state, _ := strings.Cut(string(t), " ")
	return state
}

// ID is the id of the trace, of a context that is Bounded; "" of none.
func (t Trace) ID() string {
	if len(t) < traceParent {
		return ""
	}
	return string(t[3:35])
}

// Bounded is the trace context if it can be one, else none: what a peer says is kept only within limits.
func (t Trace) Bounded() Trace {
	if len(t) < traceParent || len(t) > MaxTrace || t[2] != '-' || t[35] != '-' || t[52] != '-' || len(t) > traceParent && t[traceParent] != ' ' {
		return ""
	}
	for i := range len(t) {
		if t[i] < ' ' || t[i] > '~' {
			return ""
		}
	}
	return t
}
