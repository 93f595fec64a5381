package gateway

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/meridian-gateway/meridian/request"
)

// kinds is the one table from kinds of errors to what clients see. docs/problems.md is made from it (ProblemsPage).
func kinds() []kind {
	const soon = time.Second
	return []kind{
		{request.Invalid, 400, "The call is wrong",
			"The gateway could not take the call as it is: its path, id, headers or JSON.", "Correct the call; the same call will be refused again.", 0},
		{unauthorized, 401, "No valid token",
			"The admin API wants its token.", "Send it as Authorization: Bearer TOKEN.", 0},
		{request.Forbidden, 403, "Not allowed",
			"The call came from where it may not come from, or spoke for a site that is not its sender's.", "Call from the address or host that is allowed.", 0},
		{request.NotFound, 404, "Not found",
			"Nothing is known under this name.", "Check the id; one of another site is written SITE:ID.", 0},
		{badMethod, 405, "Method not allowed",
			"This method is not taken here.", "Use one of the methods that the API describes.", 0},
		{slowBody, 408, "The body came too slowly",
			"The body had not arrived when the time for it was over. Nothing was done.", "Send the call again on a faster connection.", 0},
		{request.Conflict, 409, "Refused by a rule",
			"A rule of the network refuses this write at this site. Nothing was done.", "Write at the owner's site, which Meridian-Owner names.", 0},
		{request.KeyBusy, 409, "Idempotency-Key in use",
			"A call with the same Idempotency-Key is still being worked on.", "Repeat the same call with the same key later; it gets the first one's answer.", soon},
		{request.Gone, 410, "Deleted",
			"The request was deleted, in the version that Meridian-Version names.", "Do not ask for it again.", 0},
		{request.Precondition, 412, "Another version",
			"The request is not at a version that If-Match names. Nothing was done.", "Read it, look at what has changed, and write with the ETag just read.", 0},
		{request.TooLarge, 413, "Too large",
			"The body of a call that the gateway must read is over its limit.", "Send less, or have limits.body raised.", 0},
		{unsupported, 415, "Not a JSON body",
			"Intercepted calls carry one JSON object in UTF-8, without Content-Encoding.", "Send Content-Type: application/json and the body as it is.", 0},
		{misdirected, 421, "Not this host",
			"This gateway does not answer under the host named by the call, or the call names two hosts.", "Use one of its own names.", 0},
		{request.Reserved, 422, "A field of the gateway's",
			"The call sets a field that belongs to the gateway, such as a stamp or the external id.", "Leave the field out.", 0},
		{request.KeyReused, 422, "Idempotency-Key used before",
			"The Idempotency-Key came with another call before.", "Use a new key for a new call.", 0},
		{tooMany, 429, "Too many calls",
			"This client has more writes under way, or sends them faster, than one client may.", "Wait and repeat the call.", soon},
		{bigHeader, 431, "Too many headers",
			"The call has more header fields than the gateway takes.", "Send fewer.", 0},
		{request.ClientGone, 499, "The client went away",
			"The client closed the connection before it was answered.", "Repeat the call, with an Idempotency-Key if it writes.", 0},
		{request.Internal, 500, "An error of the gateway",
			"The gateway ran into an error of its own.", "Tell its operators; its log has the cause.", 0},
		{notSupported, 501, "Unknown method",
			"The method is not one that HTTP knows in this spelling.", "Methods are written in upper case.", 0},
		{badGateway, 502, "The request API does not answer",
			"The request API of this site could not be reached, or broke off.", "Repeat the call when the API is back.", soon},
		{request.NotSent, 502, "The request API cannot be reached",
			"The call could not be sent to the request API of this site. Nothing was done.", "Repeat the call when the API is back.", soon},
		{request.Busy, 503, "Another write is under way",
			"Another write of the same request was not finished in time. Nothing was done.", "Repeat the call.", soon},
		{request.NotYet, 503, "Not here yet",
			"The version asked for, or the record itself, has not arrived at this site. Nothing was done.", "Repeat the call in a moment, or ask at the owner's site.", soon},
		{request.HandingOver, 503, "Ownership is moving",
			"Another site is just becoming the owner of the request, and had not taken over in the time a write can wait. Nothing was done.",
			"Repeat the call in a moment, with the same Idempotency-Key if it has one; it is then made at the new owner.", soon},
		{request.OwnerUnreachable, 503, "The owner cannot be reached",
			"The site that owns the request cannot be reached, and a rule says not to write without it. Nothing was done.", "Repeat the call later.", 5 * soon},
		{request.NoContent, 503, "The file did not arrive",
			"The bytes of the file did not arrive at the site that owns the request. Nothing was done.", "Repeat the call.", soon},
		{request.Unavailable, 503, "Unavailable",
			"The request API, or a part of the gateway, cannot do this now. Nothing was done.", "Repeat the call later.", soon},
		{request.StoreDown, 503, "The gateway's store does not answer",
			"The gateway cannot make the write durable. Nothing was done. With store_down: pass writes go on while the store is away, but for those of which " +
				"only the store knows what they would do.", "Repeat the call later.", 2 * soon},
		{request.Rejoining, 503, "The gateway's store is being rebuilt",
			"The store of this site was lost or set back, and what it held is being put together again from the gateways' journals, the other sites " +
				"and the request API. Nothing was done.", "Repeat the call later; reads are answered meanwhile.", 2 * soon},
		{request.Doubtful, 504, "Outcome unknown",
			"The write may or may not have happened; the gateway could not find out yet.",
			"Follow Meridian-Operation. Do not send the write again without the same Idempotency-Key.", 0},
		{request.Loop, 508, "A circle of gateways",
			"The call has passed this gateway before.", "Have the upstream addresses of the gateways corrected.", 0},
	}
}

// markdown is the description of one kind.
func (k kind) markdown() string {
	status := fmt.Sprint(k.status)
	if t := http.StatusText(k.status); t != "" {
		status += " " + t
	}
	return fmt.Sprintf("## %s\n\nStatus %s. %s\n\n%s %s\n", k.kind, status, k.title+".", k.what, k.do)
}

// ProblemsPage is docs/problems.md.
func ProblemsPage() string {
	var b strings.Builder
	b.WriteString("# Problems\n\nErrors that the gateway itself makes are `application/problem+json` (RFC 9457). The last part of their `type`,\n" +
		"`/.meridian/problems/KIND`, is one of the names below, and the gateway serves this text at that path. Errors of the request\n" +
		"API pass through as they are. A 503 always means that nothing was done and carries `Retry-After`.\n")
	for _, k := range kinds() {
		b.WriteString("\n" + k.markdown())
	}
	return b.String()
}
