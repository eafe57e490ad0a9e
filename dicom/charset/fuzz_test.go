package charset_test

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/charset"
)

// FuzzDecode holds for any terms and bytes: the result is UTF-8, its size is
// bounded, and decoding values apart or together gives the same.
func FuzzDecode(f *testing.F) {
	for _, terms := range []string{"", "ISO_IR 100", "ISO_IR 192", "GB18030", "GBK", "ISO_IR 13", `\ISO 2022 IR 87\ISO 2022 IR 159`, `ISO 2022 IR 100\ISO 2022 IR 149\ISO 2022 IR 58`} {
		f.Add(terms, []byte("Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$)C\xb1\xe8\\\x81\x5c\x82\x31\x84\x36\xe9"), uint8(0))
	}
	vrs := []dicom.VR{dicom.PN, dicom.LO, dicom.LT, dicom.CS, dicom.UC}
	f.Fuzz(func(t *testing.T, terms string, raw []byte, v uint8) {
		vr := vrs[int(v)%len(vrs)]
		d, err := charset.New(strings.Split(terms, `\`))
		if d == nil {
			t.Fatal("no decoder:", err)
		}
		whole := d.Decode(nil, raw, vr)
		if !utf8.Valid(whole) {
			t.Errorf("not UTF-8: %q", whole)
		}
		if len(whole) > 3*len(raw) {
			t.Errorf("%d bytes became %d", len(raw), len(whole))
		}
		parts := d.Split(raw, vr)
		size := len(parts) - 1
		for _, p := range parts {
			size += len(p)
			if s := d.Decode(nil, p, vr); !utf8.Valid(s) {
				t.Errorf("not UTF-8: %q", s)
			}
		}
		if vr != dicom.LT && strings.Count(string(whole), `\`) != len(parts)-1 {
			t.Errorf("%d values, %q", len(parts), whole)
		}
		if size != len(raw) {
			t.Errorf("the values have %d bytes of %d", size, len(raw))
		}
		if d.ASCIICompatible() && !bytes.Contains(raw, []byte{0x1b}) && vr != dicom.LT && len(parts) != strings.Count(string(raw), `\`)+1 {
			t.Errorf("%d values", len(parts))
		}
	})
}

func BenchmarkDecodeASCII(b *testing.B) {
	d := decoder(b, "ISO_IR 192")
	raw, dst := []byte("Nguyen^Van^A"), make([]byte, 0, 64)
	b.ReportAllocs()
	for b.Loop() {
		dst = d.Decode(dst[:0], raw, dicom.PN)
	}
}

func BenchmarkDecodeJapanese(b *testing.B) {
	d := decoder(b, `\ISO 2022 IR 87`)
	raw, dst := []byte("Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B"), make([]byte, 0, 256)
	b.ReportAllocs()
	for b.Loop() {
		dst = d.Decode(dst[:0], raw, dicom.PN)
	}
}
