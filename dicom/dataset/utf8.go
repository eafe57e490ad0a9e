package dataset

import (
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/charset"
)

// utf8Term is the defined term for UTF-8 (PS3.3 C.12.1.1.2).
const utf8Term = "ISO_IR 192"

// DecodeUTF8 turns all text into UTF-8, in items too. Specific Character Set
// becomes ISO_IR 192 if any text goes beyond ASCII, else it is removed; those of items are always removed.
func (s *Set) DecodeUTF8() {
	wide := s.decodeUTF8()
	if wide {
		s.PutString(tagSpecificCharacterSet, dicom.CS, utf8Term)
	} else {
		s.Delete(tagSpecificCharacterSet)
	}
}

// decodeUTF8 tells whether any text goes beyond ASCII.
func (s *Set) decodeUTF8() (wide bool) {
	d := s.decoder()
	asIs := d.ASCIICompatible()
	for i := range s.Elements {
		e := &s.Elements[i]
		for _, item := range e.Items {
			if item.decodeUTF8() {
				wide = true
			}
			item.Delete(tagSpecificCharacterSet)
		}
		if isCharacters(e.VR) && !(asIs && isASCII(e.Value)) && e.decodeUTF8(d) {
			wide = true
		}
	}
	s.inherit = utf8Term
	return wide
}

func (e *Element) decodeUTF8(d *charset.Decoder) (wide bool) {
	v := d.Decode(make([]byte, 0, len(e.Value)+1), e.Value, e.VR)
	e.Value = pad(v, e.VR)
	return !isASCII(v)
}

func isASCII(b []byte) bool {
	for _, c := range b {
		if c >= 0x80 {
			return false
		}
	}
	return true
}

// isCharacters tells whether values of the VR are made of characters (PS3.5 6.2).
func isCharacters(vr dicom.VR) bool { return vr == dicom.UI || padByte(vr) == ' ' }
