package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
)

// command runs a command and checks its exit code.
func command(t *testing.T, want int, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	if code := run(t.Context(), args, &out, &errs); code != want {
		t.Errorf("%v: exit %d, %s%s", args, code, out.String(), errs.String())
	}
	return out.String() + errs.String()
}

func write(t *testing.T, name, content string) string {
	t.Helper()
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// capture is a Secondary Capture of a patient.
func capture(t *testing.T, dir string) string {
	t.Helper()
	s := &dataset.Set{}
	s.PutString(tag.SOPClassUID, dicom.UI, "1.2.840.10008.5.1.4.1.1.7")
	s.PutString(tag.SOPInstanceUID, dicom.UI, "1.2.3.4")
	s.PutString(tag.StudyInstanceUID, dicom.UI, "1.2.3")
	s.PutString(tag.SeriesInstanceUID, dicom.UI, "1.2.3.1")
	s.PutString(tag.PatientName, dicom.PN, "Somebody\x1b^Known")
	s.PutString(tag.PatientID, dicom.LO, "0012345")
	s.Put(dataset.Element{Tag: tag.PixelData, VR: dicom.OW, Value: make([]byte, 20_000)})
	ts, _ := dicom.LookupTransferSyntax(dicom.ExplicitVRLittleEndian)
	return write(t, filepath.Join(dir, "capture.dcm"), string(s.Append(dataset.AppendFileHeader(nil, s.UID(tag.SOPClassUID), s.UID(tag.SOPInstanceUID), ts.UID, ""), ts)))
}

// Rules can be tried on a file; objects go out de-identified, or not at all, and nothing printed tells who they were of.
func TestCoerceAndDeidentify(t *testing.T) {
	dir := t.TempDir()
	file := capture(t, dir)
	key := write(t, filepath.Join(dir, "key"), strings.Repeat("k", 32))
	config := write(t, filepath.Join(dir, "halong.yaml"), `
data: `+filepath.Join(dir, "data")+`
coerce:
  - {name: numbers, rules: [{match: {calling_ae: CT1}, actions: [{replace: PatientID, regex: "^0*", with: "BV1-"}]}]}
deidentify:
  - {project: open, key_file: `+key+`}
  - {project: strict, key_file: `+key+`, burned_in: refuse}
  - {project: keyless, key_file: `+file+`.none}
`)
	try := []string{"coerce", "try", "--config", config, file, "--rules"}
	said := command(t, exitDone, append(try, "numbers", "--calling-ae", "CT1")...)
	if !strings.Contains(said, "(0010,0020) PatientID\n- 0012345\n+ BV1-12345\n") || strings.Contains(said, "\x1b") {
		t.Error(said)
	}
	if said := command(t, exitDone, append(try, "numbers")...); said != "nothing is changed\n" {
		t.Error(said)
	}
	command(t, exitFailed, append(try, "others")...)

	command(t, exitDone, "import", "--config", config, file)
	export := func(want int, args ...string) string {
		return command(t, want, append([]string{"export", "--config", config, "--out", filepath.Join(dir, "out")}, args...)...)
	}
	said = export(exitDone, "--deidentify", "open")
	if !strings.Contains(said, "look at it: burned-in annotation possible") || strings.Contains(said, "1.2.3") {
		t.Error(said)
	}
	said = export(exitIncomplete, "--deidentify", "strict")
	if !strings.Contains(said, "1 refused") || strings.Contains(said, "1.2.3") || strings.Contains(said, "12345") {
		t.Error(said)
	}
	export(exitUsage, "--deidentify", "keyless")
	export(exitUsage, "--deidentify", "nobody")
	export(exitUsage, "--deidentify", "open", "--as-received")
	files, err := filepath.Glob(filepath.Join(dir, "out", "*", "*", "*.dcm"))
	if err != nil || len(files) != 1 || !strings.HasPrefix(filepath.Base(files[0]), "2.25.") {
		t.Error(files, err)
	}
}
