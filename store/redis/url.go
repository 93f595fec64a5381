package redis

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"

	goredis "github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// parseURL reads the address of a store; see Open for the forms.
func parseURL(text string) (*goredis.UniversalOptions, error) {
	scheme, _, _ := strings.Cut(text, "://")
	switch scheme {
	case "redis", "rediss":
		u, err := url.Parse(text)
		if err != nil {
			return nil, errNoURL
		}
		o, err := goredis.ParseURL(text)
		if err != nil {
			return nil, fmt.Errorf("store %s: this is no address of a Redis: want redis://[user:password@]host:6379/0", shown(u))
		}
		return &goredis.UniversalOptions{Addrs: []string{o.Addr}, DB: o.DB, Username: o.Username, Password: o.Password, TLSConfig: o.TLSConfig}, nil
	case "redis+sentinel", "redis+cluster":
		return parseMany(text, scheme == "redis+sentinel")
	}
	return nil, fmt.Errorf("store %q: want redis://, rediss://, redis+sentinel:// or redis+cluster://", scheme)
}

// errNoURL says nothing of the text: it may hold a password.
var errNoURL = errors.New("the store is not a URL; special characters of a password are written %40, %2F and so on")

// shown is an address without what may be secret in it.
func shown(u *url.URL) string { return u.Scheme + "://" + u.Host + u.EscapedPath() }

func parseMany(text string, sentinel bool) (*goredis.UniversalOptions, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, errNoURL
	}
	q := u.Query()
	o := &goredis.UniversalOptions{Username: q.Get("username"), Password: q.Get("password"), SentinelUsername: q.Get("sentinel_username"),
		SentinelPassword: q.Get("sentinel_password"), IsClusterMode: !sentinel}
	port := "6379"
	if sentinel {
		port = "26379"
		if o.MasterName = u.User.Username(); o.MasterName == "" {
			return nil, fmt.Errorf("store %s: want the master's name, redis+sentinel://MASTER@host1,host2/0", shown(u))
		}
	} else if u.User != nil {
		o.Username = u.User.Username()
		o.Password, _ = u.User.Password()
	}
	for host := range strings.SplitSeq(u.Host, ",") {
		if host == "" {
			return nil, fmt.Errorf("store %s: an empty host", shown(u))
		}
		if _, _, err := net.SplitHostPort(host); err != nil {
			host = net.JoinHostPort(strings.Trim(host, "[]"), port)
		}
		o.Addrs = append(o.Addrs, host)
	}
	if db := strings.Trim(u.Path, "/"); db != "" {
		if o.DB, err = strconv.Atoi(db); err != nil || !sentinel && o.DB != 0 {
			return nil, fmt.Errorf("store %s: %q is no database here", shown(u), db)
		}
	}
	if q.Get("tls") == "true" {
		o.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	return o, nil
}

// Silence stops the client library from writing what it meets to standard error: lost connections, other masters. The library has one
// log for the whole process, so this is for a program to decide, once, and not for Open. Nothing is lost: all of it comes back as
// errors, and in Ping.
func Silence() { goredis.SetLogger(&logging.VoidLogger{}) }

// newClient makes the client. It never repeats a call by itself: the batcher knows what may be repeated.
func newClient(o *goredis.UniversalOptions, opts Options) goredis.UniversalClient {
	o.MaxRetries = -1
	o.ContextTimeoutEnabled = true
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	o.PoolSize = opts.Lanes + 4
	o.DialTimeout, o.ReadTimeout, o.WriteTimeout = opts.Timeout, opts.Timeout, opts.Timeout
	o.DialerRetries = 1
	o.DisableIdentity = true
	return goredis.NewUniversalClient(o)
}
