package conformance

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	hardCasesPage = "../docs/hard-cases.md"
	hardCasesList = "../../shared/design/hard-cases.md" // beside the repository where it was made, not in a clone
)

// untested are the parts of hard cases that no test bears, with the reason.
var untested = map[string]string{
	"W25": "rendered and thumbnail resources come with the pixel issue",
}

// hardCaseSections are the headings of the page by the letters of the numbers.
var hardCaseSections = map[string]string{
	"W": "HTTP / DICOMweb", "J": "JSON model", "P": "Data sets (PS3.5, PS3.10)", "N": "Upper layer / DIMSE (PS3.7, PS3.8, PS3.4)",
}

// hardCase is a line of the list.
type hardCase struct{ number, text, section string }

// hardCases reads the table of a page whose first three columns are number, case and section.
func hardCases(b []byte) (all []hardCase) {
	for line := range strings.Lines(string(b)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if len(cells) >= 3 && regexp.MustCompile(`^ *[PNWJ]\d+ *$`).MatchString(cells[0]) {
			all = append(all, hardCase{strings.TrimSpace(cells[0]), strings.TrimSpace(cells[1]), strings.TrimSpace(cells[2])})
		}
	}
	return all
}

// number is how a test says in its name, or a text of its own, which hard case it bears.
var (
	numberInName = regexp.MustCompile(`^(?:Test|Fuzz)([PNWJ]\d+)(?:[A-Z_]|$)`)
	numberInText = regexp.MustCompile(`\b([PNWJ]\d+)\b`)
	numberAhead  = regexp.MustCompile(`^([PNWJ]\d+)[ :,]`)
)

// bearers finds the tests of the repository by the numbers of the hard cases in their names, comments and subtests' names.
func bearers(t *testing.T) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	root := os.DirFS("..")
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "node_modules"):
			return fs.SkipDir
		case !strings.HasSuffix(name, "_test.go"):
			return nil
		}
		b, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, b, parser.ParseComments)
		if err != nil {
			return err
		}
		for _, decl := range f.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && regexp.MustCompile(`^(Test|Fuzz)[A-Z0-9]`).MatchString(fn.Name.Name) {
				for n := range numbersOf(fn) {
					found[n] = append(found[n], path.Dir(name)+"."+fn.Name.Name)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, tests := range found {
		slices.Sort(tests)
	}
	return found
}

// numbersOf gives the hard cases that a test says it bears.
func numbersOf(fn *ast.FuncDecl) map[string]bool {
	n := map[string]bool{}
	if m := numberInName.FindStringSubmatch(fn.Name.Name); m != nil {
		n[m[1]] = true
	}
	for _, m := range numberInText.FindAllStringSubmatch(fn.Doc.Text(), -1) {
		n[m[1]] = true
	}
	ast.Inspect(fn.Body, func(x ast.Node) bool {
		if s, ok := x.(*ast.BasicLit); ok && s.Kind == token.STRING {
			if v, err := strconv.Unquote(s.Value); err == nil {
				if m := numberAhead.FindStringSubmatch(v); m != nil {
					n[m[1]] = true
				}
			}
		}
		return true
	})
	return n
}

// hardCasesReport makes docs/hard-cases.md.
func hardCasesReport(cases []hardCase, tests map[string][]string) []byte {
	var b bytes.Buffer
	b.WriteString(`# Hard cases and their tests

What other servers got wrong in HTTP and DICOMweb (W), in the JSON model (J), in data sets (P) and on the wire (N), from issue trackers and
the standard, and the tests that bear the number of each: in their names, comments or subtests' names. Written by ` + "`make pages`" + `; a test says when a number has none.

`)
	for i, c := range cases {
		if i == 0 || c.number[0] != cases[i-1].number[0] {
			fmt.Fprintf(&b, "%s## %s\n\n| # | case | section | tests |\n| --- | --- | --- | --- |\n", map[bool]string{false: "\n"}[i == 0], hardCaseSections[c.number[:1]])
		}
		last := strings.Join(tests[c.number], "<br>")
		if why := untested[c.number]; why != "" {
			last += "<br>*" + why + "*"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", c.number, c.text, c.section, strings.TrimPrefix(last, "<br>"))
	}
	return b.Bytes()
}

// TestHardCasesHaveTests: every hard case of the design has a test that bears its number or a reason why not, and docs/hard-cases.md says which.
func TestHardCasesHaveTests(t *testing.T) {
	page, err := os.ReadFile(hardCasesPage)
	if err != nil && !*updatePages {
		t.Fatal(err)
	}
	cases := hardCases(page)
	if list, err := os.ReadFile(filepath.Clean(hardCasesList)); err == nil {
		cases = hardCases(list)
	} else {
		t.Logf("the design's list is not beside this clone (%v): the page's own is checked", err)
	}
	if len(cases) < 50 {
		t.Fatalf("%d hard cases found", len(cases))
	}
	tests := bearers(t)
	for _, c := range cases {
		if len(tests[c.number]) == 0 && untested[c.number] == "" {
			t.Errorf("%s has no test: %s", c.number, c.text)
		}
	}
	now := hardCasesReport(cases, tests)
	if *updatePages {
		if err := os.WriteFile(hardCasesPage, now, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	listed := strings.FieldsFunc(string(page), func(r rune) bool { return r == '|' || r == '<' || r == '>' || r == ' ' || r == '\n' })
	for _, c := range cases {
		if !slices.ContainsFunc(hardCases(page), func(x hardCase) bool { return x == c }) {
			t.Errorf("docs/hard-cases.md lacks %s, or has another text (make pages)", c.number)
		}
	}
	for _, name := range listed {
		if strings.Contains(name, ".Test") && !slices.ContainsFunc(slices.Collect(maps.Values(tests)), func(l []string) bool { return slices.Contains(l, name) }) {
			t.Errorf("docs/hard-cases.md names %s, which is gone or bears no number (make pages)", name)
		}
	}
}
