// Package gateway holds the HTTP faces of a site's gateway.
//
// The client face ([New]) stands where clients expect the request API. What it has no business with passes through to the
// upstream byte for byte. Creates, updates and deletes of a described collection are intercepted: the call is checked,
// handed to the [Engine], and its result answered in the upstream's own shape with a receipt in headers. Reads of one record
// pass through with a receipt added. Paths below /.meridian/ are the gateway's own.
//
// The admin face ([NewAdmin]) is for operators and machines: health, metrics and the API behind the command line.
//
// What a call means is decided by the profile, what becomes of a request by the engine; this package only speaks HTTP. It
// answers its own errors as problem details (RFC 9457) out of one table, which is also docs/problems.md.
package gateway
