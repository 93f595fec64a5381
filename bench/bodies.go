package main

import (
	"bytes"
	"strconv"

	"github.com/tidwall/gjson"
)

// pageSize is the size of the bodies that pass through.
const pageSize = 1024

// page is the body of pass-through calls and answers; jsonType is shared so that the upstream makes no garbage for it.
var (
	page     = padded([]byte(`{"page":true`), pageSize)
	jsonType = []string{"application/json"}
)

// padded ends an open JSON object with a field that fills it to size bytes. An object too long for that is only closed.
func padded(open []byte, size int) []byte {
	const begin, end = `,"subject":"`, `"}`
	fill := size - len(open) - len(begin) - len(end)
	if fill < 0 {
		return append(open, '}')
	}
	open = append(open, begin...)
	open = append(open, bytes.Repeat([]byte("x"), fill)...)
	return append(open, end...)
}

// recordKey names the record that a client creates with its write number n.
func recordKey(n int64) string { return "k" + strconv.FormatInt(n, 10) }

// creation is the body of a create: a record of size bytes with its key and the number of the write.
func creation(n int64, size int) []byte {
	open := append(make([]byte, 0, size), `{"key":"`...)
	open = append(append(open, recordKey(n)...), `","n":`...)
	open = append(strconv.AppendInt(open, n, 10), `,"status":"open","category":"desk","priority":2`...)
	return padded(open, size)
}

// alteration is the body of an update of a record: a short one, as clients send.
func alteration(key string, n int64) []byte {
	body := append(append(make([]byte, 0, 96), `{"key":"`...), key...)
	body = strconv.AppendInt(append(body, `","n":`...), n, 10)
	return append(body, `,"status":"working","note":"seen by the workshop"}`...)
}

// idOf returns the id of a record as the upstream answers it.
func idOf(record []byte) string { return gjson.GetBytes(record, "id").String() }
