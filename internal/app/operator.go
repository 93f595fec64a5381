package app

import (
	"context"

	"github.com/meridian-gateway/meridian/gateway"
	"github.com/meridian-gateway/meridian/replicate"
	"github.com/meridian-gateway/meridian/request"
)

// operator is the engine as the admin API speaks to it.
type operator struct{ *replicate.Engine }

// Settle ends a doubt. To do a write again is to count it as not done: a copy is then made again by its next delivery, and a
// client's write is the client's to repeat.
func (o operator) Settle(ctx context.Context, id request.ID, how gateway.Settlement) error {
	if how.Adopt != "" {
		return o.Adopt(ctx, id, how.Adopt)
	}
	return o.Abandon(ctx, id)
}
