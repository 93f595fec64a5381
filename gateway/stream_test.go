package gateway

import (
	"bufio"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"
)

// What the upstream sends piece by piece arrives piece by piece, and what the client sends too.
func TestStreams(t *testing.T) {
	t.Parallel()
	b := setup(t, func(w http.ResponseWriter, r *http.Request) {
		ctl := http.NewResponseController(w)
		_ = ctl.EnableFullDuplex()
		in := bufio.NewReader(r.Body)
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				return
			}
			_, _ = io.WriteString(w, "got "+line)
			_ = ctl.Flush()
		}
	})
	c := b.dial(t)
	_, _ = io.WriteString(c, "POST /stream HTTP/1.1\r\nHost: gw\r\nTransfer-Encoding: chunked\r\n\r\n2\r\na\n\r\n")
	in := bufio.NewReader(c)
	res, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	body := bufio.NewReader(res.Body)
	if line, err := body.ReadString('\n'); line != "got a\n" {
		t.Fatalf("%q %v", line, err)
	}
	_, _ = io.WriteString(c, "2\r\nb\n\r\n0\r\n\r\n")
	if line, err := body.ReadString('\n'); line != "got b\n" {
		t.Fatalf("%q %v", line, err)
	}
}

// 200 MiB each way pass without the heap growing with them.
func TestHugeBodiesStayOffTheHeap(t *testing.T) {
	const total = 200 << 20
	piece := make([]byte, 64<<10)
	b := setup(t, func(w http.ResponseWriter, r *http.Request) {
		if n, _ := io.Copy(io.Discard, r.Body); r.Method == "PUT" && n != total {
			t.Errorf("the upstream got %d bytes", n)
		}
		if r.Method == "PUT" {
			return
		}
		for range total / len(piece) {
			if _, err := w.Write(piece); err != nil {
				return
			}
		}
	})
	for _, method := range []string{"GET", "PUT"} {
		var before, now runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		r, _ := http.NewRequest(method, b.gateway.URL+"/file", nil)
		if method == "PUT" {
			r.Body, r.ContentLength = io.NopCloser(io.LimitReader(zeros{}, total)), total
		}
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		var n int64
		var peak uint64
		for i := 0; ; i++ {
			m, err := io.CopyN(io.Discard, res.Body, 8<<20)
			n += m
			runtime.ReadMemStats(&now)
			peak = max(peak, now.HeapAlloc)
			if err != nil {
				break
			}
		}
		_ = res.Body.Close()
		if method == "GET" && n != total {
			t.Errorf("%d bytes arrived", n)
		}
		if peak > before.HeapAlloc+16<<20 {
			t.Errorf("%s: the heap grew from %d to %d KiB", method, before.HeapAlloc>>10, peak>>10)
		}
		if alloc := now.TotalAlloc - before.TotalAlloc; alloc > 32<<20 {
			t.Errorf("%s: %d MiB were allocated", method, alloc>>20)
		}
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

func TestHTTP2WithoutTLS(t *testing.T) {
	t.Parallel()
	b := setup(t, echo)
	p := new(http.Protocols)
	p.SetUnencryptedHTTP2(true)
	client := &http.Client{Transport: &http.Transport{Protocols: p}, Timeout: 10 * time.Second}
	res, err := client.Get(b.gateway.URL + "/a%2Fb")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, _ := io.ReadAll(res.Body)
	if res.ProtoMajor != 2 || !strings.Contains(string(body), "Via: 2.0 meridian.furniture.chicago") || !strings.HasPrefix(string(body), "GET /a%2Fb\n") {
		t.Errorf("%s %s", res.Proto, body)
	}
}
