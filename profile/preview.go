package profile

import (
	"bytes"
	"fmt"

	"github.com/meridian-gateway/meridian/request"
)

// Preview is what bringing a record to a state would look like at a site.
type Preview struct {
	// Call is what is sent, without the site's credentials.
	Call request.Call
	// Reads says that the present record is read first, and that the call depends on it: what is the site's own is kept. Call is then as
	// if the site had nothing of its own.
	Reads bool
	// Left are the fields that do not come as they are.
	Left []Left
}

// Left is a field that does not come to a site as it is.
type Left struct {
	Field string `json:"field"`
	Why   string `json:"why"`
}

// Preview makes the call by which a delivery brings the record with a local id to f, or makes it where local is "". It is made by what
// makes the real ones. The error has Kind Invalid: this site cannot hold the fields. Left is told also then.
func (c *Collection) Preview(local string, f request.Fields, m Marks) (p Preview, err error) {
	p.Left = c.left(f)
	if local == "" {
		p.Call, err = c.CreateCall(f, m)
		return p, err
	}
	var now Current
	if p.Reads = c.NeedsCurrent(Update); p.Reads {
		r, err := c.wholeBody(nil, f)
		if err != nil {
			return p, err
		}
		now = Current{Record: request.Fields(r.members).AppendJSON(nil), Version: `"present"`}
	}
	p.Call, err = c.UpdateCall(local, f, m, now)
	return p, err
}

// left lists what the site does not hold of f, or holds in another value.
func (c *Collection) left(f request.Fields) []Left {
	var out []Left
	kept := c.Expect(f)
	for _, x := range f {
		back, there := kept.Get(x.Name)
		switch {
		case !there && isNull(x.Value):
		case !there:
			out = append(out, Left{x.Name, "the profile of this site has no place for it"})
		case !bytes.Equal(back, x.Value) && !equal(back, x.Value):
			out = append(out, Left{x.Name, fmt.Sprintf("it is %s here, in place of %s", shown(back), shown(x.Value))})
		}
	}
	return out
}
