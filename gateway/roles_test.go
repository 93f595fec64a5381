package gateway

import (
	"net/http"
	"strings"
	"testing"
)

// With two tokens one may look and the other may do everything; nobody else gets in.
func TestRoles(t *testing.T) {
	t.Parallel()
	o := newOperator()
	srv := serve(t, NewAdmin(AdminOptions{Site: "chicago", Operator: o, Watcher: o, Seeder: &seeder{}, Token: "all", ViewToken: "look"}))
	for _, x := range []struct {
		token, method, path string
		want                int
	}{
		{"", "GET", "/api/v1/seed", 401}, {"wrong", "GET", "/api/v1/seed", 401}, {"wrong", "POST", "/api/v1/seed", 401},
		{"look", "GET", "/api/v1/seed", 200}, {"look", "GET", "/api/v1/openapi.yaml", 200},
		{"look", "POST", "/api/v1/seed", 403}, {"look", "DELETE", "/api/v1/seed", 403}, {"look", "POST", "/api/v1/deliveries/retry", 403},
		{"look", "POST", "/nowhere", 403}, {"look", "GET", "/nowhere", 404},
		{"all", "GET", "/api/v1/seed", 200}, {"all", "DELETE", "/api/v1/seed", 200}, {"all", "POST", "/nowhere", 404},
	} {
		req, err := http.NewRequestWithContext(t.Context(), x.method, srv.URL+x.path, strings.NewReader(""))
		if err != nil {
			t.Fatal(err)
		}
		if x.token != "" {
			req.Header.Set("Authorization", "Bearer "+x.token)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != x.want {
			t.Errorf("%s %s with %q: %d, want %d", x.method, x.path, x.token, res.StatusCode, x.want)
		}
	}
}

// Without a token for looking, an empty one is none.
func TestNoViewToken(t *testing.T) {
	t.Parallel()
	o := newOperator()
	srv := serve(t, NewAdmin(AdminOptions{Site: "chicago", Operator: o, Watcher: o, Token: "all"}))
	req, err := http.NewRequestWithContext(t.Context(), "GET", srv.URL+"/api/v1/requests", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer ")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusUnauthorized {
		t.Errorf("an empty token got %d", res.StatusCode)
	}
}
