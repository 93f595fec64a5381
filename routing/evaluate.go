package routing

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/vm"
	"github.com/expr-lang/expr/vm/runtime"

	"github.com/meridian-gateway/meridian/request"
)

// evaluation holds what conditions see of one event. A value is decoded when the first condition asks for it.
type evaluation struct {
	in  *Input
	env map[string]any
	vm  vm.VM
	// found is room for the candidates.
	found []int32
}

func newEvaluation() *evaluation {
	return &evaluation{env: make(map[string]any, 16), vm: vm.VM{MemoryBudget: maxMemory}}
}

func (e *evaluation) begin(in *Input) {
	e.in = in
	e.env["site"], e.env["owner"], e.env["origin"] = string(in.Site), string(in.Owner), string(in.Origin)
	e.env["entered_by"], e.env["now"] = in.EnteredBy, in.Now
}

// end forgets the event: a pool must not keep a client's data.
func (e *evaluation) end() {
	e.in = nil
	clear(e.env)
	clear(e.vm.Stack[:cap(e.vm.Stack)])
	clear(e.vm.Variables)
	e.found = e.found[:0]
}

// holds reports whether a condition holds.
func (e *evaluation) holds(c *condition) (bool, error) {
	if c == nil {
		return true, nil
	}
	for i := range c.needs {
		n := &c.needs[i]
		if _, there := e.env[n.key]; !there {
			e.env[n.key] = e.read(n)
		}
	}
	out, err := e.vm.Run(c.program, e.env)
	if err != nil {
		return false, runtimeError(err)
	}
	ok, _ := out.(bool)
	return ok, nil
}

// runtimeError is what the expression library says, in one line.
func runtimeError(err error) error {
	if fe, ok := errors.AsType[*file.Error](err); ok {
		return fmt.Errorf("%s (at character %d)", fe.Message, fe.From+1)
	}
	return err
}

func (e *evaluation) read(n *need) any {
	switch n.what {
	case needField:
		return field(e.in.New, n.name)
	case needOld:
		return field(e.old(), n.name)
	case needChanged:
		return e.changed(n.name)
	case needAge:
		switch at := moment(field(e.in.New, n.name)).(type) {
		case time.Time:
			return e.in.Now.Sub(at)
		case error:
			return fmt.Errorf("age(%q): %w", n.name, at)
		}
	case needAllOld:
		all := make(map[string]any)
		for _, f := range e.old() {
			all[f.Name] = value(f.Value)
		}
		return all
	}
	return nil
}

// old are the fields before the write. Where a request is new, or ownership of it is, nothing was written.
func (e *evaluation) old() request.Fields {
	if e.in.Event == Update || e.in.Event == Delete {
		return e.in.Old
	}
	return nil
}

// changed compares by value: neither white space, nor the way a number is written, nor null for absent is a change.
func (e *evaluation) changed(name string) bool {
	was, _ := e.old().Get(name)
	is, _ := e.in.New.Get(name)
	return !bytes.Equal(was, is) && !runtime.Equal(value(was), value(is))
}

func field(f request.Fields, name string) any {
	raw, ok := f.Get(name)
	if !ok {
		return nil
	}
	return value(raw)
}
