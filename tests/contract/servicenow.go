package contract

import (
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// snTime is how ServiceNow writes times: whole seconds, in UTC.
const snTime = "2006-01-02 15:04:05"

// ServiceNow is a ServiceNow instance: its Table API and its attachments.
type ServiceNow struct {
	*Server
	tables  map[string][]string // with the columns that can be written
	rows    map[string][]snRow
	files   []*file
	hidden  map[string]bool
	lastID  int64
	numbers int64
}

// snRow is one record: column to text.
type snRow map[string]string

// NewServiceNow returns an instance without records. It takes User and Password as Basic credentials, and Token as a bearer's.
func NewServiceNow(o Options) *ServiceNow {
	s := &ServiceNow{tables: o.ServiceNow.Tables, rows: make(map[string][]snRow), hidden: make(map[string]bool)}
	o = o.filled()
	if s.tables == nil {
		s.tables = map[string][]string{"incident": incidentColumns(), "sys_journal_field": journalColumns()}
	}
	s.numbers = orElse(o.First, 10001) - 1
	s.Server = &Server{options: o, product: s}
	return s
}

// incidentColumns are the columns of an incident that can be written. A column that begins with u_ is one that an administrator
// made; tables take any of those that they list.
func incidentColumns() []string {
	return []string{
		"short_description", "description", "state", "priority", "impact", "urgency", "category", "subcategory", "contact_type",
		"assigned_to", "assignment_group", "caller_id", "active", "close_code", "close_notes", "opened_at", "due_date",
		"correlation_id", "correlation_display", "comments", "work_notes", "u_external_id", "u_queue",
	}
}

// journalColumns are those of the table in which comments and work notes are found.
func journalColumns() []string { return []string{"name", "element_id", "element", "value"} }

// snSystem are the columns that every table has and nobody writes.
func snSystem() []string {
	return []string{"sys_id", "number", "sys_created_on", "sys_created_by", "sys_updated_on", "sys_updated_by", "sys_mod_count", "sys_class_name"}
}

// references are the columns that refer to another record, with its table.
func references() map[string]string {
	return map[string]string{"assigned_to": "sys_user", "caller_id": "sys_user", "assignment_group": "sys_user_group"}
}

// Records are the records of all tables as plain texts, oldest first; sys_class_name names the table.
func (s *ServiceNow) Records() []map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []object
	for _, table := range names(s.rows) {
		for _, r := range s.rows[table] {
			o := make(object, len(r))
			for k, v := range r {
				o[k] = v
			}
			out = append(out, o)
		}
	}
	return deepAll(out)
}

// Hide takes the user's right to see a record. Lists apply their limit before such rules, so a page gets shorter by it; a read
// says that there is no such record.
func (s *ServiceNow) Hide(sysID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hidden[sysID] = true
}

func (s *ServiceNow) refuse(status int, why string) reply { return snError(status, why, "") }

// snError is an error as ServiceNow tells it.
func snError(status int, message, detail string) reply {
	var d any
	if detail != "" {
		d = detail
	}
	return jsonReply(status, object{"error": object{"message": message, "detail": d}, "status": "failure"})
}

func (s *ServiceNow) noRecord() reply {
	return snError(http.StatusNotFound, "No Record found", "Record doesn't exist or ACL restricts the record retrieval")
}

func (s *ServiceNow) handle(c *call) reply {
	if !c.basic(s.options.User, s.options.Password) && c.bearer("Bearer") != s.options.Token {
		return snError(http.StatusUnauthorized, "User Not Authenticated", "Required to provide Auth information").
			with("WWW-Authenticate", `BASIC realm="Service-now"`)
	}
	if a := c.Header.Get("Accept"); a != "" && !strings.Contains(a, "json") && !strings.Contains(a, "*/*") && !strings.Contains(a, "application/*") &&
		!slices.Contains(c.segs, "file") {
		return snError(http.StatusNotAcceptable, "Not Acceptable", a)
	}
	rest, ok := c.under("api", "now")
	version := "v2"
	if ok && len(rest) > 0 && (rest[0] == "v1" || rest[0] == "v2") {
		version, rest = rest[0], rest[1:]
	}
	switch {
	case ok && len(rest) > 0 && rest[0] == "attachment":
		return s.attachments(c, rest[1:])
	case !ok || len(rest) < 2 || len(rest) > 3 || rest[0] != "table":
		return snError(http.StatusBadRequest, "Requested URI does not represent any resource", c.URL.Path)
	case s.tables[rest[1]] == nil:
		return snError(http.StatusBadRequest, "Invalid table "+rest[1], "")
	case len(rest) == 2:
		return s.atTable(c, rest[1], version)
	}
	return s.atRow(c, rest[1], rest[2])
}

// atTable creates a record or lists them.
func (s *ServiceNow) atTable(c *call, table, version string) reply {
	switch c.Method {
	case http.MethodGet:
		return s.list(c, table, version)
	case http.MethodPost:
		values, no := s.sent(c, table)
		if no != nil {
			return *no
		}
		return s.created(c, table, s.insert(c, table, values))
	}
	return s.refuse(http.StatusMethodNotAllowed, "Method not supported").allowing("GET", "POST")
}

// created answers a create: Location always, the record unless the client does without.
func (s *ServiceNow) created(c *call, table string, r snRow) reply {
	answer := empty(http.StatusCreated)
	if !quiet(c) {
		answer = jsonReply(http.StatusCreated, object{"result": s.shown(c, r)})
	}
	return answer.with("Location", c.base()+"/api/now/table/"+table+"/"+r["sys_id"])
}

// quiet reports whether the client wants no body.
func quiet(c *call) bool { return strings.EqualFold(c.Header.Get("X-no-response-body"), "true") }

// insert keeps a new record.
func (s *ServiceNow) insert(c *call, table string, values snRow) snRow {
	now := c.now.Format(snTime)
	r := snRow{
		"sys_id": s.newID(table), "sys_class_name": table, "sys_mod_count": "0",
		"sys_created_on": now, "sys_created_by": s.options.User, "sys_updated_on": now, "sys_updated_by": s.options.User,
	}
	for _, column := range s.tables[table] {
		r[column] = ""
	}
	if table == "incident" {
		s.numbers++
		r["number"] = fmt.Sprintf("INC%07d", s.numbers)
		r["state"], r["active"], r["priority"], r["impact"], r["urgency"], r["opened_at"] = "1", "true", "5", "3", "3", now
	}
	s.rows[table] = append(s.rows[table], r)
	s.lay(c, table, r, values)
	return r
}

// newID is a new sys_id: 32 hexadecimal digits.
func (s *ServiceNow) newID(table string) string {
	s.lastID++
	sum := md5.Sum(fmt.Appendf(nil, "%s %s %d", s.options.Site, table, s.lastID))
	return hex.EncodeToString(sum[:])
}

// lay writes values over a record and reports whether anything is different now. Comments and work notes do not stay in the record:
// each becomes an entry of the journal.
func (s *ServiceNow) lay(c *call, table string, r, values snRow) bool {
	changed := false
	for _, column := range names(values) {
		v := values[column]
		if column == "comments" || column == "work_notes" {
			if v != "" && s.tables["sys_journal_field"] != nil {
				s.insert(c, "sys_journal_field", snRow{"name": table, "element_id": r["sys_id"], "element": column, "value": v})
				changed = true
			}
			continue
		}
		if r[column] != v {
			r[column], changed = v, true
		}
	}
	if values["state"] != "" && table == "incident" {
		r["active"] = fmt.Sprint(values["state"] != "7" && values["state"] != "8")
	}
	return changed
}

// atRow reads, changes or deletes one record. PUT and PATCH are the same, and partial.
func (s *ServiceNow) atRow(c *call, table, id string) reply {
	if !slices.Contains([]string{"GET", "PUT", "PATCH", "DELETE"}, c.Method) {
		return s.refuse(http.StatusMethodNotAllowed, "Method not supported").allowing("GET", "PUT", "PATCH", "DELETE")
	}
	at := slices.IndexFunc(s.rows[table], func(r snRow) bool { return r["sys_id"] == id })
	if at < 0 || s.hidden[id] {
		return s.noRecord()
	}
	r := s.rows[table][at]
	switch c.Method {
	case http.MethodGet:
		return jsonReply(http.StatusOK, object{"result": s.shown(c, r)})
	case http.MethodDelete:
		s.rows[table] = slices.Delete(s.rows[table], at, at+1)
		s.files = slices.DeleteFunc(s.files, func(f *file) bool { return f.parent == table+"/"+id })
		return empty(http.StatusNoContent)
	}
	values, no := s.sent(c, table)
	if no != nil {
		return *no
	}
	if s.lay(c, table, r, values) {
		r["sys_updated_on"], r["sys_updated_by"] = c.now.Format(snTime), s.options.User
		n, _ := strconv.Atoi(r["sys_mod_count"])
		r["sys_mod_count"] = strconv.Itoa(n + 1)
	}
	if quiet(c) {
		return empty(http.StatusOK)
	}
	return jsonReply(http.StatusOK, object{"result": s.shown(c, r)})
}

// sent reads the values of a create or an update: a flat object. Unknown columns and the system's own are passed over in silence.
// Numbers and truth values become their texts, null becomes "".
func (s *ServiceNow) sent(c *call, table string) (snRow, *reply) {
	no := func(r reply) (snRow, *reply) { return nil, &r }
	if !c.isJSON() {
		return no(snError(http.StatusUnsupportedMediaType, "Unsupported Media Type", c.Header.Get("Content-Type")))
	}
	body, err := parseObject(c.body)
	if err != nil {
		return no(snError(http.StatusBadRequest, "Exception while reading request", err.Error()))
	}
	out := make(snRow)
	for _, column := range names(body) {
		if !slices.Contains(s.tables[table], column) {
			c.ignore(column)
			continue
		}
		switch v := body[column].(type) {
		case nil:
			out[column] = ""
		case string:
			out[column] = v
		case bool:
			out[column] = fmt.Sprint(v)
		case json.Number:
			out[column] = v.String()
		default:
			return no(snError(http.StatusBadRequest, "Exception while reading request", column+" is no plain value"))
		}
	}
	if s.options.RefuseUnknown && len(c.ignored) > 0 {
		return no(snError(http.StatusBadRequest, "Invalid column", strings.Join(c.ignored, ", ")))
	}
	return out, nil
}
