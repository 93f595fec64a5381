package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/meridian-gateway/meridian/profile"
	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

// made is a ledger and a request API of which every record follows from its number: a million of them take no memory.
type made struct {
	site  request.Site
	owner bool
	n     int
	// planted records, one in every so many, differ from what the owner has.
	planted, every int
}

const madeList = 500

func madeProfile() (*profile.Profile, error) {
	var spec profile.Spec
	text := fmt.Sprintf("preset: rest\ncollections:\n  tickets:\n    path: /tickets\n    list: {path: \"/tickets?page={page}\", size: %d, first: 0}\n", madeList)
	if err := yaml.Unmarshal([]byte(text), &spec); err != nil {
		return nil, err
	}
	p, problems := profile.Compile("made", spec)
	if len(problems) > 0 {
		return nil, fmt.Errorf("the profile: %v", problems)
	}
	return p, nil
}

// madeBorn is when the first was made; each is a millisecond younger than the one before.
const madeBorn = 1_700_000_000_000

func madeID(i int) request.ID {
	return request.MakeID(time.UnixMilli(madeBorn+int64(i)), [10]byte{byte(i), byte(i >> 8), byte(i >> 16), 7, 7, 7, 7, 7, 7, 7})
}

func (m *made) number(id request.ID) (int, bool) {
	b, err := id.AppendBinary(nil)
	if err != nil {
		return 0, false
	}
	var ms int64
	for _, c := range b[:6] {
		ms = ms<<8 | int64(c)
	}
	i := int(ms - madeBorn)
	return i, i >= 0 && i < m.n && madeID(i) == id
}

func (m *made) title(i int) string {
	title := "A chair with number " + strconv.Itoa(i)
	if m.every > 0 && i%m.every == 0 && i/m.every < m.planted {
		title += " and a fault"
	}
	return title
}

const madeText = `"One leg is shorter than the others, and the seat has come off. Please call before you come, in the morning if you can."`

func (m *made) record(i int) store.Record {
	v := request.Version{Epoch: request.Epoch{Num: 1, Site: "oslo"}, Seq: 3}
	born := time.UnixMilli(madeBorn + int64(i))
	e := request.Entry{ID: madeID(i), Collection: "tickets", Role: request.Copy, Version: v, Fence: v.Epoch, Owner: "oslo", Origin: "oslo",
		Local: strconv.Itoa(i + 1), Locals: map[request.Site]string{"oslo": strconv.Itoa(i + 1)}, Created: born, Updated: born,
		Fields: request.Fields{{Name: "title", Value: request.Quote(m.title(i))}, {Name: "status", Value: []byte(`"open"`)}, {Name: "category", Value: []byte(`"chair"`)},
			{Name: "text", Value: []byte(madeText)}, {Name: "n", Value: []byte(strconv.Itoa(i))}}}
	rec := store.Record{Entry: e, Rev: 3}
	if m.owner {
		rec.Entry.Role, rec.Entry.Holders = request.Owner, []request.Site{"rome"}
		rec.Holders = []request.Delivery{{Request: e.ID, Site: "rome", State: request.Delivered, Owed: v, Acked: v, Local: e.Local}}
	}
	return rec
}

// Read is one record.
func (m *made) Read(_ context.Context, id request.ID) (store.Record, error) {
	i, ok := m.number(id)
	if !ok {
		return store.Record{}, store.ErrNotFound
	}
	return m.record(i), nil
}

// Lookup finds one by its local id.
func (m *made) Lookup(_ context.Context, _ string, l store.Link) (store.Record, error) {
	i, err := strconv.Atoi(l.Local)
	if err != nil || i < 1 || i > m.n {
		return store.Record{}, store.ErrNotFound
	}
	return m.record(i - 1), nil
}

// Entries lists them in order.
func (m *made) Entries(_ context.Context, after request.ID, limit int) ([]store.Record, error) {
	from := 0
	if after != "" {
		i, ok := m.number(after)
		if !ok {
			return nil, errors.New("no such place in the list")
		}
		from = i + 1
	}
	out := make([]store.Record, 0, limit)
	for i := from; i < m.n && len(out) < limit; i++ {
		out = append(out, m.record(i))
	}
	return out, nil
}

// Intents are none.
func (m *made) Intents(context.Context, request.ID, int) ([]request.ID, error) { return nil, nil }

// Commit is refused: nothing is to be written when nothing is repaired.
func (m *made) Commit(context.Context, store.Tx) (uint64, error) {
	return 0, errors.New("a comparison wrote to the ledger")
}

// Do answers as the request API: a page of the list, or a record.
func (m *made) Do(_ context.Context, call request.Call, _ bool) (request.Answer, error) {
	u, err := url.Parse(call.Target)
	if err != nil {
		return request.Answer{}, err
	}
	ans := request.Answer{Status: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}}
	if id, one := strings.CutPrefix(u.Path, "/tickets/"); one {
		i, err := strconv.Atoi(id)
		if err != nil || i < 1 || i > m.n {
			ans.Status = http.StatusNotFound
			return ans, nil
		}
		ans.Body = m.body(nil, i-1)
		return ans, nil
	}
	page, err := strconv.Atoi(u.Query().Get("page"))
	if err != nil {
		ans.Status = http.StatusBadRequest
		return ans, nil
	}
	ans.Body = append(ans.Body, '[')
	for i := page * madeList; i < min(m.n, (page+1)*madeList); i++ {
		if len(ans.Body) > 1 {
			ans.Body = append(ans.Body, ',')
		}
		ans.Body = m.body(ans.Body, i)
	}
	ans.Body = append(ans.Body, ']')
	return ans, nil
}

// body appends a record as the API has it.
func (m *made) body(dst []byte, i int) []byte {
	dst = append(append(dst, `{"id":`...), strconv.Itoa(i+1)...)
	for _, f := range m.record(i).Entry.Fields {
		dst = append(append(append(append(dst, `,"`...), f.Name...), `":`...), f.Value...)
	}
	return append(dst, '}')
}
