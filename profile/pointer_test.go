package profile

import (
	"strings"
	"testing"
)

func TestPointers(t *testing.T) {
	const doc = `{"a":{"b/c":{"~":1}},"list":[{"id":1,"value":"x"},{"id":"2","value":null},{"id":3.0},7,null,{"name":"Cost Centre","value":5},
	  {"field":{"id":9},"value":"nine"},{"on":true,"value":"yes"},{"id":1,"value":"second"}],"k[x=1]":"odd","":{"":2},"o":{"id":1}}`
	for s, want := range map[string]string{
		"/a/b~1c/~0":                    "1",
		"a":                             `{"b/c":{"~":1}}`,
		"/list[id=1]/value":             `"x"`,
		`/list[id="1"]/value`:           `"x"`,
		"/list[id=2]/value":             "null",
		"/list[id=3]/id":                "error: what selects an element",
		"/list[id=3]":                   `{"id":3.0}`,
		"/list[id=4]/value":             "none",
		"/list[name=Cost Centre]/value": "5",
		"/list[field/id=9]/value":       `"nine"`,
		"/list[on=true]/value":          `"yes"`,
		"/list/0/value":                 `"x"`,
		"/o[id=1]/value":                "none",
		"/a[id=1]":                      "none",
		"/k~2x=1~3":                     `"odd"`,
		"//":                            "2",
		"k[x=1]":                        "error: begins with /, as in /k[x=1]",
		"":                              "error: a pointer is empty",
		"/a~":                           "error: ~ is written ~0",
		"/a~4":                          "error: ~ is written ~0",
		"/list[id=~9]/x":                "error: ~ is written ~0",
		"/[id=1]/x":                     "error: has no name",
		"/list[id=]/x":                  "error: nothing stands behind =",
		"/list[id=1][k=2]/x":            "error: by one member",
		"/list[a/b=1]/a":                "error: what selects an element",
		"/list[a=1]/a/b":                "error: what selects an element",
	} {
		p, err := parsePointer(s)
		if wrong, ok := strings.CutPrefix(want, "error: "); ok {
			if err == nil || !strings.Contains(err.Error(), wrong) {
				t.Errorf("%s: %v, want %s", s, err, wrong)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", s, err)
			continue
		}
		got, ok := lookup([]byte(doc), p)
		if !ok {
			got = []byte("none")
		}
		if string(got) != want {
			t.Errorf("%s: %s, want %s", s, got, want)
		}
	}
}

func TestSplicePointers(t *testing.T) {
	for _, k := range []struct{ doc, at, value, want string }{
		{`{}`, "/l[id=3]/value", `"x"`, `{"l":[{"id":3,"value":"x"}]}`},
		{`{}`, `/l[id="3"]/value`, `"x"`, `{"l":[{"id":"3","value":"x"}]}`},
		{`{}`, "/l[id=007]/value", `"x"`, `{"l":[{"id":"007","value":"x"}]}`},
		{`{}`, "/l[id=null]/value", `"x"`, `{"l":[{"id":"null","value":"x"}]}`},
		{`{}`, "/l[on=true]/value", `"x"`, `{"l":[{"on":true,"value":"x"}]}`},
		{`{}`, "/l[name=A b~3]/v/w", `1`, `{"l":[{"name":"A b]","v":{"w":1}}]}`},
		{`{}`, "/l[field/id=3]/value", `1`, `{"l":[{"field":{"id":3},"value":1}]}`},
		{`{}`, "/l[field/id=3]/field/n", `1`, `{"l":[{"field":{"id":3,"n":1}}]}`},
		{`{}`, "/l[id=3]/m[k=x]/v", `1`, `{"l":[{"id":3,"m":[{"k":"x","v":1}]}]}`},
		{`{"l":null}`, "/l[id=3]/value", `1`, `{"l":[{"id":3,"value":1}]}`},
		{`{ "l" : [ ] }`, "/l[id=3]/value", `1`, `{ "l" : [{"id":3,"value":1} ] }`},
		{`{"l":[ {"id":4} ]}`, "/l[id=3]/value", `1`, `{"l":[ {"id":4},{"id":3,"value":1} ]}`},
		{`{"l":[{"id":"4"}]}`, "/l[id=3]/value", `1`, `{"l":[{"id":"4"},{"id":"3","value":1}]}`},
		{`{"l":[{"id":4},{ "id":3, "value" : [1] },{"id":5}]}`, "/l[id=3]/value", `2`, `{"l":[{"id":4},{ "id":3, "value" : 2 },{"id":5}]}`},
		{`{"l":[{"id":"3"}]}`, "/l[id=3]/value", `2`, `{"l":[{"id":"3","value":2}]}`},
		{`{"l":{"id":3}}`, "/l[id=3]/value", `2`, "error"},
		{`{"l":"x"}`, "/l[id=3]/value", `2`, "error"},
		{`{"a":[]}`, "/a/b", `2`, "error"},
		{`{"a":null}`, "/a/b/c", `2`, `{"a":{"b":{"c":2}}}`},
	} {
		p, err := parsePointer(k.at)
		if err != nil {
			t.Fatal(k.at, err)
		}
		got, err := splice([]byte(k.doc), p, []byte(k.value))
		if err != nil {
			got = []byte("error")
		}
		if string(got) != k.want {
			t.Errorf("%s into %s: %s\nwant %s", k.at, k.doc, got, k.want)
		}
	}
}

func TestRemovePointers(t *testing.T) {
	for _, k := range []struct{ doc, at, want string }{
		{`{"l":[{"id":3,"value":1},{"id":4}]}`, "/l[id=3]/value", `{"l":[{"id":4}]}`},
		{`{"l":[{"id":4}, {"id":3,"value":1} ]}`, "/l[id=3]/value", `{"l":[{"id":4} ]}`},
		{`{"l":[{"id":3,"name":"n","value":1}]}`, "/l[id=3]/value", `{"l":[{"id":3,"name":"n"}]}`},
		{`{"l":[{"id":3,"name":"n"},{"id":4}]}`, "/l[id=3]", `{"l":[{"id":4}]}`},
		{`{"l":[{"id":3}]}`, "/l[id=3]/value", `{"l":[{"id":3}]}`},
		{`{"l":[{"id":3,"v":1}]}`, "/l[id=3]/v", `{"l":[]}`},
		{`{"l":7}`, "/l[id=3]/v", `{"l":7}`},
	} {
		p, err := parsePointer(k.at)
		if err != nil {
			t.Fatal(k.at, err)
		}
		if got := string(remove([]byte(k.doc), p)); got != k.want {
			t.Errorf("%s out of %s: %s\nwant %s", k.at, k.doc, got, k.want)
		}
	}
}

// A pointer that is read is written in a form that reads the same, and what it writes it finds.
func FuzzPointer(f *testing.F) {
	for _, s := range []string{"/a/b", "a", "/l[id=3]/v", `/l[a/b="x y"]/c/d`, "/~0~1~2~3", "/l[x=~3~2]/k[y=true]/z", "//", "/l[id=1e5]", "/a[b/c=d]", "/a~2b/c=d]", "/a[/0[=0]"} {
		f.Add(s, `{"l":[{"id":3}],"a":null}`)
	}
	f.Fuzz(func(t *testing.T, s, doc string) {
		p, err := parsePointer(s)
		if err != nil {
			return
		}
		q, err := parsePointer(p.String())
		if err != nil || !p.equal(q) {
			t.Fatalf("%q is %q, which is %q: %v", s, p, q, err)
		}
		if !valid([]byte(doc)) || !valid([]byte(appendQuoted(nil, s))) {
			return
		}
		out, err := splice([]byte(doc), p, []byte(`{"new":true}`))
		if err != nil {
			return
		}
		got, ok := lookup(out, p)
		if !valid(out) || !ok && !isSelector(p[len(p)-1]) || ok && string(got) != `{"new":true}` && !isSelector(p[len(p)-1]) {
			t.Fatalf("%q into %s: %s, where it finds %s", s, doc, out, got)
		}
		if rest := remove(out, p); !valid(rest) {
			t.Fatalf("%q out of %s: %s", s, out, rest)
		}
	})
}
