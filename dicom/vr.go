package dicom

// VR is a value representation (PS3.5 6.2): its two letters, the first in the
// upper byte. Zero is "none known".
type VR uint16

// The value representations of PS3.5 table 6.2-1.
const (
	AE VR = 'A'<<8 | 'E'
	AS VR = 'A'<<8 | 'S'
	AT VR = 'A'<<8 | 'T'
	CS VR = 'C'<<8 | 'S'
	DA VR = 'D'<<8 | 'A'
	DS VR = 'D'<<8 | 'S'
	DT VR = 'D'<<8 | 'T'
	FD VR = 'F'<<8 | 'D'
	FL VR = 'F'<<8 | 'L'
	IS VR = 'I'<<8 | 'S'
	LO VR = 'L'<<8 | 'O'
	LT VR = 'L'<<8 | 'T'
	OB VR = 'O'<<8 | 'B'
	OD VR = 'O'<<8 | 'D'
	OF VR = 'O'<<8 | 'F'
	OL VR = 'O'<<8 | 'L'
	OV VR = 'O'<<8 | 'V'
	OW VR = 'O'<<8 | 'W'
	PN VR = 'P'<<8 | 'N'
	SH VR = 'S'<<8 | 'H'
	SL VR = 'S'<<8 | 'L'
	SQ VR = 'S'<<8 | 'Q'
	SS VR = 'S'<<8 | 'S'
	ST VR = 'S'<<8 | 'T'
	SV VR = 'S'<<8 | 'V'
	TM VR = 'T'<<8 | 'M'
	UC VR = 'U'<<8 | 'C'
	UI VR = 'U'<<8 | 'I'
	UL VR = 'U'<<8 | 'L'
	UN VR = 'U'<<8 | 'N'
	UR VR = 'U'<<8 | 'R'
	US VR = 'U'<<8 | 'S'
	UT VR = 'U'<<8 | 'T'
	UV VR = 'U'<<8 | 'V'
)

// String gives the two letters; "??" for none.
func (v VR) String() string {
	if v == 0 {
		return "??"
	}
	return string([]byte{byte(v >> 8), byte(v)})
}

// ParseVR reads two letters; zero when they name no standard VR.
func ParseVR(s string) VR {
	if len(s) != 2 {
		return 0
	}
	if v := VR(s[0])<<8 | VR(s[1]); v.Known() {
		return v
	}
	return 0
}

// Known tells whether v is one of the standard's value representations.
func (v VR) Known() bool {
	switch v {
	case AE, AS, AT, CS, DA, DS, DT, FD, FL, IS, LO, LT, OB, OD, OF, OL, OV, OW, PN,
		SH, SL, SQ, SS, ST, SV, TM, UC, UI, UL, UN, UR, US, UT, UV:
		return true
	}
	return false
}

// LongLength tells whether explicit encodings give the length in 32 bits after
// two reserved bytes (PS3.5 7.1.2).
func (v VR) LongLength() bool {
	switch v {
	case OB, OD, OF, OL, OV, OW, SQ, SV, UC, UN, UR, UT, UV:
		return true
	}
	return false
}

// IsBulk tells whether values of v are opaque bytes that may be large and are
// kept apart from the head: OB, OD, OF, OL, OV, OW and UN.
func (v VR) IsBulk() bool {
	switch v {
	case OB, OD, OF, OL, OV, OW, UN:
		return true
	}
	return false
}

// WordSize gives the size in bytes of the unit that byte order applies to; 1
// for text and for OB and UN.
func (v VR) WordSize() int {
	switch v {
	case AT, OW, SS, US:
		return 2
	case FL, OF, OL, SL, UL:
		return 4
	case FD, OD, OV, SV, UV:
		return 8
	}
	return 1
}

// IsText tells whether values are subject to Specific Character Set (PS3.5 6.1.2.2).
func (v VR) IsText() bool {
	switch v {
	case LO, LT, PN, SH, ST, UC, UT:
		return true
	}
	return false
}
