package gateway

import (
	"math"
	"time"
)

// Forecast is what becomes of the deliveries to one destination if things go on as in the last minutes. docs/metrics.md describes the model.
type Forecast struct {
	// Owed is how many are owed now, without parked ones; In is how many come to be owed in a second, Out how many are delivered, over Window
	// seconds.
	Owed   int     `json:"owed"`
	In     float64 `json:"in_per_second"`
	Out    float64 `json:"out_per_second"`
	Window float64 `json:"window_seconds"`
	// Trend is growing, shrinking or steady.
	Trend string `json:"trend"`
	// Limit is the time until the oldest is as old as the lag limit: 0 when it is, nil when it will not be.
	Limit *float64 `json:"limit_in_seconds"`
	// Hour is how many will be owed in an hour.
	Hour int `json:"owed_in_an_hour"`
	// Best is the fastest that deliveries were made since the gateway was started. CatchUp is how long the destination, while it is down, will
	// take to get what will be owed in an hour, when it comes back then; nil when it is not down, or that is not known, or it never will.
	Best    float64  `json:"best_per_second"`
	CatchUp *float64 `json:"catch_up_seconds"`
}

// Course is what a forecast is made of.
type Course struct {
	Owed          int
	In, Out, Best float64 // in a second
	Window        time.Duration
	Oldest, Limit time.Duration // age of the oldest delivery, and the lag limit
	Down          bool
}

// The trends.
const (
	Growing   = "growing"
	Shrinking = "shrinking"
	Steady    = "steady"
)

// horizon is how far a forecast looks.
const horizon = time.Hour

// Foresee makes a forecast.
func Foresee(c Course) *Forecast {
	f := &Forecast{Owed: c.Owed, In: c.In, Out: c.Out, Window: c.Window.Seconds(), Best: c.Best, Trend: Steady}
	// Less than a delivery a minute, or a tenth of what comes, is no trend.
	switch net := c.In - c.Out; {
	case math.Abs(net) < max(1.0/60, c.In/10):
	case net > 0:
		f.Trend = Growing
	case c.Owed > 0:
		f.Trend = Shrinking
	}
	f.Hour = max(0, int(math.Round(float64(c.Owed)+(c.In-c.Out)*horizon.Seconds())))
	f.Limit = c.untilLimit()
	if c.Down && c.Best > c.In {
		t := float64(f.Hour) / (c.Best - c.In)
		f.CatchUp = &t
	}
	return f
}

// untilLimit is when the oldest passes the limit. They are delivered in turn, the oldest first, so that the age of the oldest grows by
// 1-out/in in a second, and by a second in a second where nothing is delivered.
func (c Course) untilLimit() *float64 {
	if c.Owed == 0 {
		return nil
	}
	left := (c.Limit - c.Oldest).Seconds()
	if left <= 0 {
		return new(float64)
	}
	grows := 1.0
	if c.Out > 0 && !c.Down {
		if c.In <= c.Out {
			return nil
		}
		grows = 1 - c.Out/c.In
	}
	t := left / grows
	return &t
}
