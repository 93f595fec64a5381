// Package request holds the nouns of Meridian and the rules about them that need no I/O.
//
// # Glossary
//
// A request is one business record (a ticket, a work order) that people at several sites work on. Its name in the whole
// network is the global [ID]; every site that holds it knows it under a local id of its own request API, the site's
// upstream. One HTTP message is a [Call], never a request.
//
// Exactly one [Site] owns a request: its upstream takes every write first. The others that hold it have copies. The
// [Version] counts the writes, (epoch, sequence): the epoch grows when ownership moves and carries the owner's name, the
// sequence grows with each recorded write at the owner. Versions are compared left to right and a copy only moves forward.
//
// What a gateway remembers of a request is its [Entry] in the ledger. A [Delivery] is the obligation to bring one request at
// one other site to its newest version. It says that the site is behind, not what to send: the newest state is read when
// the delivery is sent, so a delivery that is late, lost or doubled does no harm.
//
// # The life of a request
//
// A client creates it at a gateway. Routes decide which site owns it. At the owner's gateway an [Intent] is made durable,
// the upstream is called, and one atomic commit records the version, the state, and the sites that are now behind. The
// client is answered. Workers bring each holder up to the newest state. Each later write takes the same way at the owner,
// wherever the client was. A delete is a version like any other, whose entry remains as a tombstone so that no late message
// brings the request back.
package request
