package layers

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/halong-gateway/halong"

// source is one parsed Go file.
type source struct {
	name string // relative to the repository
	pkg  string // folder, "." for the root
	test bool
	file *ast.File
	fset *token.FileSet
	text string
}

func (s *source) at(n ast.Node) string {
	p := s.fset.Position(n.Pos())
	return s.name + ":" + strconv.Itoa(p.Line)
}

// sources parses every Go file below the repository's root, whatever its build tags.
func sources(t *testing.T) []*source {
	t.Helper()
	root := filepath.Join("..", "..")
	if _, err := os.Stat(filepath.Join(root, "go.mod")); err != nil {
		t.Fatal(err)
	}
	var out []*source
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, name)
		rel = filepath.ToSlash(rel)
		if d.IsDir() {
			base := d.Name()
			if rel != "." && (strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") || base == "testdata" || base == "node_modules") {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(rel, ".go") {
			return nil
		}
		b, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		fset := token.NewFileSet()
		pkg := path.Dir(rel)
		f, err := parser.ParseFile(fset, rel, b, parser.ParseComments)
		if err != nil {
			return err
		}
		out = append(out, &source{rel, pkg, strings.HasSuffix(rel, "_test.go") || support(pkg), f, fset, string(b)})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Imports point inward, never sideways; tests may look at anything but the wiring.
func TestImports(t *testing.T) {
	for _, s := range sources(t) {
		for _, spec := range s.file.Imports {
			p, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			why := ""
			own := p == module || strings.HasPrefix(p, module+"/")
			switch rel := path.Clean("./" + strings.TrimPrefix(strings.TrimPrefix(p, module), "/")); {
			case own && s.test:
				_, from := home(s.pkg)
				if _, to := home(rel); to == wiring && from != wiring {
					why = "a test inside the house imports the wiring: " + rel
				}
			case own:
				why = mayImport(s.pkg, rel)
			case !s.test && !generator(s):
				why = mayDepend(s.pkg, p)
			}
			if why != "" {
				t.Errorf("%s: %s", s.at(spec), why)
			}
		}
	}
}

func TestBannedCalls(t *testing.T) {
	for _, s := range sources(t) {
		if s.test || isCommand(s) {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			name := ""
			switch f := call.Fun.(type) {
			case *ast.Ident:
				if f.Obj == nil { // a builtin, or a function of another file of the package
					name = f.Name
				}
			case *ast.SelectorExpr:
				if x, ok := f.X.(*ast.Ident); ok {
					name = x.Name + "." + f.Sel.Name
				}
			}
			if why, ok := banned[name]; ok && !aborts(call) {
				t.Errorf("%s: %s: %s", s.at(call), name, why)
			}
			return true
		})
	}
}

// aborts tells whether a call is net/http's own way to cut an answer short.
func aborts(call *ast.CallExpr) bool {
	if len(call.Args) != 1 {
		return false
	}
	sel, ok := call.Args[0].(*ast.SelectorExpr)
	return ok && sel.Sel.Name == "ErrAbortHandler"
}

// isCommand tells whether a file belongs to a command of its own.
func isCommand(s *source) bool { return s.file.Name.Name == "main" }

// generator tells whether a file belongs to a command that only writes code.
func generator(s *source) bool { return isCommand(s) && !strings.HasPrefix(s.pkg, "cmd/") }

// No work happens because a package was imported.
func TestNoInit(t *testing.T) {
	for _, s := range sources(t) {
		for _, d := range s.file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Name.Name == "init" && f.Recv == nil {
				t.Errorf("%s: func init", s.at(f))
			}
		}
	}
}

func TestPackageComments(t *testing.T) {
	have, first := map[string]bool{}, map[string]*source{}
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		if first[s.pkg] == nil {
			first[s.pkg] = s
		}
		if s.file.Doc != nil && !strings.HasPrefix(s.file.Doc.Text(), "Code generated") {
			have[s.pkg] = true
		}
	}
	for pkg, s := range first {
		if !have[pkg] {
			t.Errorf("package %s has no comment (see %s)", pkg, s.name)
		}
	}
}

func TestExportedComments(t *testing.T) {
	for _, s := range sources(t) {
		if s.test || isCommand(s) || ast.IsGenerated(s.file) {
			continue
		}
		for _, d := range s.file.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Name.IsExported() && exportedReceiver(d) && d.Doc == nil {
					t.Errorf("%s: %s has no comment", s.at(d), d.Name.Name)
				}
			case *ast.GenDecl:
				checkSpecs(t, s, d)
			}
		}
	}
}

func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil || len(d.Recv.List) == 0 {
		return true
	}
	typ := d.Recv.List[0].Type
	if star, ok := typ.(*ast.StarExpr); ok {
		typ = star.X
	}
	if gen, ok := typ.(*ast.IndexExpr); ok {
		typ = gen.X
	}
	id, ok := typ.(*ast.Ident)
	return ok && id.IsExported()
}

func checkSpecs(t *testing.T, s *source, d *ast.GenDecl) {
	if d.Doc != nil { // a comment on the group is one on its members
		return
	}
	for _, spec := range d.Specs {
		switch spec := spec.(type) {
		case *ast.TypeSpec:
			if spec.Name.IsExported() && spec.Doc == nil {
				t.Errorf("%s: %s has no comment", s.at(spec), spec.Name.Name)
			}
		case *ast.ValueSpec:
			for _, n := range spec.Names {
				if n.IsExported() && spec.Doc == nil && spec.Comment == nil {
					t.Errorf("%s: %s has no comment", s.at(spec), n.Name)
				}
			}
		}
	}
}

var unfinished = regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X)\b`)

// Files stay small enough to read, and nothing is left for later.
func TestFiles(t *testing.T) {
	for _, s := range sources(t) {
		if ast.IsGenerated(s.file) {
			continue
		}
		if n := strings.Count(s.text, "\n"); n > 600 {
			t.Errorf("%s has %d lines", s.name, n)
		}
		for _, group := range s.file.Comments {
			for _, c := range group.List {
				if unfinished.MatchString(c.Text) {
					t.Errorf("%s: unfinished: %s", s.at(c), c.Text)
				}
			}
		}
	}
}

// The rules themselves catch what they are for.
func TestRules(t *testing.T) {
	for _, c := range []struct {
		from, to string
		ok       bool
	}{
		{"dicom/dataset", "dicom", true},
		{"dicom/query", "internal/fold", true},
		{"dicom/dataset", ".", false},
		{"dicom/ul", "hl7v2", false},
		{"hl7v2/mllp", "hl7v2", true},
		{".", "storage", false},
		{"storage", "dicom/dataset", true},
		{"storage", "storage/disk", false},
		{"lab", "patient", false},
		{"storage/sqlite", "lab", true},
		{"storage/sqlite", "storage/disk", false},
		{"internal/scp", "storage", true},
		{"internal/scp", "storage/disk", false},
		{"dicomweb", "internal/scp", false},
		{"dicomweb", "dicomweb/multipart", true},
		{"internal/app", "storage/disk", true},
		{"internal/app/config", "internal/access", true},
		{"cmd/halong", "internal/app", true},
		{"internal/transfer", "cmd/halong", false},
		{"storage/disk", "storage/storagetest", false},
		{"internal/app", "internal/corpus", false},
		{"strange", "dicom", false},
		{"storage", "strange", false},
	} {
		if why := mayImport(c.from, c.to); (why == "") != c.ok {
			t.Errorf("%s -> %s: %q", c.from, c.to, why)
		}
	}
	for _, c := range []struct {
		from, to string
		ok       bool
	}{
		{"storage/sqlite", "modernc.org/sqlite", true},
		{"storage", "modernc.org/sqlite", false},
		{"dicomweb", "github.com/labstack/echo/v4", true},
		{"storage", "github.com/labstack/echo/v4/middleware", false},
		{"dicom", "example.org/new", false},
		{"dicom", "encoding/binary", true},
		{"storage", "net/http", false},
		{"internal/scp", "log", false},
		{"internal/scp", "log/slog", true},
	} {
		if why := mayDepend(c.from, c.to); (why == "") != c.ok {
			t.Errorf("%s -> %s: %q", c.from, c.to, why)
		}
	}
}
