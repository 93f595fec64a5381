// Package upstream makes the calls of a gateway to its own site's request API.
//
// What matters to the caller of a write is whether it may have happened. The client therefore counts bytes: an error is
// request.NotSent only if none of the call has left on any connection, and after that it is request.Doubtful. A write is never
// repeated once a byte of it has left, neither here nor by net/http below, but for one case: the API answered that the token is no
// longer good, and so that it did nothing.
//
// The gateway's own calls carry the site's credentials. Where these are a [Login], one call at a time has a token, all others wait
// for it and share it, and it is renewed before its end. Own calls also keep to what the API asks for: how many at once, how many in
// a second, and none for as long as Retry-After or the headers of a rate limit say. Clients' calls know nothing of all this; they
// have credentials of their own.
//
// Secrets, which are passwords, tokens and whatever an answer to a login says, are in no error and in nothing that is printed.
package upstream
