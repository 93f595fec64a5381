package profile

import "github.com/meridian-gateway/meridian/request"

// Rides reports whether clients make records of this collection by another call, in which they ride: only a list shows them.
func (c *Collection) Rides() bool { return c.rides }

// Complete reports whether canonical fields have all that is required here. An entry of a list that has not is of another kind.
func (c *Collection) Complete(f request.Fields) bool {
	for _, name := range c.required {
		if v, ok := f.Get(name); !ok || isNull(v) || string(v) == `""` {
			return false
		}
	}
	return true
}
