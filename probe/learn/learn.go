package learn

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/meridian-gateway/meridian/profile"
	"github.com/meridian-gateway/meridian/request"
)

// Options say which API a profile is proposed for. Do and Target are required.
type Options struct {
	// Do makes one call; own says that it carries the credentials. It is upstream.Client.Do.
	Do func(ctx context.Context, call request.Call, own bool) (request.Answer, error)
	// Target is the path of the list, with a query where the API wants one.
	Target string
	// Profile and Collection are the names in the proposal; left out they are made of Target.
	Profile, Collection string
	// Header is on each call besides the credentials. It is not in the proposal; Keep is: YAML of keys of the profile that are known.
	Header http.Header
	Keep   string
	// Credentials says that there are some, so that it is worth asking without them.
	Credentials bool
	// Write allows to make a record, to change and to delete it. Set are members of the API's own that it demands in a new record.
	Write bool
	Set   []Setting
	// Hide takes secrets out of what an API said.
	Hide func(string) string
	// Now is the time; nil is the real one.
	Now func() time.Time
}

// Setting is a member of a record, by name or as a pointer, and its value as JSON text.
type Setting struct {
	Name  string
	Value []byte
}

// Proposal is a profile that may fit.
type Proposal struct {
	// YAML is an entry of profiles: in the network file; it compiles.
	YAML string
	// Left are the ids of records that were made and could not be removed, Ended why writing ended early; "" when it did not.
	Left  []string
	Ended string
}

// mark is the text of what is written.
const mark = "Meridian probe, may be deleted"

// learner is one attempt at a proposal.
type learner struct {
	o      Options
	path   string // of the collection, without query and suffix
	suffix string // behind it, as in .json or a slash
	slash  bool   // it was given with a slash at its end
	query  string
	lines  map[string]line
	fields []line
	notes  []string // comments at the top of the collection

	seen    shown
	listed  []line   // further keys of list
	paged   string   // the part of the query that asks for a page
	changes string   // the part that asks for changes since a time
	bared   bool     // the list shows less of a record than reading it
	members []*trait // of records, in the order of their names
	id      identity
	answer  string // the envelope of answers
	created creating
	made    []string // ids of records that are to be removed
	stray   []string // what may have been made and was not found
	ended   string
}

// line is one key of the proposal, its value in YAML, and what was seen or assumed.
type line struct{ key, value, seen string }

// Propose looks at the list of an API, and at what its records show, and proposes a profile. The error has Kind Unavailable when the API
// cannot be reached, and Invalid when there is nothing at Target to learn from.
func Propose(ctx context.Context, o Options) (Proposal, error) {
	if o.Hide == nil {
		o.Hide = func(s string) string { return s }
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	l := &learner{o: o, lines: make(map[string]line)}
	if err := l.begin(); err != nil {
		return Proposal{}, err
	}
	steps := []func(context.Context) error{l.list, l.address, l.traits, l.pages, l.since, l.alive}
	if o.Write {
		steps = append(steps, l.write)
	} else {
		steps = append(steps, l.assume)
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return Proposal{Left: l.remove(ctx)}, err
		}
	}
	out := Proposal{Left: l.remove(ctx), Ended: l.ended}
	out.YAML = l.yaml()
	_, err := compiled(out.YAML)
	return out, err
}

// begin takes the target apart.
func (l *learner) begin() error {
	u, err := url.Parse(l.o.Target)
	if err != nil || u.Path == "" || u.Path[0] != '/' || u.Host != "" {
		return wrong("--path " + l.o.Target + " is no path: it begins with /, as in /api/tickets")
	}
	l.path, l.query = u.EscapedPath(), u.RawQuery
	l.path, l.slash = strings.CutSuffix(l.path, "/")
	if cut, has := strings.CutSuffix(l.path, ".json"); has {
		l.path, l.suffix = cut, ".json"
	}
	if l.path == "" {
		return wrong("--path / is the API's root: say where the records are, as in /api/tickets")
	}
	l.o.Collection = cmp.Or(l.o.Collection, named(l.path[strings.LastIndexByte(l.path, '/')+1:]), "records")
	l.o.Profile = cmp.Or(l.o.Profile, "learned")
	l.say("path", quoted(l.path), "as it was given")
	return nil
}

func wrong(detail string) error {
	return &request.Error{Op: "learn.Propose", Kind: request.Invalid, Detail: detail}
}

// say is one line of the proposal; a later one of the same key stands.
func (l *learner) say(key, value, seen string) { l.lines[key] = line{key, value, seen} }

// call makes one call with the credentials. The error has Kind Unavailable: the API does not answer.
func (l *learner) call(ctx context.Context, method, target string, body []byte, header ...string) (request.Answer, error) {
	call := request.Call{Method: method, Target: target, Header: http.Header{"Accept": {"application/json"}}, Body: body}
	for name, values := range l.o.Header {
		call.Header[name] = values
	}
	if body != nil {
		call.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		call.Header.Set(header[i], header[i+1])
	}
	a, err := l.o.Do(ctx, call, true)
	if err != nil {
		return a, &request.Error{Op: "learn.Propose", Kind: request.Unavailable, Err: err,
			Detail: fmt.Sprintf("the API does not answer %s %s", method, target)}
	}
	return a, nil
}

// told is an answer for a person: its status, and what it says.
func (l *learner) told(a request.Answer) string {
	text := strings.Join(strings.Fields(l.o.Hide(string(a.Body))), " ")
	switch {
	case text == "":
		return fmt.Sprint(a.Status)
	case text[0] == '<':
		return fmt.Sprintf("%d and a page of HTML", a.Status)
	}
	return fmt.Sprintf("%d %s", a.Status, cut(text, 160))
}

// collection is the collection as it is proposed by now. The error says why it does not compile.
func (l *learner) collection() (*profile.Collection, error) {
	p, err := compiled(l.yaml())
	if err != nil {
		return nil, err
	}
	return p.Collections[l.o.Collection], nil
}

// compiled is the one profile of YAML text.
func compiled(text string) (*profile.Profile, error) {
	var file struct {
		Profiles map[string]profile.Spec `yaml:"profiles"`
	}
	if err := yaml.Unmarshal([]byte(text), &file); err != nil {
		return nil, fmt.Errorf("the proposal is not read: %w", err)
	}
	for name, spec := range file.Profiles {
		p, problems := profile.Compile(name, spec)
		if len(problems) > 0 {
			return nil, fmt.Errorf("the proposal does not compile: %s: %s", strings.Join(problems[0].Path, "."), problems[0].Message)
		}
		return p, nil
	}
	return nil, errors.New("the proposal is empty")
}
