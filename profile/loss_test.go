package profile

import (
	"strings"
	"testing"
	_ "time/tzdata"
)

func lossesOf(problems []Problem) string {
	var out []string
	for _, p := range problems {
		out = append(out, strings.TrimPrefix(strings.Join(p.Path, "/"), "fields/f/")+": "+p.Message)
	}
	return strings.Join(out, "\n")
}

func TestLosses(t *testing.T) {
	for spec, want := range map[string]string{
		"{at: /x}":                                           "",
		"{read: /a/id, write: /a_id}":                        "",
		"{write: /x}":                                        "",
		"{read: /x, in: 'lower(value)'}":                     "",
		"{write: /x, out: 'lower(value)'}":                   "",
		"{values: {open: 1, closed: 2}}":                     "",
		"{values: {open: 1, busy: 1, done: 2, closed: '2'}}": `values: "open" and "busy" are both 1 here: "busy" comes back as "open"`,
		"{values: {open: 1}, strict: true}":                  "strict: a value that is not listed is refused",
		"{max_length: 5}":                                    "",
		"{max_length: 5, too_long: truncate}":                "too_long: a text of more than 5 characters comes back cut off",
		"{default: General}":                                 `default: a request without a value shows "General" once it was made here`,
		"{null: omit}":                                       "null: what is emptied elsewhere keeps its value here",
		"{null: ''}":                                         "",
		"{null: 0}":                                          "null: 0 comes back as no value",
		"{const: web}":                                       "",
		"{type: integer, as: text}":                          "",
		"{type: number, as: text}":                           "",
		"{type: boolean, as: integer}":                       "",
		"{type: boolean, as: text, null: ''}":                "",
		"{type: text, as: integer}":                          `as: "some text" cannot be written here`,
		"{type: integer, as: boolean}":                       "as: 7 cannot be written here",
		"{type: number, as: integer}":                        "as: 2.5 cannot be written here",
		"{type: list, as: comma}":                            "",
		"{type: time}":                                       "",
		"{type: time, as: unix-ms}":                          "",
		"{type: time, as: rfc3339, zone: Europe/Oslo}":       "",
		"{type: time, as: '2006-01-02T15:04:05.000-0700'}":   "",
		"{type: time, as: '2006-01-02 15:04:05.000'}":        "",
		"{type: time, as: '2006-01-02 15:04:05.000', zone: Asia/Tokyo}": "",
		"{type: time, as: unix}":                                         `as: "2026-03-04T15:16:17.891Z" comes back as "2026-03-04T15:16:17Z"`,
		"{type: time, as: '2006-01-02 15:04:05'}":                        `as: "2026-03-04T15:16:17.891Z" comes back as "2026-03-04T15:16:17Z"`,
		"{type: time, as: '2006-01-02', zone: Europe/Oslo}":              `as: "2026-03-04T15:16:17.891Z" comes back as "2026-03-03T23:00:00Z"`,
		"{type: time, as: '15:04'}":                                      `as: "2026-03-04T15:16:17.891Z" comes back as "0000-01-01T15:16:00Z"`,
		"{type: time, as: '02.01.06 15:04:05.000'}":                      `as: "2071-03-04T15:16:17Z" comes back as "1971-03-04T15:16:17Z"`,
		"{type: time, as: '2006-01-02 15:04:05.000', zone: Europe/Oslo}": `zone: "2026-10-25T00:30:00Z" comes back as "2026-10-25T01:30:00Z"`,
		"{in: 'lower(value)'}":                                           "in: it is never written",
		"{out: 'lower(value)'}":                                          "out: nothing says how it is read",
		"{in: value, out: value}":                                        "",
		"{in: 'lower(value)', out: 'upper(value)'}":                      `out: "Two words" comes back as "two words"`,
		"{in: 'value + 1', out: value}":                                  "out: 7 comes back as 8, and that as 9: each write changes it",
		"{in: date(value), out: value.Format('2006-01-02')}":             `out: "2026-03-04T15:16:17.891Z" comes back as "2026-03-04T00:00:00Z"`,
		"{in: date(value), out: 'date(value).UnixMilli()'}":              "",
		"{in: record.x, out: value}":                                     "",
		"{in: value, out: 'fields.x + value'}":                           "",
		"{in: 'int(value)', out: 'string(value)', null: ''}":             "",
		"{in: 'split(value, \",\")', out: 'join(value, \",\")'}":         "",
	} {
		c := ticketsOf(t, "fields: {f: "+spec+"}")
		if got := lossesOf(c.Losses()); got != want && (want == "" || !strings.HasPrefix(got, want)) || strings.Contains(got, "\n") {
			t.Errorf("%s: %s\nwant %s", spec, got, want)
		}
	}
	c := ticketsOf(t, "null: omit, local: [f], fields: {f: {max_length: 5, too_long: truncate}, g: /x}")
	if got := lossesOf(c.Losses()); !strings.HasPrefix(got, "null: what is emptied elsewhere") || strings.Contains(got, "\n") {
		t.Error(got)
	}
	if got := lossesOf(ticketsOf(t, "null: 0, fields: {f: /x, g: {null: ''}}").Losses()); got != "null: 0 comes back as no value" {
		t.Error(got)
	}
	if got := lossesOf(ticketsOf(t, "null: omit, update: {method: PUT, body: full}").Losses()); got != "" {
		t.Error(got)
	}
}

func TestLossesFrom(t *testing.T) {
	c := ticketsOf(t, `fields: {source: {const: web}, kind: {const: x}, size: {type: integer}, due: {type: time}, status: {values: {open: 1}, strict: true}, free: {values: {open: 1}}}, local: [mine]`)
	other := ticketsOf(t, `fields: {source: /s, size: {type: text, as: integer}, due: {type: time, as: unix}, status: {values: {open: o, busy: b}}, free: {values: {open: o, busy: b}}, mine: {type: text}}`)
	want := `fields/size/type: the field is integer here and text at another site
fields/source/const: what other sites have there is not kept: it is always "web" here
fields/status/values: "busy", which another site has, cannot be written here`
	if got := lossesOf(c.LossesFrom(other)); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	if got := lossesOf(other.LossesFrom(c)); got != "fields/size/type: the field is text here and integer at another site" {
		t.Error(got)
	}
}
