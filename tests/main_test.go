// Package tests holds the black-box tests: real gateway processes, real request APIs, real Redis, faults and bad inputs.
package tests

import (
	"fmt"
	"os"
	"sync/atomic"
	"testing"

	"github.com/meridian-gateway/meridian/tests/harness"
)

func TestMain(m *testing.M) {
	code := m.Run()
	harness.Tidy()
	os.Exit(code)
}

var subjects atomic.Int64

// subject is a name that no other record of the tests has.
func subject(what string) string { return fmt.Sprintf("%s %d", what, subjects.Add(1)) }

// ticket is the body of a create.
func ticket(subject, more string) string {
	if more != "" {
		more = "," + more
	}
	return fmt.Sprintf(`{"subject":%q,"status":"open"%s}`, subject, more)
}

// everywhere copies every request to all sites.
const everywhere = `- {name: everywhere, on: [create], copy: {to: all}}
`

// chairs is the furniture company's first rule.
const chairs = `- name: chairs-to-chicago
  collection: tickets
  on: [create, update]
  at: [san-francisco]
  when: category == "chair"
  transfer: {to: chicago}
`
