package profile

import (
	"maps"
	"slices"

	"github.com/meridian-gateway/meridian/request"
)

// making is what a record is made of.
type making struct {
	fields request.Fields
	// current is the record that is replaced or changed, nil when there is none or it need not be known: parts of a member that no
	// field speaks of are taken from there.
	current []byte
	// whole says that there are no other fields than these.
	whole bool
	// made says that this is a new record, which has what the API does not take later.
	made bool
	// refused hears of a field whose value this site cannot hold, and leaves it out; nil: that ends the making.
	refused func(request.Field)
}

// body makes the members of a record that change it.
func (c *Collection) body(current []byte, f request.Fields) (*record, error) {
	return c.compose(making{fields: f, current: current})
}

// compose makes the members of a record out of canonical fields. The error has Kind Invalid: this site cannot hold them.
func (c *Collection) compose(m making) (*record, error) {
	r := &record{members: make([]request.Field, 0, len(m.fields)+4)}
	all := m.fields
	if len(c.derived) > 0 && m.current != nil && !m.whole {
		if was, err := c.FromRecord(m.current); err == nil {
			all = was.Merge(m.fields)
		}
	}
	list := m.fields
	for _, f := range c.derived { // what is only made of others is there whenever they are
		if _, there := list.Get(f.name); !there && !f.out.Sees("value") && (m.whole || toldBy(f.out, all)) {
			list = list.With(f.name, []byte("null"))
		}
	}
	for _, x := range list {
		if named := c.named[x.Name]; named != nil && named.once && !m.made {
			continue
		}
		if err := c.put(r, x, m.current, all); err != nil && m.refused == nil {
			return nil, err
		} else if err != nil {
			m.refused(x)
		}
	}
	return r, nil
}

// put writes one canonical field into a record, if this site holds it. all are the fields that an expression may look at. The error
// has Kind Invalid: this site cannot hold the value.
func (c *Collection) put(r *record, x request.Field, current []byte, all request.Fields) error {
	named, t := c.named[x.Name], c.writing[x.Name]
	if named == nil && c.only {
		return nil
	}
	if named == nil {
		value, ok := []byte(x.Value), true
		if t != nil {
			value, ok = t.visible(value)
		}
		if isNull(value) {
			value = c.null.write()
		}
		if ok && value != nil && (t == nil || !t.hidden && len(t.fields) == 0) {
			r.members = append(r.members, request.Field{Name: x.Name, Value: value})
		}
		return nil
	}
	if named.hidden || named.mute || named.write == nil || named.fixed != nil {
		return nil
	}
	value, err := named.written(x.Value, all)
	if err != nil || value == nil {
		return err
	}
	if current != nil {
		r.begin(current, named.write)
	}
	return r.set(named.write, value)
}

// wholeBody makes a record that is made or replaces another: with the constants and defaults, and refused without what is required.
func (c *Collection) wholeBody(current []byte, f request.Fields) (*record, error) {
	f = c.defaults(f)
	for _, name := range c.required {
		if v, ok := f.Get(name); !ok || isNull(v) {
			return nil, wrongField(name, "this site requires it")
		}
	}
	if current != nil {
		current = c.without(current, f)
	} else {
		f = f.Without(c.Late(f).Names()...)
	}
	r, err := c.compose(making{fields: f, current: current, whole: true, made: current == nil})
	if err != nil {
		return nil, err
	}
	if current != nil {
		for _, name := range slices.Sorted(maps.Keys(c.named)) {
			if named := c.named[name]; named.write != nil && !named.hidden {
				r.begin(current, named.write)
			}
		}
	}
	for _, named := range c.fixed {
		if err := r.set(named.write, named.fixed); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// Once reports whether this site's API takes a field only when a record is made, so that what a record shows of it says nothing of what
// the field has become since.
func (c *Collection) Once(name string) bool { return c.named[name] != nil && c.named[name].once }

// Late are those of the fields that the API does not take when a record is made: an update is to follow.
func (c *Collection) Late(f request.Fields) request.Fields {
	var out request.Fields
	for _, x := range f {
		if named := c.named[x.Name]; named != nil && named.late && !named.hidden && !isNull(x.Value) {
			out = append(out, x)
		}
	}
	return out
}

// defaults are canonical fields with the defaults of those that have no value.
func (c *Collection) defaults(f request.Fields) request.Fields {
	for _, name := range slices.Sorted(maps.Keys(c.named)) {
		if preset := c.named[name].preset; preset != nil {
			if v, ok := f.Get(name); !ok || isNull(v) {
				f = f.With(name, preset)
			}
		}
	}
	return f
}

// without is a record without the fields that are not in f: what replaces it must not take them over.
func (c *Collection) without(current []byte, f request.Fields) []byte {
	for name, named := range c.named {
		if _, ok := f.Get(name); ok || named.write == nil || named.hidden || named.mute {
			continue
		}
		current = remove(current, named.write)
	}
	return current
}
