package fieldnpm

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// giteaSettings make a Gitea that keeps all it has in one directory and does nothing but serve its API.
const giteaSettings = `APP_NAME = desk
RUN_MODE = prod
I_AM_BEING_UNSAFE_RUNNING_AS_ROOT = true
WORK_PATH = %[1]s
[server]
HTTP_ADDR = 127.0.0.1
HTTP_PORT = %[2]d
ROOT_URL = http://127.0.0.1:%[2]d/
STATIC_ROOT_PATH = %[3]s
DISABLE_SSH = true
OFFLINE_MODE = true
[database]
DB_TYPE = sqlite3
PATH = %[1]s/desk.db
[repository]
ROOT = %[1]s/repositories
[security]
INSTALL_LOCK = true
SECRET_KEY = of no use outside of tests
PASSWORD_HASH_ALGO = pbkdf2_v1
[log]
MODE = console
LEVEL = Warn
[cron]
ENABLED = false
[indexer]
ISSUE_INDEXER_TYPE = db
[actions]
ENABLED = false
[mailer]
ENABLED = false
`

// NewGitea starts a Gitea with a private repository gateway/desk, whose issues are the requests. They have a state of open or closed,
// and no field for an external id. The repository has the labels 1, desk, and 2, field.
func NewGitea(t testing.TB) *API {
	t.Helper()
	bin := installed(t, "gitea/gitea")
	dir, port := t.TempDir(), harness.FreePort(t)
	config := filepath.Join(dir, "app.ini")
	if err := os.WriteFile(config, fmt.Appendf(nil, giteaSettings, dir, port, filepath.Dir(bin)), 0o600); err != nil {
		t.Fatal(err)
	}
	gitea := func(args ...string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), bin, append([]string{"--config", config}, args...)...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("gitea %v: %v\n%s", args, err, out)
		}
	}
	gitea("migrate")
	for user, password := range map[string]string{"gateway": "gateway secret", "clerk": "clerk secret"} {
		gitea("admin", "user", "create", "--username", user, "--password", password, "--email", user+"@example.org", "--admin",
			"--must-change-password=false")
	}
	a := &API{Name: "gitea", Field: "title", address: harness.Loopback(port), header: basic("clerk", "clerk secret"), records: giteaIssues}
	run(t, program{name: "Gitea", path: bin, args: []string{"--config", config, "web"}, dir: dir}, func() error {
		_, err := a.call(http.MethodGet, "/api/v1/version", "")
		return err
	})
	owner := basic("gateway", "gateway secret")
	if _, err := a.as(owner, http.MethodPost, "/api/v1/user/repos", "application/json", `{"name":"desk","private":true}`); err != nil {
		t.Fatal(err)
	}
	for _, label := range []string{"desk", "field"} {
		if _, err := a.as(owner, http.MethodPost, "/api/v1/repos/gateway/desk/labels", "application/json", fmt.Sprintf(`{"name":%q,"color":"#00aabb"}`, label)); err != nil {
			t.Fatal(err)
		}
	}
	b, err := a.as(owner, http.MethodPost, "/api/v1/users/gateway/tokens", "application/json", `{"name":"desk","scopes":["write:issue","write:repository","read:user"]}`)
	if err != nil {
		t.Fatal(err)
	}
	var token struct{ SHA1 string }
	if err := json.Unmarshal(b, &token); err != nil || token.SHA1 == "" {
		t.Fatalf("no token in %s", b)
	}
	a.Credentials = fmt.Sprintf("credentials: {headers: {Authorization: \"token %s\"}}\n", token.SHA1)
	return a
}

func giteaIssues(a *API) ([]harness.Record, error) {
	var all []harness.Record
	for page := 1; ; page++ {
		var list []harness.Record
		if err := a.ask(fmt.Sprintf("/api/v1/repos/gateway/desk/issues?state=all&limit=50&page=%d", page), &list); err != nil {
			return nil, err
		}
		if len(list) == 0 {
			return all, nil
		}
		all = append(all, withID(list, "number")...)
	}
}
