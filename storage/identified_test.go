package storage_test

import (
	"bytes"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/storage"
)

// another is an identity that headers with a Patient ID and issuer are served under.
func another(id, issuer string) *storage.PatientIdentity {
	return &storage.PatientIdentity{
		FormerID: id, FormerIssuer: issuer, At: time.Date(2026, 11, 22, 1, 2, 3, 456789000, time.UTC), System: "HALONG",
		Changes: []storage.PatientValue{
			{Tag: tag.PatientName, Value: "Nguyễn^Ánh"}, {Tag: tag.PatientID, Value: "NEW"}, {Tag: tag.IssuerOfPatientID, Value: "HIS"}, {Tag: tag.PatientSex, Value: "F"},
		},
	}
}

func TestPatientIdentityEncoding(t *testing.T) {
	p := another("7", "A")
	got, err := storage.ParsePatientIdentity(p.Append(nil))
	if d := cmp.Diff(p, got); d != "" || err != nil {
		t.Error(d, err)
	}
	b := p.Append(nil)
	for n := range b {
		if _, err := storage.ParsePatientIdentity(b[:n]); err == nil {
			t.Errorf("%d of %d bytes are taken", n, len(b))
		}
	}
	if _, err := storage.ParsePatientIdentity(append(b, 0)); err == nil {
		t.Error("bytes after its end are taken")
	}
}

func FuzzPatientIdentity(f *testing.F) {
	f.Add(another("7", "A").Append(nil))
	f.Add((&storage.PatientIdentity{}).Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := storage.ParsePatientIdentity(b)
		if err != nil {
			return
		}
		again, err := storage.ParsePatientIdentity(p.Append(nil))
		if d := cmp.Diff(p, again); d != "" || err != nil {
			t.Error(d, err)
		}
	})
}

// parsed reads a data set whole.
func parsed(t *testing.T, o *storage.Object) *dataset.Set {
	t.Helper()
	s, err := dataset.NewReader(o.Readable(), o.TransferSyntax(), dataset.WithLimits(dataset.Limits{Value: 1 << 30, Total: 1 << 31})).ReadSet()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestIdentified: every real object served under another identity has another patient, the same of everything else, the same frames, and can be given
// back as it was received.
func TestIdentified(t *testing.T) {
	if testing.Short() {
		t.Skip("long under the race detector, and one goroutine: make unit runs it")
	}
	a, _ := newArchive(t, nil)
	n, frames := 0, 0
	eachFile(t, func(name string, file []byte) {
		if len(file) > 2<<20 {
			return
		}
		r, err := a.Store(t.Context(), storage.Inbound{Facility: "A", Part10: true, Body: bytes.NewReader(file)})
		if err != nil || r.Outcome != storage.Stored {
			return
		}
		in := served(t, a, r.SOP)
		before, err := a.Open(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		defer before.Close()
		was := parsed(t, before)
		changed := *in
		changed.Patient = another(was.String(tag.PatientID), was.String(tag.IssuerOfPatientID))
		if changed.Representation() == in.Representation() {
			t.Errorf("%s: one representation", name)
		}
		now, err := a.Open(t.Context(), &changed)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		defer now.Close()
		checkIdentified(t, name, was, now)
		frames += sameFrames(t, name, before, now)
		received, err := now.AsReceived()
		if err != nil {
			t.Fatal(err)
		}
		if b, err := io.ReadAll(received); err != nil || !bytes.Equal(b, file) {
			t.Errorf("%s: %d bytes, not what was received: %v", name, len(b), err)
		}
		n++
	})
	t.Logf("%d objects, %d frames", n, frames)
	if n < 200 || frames < 200 {
		t.Errorf("only %d objects, %d frames", n, frames)
	}
}

// checkIdentified compares what is served with what was received.
func checkIdentified(t *testing.T, name string, was *dataset.Set, o *storage.Object) {
	t.Helper()
	if b, err := io.ReadAll(o.DataSet()); err != nil || int64(len(b)) != o.Size() {
		t.Errorf("%s: %d bytes of %d, %v", name, len(b), o.Size(), err)
	}
	now := parsed(t, o)
	got := []string{now.String(tag.PatientName), now.String(tag.PatientID), now.String(tag.IssuerOfPatientID), now.String(tag.PatientSex)}
	if d := cmp.Diff([]string{"Nguyễn^Ánh", "NEW", "HIS", "F"}, got); d != "" {
		t.Errorf("%s: %s", name, d)
	}
	item := now.Get(tag.OriginalAttributesSequence)
	if item == nil || len(item.Items) == 0 {
		t.Errorf("%s: no Original Attributes Sequence", name)
		return
	}
	original := item.Items[len(item.Items)-1].Get(tag.ModifiedAttributesSequence).Items[0]
	for _, x := range []dicom.Tag{tag.PatientName, tag.PatientID, tag.IssuerOfPatientID, tag.PatientSex} {
		if served := now.String(x); served == was.String(x) {
			if original.Get(x) != nil {
				t.Errorf("%s: %v is called modified, and is what it was", name, x)
			}
			continue
		}
		if original.String(x) != was.String(x) {
			t.Errorf("%s: %v was not %q", name, x, original.String(x))
		}
	}
	was.DecodeUTF8()
	now.DecodeUTF8()
	for _, s := range []*dataset.Set{was, now} {
		for _, x := range []dicom.Tag{tag.SpecificCharacterSet, tag.PatientName, tag.PatientID, tag.IssuerOfPatientID, tag.IssuerOfPatientIDQualifiersSequence, tag.PatientSex, tag.OriginalAttributesSequence, tag.OtherPatientIDsSequence} {
			s.Delete(x)
		}
	}
	ts := syntax(dicom.ExplicitVRLittleEndian)
	if !bytes.Equal(was.Append(nil, ts), now.Append(nil, ts)) {
		t.Errorf("%s: other attributes are not the same", name)
	}
	edited, err := o.Edited(nil, nil)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	if err := edited.Close(); err != nil {
		t.Error(err)
	}
}

func sameFrames(t *testing.T, name string, before, now *storage.Object) int {
	t.Helper()
	table, err := before.FrameTable()
	if err != nil {
		return 0
	}
	n := min(table.Len(), 4)
	for i := range n {
		var all [][]byte
		for _, o := range []*storage.Object{before, now} {
			r, _, err := o.Frame(i)
			if err != nil {
				t.Errorf("%s: frame %d: %v", name, i, err)
				return 0
			}
			b, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, b)
		}
		if !slices.Equal(all[0], all[1]) {
			t.Errorf("%s: frame %d is another", name, i)
		}
	}
	return n
}

// ofPatient makes a small file.
func ofPatient(id string) []byte {
	s := &dataset.Set{}
	s.PutString(tag.SOPClassUID, dicom.UI, "1.2.840.10008.5.1.4.1.1.7")
	s.PutString(tag.SOPInstanceUID, dicom.UI, "1.2.3.4.5")
	s.PutString(tag.PatientID, dicom.LO, id)
	s.PutString(tag.StudyInstanceUID, dicom.UI, "1.2.3.4")
	s.PutString(tag.SeriesInstanceUID, dicom.UI, "1.2.3.4.1")
	return s.Append(dataset.AppendFileHeader(nil, "1.2.840.10008.5.1.4.1.1.7", "1.2.3.4.5", dicom.ExplicitVRLittleEndian, ""), syntax(dicom.ExplicitVRLittleEndian))
}

// TestOtherPatientIDs: what an object tells and what was asked for are there, each once.
func TestOtherPatientIDs(t *testing.T) {
	sequence := func(ids ...string) *dataset.Element {
		s := &dataset.Set{}
		for _, id := range ids {
			storage.PutOtherPatientID(s, id, "")
		}
		return s.Get(tag.OtherPatientIDsSequence)
	}
	for name, c := range map[string]struct{ object, row, want *dataset.Element }{
		"neither":  {},
		"object's": {sequence("1"), nil, sequence("1")},
		"row's":    {nil, sequence("1"), sequence("1")},
		"both":     {sequence("1", "2"), sequence("2", "3"), sequence("1", "2", "3")},
	} {
		if d := cmp.Diff(c.want, storage.OtherPatientIDs(c.object, c.row), cmp.AllowUnexported(dataset.Set{})); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

// TestIdentifiedSomebodyElse: of a study that holds headers of two patients only those are changed whose patient was merged.
func TestIdentifiedSomebodyElse(t *testing.T) {
	a, _ := newArchive(t, nil)
	in := stored(t, a, ofPatient("SOMEBODY"))
	in.Patient = another("ELSE", "")
	o, err := a.Open(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	if got := parsed(t, o); got.String(tag.PatientID) != "SOMEBODY" || got.Get(tag.OriginalAttributesSequence) != nil {
		t.Errorf("%q", got.String(tag.PatientID))
	}
}

// TestIdentifiedCharset: names in other character sets than UTF-8 stay readable, before and after.
func TestIdentifiedCharset(t *testing.T) {
	for name, c := range map[string]struct{ charset, value, now, want string }{
		"Latin-1 to ASCII":      {"ISO_IR 100", "M\xfcller^Ren\xe9", "Muller^Rene", "Müller^René"},
		"Latin-1 to Vietnamese": {"ISO_IR 100", "M\xfcller^Ren\xe9", "Nguyễn^Ánh", "Müller^René"},
		"none to Vietnamese":    {"", "MULLER", "Nguyễn^Ánh", "MULLER"},
		"Japanese":              {`\ISO 2022 IR 87`, "Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B", "Trần^Thị", "Yamada^Tarou=山田^太郎"},
	} {
		t.Run(name, func(t *testing.T) {
			s := &dataset.Set{}
			if c.charset != "" {
				s.PutString(tag.SpecificCharacterSet, dicom.CS, c.charset)
			}
			s.Put(dataset.Element{Tag: tag.InstitutionName, VR: dicom.LO, Value: []byte("Spital")})
			s.Put(dataset.Element{Tag: tag.PatientName, VR: dicom.PN, Value: []byte(c.value)})
			s.PutString(tag.PatientID, dicom.LO, "7")
			p := &storage.PatientIdentity{FormerID: "7", Changes: []storage.PatientValue{{Tag: tag.PatientName, Value: c.now}}}
			p.Head(s)
			ts := syntax(dicom.ExplicitVRLittleEndian)
			got, err := dataset.Parse(s.Append(nil, ts), ts, dataset.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			if n := got.String(tag.PatientName); n != c.now {
				t.Errorf("now %q", n)
			}
			was := got.Get(tag.OriginalAttributesSequence).Items[0].Get(tag.ModifiedAttributesSequence).Items[0]
			if n := was.String(tag.PatientName); n != c.want {
				t.Errorf("was %q", n)
			}
		})
	}
}
