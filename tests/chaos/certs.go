package chaos

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Authority issues the certificates with which gateways know each other.
type Authority struct {
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	last int64
}

// NewAuthority makes one, and certificates of an hour for the sites.
func NewAuthority(t testing.TB, sites ...string) *Authority {
	t.Helper()
	a := &Authority{dir: t.TempDir(), last: 1}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(24 * time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	a.key = key
	err = a.write("ca.pem", "CERTIFICATE", der)
	for _, s := range sites {
		if err == nil {
			err = a.Issue(s, 24*time.Hour)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// Lines are what the network file says of the certificates.
func (a *Authority) Lines() string {
	return fmt.Sprintf("security: {tls: {ca: %[1]s/ca.pem, cert: \"%[1]s/{site}.pem\", key: \"%[1]s/{site}.key\"}}\n", a.dir)
}

func (a *Authority) write(name, kind string, der []byte) error {
	path := filepath.Join(a.dir, name)
	if err := os.WriteFile(path+".new", pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// Issue gives a site a certificate that ends after a time, which may be over.
func (a *Authority) Issue(site string, ends time.Duration) error {
	a.last++
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(a.last), Subject: pkix.Name{CommonName: site}, DNSNames: []string{site, "localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: time.Now().Add(ends),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, a.cert, &key.PublicKey, a.key)
	if err != nil {
		return err
	}
	kb, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	if err := a.write(site+".key", "EC PRIVATE KEY", kb); err != nil {
		return err
	}
	return a.write(site+".pem", "CERTIFICATE", der)
}
