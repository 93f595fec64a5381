package request

import "slices"

// Child is one record of a child collection: a comment on a request, a file attached to it. It has neither an owner nor a version of
// its own. It is part of its parent's state, so whoever owns the parent owns it, and what brings a copy of the parent up to date
// brings it too.
type Child struct {
	// ID is the name of the child in the whole network.
	ID         ID     `json:"id"`
	Collection string `json:"collection"`
	// Version is the parent's at which the child last changed.
	Version Version `json:"version"`
	Deleted bool    `json:"deleted,omitempty"`
	// Local is this site's own id of it, "" when it has none (yet). It means nothing elsewhere.
	Local string `json:"local,omitempty"`
	// Fields are canonical. In a snapshot they are nil where the holder is believed to have them.
	Fields Fields `json:"fields,omitempty"`
	File   *File  `json:"file,omitempty"`
}

// File is what is known of the bytes of a child that is a file.
type File struct {
	Name   string `json:"name,omitempty"`
	Type   string `json:"type,omitempty"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// ChildWrite says which child a write of a request concerns, and what it does to it.
type ChildWrite struct {
	ID         ID     `json:"id,omitempty"`
	Collection string `json:"collection"`
	Kind       Kind   `json:"kind"`
	// Local is the id of the child at the site where the write is made.
	Local string `json:"local,omitempty"`
	File  *File  `json:"file,omitempty"`
}

// Child finds a child by its id.
func (e *Entry) Child(id ID) (Child, bool) {
	for i := range e.Children {
		if e.Children[i].ID == id {
			return e.Children[i], true
		}
	}
	return Child{}, false
}

// ChildAt finds a child by its local id here.
func (e *Entry) ChildAt(collection, local string) (Child, bool) {
	for i := range e.Children {
		if c := &e.Children[i]; c.Collection == collection && c.Local == local && local != "" {
			return *c, true
		}
	}
	return Child{}, false
}

// Joined returns children in which one is new, or as it is now. Children keep the order in which they came.
func Joined(children []Child, c Child) []Child {
	out := slices.Clone(children)
	for i := range out {
		if out[i].ID == c.ID {
			out[i] = c
			return out
		}
	}
	return append(out, c)
}

// published are children as they go to other sites: without what only this site knows.
func published(children []Child) []Child {
	out := slices.Clone(children)
	for i := range out {
		out[i].Local = ""
	}
	return out
}

// Part is a piece of a file on its way between two gateways.
type Part struct {
	// Request and Child name the file to a site that has it in its API.
	Request ID `json:"request,omitempty"`
	Child   ID `json:"child,omitempty"`
	// SHA256 is that of the whole file, Size its bytes in all.
	SHA256 string `json:"sha256"`
	Size   int64  `json:"size"`
	// Offset is where Bytes stand in it.
	Offset int64  `json:"offset"`
	Bytes  []byte `json:"bytes,omitempty"`
}

// MaxPart is the most bytes in one Part.
const MaxPart = 512 << 10
