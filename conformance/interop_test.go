package conformance

import (
	"bytes"
	"cmp"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// updatePages has the test run write docs/interop.md (make interop).
var updatePages = flag.Bool("update", false, "write the pages that tests make")

const interopPage = "../docs/interop.md"

// implementation is a peer made by others, which has the other half of the bugs.
type implementation struct {
	name    string
	version func() string
}

// The peers. What they are started by is in the tests.
var (
	peerDCMTK   = implementation{"DCMTK", said(`v(\d[\w.]*)`, "echoscu", "--version")}
	peerOrthanc = implementation{"Orthanc", said(`(\d[\w.]*)`, orthancProgram, "--version")}
	peerOHIF    = implementation{"OHIF", said(`@ohif/app@(\d[\w.]*)`, "cat", "ohif/setup.sh")}
	peerNginx   = implementation{"nginx", said(`nginx/(\d[\w.]*)`, nginxProgram, "-v")}
	// The npm package under OHIF and Cornerstone.
	peerDICOMwebClient = implementation{"dicomweb-client", said(`"dicomweb-client": "(\d[\w.]*)"`, "cat", "dicomwebclient/package.json")}
)

// part is the role that Halong plays.
type part string

const (
	asSCU part = "SCU"
	asSCP part = "SCP"
)

// said gives a version out of what a program prints.
func said(pattern, name string, args ...string) func() string {
	return func() string {
		out, _ := exec.Command(name, args...).CombinedOutput() // without the program nothing is printed
		m := regexp.MustCompile(pattern).FindSubmatch(out)
		if m == nil {
			return "?"
		}
		return string(m[1])
	}
}

// dealing is a row of docs/interop.md.
type dealing struct {
	peer, service string
	halong        part
	with          string // the peer's program or method, and what was peculiar
	test, result  string
}

var dealings struct {
	mu       sync.Mutex
	all      []dealing
	versions map[string]string
}

// interop notes that the test deals with a peer: the service as PS3.7 or PS3.18 calls it, Halong's
// part, and the peer's program, options or what was peculiar. The test's result goes with it into
// docs/interop.md; a skipped test leaves nothing. Call it as the first thing of a test or subtest:
//
//	interop(t, peerDCMTK, "C-FIND", asSCP, "findscu")
func interop(t testing.TB, p implementation, service string, halong part, with string) {
	t.Helper()
	t.Cleanup(func() {
		if t.Skipped() {
			return
		}
		result := "works"
		if t.Failed() {
			result = "fails"
		}
		test, _, _ := strings.Cut(t.Name(), "/")
		dealings.mu.Lock()
		defer dealings.mu.Unlock()
		if dealings.versions == nil {
			dealings.versions = map[string]string{}
		}
		if dealings.versions[p.name] == "" {
			dealings.versions[p.name] = p.version()
		}
		dealings.all = append(dealings.all, dealing{p.name, service, halong, with, test, result})
	})
}

// interopReport gives the page.
func interopReport() []byte {
	dealings.mu.Lock()
	defer dealings.mu.Unlock()
	all := slices.Clone(dealings.all)
	slices.SortFunc(all, func(a, b dealing) int {
		return cmp.Or(cmp.Compare(a.peer, b.peer), cmp.Compare(a.service, b.service), cmp.Compare(a.halong, b.halong),
			cmp.Compare(a.with, b.with), cmp.Compare(a.test, b.test), cmp.Compare(a.result, b.result))
	})
	all = slices.Compact(all)
	var b bytes.Buffer
	b.WriteString(`# What works with whom

Written by the test run (` + "`make interop`" + `): each row is a dealing of a whole gateway with a real implementation by others, in the
test named at its end. ` + "`make test`" + ` fails when a row is lost, added or different; versions are those of the last writing.
`)
	for i, d := range all {
		if i == 0 || all[i-1].peer != d.peer {
			fmt.Fprintf(&b, "\n## %s %s\n\n| service | Halong is | with | result | test |\n| --- | --- | --- | --- | --- |\n", d.peer, dealings.versions[d.peer])
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", d.service, d.halong, d.with, d.result, d.test)
	}
	return b.Bytes()
}

// everything tells whether the run was of all tests, so that its record is whole.
func everything() bool {
	for _, name := range []string{"test.run", "test.skip", "test.list"} {
		if f := flag.Lookup(name); f != nil && f.Value.String() != "" {
			return false
		}
	}
	return !testing.Short()
}

// headings are the lines of the page with versions in them.
var headings = regexp.MustCompile(`(?m)^(## .*) \S+$`)

// settleInterop compares the record of a whole run with the page, or writes it; it gives the exit code. Where peers
// may be missing (not under CI=true) a missing row is no fault.
func settleInterop(code int) int {
	if code != 0 || !everything() {
		return code
	}
	now := interopReport()
	if *updatePages {
		if err := os.WriteFile(interopPage, now, 0o644); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return 0
	}
	page, err := os.ReadFile(interopPage)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	lines := func(b []byte) []string {
		return strings.Split(string(headings.ReplaceAll(b, []byte("$1"))), "\n")
	}
	have, want := lines(now), lines(page)
	for _, l := range have {
		if !slices.Contains(want, l) {
			fmt.Fprintf(os.Stderr, "docs/interop.md lacks (make interop): %s\n", l)
			code = 1
		}
	}
	for _, l := range want {
		if os.Getenv("CI") == "true" && !slices.Contains(have, l) {
			fmt.Fprintf(os.Stderr, "docs/interop.md has what did not happen (make interop): %s\n", l)
			code = 1
		}
	}
	return code
}
