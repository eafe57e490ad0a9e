package hl7v2

import (
	"strings"
	"testing"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/unicode/norm"
)

// latin gives what a text looks like that is written in Windows-1252, as the bytes of other sets are usually shown.
func latin(t *testing.T, s string) []byte {
	t.Helper()
	b, err := charmap.Windows1252.NewEncoder().Bytes([]byte(s))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func set(t *testing.T, name string) *Charset {
	t.Helper()
	c, ok := LookupCharset(name)
	if !ok {
		t.Fatalf("no character set %s", name)
	}
	return c
}

// TestVietnameseText: as other programs write it.
func TestVietnameseText(t *testing.T) {
	for _, c := range []struct{ set, shown, want string }{
		{"VNI", "Xin chaøo caùc baïn", "Xin chào các bạn"},
		{"VNI", "NGUYEÃN VAÊN ÑÖÙC", "NGUYỄN VĂN ĐỨC"},
		{"VNI", "Nguyeãn Thò Höông, Traàn Quyù, Lyù, Vónh, kyõ, chæ, tyû, Tî", "Nguyễn Thị Hương, Trần Quý, Lý, Vĩnh, kỹ, chỉ, tỷ, Tỵ"},
		{"VNI", "naëng 5 µg: ñôõ ñau", "nặng 5 µg: đỡ đau"},
		{"TCVN3", "B¶o Th¾ng, B¸t X¸t", "Bảo Thắng, Bát Xát"},
		{"TCVN3", "NguyÔn V¨n §øc", "Nguyễn Văn Đức"},
		{"CP1258", "Nguyê\u00den", "Nguyễn"}, // 0xDE is the tilde
		{"Windows-1258", "Ba\u00ecc H\u00f4", "Bác Hô"},
	} {
		if got := set(t, c.set).Decode(latin(t, c.shown)); got != c.want {
			t.Errorf("%s: %q is %q, want %q", c.set, c.shown, got, c.want)
		}
	}
}

// vietnamese are all letters of the alphabet with all tones.
func vietnamese() (all []string) {
	for _, base := range "aăâeêioôơuưyAĂÂEÊIOÔƠUƯY" {
		for _, tone := range []string{"", "\u0300", "\u0301", "\u0303", "\u0309", "\u0323"} {
			all = append(all, norm.NFC.String(string(base)+tone))
		}
	}
	return append(all, "đ", "Đ")
}

// TestVietnameseLetters: every letter comes back, alone and within a word; the three sets have all of them.
func TestVietnameseLetters(t *testing.T) {
	for _, name := range []string{"CP1258", "TCVN3", "VNI"} {
		c := set(t, name)
		for _, l := range vietnamese() {
			for _, text := range []string{l, "x" + l + "n", l + l, strings.Join(vietnamese(), " ")} {
				b, err := c.Encode(text)
				if err != nil {
					t.Fatalf("%s %q: %v", name, text, err)
				}
				if got := c.Decode(b); got != text || !norm.NFC.IsNormalString(got) {
					t.Errorf("%s: %q came back as %q (% x)", name, text, got, b)
				}
			}
		}
		for _, other := range []string{"日", "Ж", "😀"} {
			if b, err := c.Encode(other); err == nil {
				t.Errorf("%s: %q is % x", name, other, b)
			}
		}
	}
	// VNI would be read as another letter.
	for _, s := range []string{"aï", "ô\u0308", "AÂ"} {
		if b, err := set(t, "VNI").Encode(s); err == nil && set(t, "VNI").Decode(b) != s {
			t.Errorf("VNI: %q is % x", s, b)
		}
	}
}

func TestCharsetNames(t *testing.T) {
	for alias, want := range map[string]string{
		"": "UNICODE UTF-8", "ASCII": "UNICODE UTF-8", "utf-8": "UNICODE UTF-8", "ISO-8859-1": "8859/1", "ISO_8859-15": "8859/15",
		"ISO IR100": "8859/1", "cp1258": "CP1258", "windows-1258": "CP1258", "TCVN 5712": "TCVN3", "ABC": "TCVN3", "VNI-Windows": "VNI",
		"GBK": "GB 18030-2000", "ISO IR148": "8859/9",
	} {
		if c, ok := LookupCharset(alias); !ok || c.Name != want {
			t.Errorf("%q is %v %v, want %q", alias, c, ok, want)
		}
	}
	if c, ok := LookupCharset("KOI8-X"); ok || c != Lenient {
		t.Errorf("an unknown one is %v", c)
	}
	for _, name := range CharsetNames() {
		if c := set(t, name); c.Name != name {
			t.Errorf("%s is %s", name, c.Name)
		}
	}
	for alias, of := range aliases {
		if byName[of] == nil && alias != "" {
			t.Errorf("alias %s of nothing", alias)
		}
	}
}

// TestEscapes: HL7 2.7, and what senders make of it.
func TestEscapes(t *testing.T) {
	for _, c := range []struct{ charset, in, want string }{
		{"", `a\F\b\S\c\T\d\R\e\E\f`, `a|b^c&d~e\f`},
		{"", `\H\bold\N\ \.br\new\.sp 2\x\.sk3\y\.in+4\z\.ce\w`, "bold \nnew\n\nx   yz\nw"},
		{"", `\X41\\X0d0A\`, "A\r\n"},
		{"", `\X000d\ \X0A\`, "\r \n"}, // HL7-dotnetcore#53
		{"", `\X00E0\`, "à"},           // HL7-V2#3
		{"", `\X1EA1\\X0416\`, "ạЖ"},   // UTF-16, as some senders write
		{"", `\XC3A1\\XE1BAA1\`, "áạ"}, // the message's character set
		{"", `\XC3\\XA1\ \XE1BA\\XA1\`, "á ạ"},
		{"8859/1", `\XE1\\XB5\`, "áµ"},
		{"CP1258", `\XEAEC\n`, "ến"},
		{"VNI", `Nguye\XE3\n`, "Nguyễn"},
		{"8859/1~8859/5", `a\C2D4C\` + "\xb6" + `\C2842\b`, "aЖb"},
		{"~ISO IR87", "\x1b$B;3ED\x1b(B Taro", "山田 Taro"},
		{"ASCII~ISO IR87", "\x1b$B;3ED\x1b(B", "山田"},
		{"8859/1~ISO IR87", `\M2442\;3ED\C2842\ Taro`, "山田 Taro"},
		{"", `\Z1\H\F\`, `\Z1\H|`}, // local: kept
		{"", `\Zabc\ and \F\`, `\Zabc\ and |`},
		{"", `C:\temp\new`, `C:\temp\new`},
		{"", `50\`, `50\`},
		{"", `\X4\\XZZ\\X\\\`, `\X4\\XZZ\\X\\\`},
	} {
		m, err := Parse([]byte("MSH|^~\\&|||||||ORU^R01|1|P|2.5||||||" + c.charset + "\rOBX|1|TX|x||" + c.in + "\r"))
		if err != nil {
			t.Fatal(err)
		}
		if got := m.Get("OBX-5"); got != c.want {
			t.Errorf("%s %s: %q, want %q", c.charset, c.in, got, c.want)
		}
	}
}

// TestTruncation: the fifth encoding character of 2.7.
func TestTruncation(t *testing.T) {
	m, err := Parse([]byte("MSH|^~\\&#|||||||ORU^R01|1|P|2.7\rOBX|1|TX|x||a \\P\\ b#||c|d#e\r"))
	if err != nil {
		t.Fatal(err)
	}
	if v := m.At("OBX-5"); !v.Truncated() || v.Text() != "a # b#" || m.At("OBX-7").Truncated() || m.At("OBX-8").Truncated() || m.At("OBX-9").Truncated() {
		t.Errorf("%q %v", v.Text(), v.Truncated())
	}
	if m.Delimiters().Truncation != '#' {
		t.Errorf("%+v", m.Delimiters())
	}
	if got := m.Delimiters().AppendEscaped(nil, []byte("5 # 6")); string(got) != `5 \P\ 6` {
		t.Errorf("written %s", got)
	}
}
