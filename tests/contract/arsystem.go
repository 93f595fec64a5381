package contract

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// arTime is how AR System writes times: the offset has no colon, and the clock is one of whole seconds.
const arTime = "2006-01-02T15:04:05.000-0700"

// The messages of the server, by number. The numbers are not confirmed; that errors are a list of messages with these four members
// is not either, but nothing else is known.
const (
	arNoAccess      = 330
	arNoEntry       = 302
	arNoForm        = 303
	arNoField       = 314
	arNotInLimits   = 306
	arWrongType     = 308
	arRequired      = 307
	arAuthFailed    = 623
	arBadQuery      = 1587
	arBadCall       = 8979
	arLoginRequired = 9388
)

// Form is one form of AR System.
type Form struct {
	// Fields are the fields that can be written, beside those that every form has (see CoreFields).
	Fields []string
	// Required must have a value on create.
	Required []string
	// Choices are the values that a selection can have.
	Choices map[string][]string
	// Length is the longest value of a text field, in characters.
	Length map[string]int
	// Attachments are fields that hold a file.
	Attachments []string
	// Join marks a join or display-only form: a create there answers 204 and tells no id.
	Join bool
}

// CoreFields are the fields that every form has; those of the second list are the server's own and cannot be written.
func CoreFields() (written, readOnly []string) {
	return []string{"Submitter", "Assigned To", "Status", "Short Description"},
		[]string{"Request ID", "Create Date", "Last Modified By", "Modified Date", "Status History"}
}

// DefaultForms are the forms of a server that was told none: Meridian:Requests, Meridian:Worklog for its children (their parent is
// in Parent ID) and the join form Meridian:Join.
func DefaultForms() map[string]Form {
	status := []string{"New", "Assigned", "In Progress", "Pending", "Resolved", "Closed"}
	return map[string]Form{
		"Meridian:Requests": {
			Fields:      []string{"Detailed Description", "Priority", "External ID", "Due Date", "Queue"},
			Required:    []string{"Short Description"},
			Choices:     map[string][]string{"Status": status, "Priority": {"Critical", "High", "Medium", "Low"}},
			Length:      map[string]int{"Short Description": 254, "External ID": 254},
			Attachments: []string{"Attachment"},
		},
		"Meridian:Worklog": {
			Fields:      []string{"Parent ID", "Notes", "External ID"},
			Required:    []string{"Parent ID"},
			Choices:     map[string][]string{"Status": status},
			Attachments: []string{"Attachment"},
		},
		"Meridian:Join": {Fields: []string{"Detailed Description"}, Join: true},
	}
}

// ARSystem is BMC AR System (Helix) as its REST API shows it.
type ARSystem struct {
	*Server
	forms   map[string]Form
	entries map[string][]*arEntry // by form, oldest first
	tokens  map[string]time.Time  // with their ends
	logins  int
	lastID  int64
}

// arEntry is one entry of a form.
type arEntry struct {
	id     string
	values object
	files  map[string][]byte
	// created and modified are whole seconds.
	created, modified time.Time
}

// NewARSystem returns a server that has no entries yet. Its login takes User and Password.
func NewARSystem(o Options) *ARSystem {
	a := &ARSystem{forms: o.ARSystem.Forms, entries: make(map[string][]*arEntry), tokens: make(map[string]time.Time)}
	o = o.filled()
	if a.forms == nil {
		a.forms = DefaultForms()
	}
	o.ARSystem.TokenLife = orElse(o.ARSystem.TokenLife, time.Hour)
	o.MaxPage = orElse(o.MaxPage, 2000)
	a.lastID = orElse(o.First, 101) - 1
	a.Server = &Server{options: o, product: a}
	return a
}

// Records are the entries of all forms as a read shows them, oldest first, with the form's name under "form".
func (a *ARSystem) Records() []map[string]any {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []object
	for _, form := range names(a.entries) {
		for _, e := range a.entries[form] {
			out = append(out, object{"form": form, "values": e.shown(nil)})
		}
	}
	return deepAll(out)
}

// Expire makes all tokens invalid, as if their time had come.
func (a *ARSystem) Expire() {
	a.mu.Lock()
	defer a.mu.Unlock()
	clear(a.tokens)
}

func (a *ARSystem) refuse(status int, why string) reply {
	return arErrors(status, arBadCall, "Call refused", why)
}

// arErrors is an error as AR System tells it: a list of messages.
func arErrors(status, number int, message, appended string) reply {
	return jsonReply(status, list([]object{{
		"messageType": "ERROR", "messageText": message, "messageNumber": number, "messageAppendedText": appended,
	}}))
}

func (a *ARSystem) handle(c *call) reply {
	switch {
	case c.at("api", "jwt", "login"):
		return a.login(c)
	case c.at("api", "jwt", "logout"):
		return a.logout(c)
	}
	if no, ok := a.mayCall(c); !ok {
		return no
	}
	// A blank is %20 here; the server does not take a plus sign for one. A real plus sign is %2B.
	if strings.Contains(c.URL.RawQuery, "+") {
		return arErrors(http.StatusBadRequest, arBadQuery, "Error in the query", "a plus sign is no blank: "+c.URL.RawQuery)
	}
	rest, ok := c.under("api", "arsys", "v1")
	if !ok || len(rest) < 2 {
		return a.refuse(http.StatusNotFound, "no such resource")
	}
	form, ok := a.forms[rest[1]]
	if !ok {
		return arErrors(http.StatusNotFound, arNoForm, "Form does not exist on server", rest[1])
	}
	switch {
	case rest[0] == "mergeEntry" && len(rest) == 2:
		return a.merge(c, form)
	case rest[0] == "entry" && len(rest) == 2:
		return a.atForm(c, form)
	case rest[0] == "entry" && len(rest) == 3:
		return a.atEntry(c, form, rest[2])
	case rest[0] == "entry" && len(rest) == 5 && rest[3] == "attach":
		return a.attachment(c, rest[2], rest[4])
	}
	return a.refuse(http.StatusNotFound, "no such resource")
}

// login gives a token for a form-encoded user and password. The token is the body, as plain text.
func (a *ARSystem) login(c *call) reply {
	if c.Method != http.MethodPost {
		return a.refuse(http.StatusMethodNotAllowed, c.Method).allowing("POST")
	}
	if c.mediaType() != "application/x-www-form-urlencoded" {
		return a.refuse(http.StatusUnsupportedMediaType, "the login is a form")
	}
	form, err := url.ParseQuery(string(c.body))
	if err != nil || form.Get("username") != a.options.User || form.Get("password") != a.options.Password {
		return arErrors(http.StatusUnauthorized, arAuthFailed, "Authentication failed", form.Get("username"))
	}
	a.logins++
	token := pseudoToken(a.options.Site, a.logins, c.now)
	a.tokens[token] = c.now.Add(a.options.ARSystem.TokenLife)
	return raw(http.StatusOK, "text/plain; charset=UTF-8", []byte(token))
}

func (a *ARSystem) logout(c *call) reply {
	if c.Method != http.MethodPost {
		return a.refuse(http.StatusMethodNotAllowed, c.Method).allowing("POST")
	}
	delete(a.tokens, c.bearer("AR-JWT"))
	return empty(http.StatusNoContent)
}

// mayCall checks the token and, where it is wanted, X-Requested-By. The scheme is AR-JWT, not Bearer.
func (a *ARSystem) mayCall(c *call) (reply, bool) {
	end, known := a.tokens[c.bearer("AR-JWT")]
	if !known || !c.now.Before(end) {
		return arErrors(http.StatusUnauthorized, arLoginRequired, "Authentication failed", "the token is missing, wrong or expired"), false
	}
	if a.options.ARSystem.RequestedBy && c.Header.Get("X-Requested-By") != "XMLHttpRequest" {
		return a.refuse(http.StatusForbidden, "X-Requested-By is missing"), false
	}
	return reply{}, true
}

// atForm creates an entry or lists them.
func (a *ARSystem) atForm(c *call, form Form) reply {
	switch c.Method {
	case http.MethodGet:
		return a.list(c, form)
	case http.MethodPost:
		return a.create(c, form)
	}
	return a.refuse(http.StatusMethodNotAllowed, c.Method).allowing("GET", "POST")
}

// create makes an entry. The answer has no body, only a Location, unless fields are asked for; a join form tells nothing.
func (a *ARSystem) create(c *call, form Form) reply {
	values, files, no := a.sent(c, form)
	if no != nil {
		return *no
	}
	if no := a.required(form, values); no != nil {
		return *no
	}
	fields, err := arFields(c.query.Get("fields"))
	if err != nil {
		return arErrors(http.StatusBadRequest, arBadQuery, "Error in fields", err.Error())
	}
	e := a.insert(c, c.segs[4], values, files)
	if form.Join {
		return empty(http.StatusNoContent)
	}
	answer := empty(http.StatusCreated)
	if c.query.Has("fields") {
		answer = jsonReply(http.StatusCreated, a.entry(c, e, fields))
	}
	return answer.with("Location", a.address(c, e.id))
}

// insert keeps a new entry.
func (a *ARSystem) insert(c *call, form string, values object, files map[string][]byte) *arEntry {
	a.lastID++
	now := c.now.Truncate(time.Second)
	e := &arEntry{id: fmt.Sprintf("%015d", a.lastID), values: object{}, files: make(map[string][]byte), created: now}
	if _, has := values["Status"]; !has && !a.forms[form].Join {
		e.values["Status"] = "New"
	}
	if text(values["Submitter"]) == "" {
		e.values["Submitter"] = a.options.User
	}
	a.set(e, now, values, files)
	a.entries[form] = append(a.entries[form], e)
	return e
}

// set lays values over an entry.
func (a *ARSystem) set(e *arEntry, now time.Time, values object, files map[string][]byte) {
	for name, v := range values {
		if v == nil {
			delete(e.values, name)
			continue
		}
		e.values[name] = v
	}
	for name, b := range files {
		e.files[name] = b
		e.values[name] = object{"name": name, "sizeBytes": json.Number(fmt.Sprint(len(b)))}
	}
	e.modified = now
	e.values["Last Modified By"] = a.options.User
}

// atEntry reads, changes or deletes one entry.
func (a *ARSystem) atEntry(c *call, form Form, id string) reply {
	at := slices.IndexFunc(a.entries[c.segs[4]], func(e *arEntry) bool { return e.id == id })
	if !slices.Contains([]string{http.MethodGet, http.MethodPut, http.MethodDelete}, c.Method) {
		return a.refuse(http.StatusMethodNotAllowed, c.Method).allowing("GET", "PUT", "DELETE")
	}
	if at < 0 {
		return arErrors(http.StatusNotFound, arNoEntry, "Entry does not exist in database", id)
	}
	e := a.entries[c.segs[4]][at]
	switch c.Method {
	case http.MethodGet:
		fields, err := arFields(c.query.Get("fields"))
		if err != nil {
			return arErrors(http.StatusBadRequest, arBadQuery, "Error in fields", err.Error())
		}
		return jsonReply(http.StatusOK, a.entry(c, e, fields))
	case http.MethodPut:
		return a.update(c, form, e)
	}
	if option := c.query.Get("option"); !slices.Contains([]string{"", "FORCE", "NOCASCADE"}, option) {
		return a.refuse(http.StatusBadRequest, "no such option of a delete: "+option)
	}
	a.entries[c.segs[4]] = slices.Delete(a.entries[c.segs[4]], at, at+1)
	return empty(http.StatusNoContent)
}

// update changes the fields that are sent, and answers nothing.
func (a *ARSystem) update(c *call, form Form, e *arEntry) reply {
	values, files, no := a.sent(c, form)
	if no != nil {
		return *no
	}
	for _, name := range form.Required {
		if v, has := values[name]; has && (v == nil || v == "") {
			return arErrors(http.StatusBadRequest, arRequired, "Required field cannot be reset to a NULL value", name)
		}
	}
	if a.options.ARSystem.ResetOmitted {
		if no := a.required(form, values); no != nil {
			return *no
		}
		for _, name := range form.writable() {
			if _, sent := values[name]; !sent && name != "Submitter" && name != "Status" {
				delete(e.values, name)
			}
		}
	}
	a.set(e, c.now.Truncate(time.Second), values, files)
	return empty(http.StatusNoContent)
}

// merge makes the entry with the Request ID that is sent, or changes it where there is one.
func (a *ARSystem) merge(c *call, form Form) reply {
	if c.Method != http.MethodPost {
		return a.refuse(http.StatusMethodNotAllowed, c.Method).allowing("POST")
	}
	body, err := parseObject(c.body)
	values, ok := body["values"].(object)
	if !c.isJSON() || err != nil || !ok {
		return a.refuse(http.StatusBadRequest, "a merge is {\"values\":{…}}")
	}
	id := text(values["Request ID"])
	delete(values, "Request ID")
	if no := form.check(values); no != nil {
		return *no
	}
	for _, e := range a.entries[c.segs[4]] {
		if e.id == id {
			a.set(e, c.now.Truncate(time.Second), values, nil)
			return empty(http.StatusNoContent)
		}
	}
	if no := a.required(form, values); no != nil {
		return *no
	}
	e := a.insert(c, c.segs[4], values, nil)
	return empty(http.StatusCreated).with("Location", a.address(c, e.id))
}

// attachment gives the bytes of a file, whatever they are, as application/octet-stream.
func (a *ARSystem) attachment(c *call, id, field string) reply {
	if c.Method != http.MethodGet {
		return a.refuse(http.StatusMethodNotAllowed, c.Method).allowing("GET")
	}
	for _, e := range a.entries[c.segs[4]] {
		if b, has := e.files[field]; has && e.id == id {
			return raw(http.StatusOK, "application/octet-stream", b)
		}
	}
	return arErrors(http.StatusNotFound, arNoEntry, "Entry does not exist in database", id+" "+field)
}
