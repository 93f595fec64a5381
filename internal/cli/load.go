package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/meridian-gateway/meridian/configs"
	"github.com/meridian-gateway/meridian/request"
)

type siteName = request.Site

// load reads a network file and prints all its faults where they are. Here is as for configs.Load.
func (c *command) load(path string, here ...request.Site) (*configs.Network, error) {
	if path == "" {
		return nil, misuse("say which network file: --config FILE, or set MERIDIAN_CONFIG%s", fileHere())
	}
	n, err := configs.Load(path, here...)
	if err != nil {
		return nil, c.faults(path, err)
	}
	return n, nil
}

// faults shows what is wrong with a network file, for people on the side of errors, for programs as the result.
func (c *command) faults(path string, err error) error {
	faults, ok := errors.AsType[configs.Faults](err)
	if !ok {
		return noFile(path, err)
	}
	source, _ := os.ReadFile(path) // it could be read a moment ago; without it there are no excerpts
	fmt.Fprint(c.err, printable(faults.Render(source), true))
	return misuse("%s has %s", path, plural(len(faults), "fault"))
}

// noFile says why a network file cannot be read.
func noFile(path string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		at := ""
		if dir, err := os.Getwd(); err == nil && !filepath.IsAbs(path) {
			at = " in " + dir
		}
		return misuse("there is no network file %s%s%s", path, at, fileHere())
	case errors.Is(err, fs.ErrPermission):
		return misuse("the network file %s may not be read by this user: ask its owner, or use sudo", path)
	}
	return misuse("the network file %s cannot be read: %w", path, err)
}

// fileHere points at a network file where people put it.
func fileHere() string {
	for _, path := range []string{"network.yaml", "/etc/meridian/network.yaml"} {
		if _, err := os.Stat(path); err == nil {
			return "; there is " + path
		}
	}
	return ""
}

// readLenient reads a network file for what the network is like: secrets that are not known here, such as the credentials of services,
// which the people who ask gateways need not have, do no harm. It also returns their names.
func readLenient(path string, here ...request.Site) (n *configs.Network, missing []string, err error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, err
	}
	n, missing, err = configs.Lenient(path, data, os.LookupEnv, here...)
	if err != nil && len(missing) > 0 {
		_, err = configs.Parse(path, data, os.LookupEnv, here...) // they matter: an address is among them, or there are other faults
	}
	return n, missing, err
}

// unknown says what is not known here, as Lenient names it.
func unknown(what []string) string {
	out := make([]string, len(what))
	for i, w := range what {
		if path, is := strings.CutPrefix(w, "file:"); is {
			out[i] = "the file " + path + " cannot be read"
		} else {
			out[i] = "the variable " + w + " is not set"
		}
	}
	return strings.Join(out, ", ")
}

// forSite is the site that is named, for configs.Load; none when all are.
func forSite(site string) []request.Site {
	if site == "" {
		return nil
	}
	return []request.Site{request.Site(site)}
}

// chosen is the site named, or all.
func chosen(n *configs.Network, site string, all bool) ([]request.Site, error) {
	names := siteList(n)
	switch {
	case all && site != "":
		return nil, misuse("say --site or --all, not both")
	case all:
		return names, nil
	case site == "":
		return nil, misuse("say which site: --site NAME, or set MERIDIAN_SITE; the network file has %s", join(names))
	case !slices.Contains(names, request.Site(site)):
		return nil, noSite(n, site)
	}
	return []request.Site{request.Site(site)}, nil
}

// noSite says that a site is not in the network file, and which are.
func noSite(n *configs.Network, site string) error {
	var known []string
	for _, s := range siteList(n) {
		known = append(known, string(s))
	}
	hint := strings.ReplaceAll(configs.Nearest(site, known), `"`, "")
	if strings.HasPrefix(hint, "did you mean") {
		hint += " It has " + strings.Join(known, ", ")
	}
	return misuse("there is no site %q in the network file: %s", site, hint)
}

// target checks the name of another site, where there is a network file to look into. The gateway knows it for certain.
func (c *command) target(site string) error {
	if site == "" || c.config == "" {
		return nil
	}
	n, _, err := readLenient(c.config)
	if err != nil {
		return nil // which is said where the file is needed
	}
	if _, ok := n.Sites[request.Site(site)]; !ok {
		return noSite(n, site)
	}
	return nil
}

func join[T ~string](names []T) string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = string(n)
	}
	return strings.Join(out, ", ")
}
