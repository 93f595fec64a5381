// Package deploy holds what is given out against the program: packages, units, containers and manifests.
package deploy

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// dist is what make dist built for this machine's kind of Linux.
type dist struct {
	dir string
	err error
}

// shared is built once for all tests.
type shared struct {
	once sync.Once
	dist dist
}

var builds shared

const built = "1704164645" // 2024-01-02T03:04:05Z

// of builds what is given out for Linux on amd64.
func of(t *testing.T) string {
	t.Helper()
	needs(t, "bash", "tar", "gzip", "sha256sum")
	builds.once.Do(func() {
		builds.dist.dir, builds.dist.err = os.MkdirTemp("", "meridian-dist-")
		if builds.dist.err == nil {
			builds.dist.err = make1(builds.dist.dir)
		}
	})
	if builds.dist.err != nil {
		t.Fatal(builds.dist.err)
	}
	return builds.dist.dir
}

func make1(dir string) error {
	cmd := exec.Command(filepath.Join(harness.Root(), "scripts/dist.sh"))
	cmd.Env = append(os.Environ(), "TARGETS=linux/amd64", "OUT="+dir, "VERSION=1.2.3", "COMMIT=0123456789abcdef", "SOURCE_DATE_EPOCH="+built)
	if out, err := cmd.CombinedOutput(); err != nil {
		return errors.Join(err, errors.New(string(out)))
	}
	return nil
}

func TestMain(m *testing.M) {
	code := m.Run()
	if builds.dist.dir != "" {
		_ = os.RemoveAll(builds.dist.dir)
	}
	os.Exit(code)
}

// needs skips a test for whose tools nobody asked.
func needs(t *testing.T, tools ...string) {
	t.Helper()
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("MERIDIAN_REQUIRE") == "1" {
				t.Fatal(err)
			}
			t.Skip(err)
		}
	}
}

// run runs a command and returns what it printed.
func run(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// unpacked is the archive, laid out.
func unpacked(t *testing.T) string {
	t.Helper()
	from, to := of(t), t.TempDir()
	run(t, to, "tar", "-xzf", filepath.Join(from, "meridian-1.2.3-linux-amd64.tar.gz"))
	return filepath.Join(to, "meridian-1.2.3-linux-amd64")
}

// The sums are those of the files, and all files have one.
func TestDist(t *testing.T) {
	dir := of(t)
	run(t, dir, "sha256sum", "--check", "--strict", "SHA256SUMS")
	sums, err := os.ReadFile(filepath.Join(dir, "SHA256SUMS"))
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.*"))
	if err != nil || len(files) < 1 || len(files) != strings.Count(string(sums), "\n") {
		t.Errorf("%d files, and sums of\n%s", len(files), sums)
	}
}

// The archive has what its users look for; the program in it is static and says what it was made of.
func TestArchive(t *testing.T) {
	dir := unpacked(t)
	for _, name := range []string{"LICENSE", "NOTICE", "README.md", "network.yaml", "docs/install.md", "configs/furniture/network.yaml", "man/meridian.1",
		"man/meridian-run.1", "completions/meridian.bash", "completions/_meridian", "completions/meridian.fish", "meridian@.service"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
	var v struct{ Version, Commit, Built string }
	if err := json.Unmarshal([]byte(run(t, dir, "./meridian", "version", "-o", "json")), &v); err != nil {
		t.Fatal(err)
	}
	if v.Version != "1.2.3" || v.Commit != "0123456789abcdef" || v.Built != "2024-01-02T03:04:05Z" {
		t.Errorf("the program says %+v", v)
	}
	run(t, dir, "./meridian", "check", "network.yaml")
	program, err := os.ReadFile(filepath.Join(dir, "meridian"))
	if err != nil {
		t.Fatal(err)
	}
	for _, no := range []string{harness.Root(), "/lib64/ld-linux"} {
		if strings.Contains(string(program), no+"/") || strings.Contains(string(program), no+"-") {
			t.Errorf("%s is in the program", no)
		}
	}
}

// Built again it is the same, to the byte.
func TestReproducible(t *testing.T) {
	first, second := of(t), t.TempDir()
	if err := make1(second); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{first, second} {
		t.Log(run(t, dir, "cat", "SHA256SUMS"))
	}
	run(t, first, "cmp", "SHA256SUMS", filepath.Join(second, "SHA256SUMS"))
}

// entries are the files of a package's data, with their modes.
func entries(t *testing.T, deb string) map[string]int64 {
	t.Helper()
	data := exec.Command("dpkg-deb", "--fsys-tarfile", deb)
	pipe, err := data.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := data.Start(); err != nil {
		t.Fatal(err)
	}
	out := make(map[string]int64)
	r := tar.NewReader(pipe)
	for {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Uid != 0 || h.Gid != 0 || h.ModTime.Unix() != 1704164645 {
			t.Errorf("%s is of %d:%d, %s", h.Name, h.Uid, h.Gid, h.ModTime)
		}
		out[strings.TrimPrefix(h.Name, ".")] = h.Mode
	}
	if err := data.Wait(); err != nil {
		t.Fatal(err)
	}
	return out
}

// The .deb installs into an empty system, its program runs there and takes the network file that comes with it, and what a person has changed in that stays.
func TestDebian(t *testing.T) {
	needs(t, "dpkg", "dpkg-deb")
	deb := filepath.Join(of(t), "meridian_1.2.3_amd64.deb")
	have := entries(t, deb)
	for name, mode := range map[string]int64{"/usr/bin/meridian": 0o755, "/etc/meridian/network.yaml": 0o644, "/lib/systemd/system/meridian@.service": 0o644,
		"/usr/share/man/man1/meridian.1.gz": 0o644, "/usr/share/bash-completion/completions/meridian": 0o644, "/usr/share/doc/meridian/docs/install.md": 0o644} {
		if have[name] != mode {
			t.Errorf("%s has mode %o, want %o; there are %q", name, have[name], mode, slices.Sorted(maps.Keys(have)))
		}
	}
	root := t.TempDir()
	for _, dir := range []string{"var/lib/dpkg/info", "var/lib/dpkg/updates", "var/lib/dpkg/triggers"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(root, "var/lib/dpkg/status"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if os.Getuid() != 0 {
		t.Skip("installing a package is for root")
	}
	// What the scripts call is the system's, which an empty root has not: they are run by themselves below.
	dpkg := func(args ...string) {
		run(t, root, "dpkg", append([]string{"--root=" + root, "--force-depends", "--force-script-chrootless", "--log=/dev/null"}, args...)...)
	}
	dpkg("--unpack", deb)
	// Until it is configured, for which its scripts would change this machine, the file waits beside its place.
	run(t, root, filepath.Join(root, "usr/bin/meridian"), "check", filepath.Join(root, "etc/meridian/network.yaml.dpkg-new"))
	if list := run(t, root, "dpkg", "--root="+root, "-L", "meridian"); !strings.Contains(list, "/usr/bin/meridian") {
		t.Errorf("dpkg knows %s", list)
	}
	info := filepath.Join(root, "var/lib/dpkg/info")
	for _, script := range []string{"postinst", "prerm", "postrm"} {
		run(t, root, "sh", "-n", filepath.Join(info, "meridian."+script))
	}
	if text, err := os.ReadFile(filepath.Join(info, "meridian.conffiles")); err != nil || string(text) != "/etc/meridian/network.yaml\n" {
		t.Errorf("configuration files %q, %v", text, err)
	}
}

// What the archive has inside is gzip without a name and time of its own.
func TestNoTimeOfThisMachine(t *testing.T) {
	f, err := os.Open(filepath.Join(of(t), "meridian-1.2.3-linux-amd64.tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	if !z.ModTime.IsZero() || z.Name != "" {
		t.Errorf("name %q, time %s", z.Name, z.ModTime)
	}
	h, err := tar.NewReader(z).Next()
	if err != nil || h.ModTime.Unix() != 1704164645 {
		t.Errorf("%v, %v", h, err)
	}
}
