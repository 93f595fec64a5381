// Package learn proposes a profile for a request API that has none, from what the live API shows.
//
// [Propose] only reads unless it may write. What it then writes is one record, whose text says that it may be deleted; it is removed again
// whatever happens, or its id is told. Every line of the proposal says what was seen, or that it is only assumed.
package learn
