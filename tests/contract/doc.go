// Package contract holds strict stand-ins for the request APIs of six hosted products: AR System, ServiceNow, Jira, Zendesk,
// GitHub issues and Freshdesk. Each follows the contract that the vendor publishes (shapes of calls and answers, statuses,
// refusals, traps of its lists), so that a profile which works here can be expected to speak to the product.
//
// The rule of the package: what the product refuses is refused here, and what the product silently ignores is ignored here but
// told in Call.Ignored, so that a test can demand that nothing was sent in vain. Comments mark what a vendor's documentation says
// as "documented" where it matters, and what is only general knowledge as "not confirmed"; the latter is either tolerant or has
// a switch in Options, and no test should hang on it alone.
//
// A server is an http.Handler:
//
//	jira := contract.NewJira(contract.Options{})
//	web := httptest.NewServer(jira)
//	… call web.URL + "/rest/api/2/issue" with jira.Credentials() …
//	jira.Records()                                     // the truth, past the API
//	jira.DropAnswer("POST /rest/api/2/issue", 1)       // the next create is done, its answer is lost
//	jira.Calls()                                       // what arrived and what was said
//
// State is in memory. A call is done as a whole or not at all, one after the other.
package contract
