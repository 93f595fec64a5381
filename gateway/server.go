package gateway

import (
	"crypto/tls"
	"log"
	"net/http"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// ServerOptions are what a listener of any face is protected by.
type ServerOptions struct {
	Handler http.Handler
	// HeaderTimeout is how long a client may take for its headers (default 5s), IdleTimeout how long an unused connection is
	// kept (default 120s), MaxHeader how large headers may be (default 32 KiB).
	HeaderTimeout time.Duration
	IdleTimeout   time.Duration
	MaxHeader     int
	TLS           *tls.Config
	Log           *zap.Logger
}

// Server makes an http.Server that can stand in the open. It bounds headers and idle connections; it does not bound whole
// calls, since a download or an event stream may last for hours: intercepted calls set deadlines of their own. HTTP/2 is spoken
// without TLS, to clients that begin with it; [Serve] says why not with it.
func Server(o ServerOptions) *http.Server {
	if o.HeaderTimeout == 0 {
		o.HeaderTimeout = 5 * time.Second
	}
	if o.IdleTimeout == 0 {
		o.IdleTimeout = 120 * time.Second
	}
	if o.MaxHeader == 0 {
		o.MaxHeader = 32 << 10
	}
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	return &http.Server{
		Handler:           framed(o.Handler),
		ConnContext:       withWire,
		ReadHeaderTimeout: o.HeaderTimeout,
		IdleTimeout:       o.IdleTimeout,
		MaxHeaderBytes:    max(o.MaxHeader-4096, 1024), // net/http adds as much of its own
		TLSConfig:         o.TLS,
		ErrorLog:          quietLog(o.Log),
		Protocols:         protocols,
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams: 250,
			MaxReadFrameSize:     64 << 10,
			SendPingTimeout:      30 * time.Second,
			PingTimeout:          15 * time.Second,
			WriteByteTimeout:     60 * time.Second,
		},
	}
}

// quietLog is for what net/http wants to say: mostly about clients that misbehave, so below what is printed as a rule.
func quietLog(l *zap.Logger) *log.Logger {
	out, err := zap.NewStdLogAt(l, zapcore.DebugLevel)
	if err != nil { // the level is a valid one
		return nil
	}
	return out
}
