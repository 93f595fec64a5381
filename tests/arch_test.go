package tests

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/meridian-gateway/meridian/tests/harness"
)

const module = "github.com/meridian-gateway/meridian"

// anything may be imported by the packages that put the others together.
var anything = []string{"*"}

// allowed says, from the bottom up, which packages of ours a package may import. A package that is not here fails the test: where
// it belongs is to be decided, and written here and in docs/ARCHITECTURE.md.
var allowed = map[string][]string{
	// L0
	"request": {},
	// L1
	"tracing":            {"request"},
	"tracing/export":     {"tracing"},
	"profile":            {"request", "profile/presets", "profile/expression"},
	"profile/presets":    {},
	"profile/expression": {},
	"schedule":           {"request"},
	// L2
	"routing":               {"request", "schedule"},
	"store":                 {"request"},
	"store/internal/rows":   {"request", "store"},
	"store/internal/merge":  {"request", "store"},
	"store/memory":          {"request", "store", "store/internal/rows", "store/internal/merge"},
	"store/embedded":        {"request", "store", "store/internal/rows", "store/internal/merge"},
	"store/journal":         {"request", "store"},
	"store/redis":           {"request", "store", "store/journal", "store/internal/rows", "store/internal/merge"},
	"store/redis/redistest": {},
	"store/storetest":       {"request", "store"},
	"peer":                  {"request", "tracing"},
	"upstream":              {"request", "profile"},
	"spool":                 {"request"},
	"debts":                 {"request"},
	"certs":                 {},
	"probe":                 {"request", "profile"},
	"probe/learn":           {"request", "profile"},
	// L3
	"replicate": {"request", "profile", "schedule", "routing", "store", "peer", "upstream", "spool", "debts", "tracing"},
	"gateway":   {"request", "profile", "routing", "store", "peer", "spool", "tracing"},
	"web":       {},
	"configs":   {"request", "profile", "schedule", "routing", "upstream"},
	// L4
	"internal/app": anything,
	// L5
	"internal/cli":  anything,
	"internal/demo": anything,
	"cmd/meridian":  anything,
	"bench":         anything,
	// Black box: the harness knows the gateways only from outside.
	"tests/harness":  {},
	"tests":          {"tests/harness"},
	"tests/docs":     {"tests/harness", "configs"}, // configs takes the network files of the pages
	"tests/browser":  {"tests/harness"},
	"tests/deploy":   {"tests/harness"},
	"tests/field":    {"tests/harness"},
	"tests/fieldnpm": {"tests/harness"},
	// Chaos too, but for the one program whose clock can be set.
	"tests/chaos":            {"tests/harness"},
	"tests/chaos/cmd/chaos":  {"tests/harness", "tests/chaos"},
	"tests/chaos/cmd/skewed": {"configs", "internal/app", "request", "tests/chaos"},
	// Stand-ins for hosted products, written from their contracts: they know nothing of ours.
	"tests/contract":               {},
	"tests/contract/cmd/contractd": {"tests/contract"},
}

// top are the packages that nobody below them may import.
var top = []string{"internal/app", "internal/cli", "internal/demo", "cmd/meridian", "bench", "tests", "tests/docs", "tests/deploy", "tests/field", "tests/fieldnpm", "tests/harness",
	"tests/chaos", "tests/chaos/cmd/chaos", "tests/chaos/cmd/skewed"}

// source is one Go file.
type source struct {
	dir, path string
	file      *ast.File
	lines     int
}

var fileSet = token.NewFileSet()

// sources are all Go files of the module, by path; with tests or without.
func sources(t *testing.T, tests bool) []source {
	t.Helper()
	var out []source
	err := filepath.WalkDir(harness.Root(), func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(harness.Root(), p)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if d.IsDir() {
			if rel != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "node_modules") {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(rel, ".go") || strings.HasSuffix(rel, "_test.go") && !tests {
			return nil
		}
		text, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		f, err := parser.ParseFile(fileSet, rel, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		out = append(out, source{dir: path.Dir(rel), path: rel, file: f, lines: strings.Count(string(text), "\n")})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Imports go downwards only.
func TestImports(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t, false) {
		may, known := allowed[s.dir]
		if !known {
			t.Errorf("package %s has no place in the table of tests/arch_test.go", s.dir)
			continue
		}
		for _, spec := range s.file.Imports {
			of, ours := strings.CutPrefix(strings.Trim(spec.Path.Value, `"`), module+"/")
			if !ours {
				continue
			}
			if !slices.Contains(may, of) && !slices.Contains(may, "*") {
				t.Errorf("%s imports %s, which package %s may not", s.path, of, s.dir)
			}
			if slices.Contains(top, of) && !slices.Contains(top, s.dir) {
				t.Errorf("%s imports %s, which stands above it", s.path, of)
			}
		}
	}
}

// The nouns at the bottom need nothing but the standard library.
func TestNounsNeedNothing(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t, false) {
		if s.dir != "request" {
			continue
		}
		for _, spec := range s.file.Imports {
			if strings.Contains(spec.Path.Value, ".") {
				t.Errorf("%s imports %s", s.path, spec.Path.Value)
			}
		}
	}
}

// Every package says what it is.
func TestPackageComments(t *testing.T) {
	t.Parallel()
	has := make(map[string]bool)
	for _, s := range sources(t, false) {
		doc := s.file.Doc.Text()
		has[s.dir] = has[s.dir] || strings.HasPrefix(doc, "Package "+s.file.Name.Name+" ") || s.file.Name.Name == "main" && doc != ""
	}
	for dir, ok := range has {
		if !ok {
			t.Errorf("package %s has no comment that begins with its name", dir)
		}
	}
}

// Every exported name says what it is.
func TestExportedNamesAreDocumented(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t, false) {
		if s.file.Name.Name == "main" {
			continue
		}
		for _, d := range s.file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Name.IsExported() && f.Doc == nil && onExported(f) {
				t.Errorf("%s: %s has no comment", fileSet.Position(f.Pos()), f.Name.Name)
			}
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.TYPE || g.Doc != nil {
				continue
			}
			for _, spec := range g.Specs {
				if ts, ok := spec.(*ast.TypeSpec); ok && ts.Name.IsExported() && ts.Doc == nil && ts.Comment == nil {
					t.Errorf("%s: %s has no comment", fileSet.Position(ts.Pos()), ts.Name.Name)
				}
			}
		}
	}
}

// onExported reports whether f is a function or a method of an exported type; the methods of a hidden type are there for an
// interface, which is where they are described.
func onExported(f *ast.FuncDecl) bool {
	if f.Recv == nil {
		return true
	}
	if slices.Contains([]string{"Error", "String", "Unwrap"}, f.Name.Name) {
		return false // everybody knows what they promise
	}
	typ := f.Recv.List[0].Type
	if p, ok := typ.(*ast.StarExpr); ok {
		typ = p.X
	}
	name, ok := typ.(*ast.Ident)
	return ok && name.IsExported()
}

// Files and functions stay small enough to be about one thing.
func TestSizes(t *testing.T) {
	t.Parallel()
	const fileLines, funcLines, methods, params = 450, 80, 10, 6
	for _, s := range sources(t, true) {
		isTest := strings.HasSuffix(s.path, "_test.go")
		if s.lines > fileLines && !isTest {
			t.Errorf("%s has %d lines, more than %d", s.path, s.lines, fileLines)
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				if lines := fileSet.Position(n.End()).Line - fileSet.Position(n.Pos()).Line + 1; lines > funcLines && !isTest {
					t.Errorf("%s: %s has %d lines, more than %d", fileSet.Position(n.Pos()), n.Name.Name, lines, funcLines)
				}
				if k := n.Type.Params.NumFields(); k > params && !isTest {
					t.Errorf("%s: %s has %d parameters, more than %d", fileSet.Position(n.Pos()), n.Name.Name, k, params)
				}
			case *ast.InterfaceType:
				if k := n.Methods.NumFields(); k > methods && !isTest {
					t.Errorf("%s: an interface of %d methods, more than %d", fileSet.Position(n.Pos()), k, methods)
				}
			}
			return true
		})
	}
}

// No init, and no state in package variables that tests could not have of their own.
func TestNoInit(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t, false) {
		for _, d := range s.file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
				t.Errorf("%s: there is an init function", fileSet.Position(f.Pos()))
			}
		}
	}
}

// Tests wait for events, not for time; the one helper that polls is the harness's.
func TestNoSleepInTests(t *testing.T) {
	t.Parallel()
	all := sources(t, true)
	fakes := make(map[string]bool) // packages whose tests run under a clock of their own, where sleeping costs nothing
	for _, s := range all {
		fakes[s.dir] = fakes[s.dir] || slices.ContainsFunc(s.file.Imports, func(i *ast.ImportSpec) bool { return i.Path.Value == `"testing/synctest"` })
	}
	for _, s := range all {
		if !strings.HasSuffix(s.path, "_test.go") {
			continue
		}
		fake := fakes[s.dir]
		ast.Inspect(s.file, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok && !fake {
				if x, ok := sel.X.(*ast.Ident); ok && x.Name == "time" && sel.Sel.Name == "Sleep" {
					t.Errorf("%s: a test sleeps", fileSet.Position(n.Pos()))
				}
			}
			return true
		})
	}
}

var inTicks = regexp.MustCompile("`([A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.{}*-]+)+/?)`")

// Every path that the documents name is there; that links lead somewhere is tested in tests/docs.
func TestPathsInDocsExist(t *testing.T) {
	t.Parallel()
	root := harness.Root()
	for _, doc := range documents(t) {
		text, err := os.ReadFile(filepath.Join(root, doc))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range inTicks.FindAllStringSubmatch(string(text), -1) {
			first, _, _ := strings.Cut(m[1], "/")
			if info, err := os.Stat(filepath.Join(root, first)); err != nil || !info.IsDir() || first == ".cache" {
				continue // not a path of ours: a type of content, an example
			}
			if hits, err := filepath.Glob(filepath.Join(root, m[1])); err != nil || len(hits) == 0 {
				t.Errorf("%s names %s, which is not there", doc, m[1])
			}
		}
	}
}

// documents are all Markdown files of the module.
func documents(t *testing.T) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(harness.Root(), func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && p != harness.Root() && (strings.HasPrefix(d.Name(), ".") || d.Name() == "node_modules" || d.Name() == "testdata") {
			return fs.SkipDir
		}
		if strings.HasSuffix(p, ".md") {
			rel, err := filepath.Rel(harness.Root(), p)
			out = append(out, rel)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
