package charset

import "strings"

// set is a coded character set that can be designated to G0 or G1 (ISO 2022).
type set uint8

const (
	none     set = iota
	ascii        // ISO-IR 6
	romaji       // ISO-IR 14, JIS X 0201 left half; its yen sign and overline are read as backslash and tilde, as everywhere
	katakana     // ISO-IR 13, JIS X 0201 right half
	latin1       // ISO-IR 100
	latin2       // ISO-IR 101
	latin3       // ISO-IR 109
	latin4       // ISO-IR 110
	cyrillic     // ISO-IR 144
	arabic       // ISO-IR 127
	greek        // ISO-IR 126
	hebrew       // ISO-IR 138
	latin5       // ISO-IR 148
	latin9       // ISO-IR 203
	thai         // ISO-IR 166
	jis0208      // ISO-IR 87, two bytes in G0
	jis0212      // ISO-IR 159, two bytes in G0
	ksx1001      // ISO-IR 149, two bytes in G1
	gb2312       // ISO-IR 58, two bytes in G1
)

// scheme is how a whole value is encoded.
type scheme uint8

const (
	iso2022 scheme = iota // G0 and G1, with or without escape sequences
	utf8Scheme
	gb18030Scheme
	gbkScheme
)

// term is a defined term of PS3.3 C.12.1.1.2, tables C.12-2 to C.12-5.
type term struct {
	ir     string // registration number, or name
	scheme scheme
	g0, g1 set // what is designated when the term is value 1
	multi  bool
}

var terms = [...]term{
	{ir: "6", g0: ascii},
	{ir: "100", g0: ascii, g1: latin1},
	{ir: "101", g0: ascii, g1: latin2},
	{ir: "109", g0: ascii, g1: latin3},
	{ir: "110", g0: ascii, g1: latin4},
	{ir: "144", g0: ascii, g1: cyrillic},
	{ir: "127", g0: ascii, g1: arabic},
	{ir: "126", g0: ascii, g1: greek},
	{ir: "138", g0: ascii, g1: hebrew},
	{ir: "148", g0: ascii, g1: latin5},
	{ir: "203", g0: ascii, g1: latin9},
	{ir: "166", g0: ascii, g1: thai},
	{ir: "13", g0: romaji, g1: katakana},
	// Never value 1 by the standard; where it is, text starts in ASCII.
	{ir: "87", g0: ascii, multi: true},
	{ir: "159", g0: ascii, multi: true},
	{ir: "149", g0: ascii, g1: ksx1001, multi: true},
	{ir: "58", g0: ascii, g1: gb2312, multi: true},
	{ir: "192", scheme: utf8Scheme},
	{ir: "GB18030", scheme: gb18030Scheme},
	{ir: "GBK", scheme: gbkScheme},
}

// findTerm reads a value of Specific Character Set. extension tells that the
// term allows escape sequences ("ISO 2022 IR …"). Spellings that are off but
// unmistakable ("ISO-IR 100", "iso_ir_100", "ISO IR192") are understood.
func findTerm(value string) (t term, extension, ok bool) {
	s := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r == ' ' || r == '_' || r == '-' || r == '\x00':
			return -1
		}
		return r
	}, value)
	switch {
	case s == "":
		return terms[0], false, true
	case s == "UTF8":
		s = "192"
	case strings.HasPrefix(s, "ISO2022IR"):
		s, extension = s[len("ISO2022IR"):], true
	case strings.HasPrefix(s, "ISOIR"):
		s = s[len("ISOIR"):]
	}
	for _, t := range terms {
		if t.ir == s {
			return t, extension, true
		}
	}
	return term{}, false, false
}

// escape is an escape sequence of PS3.3 tables C.12-3 and C.12-4.
type escape struct {
	bytes  string // after ESC
	g0, g1 set    // none: left as it is
}

var escapes = [...]escape{
	{bytes: "(B", g0: ascii},
	{bytes: "(J", g0: romaji},
	{bytes: ")I", g1: katakana},
	{bytes: "-A", g1: latin1},
	{bytes: "-B", g1: latin2},
	{bytes: "-C", g1: latin3},
	{bytes: "-D", g1: latin4},
	{bytes: "-L", g1: cyrillic},
	{bytes: "-G", g1: arabic},
	{bytes: "-F", g1: greek},
	{bytes: "-H", g1: hebrew},
	{bytes: "-M", g1: latin5},
	{bytes: "-b", g1: latin9},
	{bytes: "-T", g1: thai},
	{bytes: "$B", g0: jis0208},
	{bytes: "$@", g0: jis0208}, // the 1978 edition; not in the standard, but in old files
	{bytes: "$(D", g0: jis0212},
	{bytes: "$)C", g1: ksx1001},
	{bytes: "$)A", g1: gb2312},
}

// findEscape recognises an escape sequence at the start of b, which begins with ESC.
func findEscape(b []byte) (escape, bool) {
	for _, e := range escapes {
		if len(b) > len(e.bytes) && string(b[1:1+len(e.bytes)]) == e.bytes {
			return e, true
		}
	}
	return escape{}, false
}
