package peer

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"log"
	"math/big"
	"net"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/request"
)

// authority signs certificates for a test.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotAfter: time.Now().Add(time.Hour), IsCA: true,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{t, cert, key}
}

func (a *authority) pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.cert)
	return p
}

func (a *authority) issue(names []string, uris ...string) tls.Certificate {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(2), NotAfter: time.Now().Add(time.Hour), DNSNames: names, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}}
	for _, s := range uris {
		u, err := url.Parse(s)
		if err != nil {
			a.t.Fatal(err)
		}
		tmpl.URIs = append(tmpl.URIs, u)
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, a.cert, &key.PublicKey, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func TestMutualTLS(t *testing.T) {
	ca, other := newAuthority(t), newAuthority(t)
	for name, test := range map[string]struct {
		server, client tls.Certificate
		kind           request.ErrKind // "" when it works
	}{
		"DNS names":             {ca.issue([]string{"rome"}), ca.issue([]string{"oslo"}), ""},
		"names in the network":  {ca.issue([]string{"rome.n"}), ca.issue([]string{"x", "oslo.n"}), ""},
		"URIs":                  {ca.issue(nil, "meridian://n/rome"), ca.issue(nil, "spiffe://n/oslo"), ""},
		"client of paris":       {ca.issue([]string{"rome"}), ca.issue([]string{"paris"}), request.Doubtful},
		"client's other net":    {ca.issue([]string{"rome"}), ca.issue(nil, "meridian://m/oslo"), request.Doubtful},
		"client deeper":         {ca.issue([]string{"rome"}), ca.issue([]string{"oslo.evil"}, "meridian://n/x/oslo", "https://n/oslo"), request.Doubtful},
		"client's own CA":       {ca.issue([]string{"rome"}), other.issue([]string{"oslo"}), request.Doubtful},
		"client without":        {ca.issue([]string{"rome"}), tls.Certificate{}, request.Doubtful},
		"server is paris":       {ca.issue([]string{"paris"}), ca.issue([]string{"oslo"}), request.NotSent},
		"server's own CA":       {other.issue([]string{"rome"}), ca.issue([]string{"oslo"}), request.NotSent},
		"server names its host": {ca.issue([]string{"localhost"}), ca.issue([]string{"oslo"}), request.NotSent},
	} {
		f := &fake{}
		o := romeOptions()
		o.Key, o.MutualTLS = nil, true
		srv := httptest.NewUnstartedServer(NewServer(f, o))
		srv.Config.ErrorLog = log.New(io.Discard, "", 0)
		srv.TLS = ServerTLS(&tls.Config{Certificates: []tls.Certificate{test.server}}, ca.pool())
		srv.StartTLS()
		co := osloOptions(srv.URL)
		co.Key, co.MutualTLS, co.TLS = nil, true, &tls.Config{RootCAs: ca.pool()}
		if test.client.PrivateKey != nil {
			co.TLS.Certificates = []tls.Certificate{test.client}
		}
		c := client(t, co)
		_, err := c.Write(t.Context(), "rome", update())
		if test.kind == "" && err != nil || test.kind != "" && request.KindOf(err) != test.kind {
			t.Errorf("%s: %v", name, err)
		}
		if n, _ := f.counts(); (n == 1) != (test.kind == "") {
			t.Errorf("%s: %d writes ran", name, n)
		}
		c.Close()
		srv.Close()
	}
}

func TestMutualTLSIsNotOptional(t *testing.T) {
	f := &fake{}
	o := romeOptions()
	o.MutualTLS = true
	srv := httptest.NewServer(NewServer(f, o)) // a listener without TLS: even the right key does not help
	defer srv.Close()
	_, err := client(t, osloOptions(srv.URL)).Write(t.Context(), "rome", update())
	wantKind(t, err, request.Doubtful)
	if n, _ := f.counts(); n != 0 {
		t.Error("it ran")
	}
	ca := newAuthority(t)
	own := ca.issue([]string{"rome"})
	tsrv := httptest.NewUnstartedServer(NewServer(f, romeOptions()))
	tsrv.TLS = &tls.Config{Certificates: []tls.Certificate{own}}
	tsrv.StartTLS()
	defer tsrv.Close()
	co := osloOptions("") // TLS on the server's side only, a key for the rest, and a certificate that names only the site
	co.TLS, co.Peers = &tls.Config{RootCAs: ca.pool()}, map[request.Site]Peer{"rome": {URL: tsrv.URL, ServerName: "rome"}}
	if _, err := client(t, co).Write(t.Context(), "rome", update()); err != nil {
		t.Error(err)
	}
}
