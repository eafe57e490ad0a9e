package dataset

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/internal/corpus"
)

// bench reads b from end to end with a tee.
func bench(b *testing.B, body []byte, uid dicom.UID, wantErr bool, tee io.Writer) {
	ts, _ := dicom.LookupTransferSyntax(uid)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	tokens := 0
	for b.Loop() {
		r := NewReader(bytes.NewReader(body), ts, WithTee(tee))
		n, err := drainTokens(r)
		if (err != nil) != wantErr {
			b.Fatal(err)
		}
		tokens += n
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(max(tokens, 1)), "ns/token")
}

func corpusBody(b *testing.B, file string) ([]byte, dicom.UID) {
	data, err := os.ReadFile(filepath.Join(corpus.Dir(b, "dicom"), file))
	if err != nil {
		b.Fatal(err)
	}
	h, rest, err := ReadFileHeader(bytes.NewReader(data), Limits{})
	if err != nil {
		b.Fatal(err)
	}
	body, err := io.ReadAll(rest)
	if err != nil {
		b.Fatal(err)
	}
	return body, h.TransferSyntax
}

// discard takes bytes as the blob store does: through io.ReaderFrom too.
type discard struct{ buf []byte }

func (discard) Write(p []byte) (int, error) { return len(p), nil }

func (d discard) ReadFrom(r io.Reader) (n int64, err error) {
	for {
		m, err := r.Read(d.buf)
		n += int64(m)
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
}

func BenchmarkReadCT(b *testing.B) {
	body, uid := corpusBody(b, "pydicom/test_files/CT_small.dcm")
	ts, _ := dicom.LookupTransferSyntax(uid)
	s, err := Parse(body, ts, Limits{})
	if err != nil {
		b.Fatal(err)
	}
	s.Delete(0xFFFCFFFC)
	s.Put(Element{Tag: tagPixelData, VR: dicom.OW, Value: make([]byte, 512<<10)})
	bench(b, s.Append(nil, ts), uid, false, discard{make([]byte, 256<<10)})
}

func BenchmarkReadSR(b *testing.B) {
	body, uid := corpusBody(b, "highdicom/sr_document.dcm")
	bench(b, body, uid, false, discard{})
}

func BenchmarkReadLargeSR(b *testing.B) {
	body, uid := corpusBody(b, "dcmqi/sr-example/sr.dcm")
	bench(b, body, uid, false, discard{})
}

func BenchmarkReadBulk(b *testing.B) {
	var s Set
	s.Put(Element{Tag: tagPixelData, VR: dicom.OW, Value: make([]byte, 64<<20)})
	ts, _ := dicom.LookupTransferSyntax(dicom.ExplicitVRLittleEndian)
	bench(b, s.Append(nil, ts), dicom.ExplicitVRLittleEndian, false, discard{make([]byte, 256<<10)})
}

// The hostile inputs of design.md section 1.5. B/op is what matters: it does not depend on what is claimed.

func BenchmarkClaim4GB(b *testing.B) {
	bench(b, claim4GB(), dicom.ExplicitVRLittleEndian, true, nil)
}

func BenchmarkNested100000(b *testing.B) {
	bench(b, nested(100_000), dicom.ExplicitVRLittleEndian, true, nil)
}

func BenchmarkEmptyItems1000000(b *testing.B) {
	bench(b, emptyItems(1_000_000), dicom.ExplicitVRLittleEndian, true, nil)
}

func BenchmarkParseEmptyItems1000000(b *testing.B) {
	body := emptyItems(1_000_000)
	ts, _ := dicom.LookupTransferSyntax(dicom.ExplicitVRLittleEndian)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(body, ts, Limits{}); err == nil {
			b.Fatal("no error")
		}
	}
}
