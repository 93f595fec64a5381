package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// redis starts a Redis of the bench's own on a free port. policy is appendfsync's: "always" or "everysec".
func (b *bench) redis(ctx context.Context, policy string) (*process, string, error) {
	path := program("redis-server")
	if path == "" {
		return nil, "", fmt.Errorf("redis-server is not installed: apt-get install redis-server")
	}
	ports, err := freePorts(1)
	if err != nil {
		return nil, "", err
	}
	host, port, err := net.SplitHostPort(ports[0])
	if err != nil {
		return nil, "", err
	}
	dir, err := os.MkdirTemp(b.shop.dir, "redis-")
	if err != nil {
		return nil, "", err
	}
	p, err := b.shop.start("redis-"+policy, path, "--bind", host, "--port", port, "--dir", dir, "--save", "",
		"--appendonly", "yes", "--appendfsync", policy, "--maxmemory-policy", "noeviction")
	if err != nil {
		return nil, "", err
	}
	return p, ports[0], p.until(ctx, 10*time.Second, func() error { return accepts(ports[0]) })
}

// nginxConfig keeps connections on both sides for as long as Go's server does, and logs nothing.
const nginxConfig = `%[1]s
daemon off;
pid %[2]s/nginx.pid;
error_log stderr error;
worker_processes 2;
events { worker_connections 1024; }
http {
  access_log off;
  client_body_temp_path %[2]s/nginx-body;
  proxy_temp_path %[2]s/nginx-proxy;
  fastcgi_temp_path %[2]s/nginx-1;
  uwsgi_temp_path %[2]s/nginx-2;
  scgi_temp_path %[2]s/nginx-3;
  keepalive_requests 100000000;
  upstream api { server %[3]s; keepalive 64; keepalive_requests 100000000; }
  server {
    listen %[4]s;
    location / {
      proxy_pass http://api;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto $scheme;
    }
  }
}
`

// nginx starts nginx before an upstream. It returns nil without an error when it is not installed.
func (b *bench) nginx(ctx context.Context, upstream string) (*process, string, error) {
	path := program("nginx")
	if path == "" {
		b.report.note("pass: nginx is not installed: apt-get install nginx")
		return nil, "", nil
	}
	ports, err := freePorts(1)
	if err != nil {
		return nil, "", err
	}
	user := ""
	if os.Geteuid() == 0 {
		user = "user root;" // its workers could not write into the bench's folder otherwise
	}
	file := filepath.Join(b.shop.dir, "nginx.conf")
	if err := os.WriteFile(file, fmt.Appendf(nil, nginxConfig, user, b.shop.dir, upstream, ports[0]), 0o644); err != nil {
		return nil, "", err
	}
	p, err := b.shop.start("nginx", path, "-c", file, "-e", "stderr")
	if err != nil {
		return nil, "", err
	}
	return p, ports[0], p.until(ctx, 10*time.Second, func() error { return accepts(ports[0]) })
}

const caddyConfig = `{
	admin off
	auto_https off
	persist_config off
}
http://%s {
	reverse_proxy %s {
		transport http {
			keepalive_idle_conns 1024
			keepalive_idle_conns_per_host 512
			compression off
		}
	}
}
`

// caddy starts Caddy before an upstream. It returns nil without an error when it is not installed.
func (b *bench) caddy(ctx context.Context, upstream string) (*process, string, error) {
	path := program("caddy")
	if path == "" {
		b.report.note("pass: Caddy is not installed: run the bench once with -install")
		return nil, "", nil
	}
	ports, err := freePorts(1)
	if err != nil {
		return nil, "", err
	}
	file := filepath.Join(b.shop.dir, "Caddyfile")
	if err := os.WriteFile(file, fmt.Appendf(nil, caddyConfig, ports[0], upstream), 0o644); err != nil {
		return nil, "", err
	}
	p, err := b.shop.start("caddy", path, "run", "--config", file, "--adapter", "caddyfile")
	if err != nil {
		return nil, "", err
	}
	return p, ports[0], p.until(ctx, 10*time.Second, func() error { return accepts(ports[0]) })
}

// proxy starts a proxy of the bench's own: roleBare or roleFloor.
func (b *bench) proxy(role string, spec proxySpec) (p *process, addr string, err error) {
	if p, err = b.shop.role(role, spec); err != nil {
		return nil, "", err
	}
	if err = p.stdout.Decode(&addr); err != nil {
		return nil, "", fmt.Errorf("%w; %s", err, p.tell())
	}
	return p, addr, nil
}

// installCaddy builds the newest Caddy from source into the project's tool folder.
func installCaddy(ctx context.Context, progress io.Writer) error {
	folder, err := filepath.Abs(toolFolder)
	if err != nil {
		return err
	}
	fmt.Fprintf(progress, "installing Caddy into %s, which takes some minutes\n", toolFolder)
	cmd := exec.CommandContext(ctx, "go", "install", "github.com/caddyserver/caddy/v2/cmd/caddy@latest")
	cmd.Env = append(os.Environ(), "GOBIN="+folder)
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go install caddy: %w: %s", err, text)
	}
	return nil
}
