package dataset

import (
	"bytes"
	"compress/flate"
	"compress/zlib"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/halong-gateway/halong/dicom"
)

// The numbers are those of the list of hard cases of the design.

// unhex reads bytes written as hexadecimal and, in quotes, as text.
func unhex(t testing.TB, s string) []byte {
	t.Helper()
	var out []byte
	for i, part := range strings.Split(s, "'") {
		if i%2 == 1 {
			out = append(out, part...)
			continue
		}
		b, err := hex.DecodeString(strings.Join(strings.Fields(part), ""))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, b...)
	}
	return out
}

// trace writes the tokens of a data set down, one a line.
func trace(r *Reader) (string, error) {
	var s strings.Builder
	for {
		k, err := r.Next()
		if err == io.EOF {
			return s.String(), nil
		}
		if err != nil {
			return s.String(), err
		}
		fmt.Fprintf(&s, "%*s%v %v", 2*k.Depth, "", k.Kind, k.Tag)
		if k.VR != 0 {
			fmt.Fprintf(&s, " %v", k.VR)
		}
		if k.Kind == DataElement || k.Kind == Fragment {
			v, err := r.ValueLE()
			if err != nil {
				return s.String(), err
			}
			fmt.Fprintf(&s, " %q", v)
		}
		s.WriteByte('\n')
	}
}

const (
	implicit = dicom.ImplicitVRLittleEndian
	explicit = dicom.ExplicitVRLittleEndian
	bigEnd   = dicom.ExplicitVRBigEndian
	deflated = dicom.DeflatedExplicitVRLittleEndian
)

func TestHardCases(t *testing.T) {
	tests := []struct {
		name  string
		uid   dicom.UID
		bytes string
		want  string
		used  dicom.UID // if other than uid
		fails string    // part of the error
	}{
		{
			name: "P2 implicit said, explicit found", uid: implicit, used: explicit,
			bytes: "0800 6000 'CS' 0200 'CT'",
			want:  "DataElement (0008,0060) CS \"CT\"\n",
		},
		{
			name: "P2 explicit said, implicit found", uid: explicit, used: implicit,
			bytes: "0800 6000 02000000 'CT'",
			want:  "DataElement (0008,0060) CS \"CT\"\n",
		},
		{
			name: "P2 big endian said, little endian found", uid: bigEnd, used: explicit,
			bytes: "0800 6000 'CS' 0200 'CT'",
			want:  "DataElement (0008,0060) CS \"CT\"\n",
		},
		{
			name: "P2 little endian said, big endian found", uid: explicit, used: bigEnd,
			bytes: "0008 0060 'CS' 0002 'CT' 0028 0010 'US' 0002 0102",
			want:  "DataElement (0008,0060) CS \"CT\"\nDataElement (0028,0010) US \"\\x02\\x01\"\n",
		},
		{
			name: "P2 deflated said, plain found", uid: deflated, used: explicit,
			bytes: "0800 6000 'CS' 0200 'CT'",
			want:  "DataElement (0008,0060) CS \"CT\"\n",
		},
		{
			name: "P3 undefined lengths, delimiters with lengths", uid: explicit,
			bytes: `0800 4011 'SQ' 0000 FFFFFFFF
				FEFF 00E0 FFFFFFFF 0800 6000 'CS' 0200 'CT' FEFF 0DE0 04000000
				FEFF 00E0 0A000000 0800 6000 'CS' 0200 'MR'
				FEFF DDE0 FFFFFFFF 1000 2000 'LO' 0200 'X '`,
			want: `SequenceStart (0008,1140) SQ
ItemStart (FFFE,E000)
  DataElement (0008,0060) CS "CT"
ItemEnd (FFFE,E00D)
ItemStart (FFFE,E000)
  DataElement (0008,0060) CS "MR"
ItemEnd (FFFE,E00D)
SequenceEnd (0008,1140) SQ
DataElement (0010,0020) LO "X "
`,
		},
		{
			name: "P3 nested, implicit", uid: implicit,
			bytes: `0800 4011 FFFFFFFF
				FEFF 00E0 FFFFFFFF 0800 9911 FFFFFFFF FEFF DDE0 00000000
				0800 9911 00000000 FEFF 0DE0 00000000 FEFF DDE0 00000000`,
			want: `SequenceStart (0008,1140) SQ
ItemStart (FFFE,E000)
  SequenceStart (0008,1199) SQ
  SequenceEnd (0008,1199) SQ
  SequenceStart (0008,1199) SQ
  SequenceEnd (0008,1199) SQ
ItemEnd (FFFE,E00D)
SequenceEnd (0008,1140) SQ
`,
		},
		{
			name: "P3 sequence delimiter ends the item too", uid: explicit,
			bytes: `0800 4011 'SQ' 0000 FFFFFFFF FEFF 00E0 FFFFFFFF 0800 6000 'CS' 0200 'CT' FEFF DDE0 00000000`,
			want: `SequenceStart (0008,1140) SQ
ItemStart (FFFE,E000)
  DataElement (0008,0060) CS "CT"
ItemEnd (FFFE,E00D)
SequenceEnd (0008,1140) SQ
`,
		},
		{
			name: "P3 delimiters inside defined lengths", uid: explicit,
			bytes: `0800 4011 'SQ' 0000 22000000 FEFF 00E0 12000000 0800 6000 'CS' 0200 'CT' FEFF 0DE0 00000000 FEFF DDE0 00000000`,
			want: `SequenceStart (0008,1140) SQ
ItemStart (FFFE,E000)
  DataElement (0008,0060) CS "CT"
ItemEnd (FFFE,E00D)
SequenceEnd (0008,1140) SQ
`,
		},
		{
			name: "P3 item beyond its sequence's length, at the end of the file", uid: explicit,
			bytes: `0800 4011 'SQ' 0000 10000000 FEFF 00E0 0C000000 0800 6000 'CS' 0200 'CT'`,
			want: `SequenceStart (0008,1140) SQ
ItemStart (FFFE,E000)
  DataElement (0008,0060) CS "CT"
ItemEnd (FFFE,E00D)
SequenceEnd (0008,1140) SQ
`,
		},
		{
			name: "P3 element beyond its item", uid: explicit,
			bytes: `0800 4011 'SQ' 0000 FFFFFFFF FEFF 00E0 0A000000 0800 6000 'CS' 0400 'CTCT' FEFF DDE0 00000000`,
			want: `SequenceStart (0008,1140) SQ
ItemStart (FFFE,E000)
`,
			fails: "(0008,0060) in (0008,1140)[0] at offset 20: the length runs beyond",
		},
		{
			name: "P3 no item in a sequence", uid: explicit,
			bytes: `0800 4011 'SQ' 0000 FFFFFFFF 0800 6000 'CS' 0200 'CT'`,
			want:  "SequenceStart (0008,1140) SQ\n",
			fails: "expected an item",
		},
		{
			name: "P5 unknown letters, 32-bit length", uid: explicit,
			bytes: "0800 6000 'CS' 0200 'CT' 0900 0010 'ZZ' 0000 04000000 'ABCD' 1000 2000 'LO' 0200 'X '",
			want:  "DataElement (0008,0060) CS \"CT\"\nDataElement (0009,1000) UN \"ABCD\"\nDataElement (0010,0020) LO \"X \"\n",
		},
		{
			name: "P5 unknown letters, 16-bit length", uid: explicit,
			bytes: "0800 6000 'CS' 0200 'CT' 0900 0010 'ZZ' 0400 'ABCD' 1000 2000 'LO' 0200 'X '",
			want:  "DataElement (0008,0060) CS \"CT\"\nDataElement (0009,1000) UN \"ABCD\"\nDataElement (0010,0020) LO \"X \"\n",
		},
		{
			name: "P5 unknown letters, empty, 16-bit length", uid: explicit,
			bytes: "0800 6000 'CS' 0200 'CT' 0900 0010 'ZZ' 0000 1000 2000 'LO' 0200 'X '",
			want:  "DataElement (0008,0060) CS \"CT\"\nDataElement (0009,1000) UN \"\"\nDataElement (0010,0020) LO \"X \"\n",
		},
		{
			name: "P5 VR of zero bytes, 16-bit length", uid: explicit,
			bytes: "0800 6000 'CS' 0200 'CT' 0800 7000 0000 0400 'ABCD' 1000 2000 'LO' 0200 'X '",
			want:  "DataElement (0008,0060) CS \"CT\"\nDataElement (0008,0070) LO \"ABCD\"\nDataElement (0010,0020) LO \"X \"\n",
		},
		{
			name: "P5 VR of zero bytes, 32-bit length", uid: explicit,
			bytes: "0800 6000 'CS' 0200 'CT' 0800 7000 0000 0000 04000000 'ABCD' 1000 2000 'LO' 0200 'X '",
			want:  "DataElement (0008,0060) CS \"CT\"\nDataElement (0008,0070) LO \"ABCD\"\nDataElement (0010,0020) LO \"X \"\n",
		},
		{
			name: "P5 VR of zero bytes, empty", uid: explicit,
			bytes: "0800 6000 'CS' 0200 'CT' 0800 7000 0000 0000 1000 2000 'LO' 0200 'X '",
			want:  "DataElement (0008,0060) CS \"CT\"\nDataElement (0008,0070) LO \"\"\nDataElement (0010,0020) LO \"X \"\n",
		},
		{
			name: "P5 an implicit element in an explicit data set", uid: explicit,
			bytes: "0800 6000 'CS' 0200 'CT' 0800 7000 04000000 'ABCD' 1000 2000 'LO' 0200 'X '",
			want:  "DataElement (0008,0060) CS \"CT\"\nDataElement (0008,0070) LO \"ABCD\"\nDataElement (0010,0020) LO \"X \"\n",
		},
		{
			name: "P5 short VR with 32-bit length", uid: explicit,
			bytes: "0800 6000 'CS' 0200 'CT' 0800 7000 'LO' 0000 04000000 'ABCD' 1000 2000 'LO' 0200 'X '",
			want:  "DataElement (0008,0060) CS \"CT\"\nDataElement (0008,0070) LO \"ABCD\"\nDataElement (0010,0020) LO \"X \"\n",
		},
		{
			name: "P5 short VR, empty", uid: explicit,
			bytes: "0800 6000 'CS' 0000 0800 7000 'LO' 0000",
			want:  "DataElement (0008,0060) CS \"\"\nDataElement (0008,0070) LO \"\"\n",
		},
		{
			name: "P5 long VR with 16-bit length", uid: explicit,
			bytes: "0800 6000 'CS' 0200 'CT' 0900 0110 'UN' 0400 'ABCD' 1000 2000 'LO' 0200 'X '",
			want:  "DataElement (0008,0060) CS \"CT\"\nDataElement (0009,1001) UN \"ABCD\"\nDataElement (0010,0020) LO \"X \"\n",
		},
		{
			name: "P7 fragments: empty offset table, zero-length and odd fragments", uid: "1.2.840.10008.1.2.4.50",
			bytes: `E07F 1000 'OB' 0000 FFFFFFFF FEFF 00E0 00000000 FEFF 00E0 00000000 FEFF 00E0 03000000 010203 FEFF DDE0 00000000
				FCFF FCFF 'OB' 0000 02000000 0000`,
			want: `FragmentsStart (7FE0,0010) OB
Fragment (FFFE,E000) ""
Fragment (FFFE,E000) ""
Fragment (FFFE,E000) "\x01\x02\x03"
FragmentsEnd (7FE0,0010)
DataElement (FFFC,FFFC) OB "\x00\x00"
`,
		},
		{
			name: "P7 no delimiter after fragments", uid: "1.2.840.10008.1.2.4.50",
			bytes: `E07F 1000 'OB' 0000 FFFFFFFF FEFF 00E0 00000000`,
			want:  "FragmentsStart (7FE0,0010) OB\nFragment (FFFE,E000) \"\"\n",
			fails: "cut off",
		},
		{
			name: "P9 length FEFDFEFD", uid: explicit,
			bytes: "0800 6000 'CS' 0200 'CT' E07F 1000 'OB' 0000 FDFEFDFE 00000000",
			want:  "DataElement (0008,0060) CS \"CT\"\nDataElement (7FE0,0010) OB",
			fails: "(7FE0,0010) at offset 22: the value is longer than 67108864 bytes",
		},
		{
			name: "P11 big endian: words by VR", uid: bigEnd,
			bytes: `0008 0060 'CS' 0002 'CT' 0028 0009 'AT' 0004 0018 1063 0040 0200 'OB' 0000 00000002 0102
				0066 0016 'OF' 0000 00000004 01020304 0070 0022 'FD' 0008 0102030405060708 7FE0 0010 'OW' 0000 00000004 01020304`,
			want: "DataElement (0008,0060) CS \"CT\"\nDataElement (0028,0009) AT \"\\x18\\x00c\\x10\"\nDataElement (0040,0200) OB \"\\x01\\x02\"\n" +
				"DataElement (0066,0016) OF \"\\x04\\x03\\x02\\x01\"\nDataElement (0070,0022) FD \"\\b\\a\\x06\\x05\\x04\\x03\\x02\\x01\"\n" +
				"DataElement (7FE0,0010) OW \"\\x02\\x01\\x04\\x03\"\n",
		},
		{
			name: "J5 UN of undefined length is an implicit sequence", uid: explicit,
			bytes: `0900 0110 'UN' 0000 FFFFFFFF FEFF 00E0 FFFFFFFF 0800 6000 02000000 'CT' 0800 4011 00000000
				FEFF 0DE0 00000000 FEFF DDE0 00000000 1000 2000 'LO' 0200 'X '`,
			want: `SequenceStart (0009,1001) SQ
ItemStart (FFFE,E000)
  DataElement (0008,0060) CS "CT"
  SequenceStart (0008,1140) SQ
  SequenceEnd (0008,1140) SQ
ItemEnd (FFFE,E00D)
SequenceEnd (0009,1001) SQ
DataElement (0010,0020) LO "X "
`,
		},
		{
			name: "J5 UN of undefined length in big endian is little endian inside", uid: bigEnd,
			bytes: `0008 0060 'CS' 0002 'CT' 0009 1001 'UN' 0000 FFFFFFFF FEFF 00E0 FFFFFFFF 2800 1000 02000000 0200
				FEFF 0DE0 00000000 FEFF DDE0 00000000 0010 0020 'LO' 0002 'X '`,
			want: `DataElement (0008,0060) CS "CT"
SequenceStart (0009,1001) SQ
ItemStart (FFFE,E000)
  DataElement (0028,0010) US "\x02\x00"
ItemEnd (FFFE,E00D)
SequenceEnd (0009,1001) SQ
DataElement (0010,0020) LO "X "
`,
		},
		{
			name: "J5 UN of undefined length, explicit inside all the same", uid: explicit,
			bytes: `0900 0110 'UN' 0000 FFFFFFFF FEFF 00E0 FFFFFFFF 0800 6000 'CS' 0200 'CT'
				FEFF 0DE0 00000000 FEFF DDE0 00000000`,
			want: `SequenceStart (0009,1001) SQ
ItemStart (FFFE,E000)
  DataElement (0008,0060) CS "CT"
ItemEnd (FFFE,E00D)
SequenceEnd (0009,1001) SQ
`,
		},
		{
			name: "P15 implicit: private creators, private and group length elements", uid: implicit,
			bytes: `0800 0000 04000000 0A000000 0900 1000 02000000 'A ' 0900 1100 02000000 'B ' 0900 0110 02000000 0102
				0900 0111 02000000 0304 0900 0120 02000000 0506`,
			want: `DataElement (0008,0000) UL "\n\x00\x00\x00"
DataElement (0009,0010) LO "A "
DataElement (0009,0011) LO "B "
DataElement (0009,1001) UN "\x01\x02"
DataElement (0009,1101) UN "\x03\x04"
DataElement (0009,2001) UN "\x05\x06"
`,
		},
		{
			name: "P15 implicit: private sequence", uid: implicit,
			bytes: `0900 0110 FFFFFFFF FEFF 00E0 00000000 FEFF DDE0 00000000`,
			want: `SequenceStart (0009,1001) SQ
ItemStart (FFFE,E000)
ItemEnd (FFFE,E00D)
SequenceEnd (0009,1001) SQ
`,
		},
		{
			name: "US or SS by Pixel Representation", uid: implicit,
			bytes: `2800 0301 02000000 0100 2800 0601 02000000 FFFF 2800 1000 02000000 0100`,
			want: `DataElement (0028,0103) US "\x01\x00"
DataElement (0028,0106) SS "\xff\xff"
DataElement (0028,0010) US "\x01\x00"
`,
		},
		{
			name: "text of undefined length", uid: explicit,
			bytes: "0800 6000 'CS' 0200 'CT' 1000 2000 'UT' 0000 FFFFFFFF 'AB'",
			want:  "DataElement (0008,0060) CS \"CT\"\n",
			fails: "undefined length, which VR UT does not allow",
		},
		{
			name: "zero padding after the last element", uid: explicit,
			bytes: "0800 6000 'CS' 0200 'CT' 00000000000000000000000000",
			want:  "DataElement (0008,0060) CS \"CT\"\n",
		},
		{
			name: "fewer than 8 bytes after the last element", uid: explicit,
			bytes: "0800 6000 'CS' 0200 'CT' 0D0A",
			want:  "DataElement (0008,0060) CS \"CT\"\n",
		},
		{
			name: "zeros among elements", uid: explicit,
			bytes: "0800 6000 'CS' 0200 'CT' 0000000000000000 1000 2000 'LO' 0200 'X '",
			want:  "DataElement (0008,0060) CS \"CT\"\n",
			fails: "tag (0000,0000)",
		},
		{name: "empty", uid: explicit},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := unhex(t, tt.bytes)
			var tee, trailing bytes.Buffer
			r := NewReader(bytes.NewReader(in), syntax(t, tt.uid), WithTee(&tee), WithTrailing(&trailing))
			got, err := trace(r)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("tokens (-want +got):\n%s", diff)
			}
			var se *SyntaxError
			if (err != nil) != (tt.fails != "") || (err != nil && (!errors.As(err, &se) || !strings.Contains(err.Error(), tt.fails))) {
				t.Errorf("error %v, want %q", err, tt.fails)
			}
			if want := firstUID(tt.used, tt.uid); r.SyntaxUsed().UID != want {
				t.Errorf("SyntaxUsed %s, want %s", r.SyntaxUsed().UID, want)
			}
			if err != nil {
				if err := r.Drain(); err != nil {
					t.Fatal(err)
				}
			}
			if all := append(tee.Bytes(), trailing.Bytes()...); !bytes.Equal(all, in) {
				t.Errorf("tee and trailing sink got %x, want %x", all, in)
			}
		})
	}
}

func firstUID(a, b dicom.UID) dicom.UID {
	if a != "" {
		return a
	}
	return b
}

func TestP10Deflated(t *testing.T) {
	plain := encodeTestSet(t, explicit)
	var bare, wrapped bytes.Buffer
	w, _ := flate.NewWriter(&bare, 6)
	z := zlib.NewWriter(&wrapped)
	for _, w := range []io.WriteCloser{w, z} {
		if _, err := w.Write(plain); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	want, err := trace(NewReader(bytes.NewReader(plain), syntax(t, explicit)))
	if err != nil {
		t.Fatal(err)
	}
	pad := []byte{}
	if bare.Len()%2 == 1 {
		pad = []byte{0}
	}
	tests := []struct {
		name     string
		in       []byte
		trailing int64
		fails    error
	}{
		{"bare", bare.Bytes(), 0, nil},
		{"bare, padded", append(bytes.Clone(bare.Bytes()), pad...), 0, nil},
		{"wrapped in zlib", wrapped.Bytes(), 0, nil},
		{"bytes after the end", append(append(bytes.Clone(bare.Bytes()), pad...), "\x01TAIL"...), 5, nil},
		{"cut off", bare.Bytes()[:bare.Len()/2], 0, io.ErrUnexpectedEOF},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var tee, trailing bytes.Buffer
			r := NewReader(bytes.NewReader(tt.in), syntax(t, deflated), WithTee(&tee), WithTrailing(&trailing))
			got, err := trace(r)
			if !errors.Is(err, tt.fails) {
				t.Fatalf("error %v, want %v", err, tt.fails)
			}
			if err != nil {
				if err := r.Drain(); err != nil {
					t.Fatal(err)
				}
			} else if got != want {
				t.Error("other tokens than of the plain data set")
			}
			if r.Trailing() != tt.trailing {
				t.Errorf("%d trailing bytes, want %d", r.Trailing(), tt.trailing)
			}
			if all := append(tee.Bytes(), trailing.Bytes()...); !bytes.Equal(all, tt.in) {
				t.Error("tee and trailing sink did not get the bytes")
			}
		})
	}
}

// P9: a value of more than 2 GB, and offsets beyond 4 GB.
func TestP9LargeValues(t *testing.T) {
	e := encoding{explicit: true}
	size := int64(3) << 30
	header := func(t dicom.Tag) io.Reader { return bytes.NewReader(e.appendHeader(nil, t, dicom.OB, uint32(size))) }
	src := io.MultiReader(header(0x00420011), io.LimitReader(zeros{}, size), header(tagPixelData), io.LimitReader(zeros{}, size))
	r := NewReader(src, syntax(t, explicit), WithTee(discard{make([]byte, 1<<20)}))
	for _, want := range []Token{
		{Kind: DataElement, Tag: 0x00420011, VR: dicom.OB, Length: uint32(size), ValueOffset: 12},
		{Kind: DataElement, Tag: tagPixelData, VR: dicom.OB, Length: uint32(size), Offset: size + 12, ValueOffset: size + 24},
	} {
		got, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
	if _, err := r.Next(); err != io.EOF {
		t.Error(err)
	}
}

// zeros is an endless source that costs nothing.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }
