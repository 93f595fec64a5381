package gateway

import (
	"context"
	"net/http"
	"time"

	"github.com/meridian-gateway/meridian/request"
)

// Configurer tells which network file is in force.
type Configurer interface {
	Config(ctx context.Context) ConfigView
}

// ConfigView is the network file in force at a gateway, what became of the one on disk, and which file the other sites have.
type ConfigView struct {
	Path string `json:"path"`
	Hash string `json:"hash"`
	// Taken is when the file in force was taken: at the start, or by a change of it.
	Taken time.Time `json:"taken"`
	// Text is the file as it is in force, as YAML, with everything masked that is or may be a secret.
	Text string `json:"text"`
	// Refused says why the file on disk was not taken, Pending that it is good and waits for a restart; nil when it is in force.
	Refused *ConfigRefused `json:"refused,omitempty"`
	Pending *ConfigPending `json:"pending,omitempty"`
	// Last is the last change that was taken since the start.
	Last     *ConfigChange  `json:"last_change,omitempty"`
	Sites    []ConfigAtSite `json:"sites"`
	Warnings []string       `json:"warnings"`
}

// ConfigRefused is a network file with faults.
type ConfigRefused struct {
	At     time.Time `json:"at"`
	Faults []string  `json:"faults"`
}

// ConfigPending is a network file that a running gateway cannot take.
type ConfigPending struct {
	At           time.Time    `json:"at"`
	Hash         string       `json:"hash"`
	Diff         []ConfigDiff `json:"diff"`
	NeedsRestart []string     `json:"needs_restart"`
}

// ConfigChange is a change of the network file that was taken.
type ConfigChange struct {
	At   time.Time    `json:"at"`
	From string       `json:"from"` // hash
	To   string       `json:"to"`
	Diff []ConfigDiff `json:"diff"`
}

// ConfigDiff is one key that differs; Kind is added, removed, changed or moved.
type ConfigDiff struct {
	What string `json:"what"`
	Kind string `json:"kind"`
	Was  string `json:"was,omitempty"`
	Is   string `json:"is,omitempty"`
}

// ConfigAtSite is the network file of a site, as its gateway told it last.
type ConfigAtSite struct {
	Site request.Site `json:"site"`
	Hash string       `json:"hash,omitempty"` // "" for one that was never heard
	// Same is nil where nothing was heard. Heard is when it told its hash last, Since when it told this one first.
	Same  *bool      `json:"same"`
	Heard *time.Time `json:"heard,omitempty"`
	Since *time.Time `json:"since,omitempty"`
}

func (a *admin) config(w http.ResponseWriter, r *http.Request) {
	writeJSON(w, r, http.StatusOK, "application/json", a.Configurer.Config(r.Context()))
}
