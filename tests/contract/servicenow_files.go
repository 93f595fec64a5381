package contract

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strconv"
)

// attachments serves /api/now/attachment: a list, file (raw upload), upload (form), {sys_id} and {sys_id}/file.
func (s *ServiceNow) attachments(c *call, rest []string) reply {
	allow := func(verbs ...string) reply {
		return s.refuse(http.StatusMethodNotAllowed, "Method not supported").allowing(verbs...)
	}
	switch {
	case len(rest) == 0 && c.Method == http.MethodGet:
		return s.listFiles(c)
	case len(rest) == 0:
		return allow("GET")
	case len(rest) == 1 && rest[0] == "file" && c.Method == http.MethodPost:
		return s.uploadRaw(c)
	case len(rest) == 1 && rest[0] == "upload" && c.Method == http.MethodPost:
		return s.uploadForm(c)
	case len(rest) == 1 && (rest[0] == "file" || rest[0] == "upload"):
		return allow("POST")
	}
	at := slices.IndexFunc(s.files, func(f *file) bool { return f.id == rest[0] })
	switch {
	case len(rest) > 2 || len(rest) == 2 && rest[1] != "file":
		return snError(http.StatusBadRequest, "Requested URI does not represent any resource", c.URL.Path)
	case at < 0:
		return s.noRecord()
	case len(rest) == 2 && c.Method == http.MethodGet:
		f := s.files[at]
		return raw(http.StatusOK, f.mediaType, f.body).with("X-Attachment-Metadata", string(jsonReply(0, f.record).body))
	case len(rest) == 2:
		return allow("GET")
	case c.Method == http.MethodGet:
		return jsonReply(http.StatusOK, object{"result": s.files[at].record})
	case c.Method == http.MethodDelete:
		s.files = slices.Delete(s.files, at, at+1)
		return empty(http.StatusNoContent)
	}
	return allow("GET", "DELETE")
}

// uploadRaw takes the body as the file; where it belongs and what it is called stand in the query, its type in Content-Type.
func (s *ServiceNow) uploadRaw(c *call) reply {
	if c.mediaType() == "" || c.mediaType() == "multipart/form-data" {
		return snError(http.StatusUnsupportedMediaType, "Unsupported Media Type", c.Header.Get("Content-Type"))
	}
	return s.keep(c, c.query.Get("table_name"), c.query.Get("table_sys_id"), part{
		file: c.query.Get("file_name"), mediaType: c.Header.Get("Content-Type"), body: c.body,
	})
}

// uploadForm takes a form of table_name, table_sys_id and, last, the file.
func (s *ServiceNow) uploadForm(c *call) reply {
	parts, err := c.parts()
	if err != nil {
		return snError(http.StatusUnsupportedMediaType, "Unsupported Media Type", err.Error())
	}
	values, upload := map[string]string{}, part{}
	for _, p := range parts {
		if p.file != "" {
			upload = p
			continue
		}
		values[p.name] = string(p.body)
	}
	return s.keep(c, values["table_name"], values["table_sys_id"], upload)
}

// keep stores a file that belongs to a record.
func (s *ServiceNow) keep(c *call, table, id string, p part) reply {
	if p.file == "" || table == "" || id == "" {
		return snError(http.StatusBadRequest, "Missing parameter", "table_name, table_sys_id and file_name are needed")
	}
	if s.tables[table] == nil {
		return snError(http.StatusBadRequest, "Invalid table "+table, "")
	}
	if !slices.ContainsFunc(s.rows[table], func(r snRow) bool { return r["sys_id"] == id }) {
		return s.noRecord()
	}
	f := &file{id: s.newID("sys_attachment"), parent: table + "/" + id, name: p.file, mediaType: p.mediaType, body: p.body}
	sum := sha256.Sum256(p.body)
	now := c.now.Format(snTime)
	f.record = object{
		"sys_id": f.id, "table_name": table, "table_sys_id": id, "file_name": f.name, "content_type": f.mediaType,
		"size_bytes": strconv.Itoa(len(f.body)), "hash": hex.EncodeToString(sum[:]), "state": "", "compressed": "true",
		"download_link":  c.base() + "/api/now/attachment/" + f.id + "/file",
		"sys_created_on": now, "sys_created_by": s.options.User, "sys_updated_on": now, "sys_updated_by": s.options.User, "sys_mod_count": "0",
	}
	s.files = append(s.files, f)
	answer := empty(http.StatusCreated)
	if !quiet(c) {
		answer = jsonReply(http.StatusCreated, object{"result": f.record})
	}
	return answer.with("Location", c.base()+"/api/now/attachment/"+f.id)
}

// listFiles lists what is attached, by sysparm_query like any table.
func (s *ServiceNow) listFiles(c *call) reply {
	limit, ok1 := c.whole("sysparm_limit", 1000, 1)
	offset, ok2 := c.whole("sysparm_offset", 0, 0)
	if !ok1 || !ok2 {
		return snError(http.StatusBadRequest, "Invalid sysparm_limit or sysparm_offset", c.URL.RawQuery)
	}
	columns := []string{}
	rows := make([]snRow, 0, len(s.files))
	records := make(map[string]object)
	for _, f := range s.files {
		row := make(snRow)
		for k, v := range f.record {
			row[k] = fmt.Sprint(v)
		}
		columns = names(row)
		rows, records[f.id] = append(rows, row), f.record
	}
	hits := s.find(rows, c.query.Get("sysparm_query"), columns)
	result := []any{}
	for _, r := range slice(hits, offset, limit) {
		result = append(result, records[r["sys_id"]])
	}
	return s.paged(c, jsonReply(http.StatusOK, object{"result": result}), len(hits), offset, limit)
}

// Files are the attachments of all records, as their descriptions, oldest first.
func (s *ServiceNow) Files() []map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]object, 0, len(s.files))
	for _, f := range s.files {
		out = append(out, f.record)
	}
	return deepAll(out)
}
