package certs

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// write makes a self-signed certificate with a serial number.
func write(t *testing.T, dir string, serial int64, until time.Time) (cert, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "oslo"}, DNSNames: []string{"oslo", "localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: until, IsCA: true, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	kb, err := x509.MarshalECPrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, "c.pem"), filepath.Join(dir, "k.pem")
	for name, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "EC PRIVATE KEY", Bytes: kb}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

func TestRenewedWithoutARestart(t *testing.T) {
	dir := t.TempDir()
	cert, key := write(t, dir, 1, time.Now().Add(time.Hour))
	p, err := Open(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	clock := time.Now()
	p.now = func() time.Time { return clock }
	serial := func() int64 {
		clock = clock.Add(2 * look)
		leaf, err := x509.ParseCertificate(p.Certificate().Certificate[0])
		if err != nil {
			t.Fatal(err)
		}
		return leaf.SerialNumber.Int64()
	}
	if got := serial(); got != 1 || p.Err() != nil {
		t.Fatal(got, p.Err())
	}
	if err := os.WriteFile(cert, []byte("being written"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := serial(); got != 1 || p.Err() == nil {
		t.Fatalf("half written: serial %d, %v", got, p.Err())
	}
	write(t, dir, 2, time.Now().Add(time.Hour))
	if got := serial(); got != 2 || p.Err() != nil {
		t.Fatal(got, p.Err())
	}
	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	if got := serial(); got != 2 || p.Err() == nil {
		t.Fatalf("without its key: serial %d, %v", got, p.Err())
	}
	write(t, dir, 3, time.Now().Add(-time.Minute))
	if got := serial(); got != 3 || p.Err() == nil || !strings.Contains(p.Err().Error(), "expired") {
		t.Fatal(got, p.Err())
	}
}

func TestHandshake(t *testing.T) {
	dir := t.TempDir()
	cert, key := write(t, dir, 1, time.Now().Add(time.Hour))
	p, err := Open(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	roots, err := Roots(cert)
	if err != nil {
		t.Fatal(err)
	}
	server := p.Server()
	server.ClientAuth, server.ClientCAs = tls.RequireAndVerifyClientCert, roots
	a, b := net.Pipe()
	done := make(chan error, 1)
	go func() { done <- tls.Server(a, server).HandshakeContext(t.Context()) }()
	client := p.Client(roots)
	client.ServerName = "localhost"
	if err := tls.Client(b, client).HandshakeContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestWhatCannotBeOpened(t *testing.T) {
	dir := t.TempDir()
	cert, _ := write(t, dir, 1, time.Now().Add(time.Hour))
	if _, err := Open(cert, filepath.Join(dir, "none.pem")); err == nil || !strings.Contains(err.Error(), "none.pem") {
		t.Error(err)
	}
	if _, err := Open(cert, cert); err == nil {
		t.Error("a certificate is no key")
	}
	if _, err := Roots(filepath.Join(dir, "k.pem")); err == nil {
		t.Error("a key is no authority")
	}
}
