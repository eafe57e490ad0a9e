package sample

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
)

func TestObjects(t *testing.T) {
	p := New(Options{Seed: "x"})
	objects := p.Objects()
	if len(objects) != 28 {
		t.Errorf("%d objects", len(objects))
	}
	seen := map[dicom.UID]bool{}
	ts, _ := dicom.LookupTransferSyntax(dicom.ExplicitVRLittleEndian)
	for i := range objects {
		o := &objects[i]
		if !o.SOPInstance.Valid() || !o.Study.Valid() || !o.Series.Valid() || seen[o.SOPInstance] {
			t.Errorf("%s: UIDs %q %q %q", o.What, o.SOPInstance, o.Study, o.Series)
		}
		seen[o.SOPInstance] = true
		if c, ok := dicom.LookupSOPClass(o.SOPClass); !ok {
			t.Errorf("%s: SOP Class %s is unknown", o.What, c.UID)
		}
		s, err := dataset.Parse(o.DataSet, ts, dataset.Limits{})
		if err != nil {
			t.Errorf("%s: %v", o.What, err)
			continue
		}
		if got := s.String(tag.PatientName); got != "NGUYỄN^VĂN^AN" {
			t.Errorf("%s: patient %q", o.What, got)
		}
		if e := s.Get(tag.PixelData); e != nil {
			checkPixels(t, o.What, s, e)
		}
		if again := s.Append(nil, ts); !bytes.Equal(again, o.DataSet) {
			t.Errorf("%s: written again it is not the same", o.What)
		}
	}
}

func checkPixels(t *testing.T, what string, s *dataset.Set, e *dataset.Element) {
	rows, _ := s.Int(tag.Rows)
	columns, _ := s.Int(tag.Columns)
	bits, _ := s.Int(tag.BitsAllocated)
	frames, ok := s.Int(tag.NumberOfFrames)
	if !ok {
		frames = 1
	}
	if want := rows * columns * bits / 8 * frames; want != int64(len(e.Value)) || want == 0 {
		t.Errorf("%s: %d bytes of pixels, want %d", what, len(e.Value), want)
	}
}

func TestSeedsDiffer(t *testing.T) {
	a, b := New(Options{Seed: "a", Slices: 1}), New(Options{Seed: "b", Slices: 1})
	if a.UID("x") == b.UID("x") || a.UID("x") != New(Options{Seed: "a"}).UID("x") {
		t.Error("UIDs do not follow the seed")
	}
	if !bytes.Equal(a.CT()[0].DataSet, New(Options{Seed: "a", Slices: 1}).CT()[0].DataSet) {
		t.Error("the same options gave other bytes")
	}
}

// The cross-reference table must point at its objects, or readers repair or refuse the file.
func TestPDF(t *testing.T) {
	b := pdf("(a) line", `back\slash`)
	m := regexp.MustCompile(`startxref\n(\d+)\n%%EOF\n$`).FindSubmatch(b)
	if m == nil {
		t.Fatal("no startxref")
	}
	at, _ := strconv.Atoi(string(m[1]))
	if !bytes.HasPrefix(b[at:], []byte("xref\n0 6\n")) {
		t.Error("startxref points elsewhere")
	}
	for i, m := range regexp.MustCompile(`(\d{10}) 00000 n `).FindAllSubmatch(b, -1) {
		o, _ := strconv.Atoi(string(m[1]))
		if !bytes.HasPrefix(b[o:], []byte(strconv.Itoa(i+1)+" 0 obj")) {
			t.Errorf("object %d is not at %d", i+1, o)
		}
	}
}

func TestMessages(t *testing.T) {
	ms := New(Options{}).Messages()
	if len(ms) != 3 {
		t.Fatal(len(ms))
	}
	for i, m := range ms {
		for j, seg := range strings.Split(strings.TrimSuffix(string(m), "\r"), "\r") {
			fields := strings.Split(seg, "|")
			switch {
			case fields[0] == "MSH" && (j != 0 || fields[17] != "UNICODE UTF-8" || fields[11] != "2.5.1"):
				t.Errorf("message %d: MSH-18 is %q, MSH-12 %q", i, fields[17], fields[11])
			case fields[0] == "OBR" && (fields[25] == "" || fields[22] == "" || fields[24] != "LAB"):
				t.Errorf("message %d: OBR-22 %q OBR-24 %q OBR-25 %q", i, fields[22], fields[24], fields[25])
			case fields[0] == "OBX" && (len(fields[11]) != 1 || fields[14] == ""):
				t.Errorf("message %d: OBX-11 %q", i, fields[11])
			}
		}
	}
}
