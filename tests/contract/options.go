package contract

import "time"

// Options are what a server is made with. The zero value is a working server with the credentials that Credentials tells.
// Where a product has no use for an option, it ignores it.
type Options struct {
	// Now is the clock of the product; time.Now when nil.
	Now func() time.Time
	// User, Password and Token are the credentials that the server accepts; each has a default.
	User, Password, Token string
	// Site is mixed into ids that look random, so that two servers of one product give different ones.
	Site string
	// First is the first number that ids are made from; each product has its own default.
	First int64
	// SearchLag is how long an index trails behind the store: records changed less than this ago are missing from searches
	// (Jira: JQL; GitHub: /search; Freshdesk: /search; Zendesk: /search). Reads by id and plain lists do not lag.
	SearchLag time.Duration
	// Limit is how many calls are let through per Window (a minute when 0); 0 is no limit. Zendesk, GitHub, Freshdesk.
	Limit  int
	Window time.Duration
	// MaxPage caps the page size where the product caps it silently (Jira 100, AR System 2000); 0 is the product's own.
	MaxPage int
	// RefuseUnknown makes products that silently ignore unknown or read-only members refuse them instead, in their own shape.
	// Not what the products do: it is a stricter test. ServiceNow, Zendesk, GitHub.
	RefuseUnknown bool

	ARSystem   ARSystemOptions
	ServiceNow ServiceNowOptions
	Jira       JiraOptions
	Zendesk    ZendeskOptions
	GitHub     GitHubOptions
	Freshdesk  FreshdeskOptions
}

// ARSystemOptions are the switches of AR System.
type ARSystemOptions struct {
	// TokenLife is how long a token of the login is good; an hour when 0.
	TokenLife time.Duration
	// RequestedBy demands X-Requested-By: XMLHttpRequest, as newer versions do.
	RequestedBy bool
	// Forms are the forms by name; a form for requests, one for their worklog and a join of both when nil (see DefaultForms).
	Forms map[string]Form
	// ResetOmitted makes an update empty every field that it does not name. Documented only as "as appropriate for the endpoint".
	ResetOmitted bool
	// LooseTimes lets qualifications hold times with a colon in the offset or Z. Which notations are let through is not confirmed.
	LooseTimes bool
}

// ServiceNowOptions are the switches of ServiceNow.
type ServiceNowOptions struct {
	// Tables are the tables with the columns that they have beside the usual ones; incident and its journal when nil.
	Tables map[string][]string
	// InvalidQueryEmpty makes a query with an invalid part find nothing, as an instance can be told to, instead of ignoring it.
	InvalidQueryEmpty bool
}

// JiraOptions are the switches of Jira.
type JiraOptions struct {
	// Project is the key of the one project; ABC when empty.
	Project string
	// Zone is the time zone of the user, in which JQL is read; UTC when nil. That it is the user's zone is not confirmed.
	Zone *time.Location
	// CustomFields are text fields by id (customfield_10010) with their names; one of that id named External ID when nil.
	CustomFields map[string]string
	// TokenSearch takes away /search and leaves /search/jql with its nextPageToken, as Cloud has announced; not confirmed.
	TokenSearch bool
}

// ZendeskOptions are the switches of Zendesk.
type ZendeskOptions struct {
	// NoSkips makes ids follow each other without a gap.
	NoSkips bool
	// AsyncAfter is how long a ticket made with async=true cannot be read yet; a second when 0.
	AsyncAfter time.Duration
}

// GitHubOptions are the switches of GitHub.
type GitHubOptions struct {
	// Owner and Repo name the one repository; meridian and requests when empty.
	Owner, Repo string
	// Private makes calls without credentials get 404 in place of 401, as for a private repository.
	Private bool
	// PullEvery makes a pull request, which takes a number and shows up in lists, before every so-many-th issue; 4 when 0, none
	// when negative.
	PullEvery int
	// Users are the logins that issues can be assigned to; octocat and the own one when nil. Others are dropped silently.
	Users []string
}

// FreshdeskOptions are the switches of Freshdesk.
type FreshdeskOptions struct {
	// CustomFields are the custom fields with their types, string or integer; cf_external_id, a string, when nil.
	CustomFields map[string]string
	// DeletedGone makes a read of a deleted ticket answer 404 in place of the ticket with deleted: true; not confirmed either way.
	DeletedGone bool
	// HTML wraps a description without markup in a div, as the product's own editor does; not confirmed for the API.
	HTML bool
}

// Credentials are what a server accepts.
type Credentials struct {
	User, Password, Token string
}

// filled returns the options with the defaults that all products share.
func (o Options) filled() Options {
	if o.Now == nil {
		o.Now = time.Now
	}
	o.User = orElse(o.User, "meridian@example.com")
	o.Password = orElse(o.Password, "contract-password")
	o.Token = orElse(o.Token, "contract-token")
	if o.Window == 0 {
		o.Window = time.Minute
	}
	return o
}

// orElse is v, or d when v is the zero value.
func orElse[T comparable](v, d T) T {
	var zero T
	if v == zero {
		return d
	}
	return v
}
