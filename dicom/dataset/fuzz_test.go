package dataset

import (
	"bytes"
	"errors"
	"math/rand"
	"os"
	"testing"

	"github.com/halong-gateway/halong/dicom"
)

var fuzzSyntaxes = []dicom.UID{implicit, explicit, bigEnd, deflated, "1.2.840.10008.1.2.4.50"}

// FuzzReader reads anything in any syntax: it never panics, the pieces are all the
// bytes, and what can be understood is the same after encoding and decoding again.
func FuzzReader(f *testing.F) {
	for i, uid := range fuzzSyntaxes {
		f.Add(byte(i), encodeTestSet(f, uid)[:500])
	}
	for _, tt := range []string{
		"0800 4011 'SQ' 0000 FFFFFFFF FEFF 00E0 FFFFFFFF 0800 6000 'CS' 0200 'CT' FEFF 0DE0 00000000 FEFF DDE0 00000000",
		"0900 0110 'UN' 0000 FFFFFFFF FEFF 00E0 FFFFFFFF 0800 6000 02000000 'CT' FEFF 0DE0 00000000 FEFF DDE0 00000000",
		"0800 6000 'CS' 0200 'CT' 0900 0010 'ZZ' 0000 04000000 'ABCD' 0800 7000 0000 0400 'ABCD' 1000 2000 'LO' 0000 02000000 'X '",
		"E07F 1000 'OB' 0000 FFFFFFFF FEFF 00E0 00000000 FEFF 00E0 04000000 'ABCD' FEFF DDE0 00000000",
	} {
		f.Add(byte(1), unhex(f, tt))
	}
	addSmallCorpus(f)
	f.Fuzz(func(t *testing.T, which byte, in []byte) {
		ts := syntax(t, fuzzSyntaxes[int(which)%len(fuzzSyntaxes)])
		rnd := rand.New(rand.NewSource(int64(len(in))))
		if got := readPieces(t, &randomReader{bytes.NewReader(in), rnd, 1 + rnd.Intn(len(in)+1)}, ts, rnd); !bytes.Equal(got, in) {
			t.Fatal("the pieces are not the input")
		}
		s, err := Parse(in, ts, Limits{Depth: 20, Items: 10_000, Elements: 10_000, Value: 4 << 20, Inflated: 4 << 20})
		if err == nil {
			fuzzRoundTrip(t, s)
			return
		}
		var se *SyntaxError
		if !errors.As(err, &se) {
			t.Fatalf("%T %v", err, err)
		}
	})
}

// addSmallCorpus adds the corpus's small files, if it is there.
func addSmallCorpus(f *testing.F) {
	root, files := corpusFiles(f)
	for _, file := range files {
		if info, err := os.Stat(root + "/" + file); err != nil || info.Size() > 3000 {
			continue
		}
		body, _, ts, err := openCorpus(f, root, file)
		if err != nil {
			continue
		}
		for i, uid := range fuzzSyntaxes {
			if uid == ts.UID {
				f.Add(byte(i), body)
			}
		}
	}
}

func fuzzRoundTrip(t *testing.T, s *Set) {
	for len(s.Elements) > 0 && s.Elements[0].Tag <= 0x00080016 {
		s.Elements = s.Elements[1:]
	}
	// A registered first element keeps the encoding from being taken for another.
	s.PutString(0x00080016, dicom.UI, "1.2.840.10008.5.1.4.1.1.2")
	le, be := syntax(t, explicit), syntax(t, bigEnd)
	second, err := Parse(s.Append(nil, le), le, Limits{})
	if err != nil {
		t.Fatalf("what was encoded cannot be decoded: %v", err)
	}
	encoded := second.Append(nil, le)
	third, err := Parse(encoded, le, Limits{})
	if err != nil || differs(second, third) != "" {
		t.Fatalf("decoded again: %v, %s differs", err, differs(second, third))
	}
	big, err := Parse(s.Append(nil, be), be, Limits{})
	if err != nil || differs(second, big) != "" {
		t.Fatalf("big endian: %v, %s differs", err, differs(second, big))
	}
	var out bytes.Buffer
	err = Transcode(&out, NewReader(bytes.NewReader(encoded), le), be)
	if errors.Is(err, ErrEncapsulated) {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if big, err = Parse(out.Bytes(), be, Limits{}); err != nil || differs(second, big) != "" {
		t.Fatalf("transcoded: %v, %s differs", err, differs(second, big))
	}
	s.DecodeUTF8()
}
