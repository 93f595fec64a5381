package tests

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/tests/contract"
	"github.com/meridian-gateway/meridian/tests/harness"
)

// words are the canonical fields of a request in these tests: subject, description, status (open, pending, closed) and priority (low,
// normal, high).
type words map[string]string

// speech is how the clients of a product speak to it.
type speech struct {
	// profile is what a user has to say, besides the name of the preset.
	profile string
	// credentials are the lines of a site; header is what clients send.
	credentials func(contract.Credentials) string
	header      func(p *product) http.Header
	// create and change are what clients say to make a request and to change one; a comment is said in one call.
	create  func(w words) harness.Call
	change  func(id string, w words) []harness.Call
	comment func(id, text string) harness.Call
	remove  func(id string) harness.Call
	// shown are the words of a record, with its id in addresses under id; ok is false for one that counts as gone.
	shown func(r map[string]any) (w harness.Record, ok bool)
	// narrow are words that the product has no place for; closes says that it closes what is deleted.
	narrow []string
	closes bool
	// whole says that its clients write whole records.
	whole bool
	// comments are the texts of a request's comments, oldest first.
	comments func(p contract.Product, id string) []string
}

// product is a hosted product as a site of a network: its strict stand-in, served in this process.
type product struct {
	contract.Product
	speech
	t       *testing.T
	kind    string
	address string
	bad     bool // the gateway is given credentials that are wrong

	mu  sync.Mutex
	log []arrival
}

// arrival is when a call of anybody came in, and how it was answered.
type arrival struct {
	at     time.Time
	status int
}

// ServeHTTP takes down when a call came.
func (p *product) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	at, answer := time.Now(), &answered{ResponseWriter: w}
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.log = append(p.log, arrival{at, answer.status})
	}()
	p.Product.ServeHTTP(answer, r)
}

// answered notes the status of an answer.
type answered struct {
	http.ResponseWriter
	status int
}

func (a *answered) WriteHeader(status int) {
	a.status = status
	a.ResponseWriter.WriteHeader(status)
}

func (p *product) arrivals() []arrival {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.log)
}

// behind makes calls past the gateway, as somebody does who knows nothing of it.
func (p *product) behind(calls ...harness.Call) {
	p.t.Helper()
	for _, c := range calls {
		req, err := http.NewRequest(c.Method, "http://"+p.address+c.Path, strings.NewReader(c.Body))
		if err != nil {
			p.t.Fatal(err)
		}
		req.Header = p.Header()
		req.Header.Set("Content-Type", "application/json")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			p.t.Fatal(err)
		}
		said, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if res.StatusCode/100 != 2 {
			p.t.Fatalf("%s %s %s: %d %s", c.Method, c.Path, c.Body, res.StatusCode, said)
		}
	}
}

// newProduct starts one. Two of a kind get ids from different ranges, by site.
func newProduct(t *testing.T, kind string, o contract.Options) *product {
	t.Helper()
	p := &product{Product: contract.Products()[kind](o), speech: speeches()[kind], t: t, kind: kind}
	web := httptest.NewServer(p)
	t.Cleanup(web.Close)
	p.address = strings.TrimPrefix(web.URL, "http://")
	t.Cleanup(func() {
		if t.Failed() {
			for _, c := range p.Calls() {
				t.Logf("%s: %s %s %.300s\n\t-> %d %.300s", kind, c.Method, c.Path, c.Body, c.Status, c.Answer)
			}
		}
	})
	return p
}

// Address is where it listens.
func (p *product) Address() string { return p.address }

// Header is what its clients send.
func (p *product) Header() http.Header { return p.header(p) }

// Profile is the preset and what a user has to say besides, with short times, since these tests make calls fail.
func (p *product) Profile() string {
	return "preset: " + p.kind + "\ntimeout: 3s\nquiescence: 1s\n" + p.profile
}

// Records are its requests in canonical words.
func (p *product) Records() ([]harness.Record, error) {
	var out []harness.Record
	for _, r := range p.Product.Records() {
		if w, ok := p.shown(r); ok {
			out = append(out, w)
		}
	}
	return out, nil
}

// site is a site of a network that runs the product.
func (p *product) site(name string) harness.Site {
	c := p.Credentials()
	if p.bad {
		c.Password, c.Token = "wrong", "wrong"
	}
	return harness.Site{Name: name, API: p, Extra: p.credentials(c)}
}

// basics is the header for a user and a password.
func basics(user, password string) http.Header {
	return http.Header{"Authorization": {"Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))}}
}

// wantClean fails the test when the product passed over something that it was sent, or refused a call that the test did not provoke.
// Calls whose method and target begin with one of those allowed may be refused with a status of 4xx.
func (p *product) wantClean(allowed ...string) {
	p.t.Helper()
	for _, c := range p.Calls() {
		line := c.Method + " " + c.Path
		if len(c.Ignored) > 0 {
			p.t.Errorf("%s passed over %v in %s %s", p.kind, c.Ignored, line, c.Body)
		}
		provoked := !c.Done || slices.ContainsFunc(allowed, func(a string) bool { return strings.HasPrefix(fmt.Sprintf("%d %s", c.Status, line), a) })
		if c.Status >= 400 && !provoked {
			p.t.Errorf("%s refused %s %s with %d %s", p.kind, line, c.Body, c.Status, c.Answer)
		}
	}
}

// say writes fields in a product's own words: names are where they are, values what they are called there.
func say(w words, names map[string]string, values map[string]map[string]any) map[string]any {
	out := make(map[string]any)
	for k, v := range w {
		name, there := names[k]
		if !there {
			continue
		}
		var local any = v
		if of := values[k]; of != nil {
			local = of[v]
		}
		out[name] = local
	}
	return out
}

// hear is the reverse of say: of a record, the fields in canonical words. What is empty is left out.
func hear(r map[string]any, names map[string]string, values map[string]map[string]any) harness.Record {
	out := make(harness.Record)
	for k, name := range names {
		v, there := r[name]
		if !there || v == nil || v == "" {
			continue
		}
		for canonical, local := range values[k] {
			if fmt.Sprint(local) == fmt.Sprint(v) {
				v = canonical
			}
		}
		out[k] = fmt.Sprint(v)
	}
	return out
}

func asJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// plain is the speech of an API with the plain convention: json-server's.
func plain() speech {
	return speech{
		create: func(w words) harness.Call { return harness.Call{Method: "POST", Path: "/tickets", Body: asJSON(w)} },
		change: func(id string, w words) []harness.Call {
			return []harness.Call{{Method: "PATCH", Path: "/tickets/" + id, Body: asJSON(w)}}
		},
		comment: func(id, text string) harness.Call {
			return harness.Call{Method: "POST", Path: "/tickets/" + id + "/comments", Body: comment(text)}
		},
		remove: func(id string) harness.Call { return harness.Call{Method: "DELETE", Path: "/tickets/" + id} },
	}
}

// voice is a site as its clients see it.
type voice struct {
	*harness.Gateway
	speech
}

// voices are the sites of a network.
func voices(n *harness.Cluster) map[string]voice {
	out := make(map[string]voice)
	for _, name := range n.Sites() {
		v := voice{n.At(name), plain()}
		if p, is := n.At(name).API().(*product); is {
			v.speech = p.speech
		}
		out[name] = v
	}
	return out
}

// make creates a request as a client of the site.
func (v voice) make(w words) harness.Answer { return v.Do(v.speech.create(w)) }

// tell changes a request as a client of the site; the receipt is that of the last call.
func (v voice) tell(id string, w words) harness.Answer {
	var last harness.Answer
	for _, c := range v.change(id, w) {
		last = v.Do(c).Want(200, 201, 204)
	}
	return last
}

// texts are the texts of a request's comments at a site, oldest first.
func (v voice) texts(id string) ([]string, error) {
	if p, is := v.API().(*product); is {
		return p.comments(p.Product, id), nil
	}
	b, err := v.Behind("GET", "/tickets/"+id+"/comments", "")
	if err != nil {
		return nil, err
	}
	var list []struct{ Text string }
	if err := json.Unmarshal(b, &list); err != nil {
		return nil, err
	}
	var out []string
	for _, c := range list {
		out = append(out, c.Text)
	}
	return out, nil
}

// wantWords waits until all sites have the request with these words, and returns its id at each.
func wantWords(t *testing.T, all map[string]voice, w words, sites ...string) map[string]string {
	t.Helper()
	ids := make(map[string]string)
	want := make(map[string]any)
	for k, v := range w {
		want[k] = v
	}
	for _, at := range sites {
		held := maps.Clone(want)
		for _, k := range all[at].narrow {
			delete(held, k)
		}
		ids[at] = all[at].WantCopy(w["subject"], 2*soon, held).ID()
	}
	return ids
}

// wantTexts waits until a request has these comments, and no others, at each of the sites.
func wantTexts(t *testing.T, all map[string]voice, ids map[string]string, what string, want ...string) {
	t.Helper()
	for at, id := range ids {
		harness.Eventually(t, 2*soon, what+" at "+at, func() error {
			got, err := all[at].texts(id)
			if err == nil && !slices.Equal(got, want) {
				err = fmt.Errorf("the comments are %q, want %q", got, want)
			}
			return err
		})
	}
}

// wantGone waits until a site shows no request with a subject.
func wantGone(t *testing.T, all map[string]voice, subject string, sites ...string) {
	t.Helper()
	for _, at := range sites {
		if all[at].closes {
			all[at].WantCopy(subject, 2*soon, map[string]any{"status": "closed"})
		} else {
			all[at].WantNone(subject, 2*soon)
		}
	}
}
