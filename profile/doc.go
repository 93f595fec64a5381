// Package profile describes how a site's request API speaks: which calls are writes of which collection, what is in their
// bodies, how the gateway's own calls look, and what the answers mean.
//
// Everything here is a pure function of a compiled [Profile] and its arguments: no socket, no clock, no state. A [Spec] is what
// the network file says; [Compile] checks it and makes the Profile.
//
// A record is what the API stores, in the site's own shape. Its canonical form is [request.Fields], the same in the whole
// network. Three kinds of members have no canonical form: those that the API makes (read-only), those that belong to the site
// (local, drop), and those that the gateway writes (the external id and the stamps, together [Marks]).
//
// Some calls cannot be made without the record as it is ([Current]): where the API only replaces whole records, takes JSON patches, or
// wants the version that is to be changed. Children of a record are in a collection of their own, whose calls need the parent's id
// ([Collection.Under]). Lists are walked page by page ([Pages]), and end only where the API shows that they do.
package profile
