package dataset

import (
	"bytes"
	"errors"
	"io"
	"math/rand"
	"testing"
	"testing/iotest"

	"github.com/halong-gateway/halong/dicom"
)

// pieces records what goes to several sinks, in order. Its sinks hide or show io.ReaderFrom.
type pieces struct {
	all []byte
}

type plainSink struct{ p *pieces }

func (s plainSink) Write(b []byte) (int, error) {
	s.p.all = append(s.p.all, b...)
	return len(b), nil
}

type fastSink struct{ plainSink }

func (s fastSink) ReadFrom(r io.Reader) (n int64, err error) {
	buf := make([]byte, 7001)
	for {
		m, err := r.Read(buf)
		s.p.all = append(s.p.all, buf[:m]...)
		n += int64(m)
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
}

// randomReader reads chunks of random size.
type randomReader struct {
	r   io.Reader
	rnd *rand.Rand
	max int
}

func (r *randomReader) Read(p []byte) (int, error) {
	n := 1 + r.rnd.Intn(r.max)
	return r.r.Read(p[:min(n, len(p))])
}

// readPieces reads body as the archive does: values of bulk VRs and fragments go to
// other sinks. It checks that what each sink got up to a switch is what the
// token says, and gives all bytes joined.
func readPieces(t *testing.T, src io.Reader, ts *dicom.TransferSyntax, rnd *rand.Rand) []byte {
	t.Helper()
	p := &pieces{}
	var trailing bytes.Buffer
	sink := func() io.Writer {
		if rnd.Intn(2) == 0 {
			return plainSink{p}
		}
		return fastSink{plainSink{p}}
	}
	r := NewReader(src, ts, WithTee(sink()), WithTrailing(&trailing))
	for {
		k, err := r.Next()
		var syntax *SyntaxError
		if errors.As(err, &syntax) {
			if err := r.Drain(); err != nil {
				t.Fatal(err)
			}
			break
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if rnd.Intn(3) == 0 {
			r.SetTee(sink())
			if !r.SyntaxUsed().Deflated && int64(len(p.all)) != k.ValueOffset {
				t.Fatalf("%v at %d: the sink before has %d bytes, want %d", k.Kind, k.Offset, len(p.all), k.ValueOffset)
			}
		}
		consume(t, r, k, rnd)
		if rnd.Intn(3) == 0 {
			r.SetTee(sink())
		}
	}
	if int64(trailing.Len()) != r.Trailing() {
		t.Errorf("Trailing() = %d, the sink got %d bytes", r.Trailing(), trailing.Len())
	}
	return append(p.all, trailing.Bytes()...)
}

// consume takes the current value in one of the possible ways.
func consume(t *testing.T, r *Reader, k Token, rnd *rand.Rand) {
	if k.Kind != DataElement && k.Kind != Fragment {
		return
	}
	var syntax *SyntaxError
	var err error
	switch rnd.Intn(5) {
	case 0:
		_, err = r.Value()
	case 1:
		_, err = r.ValueLE()
	case 2:
		err = r.Skip()
	case 3:
		_, err = r.CopyValue(io.Discard)
	}
	if err != nil && !errors.As(err, &syntax) {
		t.Fatal(err)
	}
}

func TestTeeGetsEveryByte(t *testing.T) {
	root, files := corpusFiles(t)
	rnd := rand.New(rand.NewSource(1))
	for _, file := range files {
		body, _, ts, _ := openCorpus(t, root, file)
		if len(body) > 1<<20 {
			body = body[:1<<20]
		}
		check := func(name string, b []byte, src io.Reader) {
			if got := readPieces(t, src, ts, rnd); !bytes.Equal(got, b) {
				t.Fatalf("%s, %s: %d bytes in the pieces, want %d, or others", file, name, len(got), len(b))
			}
		}
		check("whole", body, bytes.NewReader(body))
		check("random", body, &randomReader{bytes.NewReader(body), rnd, 1 + rnd.Intn(40_000)})
		check("data and error", body, iotest.DataErrReader(bytes.NewReader(body)))
		cut := body[:rnd.Intn(len(body)+1)]
		check("cut", cut, bytes.NewReader(cut))
		bad := bytes.Clone(body)
		for range 1 + rnd.Intn(5) {
			bad[rnd.Intn(min(len(bad), 4000))] ^= byte(1 << rnd.Intn(8))
		}
		check("damaged", bad, bytes.NewReader(bad))
		small := body[:min(len(body), 50_000)]
		check("one byte", small, iotest.OneByteReader(bytes.NewReader(small)))
	}
}

// failing fails after n bytes.
type failing struct {
	n   int
	err error
}

func (f *failing) Write(b []byte) (int, error) {
	if f.n -= len(b); f.n < 0 {
		return 0, f.err
	}
	return len(b), nil
}

func (f *failing) Read(b []byte) (int, error) {
	if f.n == 0 {
		return 0, f.err
	}
	n := min(len(b), f.n)
	f.n -= n
	clear(b[:n])
	return n, nil
}

func TestErrorsOfSourceAndSinkAreTheirOwn(t *testing.T) {
	mine := errors.New("mine")
	body := bytes.Clone(encodeTestSet(t, dicom.ExplicitVRLittleEndian))
	ts, _ := dicom.LookupTransferSyntax(dicom.ExplicitVRLittleEndian)
	for n := 0; n < len(body); n += 1 + n/9 {
		r := NewReader(io.MultiReader(bytes.NewReader(body[:n]), iotest.ErrReader(mine)), ts)
		if _, err := drainTokens(r); err != mine {
			t.Fatalf("source failing at %d: %v", n, err)
		}
		for _, w := range []io.Writer{&failing{n, mine}, failingFrom{&failing{n, mine}}} {
			r = NewReader(bytes.NewReader(body), ts, WithTee(w))
			if _, err := drainTokens(r); err != mine {
				t.Fatalf("sink %T failing at %d: %v", w, n, err)
			}
		}
	}
}

type failingFrom struct{ *failing }

func (f failingFrom) ReadFrom(r io.Reader) (int64, error) {
	return io.CopyBuffer(struct{ io.Writer }{f.failing}, r, make([]byte, 100))
}

// encodeTestSet is a data set with a bit of everything, about 300 KB.
func encodeTestSet(t testing.TB, uid dicom.UID) []byte {
	t.Helper()
	ts, ok := dicom.LookupTransferSyntax(uid)
	if !ok {
		t.Fatal(uid)
	}
	var s, item Set
	item.PutString(0x00080100, dicom.SH, "CODE")
	item.PutInt(0x00280010, dicom.US, 512)
	s.PutString(0x00080005, dicom.CS, "ISO_IR 192")
	s.PutString(0x00080016, dicom.UI, "1.2.840.10008.5.1.4.1.1.2")
	s.PutString(0x00100010, dicom.PN, "Nguyễn^Văn Đức")
	s.Put(Element{Tag: 0x00081140, VR: dicom.SQ, Items: []*Set{&item, {}, &item}})
	s.PutInt(0x00280010, dicom.US, 1, 2, 3)
	s.PutString(0x00290010, dicom.LO, "HALONG")
	s.Put(Element{Tag: 0x00291001, VR: dicom.UN, Value: bytes.Repeat([]byte{1, 2, 3, 4}, 10_000)})
	s.Put(Element{Tag: 0x7FE00010, VR: dicom.OW, Value: bytes.Repeat([]byte{0, 1, 2, 3, 4, 5}, 40_000)})
	return s.Append(nil, ts)
}
