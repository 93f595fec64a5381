package redis

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
	"github.com/meridian-gateway/meridian/store/redis/redistest"
)

// The user that docs/security.md tells to make can do all that a store does, and touches nothing of another site.
func TestLeastPrivilege(t *testing.T) {
	page, err := os.ReadFile("../../docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	line := ""
	for l := range strings.Lines(string(page)) {
		if strings.HasPrefix(l, "ACL SETUSER") {
			line = strings.NewReplacer("furniture", mine.Network, "chicago", string(mine.Site), "PASSWORD", "secret").Replace(strings.TrimSpace(l))
		}
	}
	if line == "" {
		t.Fatal("the page has no line for Redis")
	}
	url := redistest.Start(t)
	var words []any
	for _, w := range strings.Fields(line) {
		words = append(words, w)
	}
	command(t, url, words...)
	user := strings.Replace(url, "redis://", "redis://"+strings.Fields(line)[2]+":secret@", 1)
	s := mustOpen(t, user, mine)
	fillSome(t, s, 20)
	if recs, _ := contents(t, s, 20); len(recs) == 0 {
		t.Error("nothing is there")
	}
	wantNotes(t, s)
	other := mine
	other.Site = "oslo"
	if o, err := Open(t.Context(), user, other, Options{}); err == nil {
		_ = o.Close()
		t.Error("it may be another site")
	} else if request.KindOf(err) != request.StoreDown || errors.Is(err, store.ErrForeign) {
		t.Error(err)
	}
	command(t, url, "flushall")
	waitLost(t, s)
	reopened(t, s)
}

// No address brings the gateway down, and an error never shows a password.
func FuzzAddress(f *testing.F) {
	for _, s := range []string{"redis://a:6379/0", "rediss://user:secret@a", "redis+sentinel://m@a:1,b:2/3?tls=true", "redis+cluster://u:p@a,b", "redis://%zz", "redis:"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if _, err := parseURL("redis://:hunter22secret@h" + s); err != nil && strings.Contains(err.Error(), "hunter22secret") {
			t.Error("the error shows the password")
		}
		_, _ = parseURL(s)
	})
}
