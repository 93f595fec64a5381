package app

import (
	"context"

	"github.com/meridian-gateway/meridian/gateway"
	"github.com/meridian-gateway/meridian/replicate"
	"github.com/meridian-gateway/meridian/request"
)

// operator is the engine as the admin API speaks to it.
type operator struct{ *replicate.Engine }

// Settle ends a doubt.
func (o operator) Settle(ctx context.Context, id request.ID, how gateway.Settlement) error {
	switch {
	case how.Adopt != "":
		return o.Adopt(ctx, id, how.Adopt)
	case how.Retry:
		return o.Redo(ctx, id, how.Force)
	}
	return o.Abandon(ctx, id)
}
