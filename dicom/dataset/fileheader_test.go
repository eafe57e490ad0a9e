package dataset

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/halong-gateway/halong/dicom"
)

const ctClass = dicom.UID("1.2.840.10008.5.1.4.1.1.2")

// P1 and P17: what comes before the data set, in all the ways seen.
func TestP1FileHeaders(t *testing.T) {
	full := AppendFileHeader(nil, ctClass, "1.2.3", explicit, "PACS")
	meta := full[132:]
	noLength := meta[12:]
	wrongLength := bytes.Clone(meta)
	wrongLength[8]++
	polyglot := bytes.Clone(full)
	copy(polyglot, "MZ\x90\x00")
	noSyntax := AppendFileHeader(nil, ctClass, "1.2.3", "", "")
	body := encodeTestSet(t, explicit)
	implicitBody := encodeTestSet(t, implicit)
	bigBody := encodeTestSet(t, bigEnd)
	deflatedBody := encodeTestSet(t, deflated)
	tests := []struct {
		name   string
		header []byte
		body   []byte
		want   FileHeader
	}{
		{"complete", full, body, FileHeader{Preamble: true, MetaPresent: true, TransferSyntax: explicit, SOPClass: ctClass, SOPInstance: "1.2.3"}},
		{"P17 polyglot preamble", polyglot, body, FileHeader{Preamble: true, MetaPresent: true, TransferSyntax: explicit, SOPClass: ctClass, SOPInstance: "1.2.3"}},
		{"no preamble", meta, body, FileHeader{MetaPresent: true, TransferSyntax: explicit, SOPClass: ctClass, SOPInstance: "1.2.3"}},
		{"prefix without preamble", full[128:], body, FileHeader{MetaPresent: true, TransferSyntax: explicit, SOPClass: ctClass, SOPInstance: "1.2.3"}},
		{"no group length", noLength, body, FileHeader{MetaPresent: true, TransferSyntax: explicit, SOPClass: ctClass, SOPInstance: "1.2.3"}},
		{"wrong group length", wrongLength, body, FileHeader{MetaPresent: true, TransferSyntax: explicit, SOPClass: ctClass, SOPInstance: "1.2.3"}},
		{"no transfer syntax, explicit", noSyntax, body, FileHeader{Preamble: true, MetaPresent: true, TransferSyntax: explicit, SOPClass: ctClass, SOPInstance: "1.2.3"}},
		{"no transfer syntax, implicit", noSyntax, implicitBody, FileHeader{Preamble: true, MetaPresent: true, TransferSyntax: implicit, SOPClass: ctClass, SOPInstance: "1.2.3"}},
		{"no meta, explicit", full[:132], body, FileHeader{Preamble: true, TransferSyntax: explicit}},
		{"no meta, big endian", full[:132], bigBody, FileHeader{Preamble: true, TransferSyntax: bigEnd}},
		{"nothing, explicit", nil, body, FileHeader{TransferSyntax: explicit}},
		{"nothing, implicit", nil, implicitBody, FileHeader{TransferSyntax: implicit}},
		{"nothing, big endian", nil, bigBody, FileHeader{TransferSyntax: bigEnd}},
		{
			"deflated", AppendFileHeader(nil, ctClass, "1.2.3", deflated, ""), deflatedBody,
			FileHeader{Preamble: true, MetaPresent: true, TransferSyntax: deflated, SOPClass: ctClass, SOPInstance: "1.2.3"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			file := append(bytes.Clone(tt.header), tt.body...)
			h, rest, err := ReadFileHeader(iotest.HalfReader(bytes.NewReader(file)), Limits{})
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(rest)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(h.Raw, tt.header) || !bytes.Equal(got, tt.body) {
				t.Errorf("%d bytes of header and %d of data set, want %d and %d", len(h.Raw), len(got), len(tt.header), len(tt.body))
			}
			tt.want.Raw, tt.want.Meta = h.Raw, h.Meta
			if diff := cmp.Diff(tt.want, *h, cmp.AllowUnexported(Set{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestFileHeaderErrors(t *testing.T) {
	full := AppendFileHeader(nil, ctClass, "1.2.3", explicit, "PACS")
	tests := []struct {
		name string
		in   []byte
		want error
	}{
		{"empty", nil, nil},
		{"text", []byte("hello world, this is not DICOM"), nil},
		{"cut off in the meta", full[:len(full)-3], io.ErrUnexpectedEOF},
		{"4 GB claimed", append(bytes.Clone(full[:132]), "\x02\x00\x01\x00OB\x00\x00\xFE\xFF\xFF\xFFxxxx"...), ErrLimit},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h, rest, err := ReadFileHeader(bytes.NewReader(tt.in), Limits{})
			var syntax *SyntaxError
			if !errors.As(err, &syntax) || (tt.want != nil && !errors.Is(err, tt.want)) {
				t.Errorf("error %v, want %v", err, tt.want)
			}
			left, err := io.ReadAll(rest)
			if err != nil || !bytes.Equal(append(h.Raw, left...), tt.in) {
				t.Errorf("the bytes are not all there: %v", err)
			}
		})
	}
	mine := errors.New("mine")
	if _, _, err := ReadFileHeader(io.MultiReader(bytes.NewReader(full[:200]), iotest.ErrReader(mine)), Limits{}); err != mine {
		t.Errorf("failing source: %v", err)
	}
}

func FuzzFileHeader(f *testing.F) {
	full := AppendFileHeader(nil, ctClass, "1.2.3", explicit, "PACS")
	f.Add(full)
	f.Add(full[132:])
	f.Add(append(bytes.Clone(full[:132]), "\x08\x00\x60\x00CS\x02\x00CT"...))
	f.Add([]byte("\x08\x00\x60\x00\x02\x00\x00\x00CT"))
	f.Fuzz(func(t *testing.T, in []byte) {
		h, rest, err := ReadFileHeader(bytes.NewReader(in), Limits{Value: 1 << 20})
		var syntax *SyntaxError
		if err != nil && !errors.As(err, &syntax) {
			t.Fatal(err)
		}
		left, err := io.ReadAll(rest)
		if err != nil || !bytes.Equal(append(h.Raw, left...), in) {
			t.Fatal("bytes lost")
		}
	})
}
