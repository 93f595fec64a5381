package main

import "context"

func measureRoutes(ctx context.Context, b *bench) error { return nil }
