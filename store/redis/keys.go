package redis

import (
	"fmt"
	"hash/fnv"
	"net/url"
	"strings"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

// partitions is how many slots of a cluster one site's store is spread over. It can never change for a store that exists.
const partitions = 32

// keyspace makes the names of all keys of one site. The scripts make those of their own partition in the same way.
type keyspace struct{ prefix string }

// newKeyspace escapes the names, so that no name can look like another one's key or hide the hash tag.
func newKeyspace(id store.Identity) keyspace {
	return keyspace{url.QueryEscape(id.Network) + ":" + url.QueryEscape(string(id.Site))}
}

// partition is that of a request's id, a link's name or a note's key.
func partition(name string) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(name)) // never fails
	return int(h.Sum32() % partitions)
}

// tag begins every key of a partition; what is in braces decides the slot.
func (k keyspace) tag(p int) string { return fmt.Sprintf("{%s:p%02d}", k.prefix, p) }

// identity holds whose store it is.
func (k keyspace) identity() string { return "{" + k.prefix + "}:identity" }

// life holds the life of the store (on a cluster each partition has its own beside it), journals the journals of its gateways, and
// rescue what they agree upon while they put back what it lost.
func (k keyspace) life() string              { return "{" + k.prefix + "}:life" }
func (k keyspace) journals() string          { return "{" + k.prefix + "}:journals" }
func (k keyspace) rescue(what string) string { return "{" + k.prefix + "}:rescue:" + what }

// tagOf is the tag with which a key begins.
func tagOf(key string) string {
	if i := strings.IndexByte(key, '}'); i >= 0 {
		return key[:i+1]
	}
	return ""
}

// request is the hash of one request: rev, tx (its last transaction), e (the entry), open ("open" while it is unsettled),
// h:SITE (a holder's row), l:SITE (its lease, "" for none), n:NAME (a link's nonce).
func (k keyspace) request(id request.ID) string {
	return k.tag(partition(string(id))) + ":r:" + string(id)
}

// ids and open are the sets, ordered by id, of all requests of a partition and of those that are unsettled.
func (k keyspace) ids(p int) string  { return k.tag(p) + ":ids" }
func (k keyspace) open(p int) string { return k.tag(p) + ":open" }

// since is the set of deliveries to a site by when the site fell behind, behind the same by id. The scripts alone know due:SITE and
// due:SITE\nPOOL, the deliveries by when they may be claimed, one set for each pool, and pools:SITE, the names of these pools.
func (k keyspace) since(p int, site request.Site) string { return k.tag(p) + ":since:" + string(site) }
func (k keyspace) behind(p int, site request.Site) string {
	return k.tag(p) + ":behind:" + string(site)
}

// count is the hash of numbers of deliveries that are not delivered, by "SITE\nSTATE". Only sums over all partitions mean
// something: one script counts for all that it touches.
func (k keyspace) count(p int) string { return k.tag(p) + ":count" }

// candidates is the set of requests that may go by a name, the newest with the highest score.
func (k keyspace) candidates(name string) string { return k.tag(partition(name)) + ":n:" + name }

// key and operation are the notes.
func (k keyspace) key(hash string) string     { return k.tag(partition(hash)) + ":k:" + hash }
func (k keyspace) operation(id string) string { return k.tag(partition(id)) + ":o:" + id }

// linkName is the name of a link. No part can hold a zero byte and be a name in an API.
func linkName(collection string, l store.Link) string {
	return strings.Join([]string{collection, string(l.Site), l.Local}, "\x00")
}
