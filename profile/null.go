package profile

import (
	"encoding/json"

	"github.com/meridian-gateway/meridian/request"
)

// null is how an API shows that a field has no value, besides null itself and leaving it out. The zero value is one that has no
// other way.
type null struct {
	// omit says that writing no value leaves the member out.
	omit bool
	// literal stands for no value, nil for none but null.
	literal json.RawMessage
}

func nullOf(s *Null) null {
	if s == nil || !s.Omit && isNull(s.Value) {
		return null{}
	}
	return null{omit: s.Omit, literal: json.RawMessage(s.Value)}
}

// noTime is what stands for no time: written as a number where times are numbers.
func noTime(none string, s timeShape) null {
	if _, numeric := number(none); numeric && s.layout == "" && valid([]byte(none)) {
		return null{literal: json.RawMessage(none)}
	}
	return null{literal: request.Quote(none)}
}

// is reports whether a local value says that there is none.
func (n null) is(raw []byte) bool {
	return isNull(raw) || n.literal != nil && isString(raw) == isString(n.literal) && scalar(raw) == scalar(n.literal)
}

// write is how no value is written; nil where the member is left out.
func (n null) write() json.RawMessage {
	switch {
	case n.omit:
		return nil
	case n.literal != nil:
		return n.literal
	}
	return json.RawMessage("null")
}
