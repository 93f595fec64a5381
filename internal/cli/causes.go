package cli

import (
	"regexp"
	"strings"
)

// outer are the parts of an error that tell programmers where it arose: the operation, the kind, the call.
var outer = regexp.MustCompile(`^(?:nothing was sent: breaker open since [^ ]+: |breaker open since [^ ]+: |[a-z]+\.[A-Z][A-Za-z]* [^:]*: |[a-z]+-[a-z]+: |(?:unavailable|internal|busy|doubtful): |(?:Get|Post|Put|Patch|Delete|Head) "[^"]*": )+`)

// dialed is a connection that did not come to be.
var dialed = regexp.MustCompile(`(?:dial|read|write) tcp(?: (?:[^ ]+->)?([^ ]+))?: (?:connect: )?(.*)`)

// inWords is the cause of a failed call as an operator would say it; what is not known stays as it is.
func inWords(cause string) string {
	text := outer.ReplaceAllString(cause, "")
	m := dialed.FindStringSubmatchIndex(text)
	if m == nil {
		if strings.Contains(text, "deadline exceeded") || strings.Contains(text, "Client.Timeout") {
			return "no answer in time (" + text + ")"
		}
		return text
	}
	before, at, why := text[:m[0]], "", text[m[4]:m[5]]
	if m[2] >= 0 { // a name that was not found has no address
		at = text[m[2]:m[3]]
	}
	says := func(words string) string { return before + words }
	switch {
	case strings.HasPrefix(why, "connection refused"):
		return says("nothing listens at " + at + " (connection refused)")
	case strings.Contains(why, "no such host"):
		host := strings.TrimPrefix(why, "lookup ")
		host, _, _ = strings.Cut(host, ":")
		host, _, _ = strings.Cut(host, " ")
		return says("the name " + host + " is not known here (DNS)")
	case strings.Contains(why, "i/o timeout"):
		return says("no answer from " + at + " in time; is the line up, and does a firewall let this through?")
	case strings.Contains(why, "no route to host"), strings.Contains(why, "network is unreachable"):
		return says("there is no way to " + at + " (" + why + ")")
	case strings.Contains(why, "connection reset"):
		return says(at + " broke off the connection; does something else answer there, or is TLS expected?")
	}
	return text
}
