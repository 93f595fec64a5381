package replicate

import (
	"context"

	"github.com/meridian-gateway/meridian/profile"
	"github.com/meridian-gateway/meridian/request"
)

// weigh finds out what is to be known of the bytes of a child that is a file.
func (g *Engine) weigh(ctx context.Context, cc *profile.Collection, c *request.Child, record []byte) error {
	return nil
}

// upload makes a child that is a file, with its bytes from the owner.
func (g *Engine) upload(ctx context.Context, cc *profile.Collection, e request.Entry, c request.Child) (request.Answer, profile.Verdict, error) {
	return request.Answer{}, "", &request.Error{Op: "replicate.upload", Kind: request.Invalid, Detail: "this site cannot take files"}
}
