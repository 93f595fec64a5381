package gateway

import (
	"bufio"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// lines reads events until one of the name given, and returns its data.
func nextEvent(t *testing.T, r *bufio.Reader, name string) string {
	t.Helper()
	found := false
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			t.Fatalf("the stream ended before an event %s: %v", name, err)
		}
		line = strings.TrimSpace(line)
		if data, ok := strings.CutPrefix(line, "data: "); ok && found {
			return data
		}
		if strings.HasPrefix(line, "event: ") {
			found = line == "event: "+name
		}
	}
}

func TestEvents(t *testing.T) {
	t.Parallel()
	o := newOperator()
	feed := &Feed{}
	srv := httptest.NewServer(NewAdmin(AdminOptions{Network: "furniture", Site: "chicago", Operator: o, Watcher: o, Feed: feed}))
	defer srv.Close()
	defer feed.Close() // or the server would wait for the stream
	feed.Activity(Activity{Kind: "created", Request: "nobody listens"})
	resp, err := http.Get(srv.URL + "/api/v1/events")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if ct := resp.Header.Get("Content-Type"); resp.StatusCode != 200 || ct != "text/event-stream" {
		t.Fatal(resp.Status, ct)
	}
	in := bufio.NewReader(resp.Body)
	if got := nextEvent(t, in, "forwarding"); !strings.Contains(got, `"destinations":[`) {
		t.Error(got)
	}
	feed.Activity(Activity{Kind: "created", Request: gid, Site: "chicago"})
	if got := nextEvent(t, in, "activity"); !strings.Contains(got, `"request":"`+string(gid)+`"`) {
		t.Error(got)
	}
	feed.Taken(Taking{Hash: "abc"})
	if got := nextEvent(t, in, "config"); !strings.Contains(got, `"hash":"abc"`) {
		t.Error(got)
	}
	feed.Close()
	for {
		if _, err := in.ReadString('\n'); err != nil {
			break // it ends
		}
	}
	if after, err := http.Get(srv.URL + "/api/v1/events"); err != nil || after.StatusCode != 503 {
		t.Errorf("a closed feed: %v %v", after, err)
	}
}

// Listeners that do not read are no burden, and there are not more than a few.
func TestFeedNeverWaits(t *testing.T) {
	t.Parallel()
	feed := &Feed{}
	var all []chan []byte
	for range feedListeners {
		all = append(all, feed.listen())
	}
	if feed.listen() != nil {
		t.Error("one more than the most was let in")
	}
	for range 10 * feedBacklog {
		feed.Activity(Activity{Kind: "updated"})
	}
	for _, l := range all {
		if len(l) != feedBacklog {
			t.Fatalf("%d events wait", len(l))
		}
		feed.leave(l)
		feed.leave(l)
	}
	if n := feed.Listeners(); n != 0 {
		t.Errorf("%d listeners are left", n)
	}
}
