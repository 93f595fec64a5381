package app

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/meridian-gateway/meridian/configs"
	"github.com/meridian-gateway/meridian/profile"
	"github.com/meridian-gateway/meridian/spool"
)

// openFiles makes the place for files on their way, where the site's API has collections of files: beside its store, or in the
// directory for temporary files when the store is elsewhere. Nothing there must survive.
func (a *App) openFiles(n *configs.Network, site configs.Site) (*spool.Spool, error) {
	switch path, beside := strings.CutPrefix(site.Store, "file:"); {
	case !takesFiles(site.Profile):
		return nil, nil
	case beside:
		return spool.Open(path+".files", spool.Options{})
	}
	return spool.Open(filepath.Join(os.TempDir(), "meridian-"+n.Name+"-"+a.replica(site)), spool.Options{})
}

func takesFiles(p *profile.Profile) bool {
	for _, c := range p.Collections {
		if c.IsFile() {
			return true
		}
	}
	return false
}
