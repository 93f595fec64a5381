package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/routing"
)

const (
	manyRoutes   = 10_000
	routesTarget = 10 // microseconds
)

// routeTable is a table of many routes with an event for it.
type routeTable struct {
	name  string
	table *routing.Table
	in    routing.Input
	fires int // routes that must fire, so that a table that decides nothing cannot look fast
	took  []float64
}

// measureRoutes times routing.Decide on tables of 10,000 routes, in this process.
func measureRoutes(ctx context.Context, b *bench) error {
	var tables []*routeTable
	for _, shape := range []struct {
		name               string
		values, general, n int
	}{
		{"a value of its own for each", manyRoutes, 0, manyRoutes},
		{"ten to a value", manyRoutes / 10, 0, manyRoutes},
		{"ten to a value, and 20 that no index helps", manyRoutes / 10, 20, manyRoutes - 20},
	} {
		began := time.Now()
		t, err := manyRoutesTable(shape.n, shape.values, shape.general)
		if err != nil {
			return err
		}
		t.name = shape.name
		b.report.add(figure{Part: "routes", Name: "to compile 10,000 routes", System: t.name, Unit: "s"}, []float64{time.Since(began).Seconds()}, nil)
		tables = append(tables, t)
	}
	for round := range b.turns(ctx) {
		for _, t := range rotated(tables, round) {
			t.took = append(t.took, t.perDecision(time.Duration(b.seconds/4*float64(time.Second))))
		}
	}
	for _, t := range tables {
		b.report.add(figure{Part: "routes", Name: "a decision among 10,000 routes", System: t.name, Unit: "us"}, t.took, below(routesTarget))
	}
	return nil
}

// perDecision decides for as long as told and returns microseconds a decision, the median over batches that are shorter than a
// scheduler's turn: on a machine with other work a mean would measure how often this process was put aside.
func (t *routeTable) perDecision(d time.Duration) float64 {
	const batch = 32 // so that reading the clock is not what is measured
	var took []float64
	for began := time.Now(); len(took) == 0 || time.Since(began) < d; {
		from := time.Now()
		for range batch {
			t.table.Decide(t.in)
		}
		took = append(took, float64(time.Since(from).Nanoseconds())/1000/batch)
	}
	return median(took)
}

// manyRoutesTable compiles n routes whose first condition is equality with one of so many values, and some whose conditions have
// no equality, and an event of one KB that fires one of the former. It checks that it does.
func manyRoutesTable(n, values, general int) (*routeTable, error) {
	sites := []request.Site{"site-a", "site-b", "site-c"}
	copies := &routing.Action{To: sites[1:]}
	var routes []routing.Route
	for i := range n {
		// Of the routes that share a value, one lets the priority through.
		routes = append(routes, routing.Route{
			Name: fmt.Sprint("route-", i), Collection: "tickets", On: []routing.Event{routing.Create},
			When: fmt.Sprintf("category == %q && priority == %d", category(i%values), i/values+1), Copy: copies,
		})
	}
	for i := range general {
		routes = append(routes, routing.Route{
			Name: fmt.Sprint("general-", i), Collection: "tickets", On: []routing.Event{routing.Create},
			When: fmt.Sprintf("priority > %d", 100+i), Copy: copies,
		})
	}
	table, problems := routing.Compile(routes, sites)
	if len(problems) > 0 {
		return nil, fmt.Errorf("route %d: %s: %s", problems[0].Route, problems[0].Path, problems[0].Message)
	}
	var fields request.Fields
	body := padded(fmt.Appendf(nil, `{"category":%q,"priority":1,"status":"open"`, category(values/2)), pageSize)
	if err := json.Unmarshal(body, &fields); err != nil {
		return nil, err
	}
	t := &routeTable{table: table, fires: 1, in: routing.Input{
		Event: routing.Create, Collection: "tickets", Site: sites[0], Owner: sites[0], Origin: sites[0], New: fields, Now: time.Now(),
	}}
	if d := table.Decide(t.in); len(d.Copies) != t.fires || len(d.Errors) > 0 {
		return nil, fmt.Errorf("%d routes fired with %v, want %d", len(d.Copies), d.Errors, t.fires)
	}
	return t, nil
}

func category(i int) string { return fmt.Sprint("category-", i) }
