package hl7v2

import (
	"bytes"
	"errors"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
	"golang.org/x/text/unicode/norm"
)

// Charset is a character set of MSH-18 (HL7 table 0211), or one of the sets
// that have no value there and are set for a peer.
type Charset struct {
	Name    string            // as in table 0211
	enc     encoding.Encoding // nil: UTF-8, whatever is not valid read as Windows-1252
	unsafe  bool              // later bytes of a character may look like delimiters
	compose bool              // tone marks are characters of their own: NFC after decoding
}

// Lenient is what messages are read in that declare no character set, ASCII or
// UTF-8: UTF-8, and Windows-1252 (a superset of ISO 8859-1's printable part)
// where the bytes are not UTF-8.
var Lenient = &Charset{Name: "UNICODE UTF-8"}

// charsets are the values of table 0211 that occur on 8-bit wires, upper case,
// and Vietnamese ones that senders use without a registered value.
var charsets = []*Charset{
	Lenient,
	{Name: "8859/1", enc: charmap.Windows1252},
	{Name: "8859/2", enc: charmap.ISO8859_2},
	{Name: "8859/3", enc: charmap.ISO8859_3},
	{Name: "8859/4", enc: charmap.ISO8859_4},
	{Name: "8859/5", enc: charmap.ISO8859_5},
	{Name: "8859/6", enc: charmap.ISO8859_6},
	{Name: "8859/7", enc: charmap.ISO8859_7},
	{Name: "8859/8", enc: charmap.ISO8859_8},
	{Name: "8859/9", enc: charmap.ISO8859_9},
	{Name: "8859/15", enc: charmap.ISO8859_15},
	{Name: "WINDOWS-1250", enc: charmap.Windows1250},
	{Name: "WINDOWS-1251", enc: charmap.Windows1251},
	{Name: "WINDOWS-1252", enc: charmap.Windows1252},
	{Name: "CP1258", enc: charmap.Windows1258, compose: true},
	{Name: "GB 18030-2000", enc: simplifiedchinese.GB18030, unsafe: true},
	{Name: "BIG-5", enc: traditionalchinese.Big5, unsafe: true},
	{Name: "KS X 1001", enc: korean.EUCKR, unsafe: true},
	{Name: "SHIFT_JIS", enc: japanese.ShiftJIS, unsafe: true},
	{Name: "ISO IR87", enc: japanese.ISO2022JP, unsafe: true},
}

// aliases are other spellings, after normalize.
var aliases = map[string]string{
	"": "UNICODEUTF8", "ASCII": "UNICODEUTF8", "USASCII": "UNICODEUTF8", "UTF8": "UNICODEUTF8", "UNICODE": "UNICODEUTF8",
	"ISOIR6": "UNICODEUTF8", "CP1252": "WINDOWS1252", "CP1251": "WINDOWS1251", "CP1250": "WINDOWS1250", "WINDOWS1258": "CP1258",
	"ISOIR100": "88591", "ISOIR101": "88592", "LATIN1": "88591", "GB18030": "GB180302000", "GBK": "GB180302000",
	"KSX1001": "KSX1001", "EUCKR": "KSX1001", "BIG5": "BIG5", "SJIS": "SHIFTJIS", "ISOIR14": "SHIFTJIS",
}

// LookupCharset finds a character set by its value in table 0211; case, spaces and
// punctuation do not count. For an unknown name it gives Lenient and false.
func LookupCharset(name string) (*Charset, bool) {
	n := normalize(name)
	n = strings.TrimPrefix(n, "ISO8859")
	if n != normalize(name) {
		n = "8859" + n
	}
	if a, ok := aliases[n]; ok {
		n = a
	}
	for _, c := range charsets {
		if normalize(c.Name) == n {
			return c, true
		}
	}
	return Lenient, false
}

func normalize(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			return r
		}
		return -1
	}, s)
}

// decode adds b to dst as UTF-8. Bytes that are no character become U+FFFD.
func (c *Charset) decode(dst, b []byte) []byte {
	if isASCII(b) && (c.enc == nil || !c.unsafe) {
		return append(dst, b...)
	}
	if c.enc == nil {
		if utf8.Valid(b) {
			return append(dst, b...)
		}
		return append(dst, decodeWith(charmap.Windows1252, b)...)
	}
	t := decodeWith(c.enc, b)
	if c.compose {
		t = norm.NFC.Bytes(t)
	}
	return append(dst, t...)
}

func decodeWith(e encoding.Encoding, b []byte) []byte {
	t, err := e.NewDecoder().Bytes(b)
	if err != nil { // the decoders replace what they cannot read; should one not, keep what is readable
		return bytes.ToValidUTF8(b, []byte("\ufffd"))
	}
	return t
}

var errNoCharacter = errors.New("hl7v2: text has characters that the message's character set lacks")

// encode adds UTF-8 text to dst in the character set.
func (c *Charset) encode(dst, text []byte) ([]byte, error) {
	if c.enc == nil {
		return append(dst, text...), nil
	}
	b, err := c.enc.NewEncoder().Bytes(text)
	if err != nil {
		return dst, errNoCharacter
	}
	return append(dst, b...), nil
}
