package main

import (
	"testing"
	"time"
)

func TestManyRoutesTable(t *testing.T) {
	table, err := manyRoutesTable(200, 20, 5) // checks itself that the right one fires
	if err != nil {
		t.Fatal(err)
	}
	if took := table.perDecision(time.Millisecond); took <= 0 || took > 1e6 {
		t.Errorf("%v us a decision", took)
	}
}
