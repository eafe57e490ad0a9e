package conformance

import (
	"bytes"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/internal/corpus"
	"github.com/halong-gateway/halong/internal/sample"
)

// picture is the average red, green and blue (0 to 255) of each cell of a grid over an image, row by row.
type picture [][3]float64

// mean gives how far two pictures are from one another on average.
func (p picture) mean(other picture) float64 {
	if len(p) != len(other) || len(p) == 0 {
		return math.Inf(1)
	}
	sum := 0.0
	for i := range p {
		for c := range 3 {
			sum += math.Abs(p[i][c] - other[i][c])
		}
	}
	return sum / float64(3*len(p))
}

// worst gives how far they are at the place where they differ most.
func (p picture) worst(other picture) (far float64) {
	for i := range p {
		for c := range 3 {
			far = max(far, math.Abs(p[i][c]-other[i][c]))
		}
	}
	return far
}

// viewsOHIF are what is opened: each object is a study of its own.
func viewsOHIF(t *testing.T) []viewOHIF {
	t.Helper()
	invented := func(seed string) *sample.Patient {
		return sample.New(sample.Options{Seed: "ohif " + seed, Slices: 1, Time: time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)})
	}
	ct, cr, us, pdf := invented("native").CT()[0], invented("native").CR(), invented("native").US(), invented("native").PDF()
	views := []viewOHIF{
		{Name: "CT", Frame: 1, file: ct.Part10(), want: rendered(t, ct.Part10(), 0)},
		{Name: "radiograph", Frame: 1, file: cr.Part10(), want: rendered(t, cr.Part10(), 0)},
		{Name: "ultrasound, frame 5", Frame: 5, file: us.Part10(), want: rendered(t, us.Part10(), 4), others: others(t, us.Part10(), 5)},
		{Name: "PDF", PDF: true, file: elsewhere(t, pdf.Part10(), "PDF")},
	}
	for _, x := range []struct {
		name  string
		tool  []string
		frame int // of the loop; 0: the CT
	}{
		{"JPEG baseline, frame 13", []string{"dcmcjpeg", "+eb", "+q", "90"}, 13},
		{"JPEG Lossless, frame 5", []string{"dcmcjpeg", "+e1"}, 5},
		{"JPEG-LS", []string{"dcmcjpls"}, 0},
		{"RLE, frame 5", []string{"dcmcrle"}, 5},
	} {
		object := invented(x.name).CT()[0]
		if x.frame > 0 {
			object = invented(x.name).US()
		}
		native := object.Part10()
		views = append(views, viewOHIF{Name: x.name, Frame: max(1, x.frame), file: converted(t, native, x.tool...), want: rendered(t, native, max(0, x.frame-1)), others: others(t, native, x.frame)})
	}
	dir := filepath.Join(corpus.Dir(t, "dicom"), "pydicom-data")
	twin := rendered(t, read(t, filepath.Join(dir, "US1_UNCI.dcm")), 0)
	return append(
		views,
		viewOHIF{Name: "JPEG 2000 lossless", Frame: 1, file: capture(t, filepath.Join(dir, "..", "pydicom", "test_files", "examples_jpeg2k.dcm")), want: twin},
		viewOHIF{Name: "JPEG 2000", Frame: 1, file: capture(t, filepath.Join(dir, "US1_J2KI.dcm")), want: twin},
		viewOHIF{Name: "HTJ2K lossless", Frame: 1, file: capture(t, filepath.Join(dir, "HTJ2KLossless_08_RGB.dcm")), sky: true},
		viewOHIF{Name: "HTJ2K", Frame: 1, file: capture(t, filepath.Join(dir, "HTJ2K_08_RGB.dcm")), as: "HTJ2K lossless", sky: true},
	)
}

// others gives the pictures of a loop but for one frame, counted from 1.
func others(t *testing.T, file []byte, frame int) (all []picture) {
	t.Helper()
	s, _ := parsed(t, file)
	n, _ := s.Int(tag.NumberOfFrames) // 0: no loop
	for i := range int(n) {
		if i+1 != frame {
			all = append(all, rendered(t, file, i))
		}
	}
	return all
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// converted has one of DCMTK's programs compress an object.
func converted(t *testing.T, file []byte, tool ...string) []byte {
	t.Helper()
	dir := t.TempDir()
	from, to := filepath.Join(dir, "from.dcm"), filepath.Join(dir, "to.dcm")
	if err := os.WriteFile(from, file, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(tool[0], append(tool[1:], from, to)...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", tool, err, out)
	}
	return read(t, to)
}

// parsed gives the Data Set of a file and its Transfer Syntax.
func parsed(t *testing.T, file []byte) (*dataset.Set, *dicom.TransferSyntax) {
	t.Helper()
	h, body, err := dataset.ReadFileHeader(bytes.NewReader(file), dataset.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	ts, ok := dicom.LookupTransferSyntax(h.TransferSyntax)
	if !ok {
		t.Fatal(h.TransferSyntax)
	}
	s, err := dataset.Parse(b, ts, dataset.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return s, ts
}

func uidIn(t *testing.T, file []byte, which dicom.Tag) dicom.UID {
	t.Helper()
	s, _ := parsed(t, file)
	return s.UID(which)
}

func documentIn(t *testing.T, file []byte) []byte {
	t.Helper()
	s, _ := parsed(t, file)
	return s.Get(tag.EncapsulatedDocument).Value[:mustInt(t, s, tag.EncapsulatedDocumentLength)]
}

func mustInt(t *testing.T, s *dataset.Set, which dicom.Tag) int {
	t.Helper()
	n, ok := s.Int(which)
	if !ok {
		t.Fatalf("no %s", which)
	}
	return int(n)
}

// elsewhere gives an object in a study of its own.
func elsewhere(t *testing.T, file []byte, seed string) []byte {
	t.Helper()
	s, ts := parsed(t, file)
	p := sample.New(sample.Options{Seed: "ohif " + seed})
	s.PutString(tag.SOPInstanceUID, dicom.UI, string(p.UID("instance")))
	s.PutString(tag.StudyInstanceUID, dicom.UI, string(p.UID("study")))
	s.PutString(tag.SeriesInstanceUID, dicom.UI, string(p.UID("series")))
	return s.Append(dataset.AppendFileHeader(nil, s.UID(tag.SOPClassUID), p.UID("instance"), ts.UID, "TEST"), ts)
}

// capture gives an image of the corpus as a Secondary Capture Image: some have no modality and no date.
func capture(t *testing.T, name string) []byte {
	t.Helper()
	s, ts := parsed(t, read(t, name))
	const class = "1.2.840.10008.5.1.4.1.1.7"
	s.PutString(tag.SOPClassUID, dicom.UI, class)
	s.PutString(tag.Modality, dicom.CS, "OT")
	s.PutString(tag.StudyDate, dicom.DA, "20261121")
	return elsewhere(t, s.Append(dataset.AppendFileHeader(nil, class, "1.2.3", ts.UID, "TEST"), ts), filepath.Base(name))
}

// rendered gives the picture of a frame (from 0) of a native, little-endian object as PS3.3 C.11.1 and C.11.2.1.2 say: rescaled, and
// through its window. Colours stay as they are.
func rendered(t *testing.T, file []byte, frame int) picture {
	t.Helper()
	s, _ := parsed(t, file)
	rows, columns, samples := mustInt(t, s, tag.Rows), mustInt(t, s, tag.Columns), mustInt(t, s, tag.SamplesPerPixel)
	octets := mustInt(t, s, tag.BitsAllocated) / 8
	value := s.Get(tag.PixelData).Value[frame*rows*columns*samples*octets:]
	slope, intercept := 1.0, 0.0
	if f := s.Floats(tag.RescaleSlope); len(f) > 0 {
		slope, intercept = f[0], s.Floats(tag.RescaleIntercept)[0]
	}
	var centre, width float64
	if samples == 1 {
		centre, width = s.Floats(tag.WindowCenter)[0], s.Floats(tag.WindowWidth)[0]
	}
	level := func(i int) float64 {
		v := float64(value[i*octets])
		if octets == 2 {
			v += 256 * float64(value[i*octets+1])
		}
		if samples == 3 {
			return v
		}
		return 255 * max(0, min(1, (v*slope+intercept-(centre-0.5))/(width-1)+0.5))
	}
	p := make(picture, 0, gridOHIF*gridOHIF)
	for r := range gridOHIF {
		for c := range gridOHIF {
			var sum [3]float64
			n := 0
			for y := r * rows / gridOHIF; y < (r+1)*rows/gridOHIF; y++ {
				for x := c * columns / gridOHIF; x < (c+1)*columns/gridOHIF; x++ {
					for k := range 3 {
						sum[k] += level((y*columns+x)*samples + k%samples)
					}
					n++
				}
			}
			p = append(p, [3]float64{sum[0] / float64(n), sum[1] / float64(n), sum[2] / float64(n)})
		}
	}
	return p
}
