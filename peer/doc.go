// Package peer is gateway-to-gateway traffic, both ends of it: the [Client] that calls other sites' gateways and the handler
// of [NewServer] that answers them.
//
// # The wire
//
// Every call is a POST of JSON under /peer/v1/:
//
//	hello      who are you, what time is it, is your upstream there     -> Greeting
//	write      a client's write, forwarded to the owner of the request  -> Reply
//	deliver    up to 64 snapshots, one JSON text a line                 -> one Ack a line, as each is applied
//	resolve    the global id behind a site's local id                   -> ID
//	operation  the outcome of one write                                 -> Op
//	holders    who has confirmed which version                          -> Deliveries
//	handover   the owner releases a request to the site that is called  -> Verdict
//	digest     what the ledger says of the asker's copies here          -> Digests
//	audit      compares their records with the ledger                   -> Audited
//	order      an operator's transfer or return, passed to the owner    -> Standing
//
// The body is an envelope with "v" (1; anything else is refused), "network", "from" and "config", the hash of the sender's
// network file; members that a receiver does not know are ignored. A failure is a problem+json text whose "kind" is a
// [request.ErrKind]. That of a site that does not own the request (not-yet) may name the "owner" it believes in and the "epoch"
// in which that reigns, "3@rome"; a client forgets a name that is none of the network's, or not the epoch's.
//
// # Trust
//
// With a shared key, a call is signed with HMAC-SHA256 over method, path, network, sender, addressee, time, nonce and the
// digest of the body; an answer over status, addressee, sender, time, the nonce of its call and the digest of its body. Acks
// are signed one by one with their place in the stream, so that those received before a broken connection can be believed, and
// a signed last line says that no more will come. A call is valid for a minute and once. An answer that does not verify is
// no answer. With mutual TLS, the certificate of either side must name its site.
//
// A site speaks only for itself: a snapshot that it did not author, a write that it does not pass on, or a request that it hands
// over out of another's reign, or to another site than the one it calls, is refused whatever the signature says. So is a hand-over that
// skips an epoch. Of an answer to a hand-over, a durable word (accepted, declined, overtaken) counts only for the epoch asked about.
//
// # Failures
//
// A call fails as one of three things: certainly never sent (Kind NotSent, or OwnerUnreachable when the breaker is open),
// answered (the kind that the peer gave), or unknown (Doubtful). Every call can be repeated without harm: writes by their
// operation id, snapshots by their version, hand-overs by their epoch. There is one circuit breaker and one connection pool for
// each destination. A site that answers that ownership is just moving (handing-over) is in order: it is asked again a moment later.
package peer
