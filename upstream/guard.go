package upstream

import "context"

type guardKey struct{}

// WithGuard makes a context whose calls ask before they go out: guard is called after a call has waited for its turn, right before
// its first byte would leave. An error of guard is that of the call, with Kind NotSent.
func WithGuard(ctx context.Context, guard func(context.Context) error) context.Context {
	return context.WithValue(ctx, guardKey{}, guard)
}

// guarded asks the guard of a context, if it has one.
func guarded(ctx context.Context) error {
	if guard, ok := ctx.Value(guardKey{}).(func(context.Context) error); ok {
		return guard(ctx)
	}
	return nil
}
