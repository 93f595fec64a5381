package app

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/meridian-gateway/meridian/configs"
	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/spool"
)

// openFiles makes the place for files on their way, where the site's API has collections of files: beside its store, or in the
// directory for temporary files when the store is elsewhere. Nothing there must survive.
func (a *App) openFiles(n *configs.Network, site configs.Site) (*spool.Spool, error) {
	for _, c := range site.Profile.Collections {
		if !c.IsFile() {
			continue
		}
		if path, ok := strings.CutPrefix(site.Store, "file:"); ok {
			return spool.Open(path+".files", spool.Options{})
		}
		return spool.Open(filepath.Join(os.TempDir(), "meridian-"+n.Name+"-"+a.replica(site)), spool.Options{})
	}
	return nil, nil
}

// streams are the calls of an upstream with bodies of any size.
type streams struct{ *reach }

func (s streams) Stream(ctx context.Context, call request.Call, body io.Reader, size int64, own bool) (request.Stream, error) {
	ctx, call, span := s.traced(ctx, call)
	res, err := s.Client.Stream(ctx, call, body, size, own)
	span.End(err)
	if err != nil {
		return request.Stream{}, err
	}
	return request.Stream{Status: res.Status, Header: res.Header, Body: res.Body}, nil
}
