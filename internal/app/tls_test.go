package app_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/configs"
	"github.com/meridian-gateway/meridian/internal/app"
	"github.com/meridian-gateway/meridian/internal/demo"
	"github.com/meridian-gateway/meridian/request"
)

// authority issues certificates.
type authority struct {
	t    *testing.T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	last int64
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t, dir: t.TempDir()}
	a.key = a.newKey()
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &a.key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	a.write("ca.pem", "CERTIFICATE", der)
	return a
}

func (a *authority) newKey() *ecdsa.PrivateKey {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	return k
}

func (a *authority) write(name, kind string, der []byte) {
	if err := os.WriteFile(filepath.Join(a.dir, name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		a.t.Fatal(err)
	}
}

// issue writes FILE.pem and FILE.key, a certificate in a site's name.
func (a *authority) issue(file, site string) int64 {
	a.t.Helper()
	a.last++
	key := a.newKey()
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(100 + a.last), Subject: pkix.Name{CommonName: site}, DNSNames: []string{site, "localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, a.cert, &key.PublicKey, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	kb, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	a.write(file+".key", "EC PRIVATE KEY", kb)
	a.write(file+".pem", "CERTIFICATE", der)
	return 100 + a.last
}

// Two sites that show each other certificates, and one of them one to its clients. A gateway with another site's certificate is not
// listened to, and a renewed certificate is shown without a restart.
func TestTLS(t *testing.T) {
	ca := newAuthority(t)
	ca.issue("oslo", "oslo")
	ca.issue("rome", "rome")
	serial := ca.issue("door", "oslo")
	text := fmt.Sprintf("network: pair\nsecurity: {tls: {ca: %[1]s/ca.pem, cert: \"%[1]s/{site}.pem\", key: \"%[1]s/{site}.key\"}}\n"+
		"profiles: {p: {preset: rest, collections: {tickets: {path: /tickets, external_id: {field: /external_id}}}}}\nsites:\n", ca.dir)
	for i, s := range []string{"oslo", "rome"} {
		api, err := demo.OpenAPI("", 1+10*i)
		if err != nil {
			t.Fatal(err)
		}
		server := httptest.NewServer(api)
		t.Cleanup(server.Close)
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		door, admin := "", ""
		if s == "oslo" {
			door = fmt.Sprintf("tls: {cert: %[1]s/door.pem, key: %[1]s/door.key}, ", ca.dir)
			admin = fmt.Sprintf(", tls: {cert: %[1]s/door.pem, key: %[1]s/door.key}", ca.dir)
		}
		text += fmt.Sprintf("  %s: {profile: p, upstream: %q, listen: \"127.0.0.1:0\", %speer: {listen: %q, url: \"https://%s\"}, admin: {listen: \"127.0.0.1:0\"%s}, store: %q}\n",
			s, server.URL, door, l.Addr(), l.Addr(), admin, "file:"+filepath.Join(t.TempDir(), s))
		_ = l.Close()
	}
	n, err := configs.Parse("test", []byte(text+"routes: [{name: all, on: [create], copy: {to: all}}]\n"), func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	run := func(site request.Site) *app.App {
		t.Helper()
		a, err := app.Start(t.Context(), app.Options{Network: n, Site: site})
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	stop := func(a *app.App) {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := a.Stop(ctx); err != nil {
			t.Error(err)
		}
	}
	oslo := run("oslo")
	defer stop(oslo)
	rome := run("rome")
	roots := x509.NewCertPool()
	roots.AddCert(ca.cert)
	var shown int64
	client := &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: roots,
		VerifyConnection: func(s tls.ConnectionState) error { shown = s.PeerCertificates[0].SerialNumber.Int64(); return nil }}}}
	create := func(wait string) (copies string) {
		t.Helper()
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+oslo.Addresses().Client+"/tickets", strings.NewReader(`{"title":"t"}`))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Prefer", "wait="+wait)
		res, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
		if body, _ := io.ReadAll(res.Body); res.StatusCode != 201 {
			t.Fatalf("%d %s", res.StatusCode, body)
		}
		return res.Header.Get("Meridian-Copies")
	}
	if got := create("20"); got != "rome;state=delivered" || shown != serial {
		t.Errorf("copies %q, certificate %d", got, shown)
	}
	if res, err := http.Get("http://" + oslo.Addresses().Client + "/tickets"); err == nil {
		b, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if res.StatusCode != 400 || !bytes.Contains(b, []byte("HTTPS")) {
			t.Errorf("without TLS: %d %s", res.StatusCode, b)
		}
	}
	// The certificate of the listener is renewed while it runs.
	serial = ca.issue("door", "oslo")
	for deadline := time.Now().Add(20 * time.Second); shown != serial; {
		create("0")
		if time.Now().After(deadline) {
			t.Fatalf("it shows %d, want %d", shown, serial)
		}
	}
	// The admin address shows the renewed one too, and speaks nothing but TLS.
	shown = 0
	for deadline := time.Now().Add(20 * time.Second); shown != serial; {
		answer, err := client.Get("https://" + oslo.Addresses().Admin + "/healthz")
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if answer.StatusCode != 200 || time.Now().After(deadline) {
			t.Fatalf("the admin address: %d with certificate %d, want %d", answer.StatusCode, shown, serial)
		}
	}
	if plain, err := http.Get("http://" + oslo.Addresses().Admin + "/healthz"); err == nil {
		_ = plain.Body.Close()
		if plain.StatusCode != 400 {
			t.Errorf("without TLS the admin address answers %d", plain.StatusCode)
		}
	}
	// Somebody takes rome's place with a certificate of another name.
	stop(rome)
	ca.issue("rome", "paris")
	rome = run("rome")
	defer stop(rome)
	if got := create("1"); got == "rome;state=delivered" {
		t.Errorf("a gateway with the certificate of paris was taken for rome: %q", got)
	}
}
