// Package upstream makes the calls of a gateway to its own site's request API.
//
// What matters to the caller of a write is whether it may have happened. The client therefore counts bytes: an error is
// request.NotSent only if none of the call has left on any connection, and after that it is request.Doubtful. A write is never
// repeated once a byte of it has left, neither here nor by net/http below.
package upstream
