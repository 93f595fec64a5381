// Package certs keeps a certificate that is renewed in its files without a restart of the process that shows it.
package certs

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// look is how often the files are looked at, at most: at a handshake.
const look = time.Second

// Pair is a certificate with its key, in two PEM files. Any number of goroutines may use it.
type Pair struct {
	cert, key string
	now       func() time.Time

	mu     sync.Mutex
	loaded *tls.Certificate
	stamps [2]stamp
	looked time.Time
	broken error
}

// stamp tells one state of a file from another.
type stamp struct {
	at   time.Time
	size int64
}

// Open reads a certificate and its key. The error names the file.
func Open(cert, key string) (*Pair, error) {
	p := &Pair{cert: cert, key: key, now: time.Now}
	if err := p.load(); err != nil {
		return nil, err
	}
	return p, nil
}

func (p *Pair) load() error {
	stamps, err := p.stat()
	if err != nil {
		return err
	}
	pair, err := tls.LoadX509KeyPair(p.cert, p.key)
	if err != nil {
		return fmt.Errorf("the certificate %s with the key %s: %w", p.cert, p.key, err)
	}
	p.loaded, p.stamps, p.broken = &pair, stamps, nil
	return nil
}

func (p *Pair) stat() (out [2]stamp, err error) {
	for i, name := range []string{p.cert, p.key} {
		info, err := os.Stat(name)
		if err != nil {
			return out, err
		}
		out[i] = stamp{info.ModTime(), info.Size()}
	}
	return out, nil
}

// Certificate is the certificate as its files have it now. Files that cannot be read, or that do not fit together as while they are
// being replaced, leave the one before in use; Err tells.
func (p *Pair) Certificate() *tls.Certificate {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	if now.Sub(p.looked) < look {
		return p.loaded
	}
	p.looked = now
	stamps, err := p.stat()
	if err == nil && stamps != p.stamps {
		err = p.load()
	}
	p.broken = err
	return p.loaded
}

// Err is why the files could not be taken when they were last looked at, or that the certificate has expired; nil when all is well.
func (p *Pair) Err() error {
	leaf := p.Certificate().Leaf
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.broken == nil && leaf != nil && p.now().After(leaf.NotAfter) {
		return fmt.Errorf("the certificate %s expired at %s", p.cert, leaf.NotAfter.UTC().Format(time.RFC3339))
	}
	return p.broken
}

// Server is the TLS of a listener that shows the certificate.
func (p *Pair) Server() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		return p.Certificate(), nil
	}}
}

// Client is the TLS of calls that show the certificate, to servers for which roots vouch.
func (p *Pair) Client(roots *x509.CertPool) *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots, GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		return p.Certificate(), nil
	}}
}

// Roots reads the certificates of authorities in a PEM file.
func Roots(file string) (*x509.CertPool, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, errors.New(file + " holds no certificate in PEM")
	}
	return pool, nil
}
