package routing

import (
	"fmt"
	"testing"

	"github.com/meridian-gateway/meridian/request"
)

// tenThousand are routes on four fields, of which some cannot be indexed and some share the value that the record has.
func tenThousand(unindexed, same int) []Route {
	routes := make([]Route, 0, 10_000)
	for i := range 10_000 {
		r := Route{Name: fmt.Sprintf("r%d", i), Collection: "tickets", On: []Event{Create, Update}, Copy: to("chicago")}
		switch {
		case i < unindexed:
			r.When = fmt.Sprintf(`priority > %d && changed("status")`, 100+i)
		case i < unindexed+same:
			r.When = fmt.Sprintf(`customer == "acme" && priority == %d`, 100+i)
		default:
			field := []string{"customer", "category", "product", "assignee"}[i%4]
			r.When = fmt.Sprintf(`%s == "v%d" && status in ["open", "new"] && priority >= 2`, field, i)
		}
		routes = append(routes, r)
	}
	routes[9_999].When = `product == "hit" && status == "open" && priority >= 2`
	return routes
}

func benchInput(b *testing.B) Input {
	f := fields(b, `{"subject":"The left leg is loose","description":"It wobbles","status":"open","priority":3,"category":"chair",
		"customer":"acme","product":"hit","assignee":"mary","created_at":"2026-03-04T11:00:00Z","location":{"floor":3,"room":"3.14"},
		"tags":["a","b","c"],"phone":"123","mail":"a@example.org","x1":1,"x2":2,"x3":3,"x4":4}`)
	return Input{Event: Update, Collection: "tickets", Site: "san-francisco", Owner: "san-francisco", Old: f, New: f.With("status", []byte(`"new"`)).With("status", []byte(`"open"`)), Now: noon}
}

func BenchmarkDecide10k(b *testing.B) {
	for _, c := range []struct {
		name            string
		unindexed, same int
	}{{"selective", 0, 0}, {"unindexed20", 20, 0}, {"same10", 0, 10}} {
		b.Run(c.name, func(b *testing.B) {
			table, problems := Compile(tenThousand(c.unindexed, c.same), []request.Site{"chicago", "san-francisco"})
			if len(problems) > 0 {
				b.Fatal(problems[0])
			}
			in := benchInput(b)
			b.ReportAllocs()
			for b.Loop() {
				if d := table.Decide(in); len(d.Fired) != 1 || len(d.Errors) > 0 {
					b.Fatal(d)
				}
			}
		})
	}
}

func BenchmarkCompile10k(b *testing.B) {
	routes := tenThousand(20, 10)
	b.ReportAllocs()
	for b.Loop() {
		if _, problems := Compile(routes, []request.Site{"chicago", "san-francisco"}); len(problems) > 0 {
			b.Fatal(problems[0])
		}
	}
}
