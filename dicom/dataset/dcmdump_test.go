package dataset

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/halong-gateway/halong/dicom"
)

// dumpLine is a line of dcmdump: indentation, tag, VR, and the length after "#".
var dumpLine = regexp.MustCompile(`^( *)\(([0-9a-f]{4}),([0-9a-f]{4})\) (\S\S) .*# +(\d+|u/l), *\d+ `)

// TestDcmdumpAgrees compares tag, nesting, VR and length of every element,
// item and fragment with what DCMTK's dcmdump finds.
func TestDcmdumpAgrees(t *testing.T) {
	if _, err := exec.LookPath("dcmdump"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("dcmdump (package dcmtk) is missing")
		}
		t.Skip("dcmdump (package dcmtk) is missing")
	}
	root, files := corpusFiles(t)
	clean := dcmdumpClean(t, root)
	files = slices.DeleteFunc(files, func(file string) bool { return !clean[file] })
	theirs, err := dcmdump(root, files)
	if err != nil {
		t.Fatal(err)
	}
	elements := 0
	for _, file := range files {
		body, _, ts, err := openCorpus(t, root, file)
		if err != nil {
			t.Fatal(err)
		}
		ours, err := ourDump(body, ts)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		elements += len(ours)
		want := theirs[file]
		for i := range max(len(ours), len(want)) {
			if !sameLine(at(ours, i), at(want, i)) {
				t.Errorf("%s: line %d of %d: we %q, dcmdump %q", file, i, len(want), at(ours, i), at(want, i))
				break
			}
		}
	}
	t.Logf("%d files with %d elements compared", len(files), elements)
}

// sameLine compares two lines; dcmdump is not sure of the VRs written "**", and
// has a dictionary of private elements, for which we have UN.
func sameLine(ours, theirs string) bool {
	if before, after, ok := strings.Cut(ours, " UN "); ok {
		return strings.HasPrefix(theirs, before) && strings.HasSuffix(theirs, after)
	}
	before, after, unsure := strings.Cut(theirs, "**")
	if !unsure {
		return ours == theirs
	}
	return strings.HasPrefix(ours, before) && strings.HasSuffix(ours, after)
}

func at(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return "nothing"
}

// dcmdump runs it once for all files.
func dcmdump(root string, files []string) (map[string][]string, error) {
	cmd := exec.Command("dcmdump", append([]string{"-q", "+Qn", "+F"}, files...)...)
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		return nil, err
	}
	lines := map[string][]string{}
	file := ""
	for _, line := range bytes.Split(out, []byte("\n")) {
		if name, ok := bytes.CutPrefix(line, []byte("# dcmdump (")); ok {
			_, name, _ = bytes.Cut(name, []byte("): "))
			file = string(name)
			continue
		}
		m := dumpLine.FindSubmatch(line)
		if m == nil || string(m[2]) == "0002" || (string(m[2]) == "fffe" && string(m[3]) != "e000") {
			continue
		}
		lines[file] = append(lines[file], fmt.Sprintf("%s(%s,%s) %s %s", m[1], m[2], m[3], dumpVR(string(m[4])), m[5]))
	}
	return lines, nil
}

// dumpVR maps dcmdump's own names of VRs.
func dumpVR(s string) string {
	switch s {
	case "na", "pi", "ps":
		return "--"
	case "up":
		return "UL"
	case "xs", "ox", "lt", "??":
		return "**"
	}
	return s
}

func ourDump(body []byte, ts *dicom.TransferSyntax) (lines []string, err error) {
	r := NewReader(bytes.NewReader(body), ts)
	indent := 0
	for {
		k, err := r.Next()
		if err != nil {
			if r.err.Error() == "EOF" {
				err = nil
			}
			return lines, err
		}
		switch k.Kind {
		case SequenceEnd, ItemEnd, FragmentsEnd:
			indent -= 2
			continue
		}
		vr := "--"
		if k.VR != 0 {
			vr = k.VR.String()
		}
		if k.Kind == FragmentsStart {
			vr = "OB" // as dcmdump writes it always
		}
		length := fmt.Sprint(int64(k.Length) + int64(k.Length%2)) // dcmdump rounds odd lengths up
		if k.Length == UndefinedLength {
			length = "u/l"
		}
		lines = append(lines, fmt.Sprintf("%s(%s) %s %s", strings.Repeat(" ", indent), strings.ToLower(strings.Trim(k.Tag.String(), "()")), vr, length))
		switch k.Kind {
		case SequenceStart, ItemStart, FragmentsStart:
			indent += 2
		}
	}
}
