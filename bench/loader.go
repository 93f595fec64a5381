package main

import (
	"encoding/json"
	"fmt"
)

// loader is the bench's handle of the load generator's process.
type loader struct {
	*process
	jobs *json.Encoder
}

func (w *workshop) loader() (*loader, error) {
	p, err := w.role(roleLoad, nil)
	if err != nil {
		return nil, err
	}
	return &loader{process: p, jobs: json.NewEncoder(p.stdin)}, nil
}

// do runs one job and waits for its outcome. An outcome in which most calls failed is an error: its figures mean nothing.
func (l *loader) do(j job) (outcome, error) {
	var o outcome
	if err := l.jobs.Encode(j); err != nil {
		return o, fmt.Errorf("load generator: %w; %s", err, l.tell())
	}
	if err := l.stdout.Decode(&o); err != nil {
		return o, fmt.Errorf("load generator: %w; %s", err, l.tell())
	}
	switch {
	case o.Error != "":
		return o, fmt.Errorf("load generator: %s", o.Error)
	case o.Calls == 0:
		return o, fmt.Errorf("%s %s at %s: not one call was answered", j.Kind, j.Path, j.Addr)
	case o.Failed*2 > o.Calls:
		return o, fmt.Errorf("%s %s at %s: %d of %d calls failed: %s", j.Kind, j.Path, j.Addr, o.Failed, o.Calls, o.Fault)
	}
	return o, nil
}
