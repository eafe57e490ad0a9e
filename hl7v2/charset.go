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
)

// Charset is a character set of MSH-18 (HL7 table 0211), or one of the sets
// that have no value there and are set for a peer.
type Charset struct {
	Name   string            // as in table 0211
	enc    encoding.Encoding // nil: own, or UTF-8, whatever is not valid read as Windows-1252
	own    codec             // in the place of enc
	unsafe bool              // later bytes of a character may look like delimiters
}

// codec is a character set with tables of our own. What it decodes to is in NFC.
type codec interface {
	decode(dst, b []byte) []byte
	encode(dst []byte, text string) ([]byte, error)
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
	{Name: "WINDOWS-874", enc: charmap.Windows874},
	{Name: "WINDOWS-1250", enc: charmap.Windows1250},
	{Name: "WINDOWS-1251", enc: charmap.Windows1251},
	{Name: "WINDOWS-1252", enc: charmap.Windows1252},
	{Name: "CP1258", own: newToned(windows1258())},
	{Name: "TCVN3", own: newToned(tcvn5712)},
	{Name: "VNI", own: newVNI()},
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
	"CP874": "WINDOWS874", "TIS620": "WINDOWS874", "ISOIR100": "88591", "ISOIR101": "88592", "ISOIR109": "88593", "ISOIR110": "88594", "ISOIR144": "88595",
	"ISOIR127": "88596", "ISOIR126": "88597", "ISOIR138": "88598", "ISOIR148": "88599", "LATIN1": "88591", "LATIN2": "88592", "LATIN9": "885915",
	"GB18030": "GB180302000", "GBK": "GB180302000", "GB2312": "GB180302000",
	"EUCKR": "KSX1001", "BIG5": "BIG5", "SJIS": "SHIFTJIS", "ISOIR14": "SHIFTJIS", "ISOIR13": "SHIFTJIS", "ISO2022JP": "ISOIR87", "ISOIR159": "ISOIR87",
	"TCVN": "TCVN3", "TCVN5712": "TCVN3", "TCVN57121993": "TCVN3", "ABC": "TCVN3", "VNIWINDOWS": "VNI", "VNIWIN": "VNI",
}

// byName finds character sets by their values in table 0211, and by all names after normalize.
var byName = func() map[string]*Charset {
	all := map[string]*Charset{}
	for _, c := range charsets {
		all[c.Name], all[normalize(c.Name)] = c, c
	}
	for name, of := range aliases {
		all[name] = all[of]
	}
	return all
}()

// CharsetNames gives the names of the character sets that are read and written, as LookupCharset finds them.
func CharsetNames() (all []string) {
	for _, c := range charsets {
		all = append(all, c.Name)
	}
	return all
}

// LookupCharset finds a character set by its value in table 0211; case, spaces and
// punctuation do not count. For an unknown name it gives Lenient and false.
func LookupCharset(name string) (*Charset, bool) {
	if name == "" {
		return Lenient, true
	}
	if c, ok := byName[name]; ok {
		return c, true
	}
	n := normalize(name)
	if rest, ok := strings.CutPrefix(n, "ISO8859"); ok {
		n = "8859" + rest
	}
	if c, ok := byName[n]; ok {
		return c, true
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
	switch {
	case isASCII(b) && !c.unsafe:
		return append(dst, b...)
	case c.own != nil:
		return c.own.decode(dst, b)
	case c.enc != nil:
		return append(dst, decodeWith(c.enc, b)...)
	case utf8.Valid(b):
		return append(dst, b...)
	}
	return append(dst, decodeWith(charmap.Windows1252, b)...)
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
	switch {
	case c.own != nil:
		return c.own.encode(dst, string(text))
	case c.enc == nil || isASCII(text):
		return append(dst, text...), nil
	}
	b, err := c.enc.NewEncoder().Bytes(text)
	if err != nil {
		return dst, errNoCharacter
	}
	return append(dst, b...), nil
}

// Encode gives UTF-8 text in the character set. The error tells that the set lacks one of its characters.
func (c *Charset) Encode(text string) ([]byte, error) { return c.encode(nil, []byte(text)) }

// Decode gives what bytes in the character set stand for.
func (c *Charset) Decode(b []byte) string { return string(c.decode(nil, b)) }
