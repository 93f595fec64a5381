package gateway

import (
	"math"

	"github.com/prometheus/client_golang/prometheus"
)

// foretold sets what is foreseen of one destination.
func (m *Metrics) foretold(d Destination) {
	site := string(d.Site)
	or := func(g *prometheus.GaugeVec, v *float64) {
		if v == nil {
			g.WithLabelValues(site).Set(math.NaN())
			return
		}
		g.WithLabelValues(site).Set(*v)
	}
	or(m.drain, d.Drain)
	if f := d.Forecast; f != nil {
		m.in.WithLabelValues(site).Set(f.In)
		m.out.WithLabelValues(site).Set(f.Out)
		m.hour.WithLabelValues(site).Set(float64(f.Hour))
		or(m.limit, f.Limit)
		or(m.catchUp, f.CatchUp)
	}
}
