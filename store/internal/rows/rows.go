// Package rows turns entries and deliveries into the bytes that stores keep, and back. It is shared by the durable stores.
//
// Every value begins with a version byte, so that a later format can be told from this one. The values of canonical fields are
// kept exactly as they came: they never pass through encoding/json, which would compact and escape them.
package rows

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"maps"
	"slices"

	"github.com/meridian-gateway/meridian/request"
)

// formatEntry is the first byte of an entry: the number of sets of fields, the sets, each with its length before it, then JSON for
// the rest. In formatFour there were always four and no number.
const (
	formatEntry = 2
	formatFour  = 1
)

// ErrDamaged says that bytes read back are not those that were written.
var ErrDamaged = errors.New("stored value is damaged")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Seal appends a checksum of b, and of the key under which it will be kept, to b.
func Seal(b []byte, key string) []byte {
	return binary.LittleEndian.AppendUint32(b, checksum(b, key))
}

func checksum(b []byte, key string) uint32 {
	return crc32.Update(crc32.Checksum([]byte(key), castagnoli), castagnoli, b)
}

// Unseal checks the checksum that Seal appended and returns the bytes before it. The error is ErrDamaged.
func Unseal(b []byte, key string) ([]byte, error) {
	n := len(b) - 4
	if n < 0 || checksum(b[:n], key) != binary.LittleEndian.Uint32(b[n:]) {
		return nil, ErrDamaged
	}
	return b[:n], nil
}

// AppendEntry appends e to dst. It fails only on values that have no JSON form, such as a time in the year 10000.
func AppendEntry(dst []byte, e *request.Entry) ([]byte, error) {
	bare := apart(e)
	sets := fieldSets(&bare)
	dst = binary.AppendUvarint(append(dst, formatEntry), uint64(len(sets)))
	for _, f := range sets {
		dst = appendFields(dst, *f)
		*f = nil
	}
	rest, err := json.Marshal(&bare)
	if err != nil {
		return nil, fmt.Errorf("entry %s: %w", e.ID, err)
	}
	return append(dst, rest...), nil
}

// DecodeEntry is the inverse of AppendEntry. The entry shares no memory with b.
func DecodeEntry(b []byte) (request.Entry, error) {
	raw, b, err := cutSets(b)
	if err != nil {
		return request.Entry{}, err
	}
	var e request.Entry
	if err := json.Unmarshal(b, &e); err != nil {
		return request.Entry{}, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	sets := fieldSets(&e)
	if len(sets) != len(raw) {
		return request.Entry{}, fmt.Errorf("%w: entry with %d sets of fields, want %d", ErrDamaged, len(raw), len(sets))
	}
	for i, f := range sets {
		if len(raw[i]) == 0 {
			continue
		}
		parsed, err := request.ParseFields(raw[i])
		if err != nil {
			return request.Entry{}, fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		*f = parsed
	}
	return e, nil
}

// cutSets cuts the sets of fields from the front of an entry and returns what follows them.
func cutSets(b []byte) (raw [][]byte, rest []byte, err error) {
	cut := fmt.Errorf("%w: entry is cut off", ErrDamaged)
	if len(b) == 0 {
		return nil, nil, cut
	}
	format, b := b[0], b[1:]
	n, size := uint64(4), 0
	switch format {
	case formatFour:
	case formatEntry:
		if n, size = binary.Uvarint(b); size <= 0 || n > uint64(len(b)) { // a set takes a byte at least
			return nil, nil, cut
		}
		b = b[size:]
	default:
		return nil, nil, fmt.Errorf("%w: entry of an unknown format", ErrDamaged)
	}
	raw = make([][]byte, n)
	for i := range raw {
		n, size := binary.Uvarint(b)
		if size <= 0 || n > uint64(len(b)-size) {
			return nil, nil, cut
		}
		raw[i], b = b[size:size+int(n)], b[size+int(n):]
	}
	return raw, b, nil
}

// apart copies e and what leads to its fields, so that these can be taken out of the copy.
func apart(e *request.Entry) request.Entry {
	bare := *e
	bare.Queue = slices.Clone(e.Queue)
	bare.Children = slices.Clone(e.Children)
	if bare.Intent = copyOf(e.Intent); bare.Intent != nil {
		if bare.Intent.Snapshot = copyOf(e.Intent.Snapshot); bare.Intent.Snapshot != nil {
			bare.Intent.Snapshot.Children = slices.Clone(e.Intent.Snapshot.Children)
		}
		if bare.Intent.Accept = copyOf(e.Intent.Accept); bare.Intent.Accept != nil {
			bare.Intent.Accept.Snapshot.Children = slices.Clone(e.Intent.Accept.Snapshot.Children)
		}
	}
	return bare
}

// fieldSets lists where an entry holds canonical fields. There are four at least, those of formatFour; where these belong to an
// intent that is absent, they lead to nowhere.
func fieldSets(e *request.Entry) []*request.Fields {
	sets := []*request.Fields{&e.Fields, new(request.Fields), new(request.Fields), new(request.Fields)}
	if in := e.Intent; in != nil {
		sets[1], sets[2] = &in.Fields, &in.Pre
		if in.Snapshot != nil {
			sets[3] = &in.Snapshot.Fields
		}
		if in.Accept != nil {
			sets = append(sets, &in.Accept.Snapshot.Fields)
		}
	}
	for i := range e.Queue {
		sets = append(sets, &e.Queue[i].Fields, &e.Queue[i].Pre)
	}
	children := [][]request.Child{e.Children}
	if in := e.Intent; in != nil && in.Snapshot != nil {
		children = append(children, in.Snapshot.Children)
	}
	if in := e.Intent; in != nil && in.Accept != nil {
		children = append(children, in.Accept.Snapshot.Children)
	}
	for _, list := range children {
		for i := range list {
			sets = append(sets, &list[i].Fields)
		}
	}
	return sets
}

// appendFields appends the length of f as JSON text and the text; nil fields have length zero, empty ones are "{}".
func appendFields(dst []byte, f request.Fields) []byte {
	if f == nil {
		return append(dst, 0)
	}
	size := 2
	for _, x := range f {
		size += len(x.Name) + len(x.Value) + 4
	}
	text := f.AppendJSON(make([]byte, 0, size))
	dst = binary.AppendUvarint(dst, uint64(len(text)))
	return append(dst, text...)
}

// Clone copies an entry so that changing one does not change the other. Fields are immutable and stay shared.
func Clone(e request.Entry) request.Entry {
	e.Locals = maps.Clone(e.Locals)
	e.Suspect = slices.Clone(e.Suspect)
	e.Ops = slices.Clone(e.Ops)
	e.Trail = slices.Clone(e.Trail)
	e.Former = slices.Clone(e.Former)
	e.Holders = slices.Clone(e.Holders)
	e.Path = slices.Clone(e.Path)
	e.Routes = slices.Clone(e.Routes)
	e.Forces = slices.Clone(e.Forces)
	e.Queue = slices.Clone(e.Queue)
	e.Children = cloneChildren(e.Children)
	e.Conflicts = slices.Clone(e.Conflicts)
	for i := range e.Conflicts {
		e.Conflicts[i].Fields = slices.Clone(e.Conflicts[i].Fields)
	}
	e.Plan = clonePlan(e.Plan)
	if e.Grant = copyOf(e.Grant); e.Grant != nil {
		e.Grant.Plan.Keep = slices.Clone(e.Grant.Plan.Keep)
	}
	e.Decision = copyOf(e.Decision)
	if e.Doubt = copyOf(e.Doubt); e.Doubt != nil {
		e.Doubt.Candidates = slices.Clone(e.Doubt.Candidates)
	}
	e.Intent = cloneIntent(e.Intent)
	return e
}

func cloneIntent(p *request.Intent) *request.Intent {
	in := copyOf(p)
	if in == nil {
		return nil
	}
	in.Removed = slices.Clone(in.Removed)
	in.Owe = slices.Clone(in.Owe)
	in.Plan = clonePlan(in.Plan)
	if in.Child = copyOf(in.Child); in.Child != nil {
		in.Child.File = copyOf(in.Child.File)
	}
	if in.Snapshot = copyOf(in.Snapshot); in.Snapshot != nil {
		ownSnapshot(in.Snapshot)
	}
	if in.Accept = copyOf(in.Accept); in.Accept != nil {
		in.Accept.Holders = slices.Clone(in.Accept.Holders)
		in.Accept.Path = slices.Clone(in.Accept.Path)
		in.Accept.Routes = slices.Clone(in.Accept.Routes)
		ownSnapshot(&in.Accept.Snapshot)
	}
	return in
}

func clonePlan(p *request.Plan) *request.Plan {
	plan := copyOf(p)
	if plan != nil {
		plan.Keep = slices.Clone(plan.Keep)
	}
	return plan
}

// ownSnapshot gives a snapshot lists and maps of its own.
func ownSnapshot(s *request.Snapshot) {
	s.Locals = maps.Clone(s.Locals)
	s.Holders = slices.Clone(s.Holders)
	s.Ops = slices.Clone(s.Ops)
	s.Former = slices.Clone(s.Former)
	s.Forces = slices.Clone(s.Forces)
	s.Children = cloneChildren(s.Children)
}

func cloneChildren(list []request.Child) []request.Child {
	out := slices.Clone(list)
	for i := range out {
		out[i].File = copyOf(out[i].File)
	}
	return out
}

func copyOf[T any](p *T) *T {
	if p == nil {
		return nil
	}
	v := *p
	return &v
}

// Open reports whether an entry belongs on the list of unsettled requests.
func Open(e *request.Entry) bool { return e.Unsettled() }
