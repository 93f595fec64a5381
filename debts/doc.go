// Package debts keeps what a gateway did while its store was away: writes of clients that were passed on to the request API and that
// the ledger does not know of yet. Each is a debt to the ledger, settled when the store is back.
//
// A spool is one append-only file that belongs to one process. A debt is on the disk before its call is made; what came of the call
// is on the disk before the client is answered; a settled debt is struck out, and a file without debts is emptied. Many writers
// share one flush. Every line has a checksum: a line that was cut off at the end of the file was never relied upon and is dropped, one
// that was changed is counted, kept aside and told of.
package debts
