package deid

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/internal/corpus"
)

func newDeidentifier(t testing.TB, key byte, o ...Option) *Deidentifier {
	t.Helper()
	d, err := New(Config{Key: bytes.Repeat([]byte{key}, MinKey), Options: o})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func apply(t testing.TB, d *Deidentifier, s *dataset.Set) *dataset.Set {
	t.Helper()
	if _, err := d.Apply(s); err != nil {
		t.Fatal(err)
	}
	return s
}

func explicit() *dicom.TransferSyntax {
	ts, _ := dicom.LookupTransferSyntax(dicom.ExplicitVRLittleEndian)
	return ts
}

// put adds an element with a value or an item that suits its VR.
func put(s *dataset.Set, t dicom.Tag, value string) {
	vr := dicom.VROf(t)
	switch {
	case vr == dicom.SQ:
		item := &dataset.Set{}
		item.PutString(tag.CodeMeaning, dicom.LO, "inside")
		s.Put(dataset.Element{Tag: t, VR: vr, Items: []*dataset.Set{item}})
	case vr.WordSize() > 1 || vr.IsBulk():
		s.Put(dataset.Element{Tag: t, VR: vr, Value: []byte{1, 2, 3, 4, 5, 6, 7, 8}})
	default:
		s.PutString(t, vr, value)
	}
}

var samples = map[dicom.VR]string{dicom.DA: "20200315", dicom.TM: "101112", dicom.DT: "20200315101112", dicom.UI: "1.2.3.4.5", dicom.PN: "Doe^John", dicom.AS: "042Y", dicom.IS: "17", dicom.DS: "1.7"}

func sample(t dicom.Tag) string {
	if v, ok := samples[dicom.VROf(t)]; ok {
		return v
	}
	return "Original"
}

// describe says what became of an element.
func describe(e, was *dataset.Element) action {
	switch {
	case e == nil:
		return remove
	case e.VR == dicom.SQ && len(e.Items) == 0, e.VR != dicom.SQ && len(e.Value) == 0:
		return empty
	case e.VR == dicom.SQ && len(e.Items) == 1 && len(e.Items[0].Elements) == 1 && e.Items[0].String(tag.CodeMeaning) == "inside":
		return keep
	case e.VR != dicom.SQ && bytes.Equal(e.Value, was.Value):
		return keep
	case e.VR == dicom.UI:
		return replace
	case e.VR == dicom.DA && bytes.HasPrefix(e.Value, []byte("1900")), e.VR == dicom.DT && bytes.HasPrefix(e.Value, []byte("1900")),
		e.VR != dicom.DA && e.VR != dicom.DT:
		return dummy
	}
	return clean // a date that is another
}

// Every attribute of table E.1-1 is treated as its row says, under the profile and every option.
func TestTable(t *testing.T) {
	for _, row := range attributes {
		vr := dicom.VROf(row.tag)
		for o := Option(0); o <= columns; o++ { // columns: none
			d := newDeidentifier(t, 1)
			want := actionFor(row.tag, vr, &d.on)
			if o < columns {
				d = newDeidentifier(t, 1, o)
				want = action(row.profile[0])
				if c, ok := compound[row.profile]; ok {
					want = c
				}
				if c := action(row.options[o]); c != other {
					want = c
				}
			}
			if row.tag.Group() < 8 {
				continue // not of a data set
			}
			s := &dataset.Set{}
			s.PutString(tag.StudyInstanceUID, dicom.UI, "1.2")
			put(s, row.tag, sample(row.tag))
			was := *s.Get(row.tag)
			apply(t, d, s)
			got := describe(s.Get(row.tag), &was)
			if row.tag.Group()&0xFF00 == 0x6000 || row.tag.Group()&0xFF00 == 0x5000 {
				want = remove
			}
			switch {
			case want == clean && vr.IsBulk():
				want = empty // bytes cannot be cleaned
			case want == clean && vr == dicom.TM, want == clean && vr == dicom.SH && row.tag == tag.TimezoneOffsetFromUTC,
				want == clean && !slices.Contains([]dicom.VR{dicom.DA, dicom.DT, dicom.UI}, vr), want == descend:
				want = keep // "Original" and "inside" need no cleaning
			case want == dummy && vr == dicom.UI:
				want = replace // a dummy that keeps together what belongs together
			case row.tag == tag.PatientName || row.tag == tag.PatientID:
				want = dummy
			}
			if got != want {
				t.Errorf("%v %s under %v: %c, want %c", row.tag, row.profile, o, got, want)
			}
		}
	}
	if len(attributes) < 620 {
		t.Errorf("%d rows", len(attributes))
	}
	if !slices.IsSortedFunc(attributes, func(a, b attribute) int { return int(int64(a.tag) - int64(b.tag)) }) {
		t.Error("not in order")
	}
}

// patient gives an object of one.
func patient(id string) *dataset.Set {
	s := &dataset.Set{}
	s.PutString(tag.SOPClassUID, dicom.UI, "1.2.840.10008.5.1.4.1.1.2")
	s.PutString(tag.SOPInstanceUID, dicom.UI, "1.2.3.4")
	s.PutString(tag.StudyInstanceUID, dicom.UI, "1.2.3")
	s.PutString(tag.SeriesInstanceUID, dicom.UI, "1.2.3.1")
	s.PutString(tag.StudyDate, dicom.DA, "20200315")
	s.PutString(tag.AcquisitionDateTime, dicom.DT, "20200315101112.25+0700")
	s.PutString(tag.PatientBirthDate, dicom.DA, "19700101")
	s.PutString(tag.Modality, dicom.CS, "CT")
	s.PutString(tag.PatientName, dicom.PN, "Nguyen^Van An")
	s.PutString(tag.PatientID, dicom.LO, id)
	s.PutString(tag.StudyDescription, dicom.LO, "CT head for Mr Nguyen, call 0912345678, 15.3.2020, an@x.vn")
	s.PutString(tag.FrameOfReferenceUID, dicom.UI, "1.2.840.10008.1.4.1.1")
	return s
}

func TestKeys(t *testing.T) {
	a, b := newDeidentifier(t, 1, RetainModifiedDates), newDeidentifier(t, 2, RetainModifiedDates)
	first, again := apply(t, a, patient("P1")), apply(t, a, patient("P1"))
	bytesOf := func(s *dataset.Set) []byte { return s.Append(nil, explicit()) }
	if !bytes.Equal(bytesOf(first), bytesOf(again)) {
		t.Error("another result with the same key")
	}
	twice := apply(t, a, apply(t, a, patient("P1")))
	if d := cmp.Diff(bytesOf(first), bytesOf(twice)); d != "" {
		t.Errorf("another result when done twice: %s", d)
	}
	for other, s := range map[string]*dataset.Set{"key": apply(t, b, patient("P1")), "patient": apply(t, a, patient("P2"))} {
		for _, at := range []dicom.Tag{tag.PatientID, tag.PatientName, tag.StudyDate} {
			if s.String(at) == first.String(at) {
				t.Errorf("%v is the same for another %s", at, other)
			}
		}
		if same := s.String(tag.StudyInstanceUID) == first.String(tag.StudyInstanceUID); same != (other == "patient") {
			t.Errorf("Study Instance UID the same for another %s: %v", other, same)
		}
	}
	for _, at := range []dicom.Tag{tag.SOPInstanceUID, tag.StudyInstanceUID, tag.SeriesInstanceUID} {
		if u := first.UID(at); !u.Valid() || !strings.HasPrefix(string(u), "2.25.") {
			t.Errorf("%v %s", at, u)
		}
	}
	if u := first.UID(tag.FrameOfReferenceUID); u != "1.2.840.10008.1.4.1.1" {
		t.Errorf("a well-known UID became %s", u)
	}
	days := func(s *dataset.Set, at dicom.Tag) string { return s.String(at)[:8] }
	if days(first, tag.StudyDate) != days(first, tag.AcquisitionDateTime) || !strings.HasSuffix(first.String(tag.AcquisitionDateTime), "101112.25+0700") {
		t.Errorf("%s, %s", first.String(tag.StudyDate), first.String(tag.AcquisitionDateTime))
	}
}

func TestMark(t *testing.T) {
	for _, c := range []struct {
		options  []Option
		temporal string
		codes    string
	}{
		{nil, "REMOVED", "113100"},
		{[]Option{RetainFullDates}, "UNMODIFIED", "113100 113106"},
		{[]Option{RetainModifiedDates, RetainUIDs, CleanDescriptors}, "MODIFIED", "113100 113110 113107 113105"},
	} {
		s := apply(t, newDeidentifier(t, 1, c.options...), patient("P1"))
		var codes []string
		for _, item := range s.Get(tag.DeidentificationMethodCodeSequence).Items {
			codes = append(codes, item.String(tag.CodeValue))
		}
		got := []string{s.String(tag.PatientIdentityRemoved), s.String(tag.LongitudinalTemporalInformationModified), strings.Join(codes, " ")}
		if d := cmp.Diff([]string{"YES", c.temporal, c.codes}, got); d != "" {
			t.Error(d)
		}
	}
	s := apply(t, newDeidentifier(t, 1, CleanDescriptors), patient("P1"))
	if got := s.String(tag.StudyDescription); got != "CT head for Mr ***, call ***, *** ***" && got != "CT head for Mr ***, call *** *** ***" {
		t.Error(got)
	}
}

func TestDates(t *testing.T) {
	for _, c := range []struct {
		vr   dicom.VR
		v    string
		want string
	}{
		{dicom.DA, "20200301", "20200229"},
		{dicom.DA, "2020.03.01", "20200229"},
		{dicom.DA, "2020", ""},
		{dicom.DA, "", ""},
		{dicom.DA, "00010101", ""},
		{dicom.TM, "1011", "1011"},
		{dicom.DT, "20200301", "20200229"},
		{dicom.DT, "2020030110", "2020022910"},
		{dicom.DT, "202003", "202002"},
		{dicom.DT, "2020", "2019"},
		{dicom.DT, "2020+0700", "2019+0700"},
		{dicom.DT, "20", ""},
		{dicom.DT, "20200301101112.5-0500", "20200229101112.5-0500"},
		{dicom.DT, "nonsense", ""},
	} {
		if got := shifted(c.vr, []string{c.v}, 1)[0]; got != c.want {
			t.Errorf("%v %q: %q, want %q", c.vr, c.v, got, c.want)
		}
	}
}

func TestNested(t *testing.T) {
	newItem := func() *dataset.Set {
		item := &dataset.Set{}
		item.PutString(tag.PersonName, dicom.PN, "Doe^John")
		item.PutString(tag.ReferencedSOPInstanceUID, dicom.UI, "1.2.9")
		item.PutString(0x00091001, dicom.LO, "private")
		item.PutString(tag.TextValue, dicom.UT, "seen by John Doe on 1.2.2020")
		return item
	}
	s := patient("P1")
	s.Put(dataset.Element{Tag: tag.ContentSequence, VR: dicom.SQ, Items: []*dataset.Set{newItem()}})
	s.Put(dataset.Element{Tag: tag.SharedFunctionalGroupsSequence, VR: dicom.SQ, Items: []*dataset.Set{newItem()}})
	d := newDeidentifier(t, 1, CleanStructuredContent)
	warnings, err := d.Apply(s)
	if err != nil || !slices.Contains(warnings, StructuredText) {
		t.Error(warnings, err)
	}
	in := s.Get(tag.ContentSequence).Items[0]
	if in.Get(0x00091001) != nil || in.String(tag.PersonName) != removed || in.UID(tag.ReferencedSOPInstanceUID) != d.UID("1.2.9") ||
		in.String(tag.TextValue) != "seen by *** *** on ***" {
		t.Errorf("%+v %q", in.Elements, in.String(tag.TextValue))
	}
}

func TestSafePrivate(t *testing.T) {
	object := func() *dataset.Set {
		s := patient("P1")
		s.PutString(0x00190010, dicom.LO, "SIEMENS MR HEADER")
		s.PutString(0x0019100C, dicom.IS, "1000")
		s.PutString(0x00191008, dicom.LO, "unknown")
		s.PutString(0x00290010, dicom.LO, "ACME")
		s.PutString(0x00291001, dicom.LO, "declared safe")
		s.PutString(0x00291002, dicom.LO, "not declared")
		item := &dataset.Set{}
		item.PutInt(tag.PrivateGroupReference, dicom.US, 0x29)
		item.PutString(tag.PrivateCreatorReference, dicom.LO, "ACME")
		item.PutString(tag.BlockIdentifyingInformationStatus, dicom.CS, "MIXED")
		item.PutInt(tag.NonidentifyingPrivateElements, dicom.US, 1)
		s.Put(dataset.Element{Tag: tag.PrivateDataElementCharacteristicsSequence, VR: dicom.SQ, Items: []*dataset.Set{item}})
		return s
	}
	private := func(s *dataset.Set) (all []string) {
		for i := range s.Elements {
			if t := s.Elements[i].Tag; t.IsPrivate() {
				all = append(all, t.String())
			}
		}
		return all
	}
	if got := private(apply(t, newDeidentifier(t, 1), object())); got != nil {
		t.Error(got)
	}
	want := []string{"(0019,0010)", "(0019,100C)", "(0029,0010)", "(0029,1001)"}
	if d := cmp.Diff(want, private(apply(t, newDeidentifier(t, 1, RetainSafePrivate), object()))); d != "" {
		t.Error(d)
	}
}

func TestWarnings(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*dataset.Set)
		want   []Warning
	}{
		{"CT", func(s *dataset.Set) {}, nil},
		{"says so", func(s *dataset.Set) { s.PutString(tag.BurnedInAnnotation, dicom.CS, "YES") }, []Warning{BurnedInAnnotation}},
		{"ultrasound", func(s *dataset.Set) { s.PutString(tag.Modality, dicom.CS, "US") }, []Warning{MayBeBurnedIn}},
		{"ultrasound without", func(s *dataset.Set) {
			s.PutString(tag.Modality, dicom.CS, "US")
			s.PutString(tag.BurnedInAnnotation, dicom.CS, "NO")
		}, nil},
		{"secondary capture", func(s *dataset.Set) { s.PutString(tag.SOPClassUID, dicom.UI, "1.2.840.10008.5.1.4.1.1.7") }, []Warning{MayBeBurnedIn}},
		{"face", func(s *dataset.Set) { s.PutString(tag.RecognizableVisualFeatures, dicom.CS, "YES") }, []Warning{VisualFeatures}},
		{"document", func(s *dataset.Set) { s.PutString(tag.SOPClassUID, dicom.UI, "1.2.840.10008.5.1.4.1.1.104.1") }, []Warning{Document}},
		{"overlay", func(s *dataset.Set) { s.PutInt(0x60000100, dicom.US, 16) }, []Warning{PixelOverlay}},
	} {
		for _, refuse := range []BurnedIn{Warn, Refuse} {
			d, err := New(Config{Key: make([]byte, MinKey), BurnedIn: refuse})
			if err != nil {
				t.Fatal(err)
			}
			s := patient("P1")
			s.Put(dataset.Element{Tag: tag.PixelData, VR: dicom.OW, Value: make([]byte, 8)})
			c.change(s)
			got, err := d.Apply(s)
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("%s: %s", c.name, d)
			}
			if refused := errors.Is(err, ErrRefused); refused != (refuse == Refuse && len(c.want) > 0) || err != nil && !refused {
				t.Errorf("%s: %v", c.name, err)
			}
		}
	}
}

func TestConfig(t *testing.T) {
	key := make([]byte, MinKey)
	for _, c := range []Config{
		{Key: key[1:]},
		{Key: key, BurnedIn: "maybe"},
		{Key: key, Options: []Option{RetainFullDates, RetainModifiedDates}},
		{Key: key, Options: []Option{CleanPixelData}},
		{Key: key, Options: []Option{200}},
	} {
		if _, err := New(c); err == nil {
			t.Errorf("%+v", c)
		}
	}
	for o := RetainSafePrivate; o <= CleanRecognizableVisualFeatures; o++ {
		if got, err := ParseOption(o.String()); got != o || err != nil {
			t.Error(o, err)
		}
	}
	if _, err := ParseOption("everything"); err == nil {
		t.Error("an option that there is not")
	}
}

// identifiers gives the values of an object that must not be found afterwards.
func identifiers(s *dataset.Set, out map[string]bool) {
	for i := range s.Elements {
		e := &s.Elements[i]
		for _, item := range e.Items {
			identifiers(item, out)
		}
		take := e.VR == dicom.PN || slices.Contains([]dicom.Tag{tag.PatientID, tag.OtherPatientIDs, tag.AccessionNumber, tag.PatientBirthDate, tag.PatientAddress}, e.Tag) ||
			e.VR == dicom.DA || e.VR == dicom.UI && !ofKind(keyword(e.Tag))
		if !take {
			continue
		}
		for _, v := range s.Strings(e.Tag) {
			if len(v) >= 5 && !strings.HasPrefix(v, standardRoot) {
				out[v] = true
			}
		}
	}
}

func keyword(t dicom.Tag) string {
	e, _ := dicom.Lookup(t)
	return e.Keyword
}

// texts gives every value of characters of a data set, and the bytes of those that are neither numbers nor pixels.
func texts(s *dataset.Set, b *bytes.Buffer) {
	for i := range s.Elements {
		e := &s.Elements[i]
		for _, item := range e.Items {
			texts(item, b)
		}
		if e.Tag != tag.PixelData && e.VR != dicom.DS && e.VR != dicom.IS && e.VR.WordSize() == 1 && e.VR != dicom.OB {
			b.Write(e.Value)
			b.WriteByte('\n')
		}
	}
}

// Of no real object is an identifier left, whatever the options that keep none; twice is the same as once.
func TestCorpus(t *testing.T) {
	root := corpus.Dir(t, "dicom")
	sets := map[string]*Deidentifier{
		"basic": newDeidentifier(t, 1),
		"all clean": newDeidentifier(t, 1, CleanDescriptors, CleanStructuredContent, CleanGraphics, RetainModifiedDates,
			RetainPatientCharacteristics, RetainDeviceIdentity, RetainSafePrivate),
	}
	n := 0
	err := filepath.WalkDir(root, func(name string, f fs.DirEntry, err error) error {
		if err != nil || f.IsDir() {
			return err
		}
		b, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		read := func() *dataset.Set {
			h, body, err := dataset.ReadFileHeader(bytes.NewReader(b), dataset.Limits{})
			if err != nil {
				return nil
			}
			ts, ok := dicom.LookupTransferSyntax(h.TransferSyntax)
			if !ok {
				return nil
			}
			s, err := dataset.NewReader(body, ts).ReadSet()
			if err != nil || s.Get(tag.SOPInstanceUID) == nil {
				return nil
			}
			return s
		}
		if read() == nil {
			return nil
		}
		n++
		for options, d := range sets {
			s := read()
			wholeVRs(s)
			ids := map[string]bool{}
			identifiers(s, ids)
			s = apply(t, d, s)
			var out bytes.Buffer
			texts(s, &out)
			for id := range ids {
				if at := bytes.Index(out.Bytes(), []byte(id)); at >= 0 && !harmless.MatchString(id) {
					t.Errorf("%s, %s: an identifier is left: %q in %q", strings.TrimPrefix(name, root), options, id, line(out.Bytes(), at))
				}
			}
			once := s.Append(nil, explicit())
			if twice := apply(t, d, s).Append(nil, explicit()); !bytes.Equal(once, twice) {
				t.Errorf("%s, %s: twice is not once", strings.TrimPrefix(name, root), options)
				x, _ := dataset.Parse(once, explicit(), dataset.Limits{})
				for i := range min(len(x.Elements), len(s.Elements)) {
					if a, b := x.Elements[i], s.Elements[i]; a.Tag != b.Tag || !bytes.Equal(a.Value, b.Value) || len(a.Items) != len(b.Items) {
						t.Logf("%v %q %d, %v %q %d", a.Tag, a.Value, len(a.Items), b.Tag, b.Value, len(b.Items))
						break
					}
				}
			}
			if _, err := dataset.Parse(once, explicit(), dataset.Limits{}); err != nil {
				t.Errorf("%s, %s: %v", strings.TrimPrefix(name, root), options, err)
			}
		}
		return nil
	})
	if err != nil || n < 300 {
		t.Fatalf("%d objects, %v", n, err)
	}
}

// harmless are identifiers of test objects that mean nothing: they were de-identified before.
var harmless = regexp.MustCompile(`^(DEIDENTIFIED|19000101)$`)

func line(b []byte, at int) []byte {
	from := bytes.LastIndexByte(b[:at], '\n') + 1
	to := at + bytes.IndexByte(b[at:], '\n')
	return b[from:to]
}
