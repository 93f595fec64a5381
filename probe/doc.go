// Package probe compares a real request API with its profile, and says what is to be written into the profile where they differ.
//
// [Run] only reads unless it is told to write. What it writes is one record in each collection, whose text says that it may be deleted.
// It removes the record again whatever happens, or says that it could not; it deletes nothing of which it has not read that text.
package probe
