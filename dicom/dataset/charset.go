package dataset

import (
	"strings"

	"github.com/halong-gateway/halong/dicom/charset"
)

// charsetEntry is a Specific Character Set met in the data set.
type charsetEntry struct {
	raw     string // value as encoded, trimmed
	decoder *charset.Decoder
}

// maxCharset is the longest Specific Character Set looked at, in bytes.
const maxCharset = 1 << 10

// maxCharsets is how many different ones are remembered; further ones are taken for the default.
const maxCharsets = 256

// peek looks at a value that changes how what follows is read, without consuming it.
func (r *Reader) peek(f *frame, h *header) {
	n := int(min(h.length, maxCharset))
	if r.win.fill(n) < n {
		return
	}
	b := r.win.buf[r.win.rd : r.win.rd+n]
	switch {
	case h.tag == tagSpecificCharacterSet:
		f.charset = r.charsetIndex(trimCharset(b))
	case h.tag == tagPixelRepresentation && n == 2 && len(r.stack) == 1:
		r.signed = f.enc.uint16(b) == 1
	}
}

func trimCharset(b []byte) []byte {
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] == 0) {
		b = b[:len(b)-1]
	}
	return b
}

func (r *Reader) charsetIndex(raw []byte) int32 {
	for i := range r.charsets {
		if r.charsets[i].raw == string(raw) {
			return int32(i)
		}
	}
	if len(r.charsets) == maxCharsets {
		return 0
	}
	r.charsets = append(r.charsets, charsetEntry{raw: string(raw)})
	return int32(len(r.charsets) - 1)
}

// Charset gives the decoder for text where the Reader is: Specific Character Set
// (0008,0005) of the item, else of what encloses it (PS3.3 C.12.1.1.2). Of
// unknown terms as much as possible is understood.
func (r *Reader) Charset() *charset.Decoder {
	e := r.charsetHere()
	if e.decoder == nil {
		e.decoder = newDecoder(e.raw)
	}
	return e.decoder
}

func (r *Reader) charsetHere() *charsetEntry {
	if len(r.stack) == 0 {
		return &r.charsets[0]
	}
	return &r.charsets[r.stack[len(r.stack)-1].charset]
}

// newDecoder makes a decoder for the value of Specific Character Set.
func newDecoder(raw string) *charset.Decoder {
	if raw == "" {
		d, _ := charset.New(nil)
		return d
	}
	values := strings.Split(raw, `\`)
	for i := range values {
		values[i] = strings.TrimSpace(values[i])
	}
	d, _ := charset.New(values) // usable also where terms are unknown
	return d
}
