package configs

import "go.yaml.in/yaml/v3"

// fileSpec is the network file as it is written. Names are the contract of the specification, appendix A. Everything is text here:
// build gives it its meaning, so that what is wrong is said in the words of the file.
type fileSpec struct {
	Network  string               `yaml:"network"`
	Security securitySpec         `yaml:"security"`
	Limits   limitsSpec           `yaml:"limits"`
	Tracing  tracingSpec          `yaml:"tracing"`
	Defaults defaultsSpec         `yaml:"defaults"`
	Profiles map[string]yaml.Node `yaml:"profiles"`
	Sites    map[string]siteSpec  `yaml:"sites"`
	Gone     []string             `yaml:"gone"`
	Pools    map[string]poolSpec  `yaml:"pools"`
	Routes   []routeSpec          `yaml:"routes"`
}

type securitySpec struct {
	PeerKey []string `yaml:"peer_key"`
	TLS     tlsSpec  `yaml:"tls"`
}

type tlsSpec struct {
	CA   string `yaml:"ca"`
	Cert string `yaml:"cert"`
	Key  string `yaml:"key"`
}

type limitsSpec struct {
	Body          string `yaml:"body"`
	Depth         int    `yaml:"depth"`
	Header        string `yaml:"header"`
	HeaderTimeout string `yaml:"header_timeout"`
	BodyTimeout   string `yaml:"body_timeout"`
	ClientRate    string `yaml:"client_rate"`
	ClientWrites  int    `yaml:"client_writes"`
	Connections   int    `yaml:"connections"`
}

type tracingSpec struct {
	Endpoint string            `yaml:"endpoint"`
	Sample   *float64          `yaml:"sample"`
	Headers  map[string]string `yaml:"headers"`
}

type defaultsSpec struct {
	Unreachable string `yaml:"unreachable"`
	Writes      string `yaml:"writes"`
	Update      string `yaml:"update"`
	OnDelete    string `yaml:"on_delete"`
	Drift       string `yaml:"drift"`
	StoreDown   string `yaml:"store_down"`
	LagLimit    string `yaml:"lag_limit"`
}

type siteSpec struct {
	Profile     string            `yaml:"profile"`
	Upstream    string            `yaml:"upstream"`
	Credentials credentialsSpec   `yaml:"credentials"`
	Listen      string            `yaml:"listen"`
	Hosts       []string          `yaml:"hosts"`
	TLS         siteTLSSpec       `yaml:"tls"`
	Peer        peerSpec          `yaml:"peer"`
	Admin       adminSpec         `yaml:"admin"`
	Store       string            `yaml:"store"`
	Journal     string            `yaml:"journal"`
	StoreDown   string            `yaml:"store_down"`
	Debts       string            `yaml:"debts"`
	Timezone    string            `yaml:"timezone"`
	Hours       map[string]string `yaml:"hours"`
	Holidays    []string          `yaml:"holidays"`
	// These are over the profile's.
	Timeout    string `yaml:"timeout"`
	Quiescence string `yaml:"quiescence"`
	Parallel   int    `yaml:"parallel"`
	Rate       string `yaml:"rate"`
}

type siteTLSSpec struct {
	Cert string `yaml:"cert"`
	Key  string `yaml:"key"`
}

type credentialsSpec struct {
	Basic   *basicSpec        `yaml:"basic"`
	Bearer  string            `yaml:"bearer"`
	Headers map[string]string `yaml:"headers"`
	// Login is a profile.LoginSpec, laid over that of the profile.
	Login yaml.Node `yaml:"login"`
}

type basicSpec struct {
	Username string `yaml:"username"`
	Password string `yaml:"password"`
}

type peerSpec struct {
	Listen string `yaml:"listen"`
	URL    string `yaml:"url"`
}

type adminSpec struct {
	Listen    string `yaml:"listen"`
	Token     string `yaml:"token"`
	ViewToken string `yaml:"view_token"`

	TLS siteTLSSpec `yaml:"tls"`
}

type poolSpec struct {
	Parallel int    `yaml:"parallel"`
	Rate     string `yaml:"rate"`
	Priority string `yaml:"priority"`
}

type routeSpec struct {
	Name       string        `yaml:"name"`
	Collection string        `yaml:"collection"`
	On         []string      `yaml:"on"`
	At         []string      `yaml:"at"`
	When       string        `yaml:"when"`
	Transfer   *actionSpec   `yaml:"transfer"`
	Copy       *actionSpec   `yaml:"copy"`
	Return     *returnSpec   `yaml:"return"`
	Archive    *archiveSpec  `yaml:"archive"`
	Delete     *deleteSpec   `yaml:"delete"`
	Schedule   *scheduleSpec `yaml:"schedule"`
}

// actionSpec is what a transfer or a copy says.
type actionSpec struct {
	To          []string `yaml:"to"`
	Mode        string   `yaml:"mode"`
	Forward     string   `yaml:"forward"`
	Unreachable string   `yaml:"unreachable"`
	Writes      string   `yaml:"writes"`
	Update      string   `yaml:"update"`
	Window      string   `yaml:"window"`
	Match       []string `yaml:"match"`
	Duplicate   string   `yaml:"duplicate"`
	OnDelete    string   `yaml:"on_delete"`
	Keep        []string `yaml:"keep"`
	Pool        string   `yaml:"pool"`
}

type archiveSpec struct {
	To   []string `yaml:"to"`
	Keep []string `yaml:"keep"`
	Pool string   `yaml:"pool"`
}

type returnSpec struct {
	Pool string `yaml:"pool"`
}

type deleteSpec struct {
	Copies string `yaml:"copies"`
}

type scheduleSpec struct {
	Cron         string `yaml:"cron"`
	In           string `yaml:"in"`
	At           string `yaml:"at"`
	Of           string `yaml:"of"`
	Every        string `yaml:"every"`
	CatchUp      string `yaml:"catch_up"`
	SkipHolidays bool   `yaml:"skip_holidays"`
}
