package deploy

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// documents are those of a YAML file; a key that stands twice is an error.
func documents(t *testing.T, path string) []map[string]any {
	t.Helper()
	var out []map[string]any
	d := yaml.NewDecoder(strings.NewReader(file(t, path)))
	for {
		var doc map[string]any
		err := d.Decode(&doc)
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		out = append(out, doc)
	}
}

// at is what stands below keys and numbers of a value.
func at(v any, path ...any) any {
	for _, p := range path {
		switch p := p.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[p]
		case int:
			l, _ := v.([]any)
			if p >= len(l) {
				return nil
			}
			v = l[p]
		}
	}
	return v
}

func words(v any) []string {
	var out []string
	list, _ := v.([]any)
	for _, w := range list {
		s, _ := w.(string)
		out = append(out, s)
	}
	return out
}

// checked has meridian check a network file with secrets as a deployment gives them.
func checked(t *testing.T, path string) {
	t.Helper()
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte(strings.Repeat("0123456789abcdef", 4)), 0o600); err != nil {
		t.Fatal(err)
	}
	text := regexp.MustCompile(`\$\{file:[^}]*\}`).ReplaceAllString(file(t, path), "${file:"+secret+"}")
	copied := filepath.Join(t.TempDir(), "network.yaml")
	if err := os.WriteFile(copied, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	env := []string{"MERIDIAN_PEER_KEY=" + strings.Repeat("0123456789abcdef", 4), "MERIDIAN_ADMIN_TOKEN=" + strings.Repeat("fedcba9876543210", 4)}
	if out, code := harness.CLI(t, env, "check", copied); code != 0 {
		t.Errorf("%s: %s", path, out)
	}
}

// Every network file that is given out is one.
func TestNetworks(t *testing.T) {
	for _, path := range []string{"deploy/example/network.yaml", "deploy/compose/network.yaml", "deploy/kubernetes/base/network.yaml", "deploy/kubernetes/redis/network.yaml"} {
		checked(t, path)
	}
}

// The container file builds and starts what is there.
func TestContainerfile(t *testing.T) {
	text := file(t, "deploy/container/Containerfile")
	var command []string
	for _, m := range regexp.MustCompile(`(?m)CMD (\[.*\])$`).FindAllStringSubmatch(text, -1) {
		if err := json.Unmarshal([]byte(m[1]), &command); err != nil {
			t.Fatal(err)
		}
		if command[0] == "/usr/bin/meridian" {
			command = command[1:]
		}
		taken(t, command)
	}
	if command == nil {
		t.Fatal("nothing is started")
	}
	version := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(file(t, "go.mod"))[1]
	if !strings.Contains(text, "FROM golang:"+version+" ") {
		t.Errorf("the image is not built with Go %s, which go.mod wants", version)
	}
	for _, name := range []string{"version", "commit", "built"} {
		if !strings.Contains(text, "internal/cli."+name+"=") {
			t.Errorf("the program does not learn its %s", name)
		}
	}
}

// The program runs in a root that has nothing but what the image has: no libc, no time zones, no shell.
func TestScratch(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("chroot is for root")
	}
	needs(t, "chroot")
	root, from := t.TempDir(), unpacked(t)
	for _, dir := range []string{"usr/bin", "etc/meridian", "var/lib/meridian", "tmp"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	run(t, from, "cp", "meridian", filepath.Join(root, "usr/bin/meridian"))
	run(t, from, "cp", "network.yaml", filepath.Join(root, "etc/meridian/network.yaml"))
	cmd := exec.Command("chroot", "--userspec=65532:65532", root, "/usr/bin/meridian", "check", "/etc/meridian/network.yaml")
	cmd.Env = []string{}
	if out, err := cmd.CombinedOutput(); err != nil || bytes.Contains(out, []byte("warning")) {
		t.Errorf("%v: %s", err, out)
	}
}

// Compose starts what is there, gives the secrets that the network file reads, and Redis keeps what it is given.
func TestCompose(t *testing.T) {
	c := documents(t, "deploy/compose/compose.yaml")[0]
	net := documents(t, "deploy/compose/network.yaml")[0]
	services, _ := c["services"].(map[string]any)
	for _, site := range slices.Sorted(maps.Keys(net["sites"].(map[string]any))) {
		if at(services, site, "environment", "MERIDIAN_SITE") != site {
			t.Errorf("no service is the gateway of %s", site)
		}
		if health := words(at(services, site, "healthcheck", "test")); len(health) < 3 {
			t.Errorf("%s has no health check", site)
		} else {
			taken(t, health[2:])
		}
		if services["api-"+site] == nil {
			t.Errorf("no service is the API of %s", site)
		}
	}
	for _, m := range regexp.MustCompile(`/run/secrets/(\w+)`).FindAllStringSubmatch(file(t, "deploy/compose/network.yaml"), -1) {
		if at(c, "secrets", m[1]) == nil || !slices.Contains(words(at(services, "chicago", "secrets")), m[1]) {
			t.Errorf("the secret %s is not given", m[1])
		}
	}
	if redis := strings.Join(words(at(services, "redis", "command")), " "); !strings.Contains(redis, "--appendonly yes") || !strings.Contains(redis, "noeviction") {
		t.Errorf("Redis is started with %s", redis)
	}
}

// The manifests start what is there, at the ports of the network file, and give it the time that its drain takes.
func TestKubernetes(t *testing.T) {
	for _, dir := range []string{"deploy/kubernetes/base", "deploy/kubernetes/redis"} {
		k := documents(t, dir+"/kustomization.yaml")[0]
		kinds := make(map[string]int)
		for _, name := range words(k["resources"]) {
			for _, doc := range documents(t, dir+"/"+name) {
				kinds[doc["kind"].(string)]++
				if doc["kind"] == "StatefulSet" && at(doc, "metadata", "name") == "meridian" {
					gatewayPod(t, dir, at(doc, "spec", "template", "spec"))
				}
			}
		}
		for _, kind := range []string{"StatefulSet", "Service", "NetworkPolicy", "PodDisruptionBudget"} {
			if kinds[kind] == 0 {
				t.Errorf("%s has no %s", dir, kind)
			}
		}
	}
}

func gatewayPod(t *testing.T, dir string, pod any) {
	t.Helper()
	box := at(pod, "containers", 0)
	taken(t, words(at(box, "args")))
	if seconds, _ := at(pod, "terminationGracePeriodSeconds").(int); seconds < 5+25+5 {
		t.Errorf("%s: %d seconds are too few for the drain", dir, seconds)
	}
	for name, path := range map[string]string{"startupProbe": "/healthz", "livenessProbe": "/healthz", "readinessProbe": "/readyz"} {
		if at(box, name, "httpGet", "path") != path || at(box, name, "httpGet", "port") != "admin" {
			t.Errorf("%s: %s is %v", dir, name, at(box, name))
		}
	}
	if at(pod, "securityContext", "runAsNonRoot") != true || at(box, "securityContext", "allowPrivilegeEscalation") != false ||
		at(box, "securityContext", "readOnlyRootFilesystem") != true {
		t.Errorf("%s: the pod may do too much", dir)
	}
	text := file(t, dir+"/network.yaml")
	for i, key := range []string{"listen: 0.0.0.0:8000", `peer: {listen: "0.0.0.0:8100"`, `admin: {listen: "0.0.0.0:8200"`} {
		port := []int{8000, 8100, 8200}[i]
		if !strings.Contains(text, key) || at(box, "ports", i, "containerPort") != port {
			t.Errorf("%s: port %d is not that of the network file", dir, port)
		}
	}
}
