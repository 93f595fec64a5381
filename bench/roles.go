package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"
)

// Roles that this program plays in processes of their own.
const (
	roleWorld = "upstreams" // the request APIs of all sites of a network
	roleBare  = "bare-proxy"
	roleFloor = "floor"
	roleLoad  = "load"
)

// play runs one role until its stdin ends. Whoever starts a role holds the other end of that pipe.
func play(role, spec string) error {
	switch role {
	case roleWorld:
		return playRole(spec, runWorld)
	case roleBare:
		return playRole(spec, runBare)
	case roleFloor:
		return playRole(spec, runFloor)
	case roleLoad:
		return runLoad(os.Stdin, os.Stdout)
	}
	return fmt.Errorf("no role %q", role)
}

func playRole[T any](text string, run func(T) error) error {
	var spec T
	if err := json.Unmarshal([]byte(text), &spec); err != nil {
		return fmt.Errorf("instructions: %w", err)
	}
	return run(spec)
}

// untilOrphaned returns when the process that started this role has closed the pipe, or is gone.
func untilOrphaned() {
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// ready tells the process that started this role where it listens, or whatever else it wants to say first.
func ready(v any) error {
	return json.NewEncoder(os.Stdout).Encode(v)
}

// serve opens a listener on addr and serves h there in the background. It returns the real address.
func serve(addr string, h http.Handler) (string, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return "", err
	}
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 5 * time.Minute}
	go func() { _ = srv.Serve(l) }()
	return l.Addr().String(), nil
}
