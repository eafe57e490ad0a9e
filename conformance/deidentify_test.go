package conformance

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/deid"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/internal/app/config"
	"github.com/halong-gateway/halong/internal/corpus"
	"github.com/halong-gateway/halong/internal/transfer"
	"github.com/halong-gateway/halong/storage"
)

// identifying are the attributes whose values must be found nowhere afterwards.
var identifying = []dicom.Tag{
	tag.PatientName, tag.PatientID, tag.OtherPatientIDs, tag.AccessionNumber, tag.PatientBirthDate, tag.PatientAddress, tag.ReferringPhysicianName,
	tag.StudyInstanceUID, tag.SeriesInstanceUID, tag.SOPInstanceUID, tag.FrameOfReferenceUID, tag.StudyDate, tag.SeriesDate, tag.ContentDate,
}

// everyIdentifier gives the identifiers of everything stored, by SOP Instance UID.
func everyIdentifier(t *testing.T, a *storage.Archive) map[dicom.UID][]string {
	t.Helper()
	out := map[dicom.UID][]string{}
	for in, err := range a.Instances(t.Context(), halong.Everything(), storage.Ref{}) {
		if err != nil {
			t.Fatal(err)
		}
		o, err := a.Open(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		r := o.Reader()
		set, err := r.ReadSet()
		if err != nil {
			t.Fatal(err)
		}
		for _, at := range identifying {
			for _, v := range set.Strings(at) {
				if len(v) >= 5 && !strings.HasPrefix(v, "1.2.840.10008.") && v != "19000101" { // a dummy
					out[in.SOP] = append(out[in.SOP], v)
				}
			}
		}
		if err := o.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// forProject makes a Deidentifier.
func forProject(t *testing.T, key string, options ...deid.Option) *deid.Deidentifier {
	t.Helper()
	sum := sha256.Sum256([]byte(key))
	d, err := deid.New(deid.Config{Key: sum[:], Options: options})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// deidentified exports everything de-identified.
func deidentified(t *testing.T, a *storage.Archive, d *deid.Deidentifier) (dir string, n int) {
	t.Helper()
	dir = t.TempDir()
	x := transfer.Export{Archive: a, Scope: halong.Everything(), Out: dir, AE: "HALONG", Edit: func(s *dataset.Set) error {
		_, err := d.Apply(s)
		return err
	}, Done: func(name string, _ int64, err error) {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}}
	n, err := x.Instances(context.Background(), storage.Ref{})
	if err != nil {
		t.Fatal(err)
	}
	return dir, n
}

// heads gives the bytes of every file but pixels, by SOP Instance UID.
func heads(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	for _, name := range hashes(t, dir) {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		h, body, err := dataset.ReadFileHeader(bytes.NewReader(b), dataset.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		ts, _ := dicom.LookupTransferSyntax(h.TransferSyntax)
		s, err := dataset.NewReader(body, ts).ReadSet()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for i := range s.Elements {
			if e := &s.Elements[i]; e.VR.IsBulk() || e.VR.WordSize() > 1 {
				*e = dataset.Element{Tag: e.Tag, VR: e.VR}
			}
		}
		native, _ := dicom.LookupTransferSyntax(dicom.ExplicitVRLittleEndian)
		out[strings.TrimSuffix(filepath.Base(name), ".dcm")] = s.Append(h.Raw, native)
	}
	return out
}

// numeric are identifiers that are numbers, which may stand anywhere by chance: they are looked for as whole values.
var numeric = regexp.MustCompile(`^[0-9.]{5,8}$`)

// Nothing that identified is left in any byte of what is exported of the corpus, nor in a file's name; the same key gives the
// same files, another key others; DCMTK reads them, and they can be stored.
func TestDeidentifiedExport(t *testing.T) {
	t.Parallel()
	d := openData(t, t.TempDir())
	defer closeData(t, d)
	importAll(t, d, corpus.Dir(t, "dicom"))
	ids := everyIdentifier(t, d.Archive)
	one := forProject(t, "one")
	first, n := deidentified(t, d.Archive, one)
	if n < 200 {
		t.Errorf("%d objects", n)
	}
	all := heads(t, first)
	for sop, values := range ids {
		name := string(one.UID(sop))
		b, ok := all[name]
		if !ok {
			t.Errorf("%s is not there", sop)
		}
		for _, id := range values {
			at := bytes.Index(b, []byte(id))
			if at >= 0 && !(numeric.MatchString(id) && !whole(b, at, len(id))) {
				t.Errorf("%s: an identifier is left: %q in %q", sop, id, b[max(0, at-30):min(len(b), at+30)])
			}
		}
	}
	again, _ := deidentified(t, d.Archive, one)
	if a, b := contents(t, first), contents(t, again); !slices.Equal(a, b) {
		t.Error("other files with the same key")
	}
	other, _ := deidentified(t, d.Archive, forProject(t, "two"))
	for _, line := range contents(t, other) {
		if slices.Contains(contents(t, first), line) {
			t.Errorf("the same file with another key: %s", line)
		}
	}
	kept, _ := deidentified(t, d.Archive, forProject(t, "one", deid.RetainModifiedDates, deid.CleanDescriptors, deid.CleanStructuredContent,
		deid.CleanGraphics, deid.RetainPatientCharacteristics, deid.RetainDeviceIdentity, deid.RetainSafePrivate, deid.RetainInstitutionIdentity))
	for _, dir := range []string{first, kept} {
		dumps(t, dir)
		into := openData(t, t.TempDir())
		for name, note := range importAll(t, into, dir) {
			if note.Result != transfer.Stored {
				t.Errorf("%s: %s %v", name, note.Result, note.Err)
			}
		}
		closeData(t, into)
	}
}

// whole tells whether the bytes around are not of a number.
func whole(b []byte, at, n int) bool {
	digit := func(i int) bool { return i >= 0 && i < len(b) && (b[i] >= '0' && b[i] <= '9' || b[i] == '.') }
	return !digit(at-1) && !digit(at+n)
}

// contents gives names and digests in order.
func contents(t *testing.T, dir string) (lines []string) {
	t.Helper()
	for sum, name := range hashes(t, dir) {
		lines = append(lines, strings.TrimPrefix(name, dir)+" "+hex.EncodeToString(sum[:]))
	}
	slices.Sort(lines)
	return lines
}

// dumps lets dcmdump read every file.
func dumps(t *testing.T, dir string) {
	t.Helper()
	needTool(t, "dcmdump")
	var files []string
	for _, name := range hashes(t, dir) {
		files = append(files, name)
	}
	for part := range slices.Chunk(files, 50) {
		if out, err := exec.Command("dcmdump", append([]string{"-q", "+E"}, part...)...).CombinedOutput(); err != nil {
			t.Errorf("dcmdump: %v\n%s", err, lastLines(string(out), 5))
		}
	}
}

// What is forwarded to a project is de-identified, and everything of a study stays together.
func TestDeidentifiedForward(t *testing.T) {
	far := serve(t, onLoopback(t.TempDir()))
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, bytes.Repeat([]byte("k"), 32), 0o600); err != nil {
		t.Fatal(err)
	}
	c := onLoopback(t.TempDir())
	c.Deidentify = []config.Project{{Project: "lung", KeyFile: key}}
	c.DICOM.Destinations = []config.Destination{{AE: "FAR", Address: far.DICOM}}
	forwardTo(c, config.ForwardDestination{Name: "far", AE: "FAR", Deidentify: "lung"})
	near := serve(t, c)
	objects := series(9301, 5)
	storeAll(t, near.DICOM, objects)
	eventually(t, "everything was forwarded", func() bool { return account(t, near.URL, "far").Done == int64(len(objects)) })
	got := patientIDs(t, far.URL)
	if len(got) != 1 || got["P9301"] != 0 {
		t.Error(got)
	}
	d, err := deid.New(deid.Config{Key: bytes.Repeat([]byte("k"), deid.MinKey)})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range objects {
		path := fmt.Sprintf("/studies/%s/series/%s/instances/%s/metadata", d.UID(o.study), d.UID(o.series), d.UID(o.sop))
		if status, _ := far.ask(t, "/dicom-web"+path, "application/dicom+json"); status != 200 {
			t.Errorf("%s: %d", path, status)
		}
	}
	if strings.Contains(near.log.String(), "P9301") {
		t.Error("the Patient ID is in the log")
	}
}
