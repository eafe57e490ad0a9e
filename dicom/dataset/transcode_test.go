package dataset

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/iotest"

	"github.com/halong-gateway/halong/dicom"
)

func TestTranscode(t *testing.T) {
	all := []dicom.UID{implicit, explicit, bigEnd, deflated}
	want, err := Parse(encodeTestSet(t, explicit), syntax(t, explicit), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	for _, from := range all {
		for _, to := range all {
			body := encodeTestSet(t, from)
			var out bytes.Buffer
			if err := Transcode(&out, NewReader(iotest.HalfReader(bytes.NewReader(body)), syntax(t, from)), syntax(t, to)); err != nil {
				t.Fatalf("%s to %s: %v", from, to, err)
			}
			got, err := Parse(out.Bytes(), syntax(t, to), Limits{})
			if err != nil {
				t.Fatalf("%s to %s: %v", from, to, err)
			}
			if where := differs(want, got); where != "" {
				t.Errorf("%s to %s: %s differs", from, to, where)
			}
		}
	}
}

// P11: every VR's byte order, and values cut anywhere.
func TestP11ByteOrder(t *testing.T) {
	tests := []struct {
		vr   dicom.VR
		in   string
		want string
	}{
		{dicom.OB, "01020304", "01020304"},
		{dicom.UN, "01020304", "01020304"},
		{dicom.OW, "01020304", "02010403"},
		{dicom.AT, "00280010", "28001000"},
		{dicom.UL, "01020304", "04030201"},
		{dicom.OF, "0102030405060708", "0403020108070605"},
		{dicom.FD, "0102030405060708", "0807060504030201"},
		{dicom.OV, "0102030405060708", "0807060504030201"},
		{dicom.LO, "41424344", "41424344"},
	}
	for _, tt := range tests {
		b := unhex(t, tt.in)
		swapWords(b, tt.vr)
		if want := unhex(t, tt.want); !bytes.Equal(b, want) {
			t.Errorf("%v: %x, want %x", tt.vr, b, want)
		}
	}
	var out bytes.Buffer
	tr := &transcoder{out: &out}
	s := swapper{t: tr, vr: dicom.OD}
	in := unhex(t, "0102030405060708 1112131415161718 2122")
	for i := 0; i < len(in); i += 3 {
		if _, err := s.Write(in[i:min(i+3, len(in))]); err != nil {
			t.Fatal(err)
		}
	}
	got := append(out.Bytes(), s.rest[:s.n]...)
	if want := unhex(t, "0807060504030201 1817161514131211 2122"); !bytes.Equal(got, want) {
		t.Errorf("%x, want %x", got, want)
	}
}

// A value too long for a 16-bit length becomes UN, odd lengths are padded, group lengths go.
func TestTranscodeImplicitToExplicit(t *testing.T) {
	e := encoding{}
	in := e.appendHeader(nil, 0x00080000, dicom.UL, 4)
	in = append(in, 1, 0, 0, 0)
	in = append(e.appendHeader(in, 0x00080070, dicom.LO, 3), "abc"...)
	in = append(e.appendHeader(in, 0x00091001, dicom.UN, 3), 1, 2, 3)
	in = append(e.appendHeader(in, 0x00204000, dicom.LT, 70_001), bytes.Repeat([]byte{'x'}, 70_001)...)
	var out bytes.Buffer
	if err := Transcode(&out, NewReader(bytes.NewReader(in), syntax(t, implicit)), syntax(t, explicit)); err != nil {
		t.Fatal(err)
	}
	s, err := Parse(out.Bytes(), syntax(t, explicit), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	want := []Element{
		{Tag: 0x00080070, VR: dicom.LO, Value: []byte("abc ")},
		{Tag: 0x00091001, VR: dicom.UN, Value: []byte{1, 2, 3, 0}},
		{Tag: 0x00204000, VR: dicom.UN, Value: append(bytes.Repeat([]byte{'x'}, 70_001), ' ')},
	}
	if where := differs(&Set{Elements: want}, s); where != "" {
		t.Errorf("%s differs", where)
	}
}

func TestTranscodeCorpus(t *testing.T) {
	root, files := corpusFiles(t)
	for _, file := range files {
		body, _, ts, err := openCorpus(t, root, file)
		if err != nil || len(body) > 2<<20 {
			continue
		}
		first, err := Parse(body, ts, Limits{})
		if err != nil {
			continue
		}
		for _, to := range []dicom.UID{explicit, bigEnd} {
			var out bytes.Buffer
			err := Transcode(&out, NewReader(bytes.NewReader(body), ts), syntax(t, to))
			if errors.Is(err, ErrEncapsulated) && ts.Encapsulated {
				continue
			}
			if err != nil {
				t.Errorf("%s to %s: %v", file, to, err)
				continue
			}
			again, err := Parse(out.Bytes(), syntax(t, to), Limits{})
			if err != nil {
				t.Errorf("%s to %s and back: %v", file, to, err)
				continue
			}
			normal, err := Parse(first.Append(nil, syntax(t, explicit)), syntax(t, explicit), Limits{})
			if err != nil {
				t.Fatal(err)
			}
			if where := differs(normal, again); where != "" {
				t.Errorf("%s to %s: %s differs", file, to, where)
			}
		}
	}
}

// differs tells the path of the first element that is not the same; cmp.Diff is too slow for pixels.
func differs(a, b *Set) string {
	if len(a.Elements) != len(b.Elements) {
		return fmt.Sprintf("%d and %d elements", len(a.Elements), len(b.Elements))
	}
	if a.inherit != b.inherit {
		return "character set"
	}
	for i := range a.Elements {
		x, y := &a.Elements[i], &b.Elements[i]
		if x.Tag != y.Tag || x.VR != y.VR || !bytes.Equal(x.Value, y.Value) || len(x.Items) != len(y.Items) ||
			!slices.EqualFunc(x.Fragments, y.Fragments, bytes.Equal) {
			return x.Tag.String()
		}
		for j := range x.Items {
			if where := differs(x.Items[j], y.Items[j]); where != "" {
				return x.Tag.String() + "." + where
			}
		}
	}
	return ""
}
