package hl7v2

import "bytes"

// Delimiters are the message delimiters of MSH-1 and MSH-2 (HL7 2.5.4). A zero
// byte stands for a delimiter that the message does not have.
type Delimiters struct {
	Field        byte
	Component    byte
	Repetition   byte
	Escape       byte
	Subcomponent byte
	Truncation   byte // 2.7 and later
}

// Standard are the delimiters that HL7 recommends.
var Standard = Delimiters{Field: '|', Component: '^', Repetition: '~', Escape: '\\', Subcomponent: '&'}

// encoding gives MSH-2.
func (d Delimiters) encoding() []byte {
	b := make([]byte, 0, 5)
	for _, c := range []byte{d.Component, d.Repetition, d.Escape, d.Subcomponent, d.Truncation} {
		if c == 0 {
			break
		}
		b = append(b, c)
	}
	return b
}

// parseDelimiters reads them from a header segment (MSH, FHS, BHS) whose name
// is the first three bytes of seg. The reason is empty if they can be used.
func parseDelimiters(seg []byte) (d Delimiters, reason string) {
	if len(seg) < 4 {
		return d, "header segment ends before the field separator"
	}
	d.Field = seg[3]
	enc := seg[4:]
	if i := bytes.IndexByte(enc, d.Field); i >= 0 {
		enc = enc[:i]
	}
	enc = bytes.TrimRight(enc, " ")
	// A doubled escape character comes from software that escaped it as if it were text.
	if len(enc) == 5 && enc[2] == enc[3] {
		enc = []byte{enc[0], enc[1], enc[2], enc[4]}
	}
	switch {
	case !isDelimiter(d.Field):
		return d, "field separator is a letter, digit, space or control character"
	case len(enc) == 0:
		f := d.Field
		d = Standard
		d.Field = f
	case len(enc) > 5:
		return d, "more than five encoding characters"
	}
	for i, c := range enc {
		if !isDelimiter(c) || c == d.Field || bytes.IndexByte(enc[:i], c) >= 0 {
			return d, "encoding characters are not distinct punctuation"
		}
	}
	for i, p := range []*byte{&d.Component, &d.Repetition, &d.Escape, &d.Subcomponent, &d.Truncation} {
		if i < len(enc) {
			*p = enc[i]
		}
	}
	return d, ""
}

// isDelimiter takes ASCII punctuation, and the control characters some
// analyzers use, but none that ends a segment or an MLLP block.
func isDelimiter(c byte) bool {
	switch {
	case c >= '0' && c <= '9', c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z':
		return false
	case c == '\r', c == '\n', c == ' ', c == 0, c == 0x0b, c == 0x1c, c >= 0x7f:
		return false
	}
	return true
}
