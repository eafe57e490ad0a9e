package charset_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/charset"
)

func decoder(t testing.TB, terms string) *charset.Decoder {
	t.Helper()
	d, err := charset.New(strings.Split(terms, `\`))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestDecode: P12, value by value.
func TestDecode(t *testing.T) {
	for _, c := range []struct {
		name  string
		terms string
		vr    dicom.VR
		raw   string
		want  []string // values
	}{
		{"ASCII", "", dicom.LO, `a\b`, []string{"a", "b"}},
		{"no charset but UTF-8 bytes", "", dicom.PN, "Nguyễn^Đức", []string{"Nguyễn^Đức"}},
		{"NFD stays", "ISO_IR 192", dicom.PN, "Nguye\u0302\u0303n", []string{"Nguye\u0302\u0303n"}},
		{"no charset, Latin 1 bytes", "", dicom.PN, "J\xe9r\xf4me", []string{"Jérôme"}},
		{"Latin 1", "ISO_IR 100", dicom.PN, "J\xe9r\xf4me", []string{"Jérôme"}},
		{"misspelt term", "iso-ir 100", dicom.PN, "J\xe9", []string{"Jé"}},
		{"Latin 2", "ISO_IR 101", dicom.LO, "\xb3\xf3d\xbc", []string{"łódź"}},
		{"Latin 3", "ISO_IR 109", dicom.LO, "\xa1", []string{"Ħ"}},
		{"Latin 4", "ISO_IR 110", dicom.LO, "\xa2", []string{"ĸ"}},
		{"Latin 5", "ISO_IR 148", dicom.LO, "\xfd", []string{"ı"}},
		{"Latin 9", "ISO_IR 203", dicom.LO, "\xa4", []string{"€"}},
		{"Thai", "ISO_IR 166", dicom.LO, "\xca\xc1\xaa\xd2\xc2", []string{"สมชาย"}},
		// ESC - F: ISO-IR 126 to G1; PN delimiter brings Latin 1 back
		{"two single-byte sets", `ISO 2022 IR 100\ISO 2022 IR 126`, dicom.PN, "J\xe9\x1b-F \xc4\xe9^\xe9", []string{"Jé Δι^é"}},
		// ESC $ B: JIS X 0208 to G0; the bytes of 構 are 0x39 0x3D, of 能 0x47 0x3D: "=" inside
		{"equals sign inside kanji", `\ISO 2022 IR 87`, dicom.PN, "A=\x1b$B9=\x1b(B=B", []string{"A=構=B"}},
		{"caret inside kanji", `\ISO 2022 IR 87`, dicom.PN, "\x1b$B^!\x1b(B^x", []string{"沺^x"}},
		{"backslash inside kanji", `\ISO 2022 IR 87`, dicom.LO, "\x1b$B\\!\x1b(B\\x", []string{"棔", "x"}},
		{"JIS X 0212", `\ISO 2022 IR 87\ISO 2022 IR 159`, dicom.LO, "\x1b$(D\x30\x21\x1b(B", []string{"丂"}},
		{"JIS X 0201", "ISO_IR 13", dicom.LO, "\xd4\xcf\xc0\xde", []string{"ﾔﾏﾀﾞ"}},
		{"yen and overline", "ISO_IR 13", dicom.ST, `\~`, []string{`\~`}},
		{"Shift JIS under ISO_IR 13, second byte a backslash", "ISO_IR 13", dicom.LO, "\x83\x5c\\x", []string{"ソ", "x"}},
		{"Korean after a value delimiter", `\ISO 2022 IR 149`, dicom.LO, "\x1b$)C\xb1\xe8\\\x1b$)C\xb1\xe8", []string{"김", "김"}},
		{"Korean without a second escape", `\ISO 2022 IR 149`, dicom.PN, "\x1b$)C\xb1\xe8^\xb1\xe8", []string{"김^김"}},
		{"Korean as value 1", `ISO 2022 IR 149`, dicom.PN, "\xb1\xe8", []string{"김"}},
		// PS3.5 annex K.2: Zhang^XiaoDong in GB 2312
		{"GB 2312", `\ISO 2022 IR 58`, dicom.PN, "Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab=", []string{"Zhang^XiaoDong=张^小东="}},
		{"GB 2312 in free text over lines", `\ISO 2022 IR 58`, dicom.LT, "1\\.\x1b$)A\xb5\xda\r\n2.\x1b$)A\xb5\xda", []string{"1\\.第\r\n2.第"}},
		// 0x81 0x5C is one character, 0x82 0x31 0x84 0x36 is one
		{"backslash inside GB 18030", "GB18030", dicom.LO, "\x81\x5c\\\x82\x31\x84\x36", []string{"乗", "\u39b8"}},
		{"GBK", "GBK", dicom.LO, "\xcd\xf5\\\x81\x5c", []string{"王", "乗"}},
		{"UTF-8 with wrong bytes", "ISO_IR 192", dicom.LO, "a\xffb", []string{"a\uFFFDb"}},
		{"CS with Latin 1", "ISO_IR 100", dicom.CS, "\xc9\\B", []string{"É", "B"}},
		{"CS with UTF-8 under Latin 1", "ISO_IR 100", dicom.CS, "É", []string{"É"}},
		{"ESC that begins nothing", "ISO_IR 100", dicom.LO, "a\x1bZ", []string{"a\x1bZ"}},
		{"truncated escape", `\ISO 2022 IR 87`, dicom.LO, "a\x1b$", []string{"a\x1b$"}},
		{"half a pair", `\ISO 2022 IR 87`, dicom.LO, "\x1b$BA", []string{"A"}},
		{"half a pair in G1", `\ISO 2022 IR 149`, dicom.LO, "\x1b$)C\xb1", []string{"±"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := decoder(t, c.terms)
			var got []string
			for _, v := range d.Split([]byte(c.raw), c.vr) {
				got = append(got, string(d.Decode(nil, v, c.vr)))
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			whole := string(d.Decode([]byte("x"), []byte(c.raw), c.vr))
			if diff := cmp.Diff("x"+strings.Join(c.want, `\`), whole); diff != "" {
				t.Error("whole value:", diff)
			}
		})
	}
}

func TestNewErrors(t *testing.T) {
	for _, c := range []struct {
		terms []string
		index int // 0: no error
		raw   string
		want  string
	}{
		{nil, 0, "A", "A"},
		{[]string{""}, 0, "é", "é"},
		{[]string{"ISO_IR 100 "}, 0, "\xe9", "é"},
		{[]string{`\ISO 2022 IR 149`}, 0, "\xb1\xe8", "김"}, // not split by the caller
		{[]string{"ISO_IR 999"}, 1, "\xe9", "é"},
		{[]string{"ISO 2022 IR 126", "WHAT"}, 2, "\xc4", "Δ"},
		{[]string{"ISO_IR 192", "ISO 2022 IR 87"}, 2, "é", "é"},
		{[]string{"ISO 2022 IR 126", "ISO_IR 192"}, 2, "\xc4", "Δ"},
	} {
		d, err := charset.New(c.terms)
		var te *charset.TermError
		index := 0
		if errors.As(err, &te) {
			index = te.Index
		}
		if index != c.index {
			t.Errorf("%q: error %v, want one for value %d", c.terms, err, c.index)
		}
		if got := string(d.Decode(nil, []byte(c.raw), dicom.PN)); got != c.want {
			t.Errorf("%q: %q, want %q", c.terms, got, c.want)
		}
	}
}

func TestASCIICompatible(t *testing.T) {
	for terms, want := range map[string]bool{
		"": true, "ISO_IR 6": true, "ISO_IR 100": true, "ISO_IR 192": true,
		"ISO_IR 13": false, "GB18030": false, "GBK": false, `\ISO 2022 IR 87`: false, "ISO 2022 IR 100": false,
	} {
		if got := decoder(t, terms).ASCIICompatible(); got != want {
			t.Errorf("%q: %t, want %t", terms, got, want)
		}
	}
	if !(*charset.Decoder)(nil).ASCIICompatible() {
		t.Error("nil: false")
	}
}

func TestEncode(t *testing.T) {
	for _, c := range []struct {
		s, term, want string
		ok            bool
	}{
		{"Jérôme", charset.Latin1, "J\xe9r\xf4me", true},
		{"Đức", charset.Latin1, "", false},
		{"Đức", charset.UTF8, "Đức", true},
		{"a\uFFFD", charset.UTF8, "a\uFFFD", true},
		{"a\xff", charset.UTF8, "", false},
		{"abc", "", "abc", true},
		{"é", "", "", false},
		{"a", "GBK", "", false},
	} {
		got, err := charset.Encode(nil, c.s, c.term)
		if string(got) != c.want || (err == nil) != c.ok {
			t.Errorf("%q in %q: %q, %v", c.s, c.term, got, err)
		}
	}
}
