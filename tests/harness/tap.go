package harness

import "time"

// Tap has every call that is recorded from now on told to see, in the order in which calls are done, instead of kept in the log: for
// runs so long that a log would not fit into memory. See must be quick and must not call the Fake.
func (f *Fake) Tap(see func(Entry)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tap = see
}

// note writes a call into the log, or tells it to the tap. The caller holds f.mu.
func (f *Fake) note(e Entry) {
	e.Done = time.Now()
	if f.tap != nil {
		f.tap(e)
		return
	}
	f.log = append(f.log, e)
}
