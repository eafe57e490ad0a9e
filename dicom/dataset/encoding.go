package dataset

import (
	"encoding/binary"
	"slices"

	"github.com/halong-gateway/halong/dicom"
)

// encoding is what a transfer syntax says of elements (PS3.5 7.1, 7.3).
type encoding struct{ explicit, big bool }

func encodingOf(ts *dicom.TransferSyntax) encoding {
	return encoding{explicit: ts.ExplicitVR, big: ts.BigEndian}
}

func (e encoding) uint16(b []byte) uint16 {
	if e.big {
		return binary.BigEndian.Uint16(b)
	}
	return binary.LittleEndian.Uint16(b)
}

func (e encoding) uint32(b []byte) uint32 {
	if e.big {
		return binary.BigEndian.Uint32(b)
	}
	return binary.LittleEndian.Uint32(b)
}

func (e encoding) tag(b []byte) dicom.Tag {
	if e.big {
		return dicom.Tag(binary.BigEndian.Uint32(b))
	}
	v := binary.LittleEndian.Uint32(b)
	return dicom.Tag(v<<16 | v>>16)
}

// syntax gives the native transfer syntax with this encoding.
func (e encoding) syntax() *dicom.TransferSyntax {
	uid := dicom.ImplicitVRLittleEndian
	switch {
	case e.explicit && e.big:
		uid = dicom.ExplicitVRBigEndian
	case e.explicit:
		uid = dicom.ExplicitVRLittleEndian
	}
	ts, _ := dicom.LookupTransferSyntax(uid)
	return ts
}

// candidates are the encodings a data set may turn out to have.
var candidates = [...]encoding{{explicit: true}, {}, {explicit: true, big: true}}

// recognise tells how the data set that begins with b is encoded. It differs
// from what was declared only where another encoding makes more sense of the
// first element; ok is false where none makes any.
func recognise(b []byte, declared encoding) (e encoding, ok bool) {
	best := declared.sense(b)
	e = declared
	for _, c := range candidates {
		if s := c.sense(b); s > best {
			e, best = c, s
		}
	}
	return e, best > 0
}

// sense tells how much sense the first element of a data set makes in this
// encoding: 0 none, 1 some (a VR, or a private element), 2 much (a VR or length, and a tag that a data set may begin with).
func (e encoding) sense(b []byte) int {
	if len(b) < 8 {
		return 0
	}
	t := e.tag(b)
	vr := dicom.VR(b[4])<<8 | dicom.VR(b[5])
	known := isRegistered(t) || t.IsPrivateCreator() || (t.Element() == 0 && t.Group() < 0x100)
	if !e.explicit {
		n := e.uint32(b[4:])
		switch {
		case allows(t, vr) || (n >= 1<<16 && n != UndefinedLength):
			return 0
		case known:
			return 2
		case t.IsPrivate() && t.Group() < 0x100:
			return 1
		}
		return 0
	}
	switch {
	case !vr.Known() || t.Group() == 0xFFFE:
		return 0
	case known:
		return 2
	}
	return 1
}

func isRegistered(t dicom.Tag) bool {
	_, ok := dicom.Lookup(t)
	return ok && t.Group() != 0xFFFE
}

// allows tells whether the dictionary knows t with this VR.
func allows(t dicom.Tag, vr dicom.VR) bool {
	if entry, ok := dicom.Lookup(t); ok {
		return slices.Contains(entry.VRs, vr)
	}
	return vr.Known() && (t.IsPrivate() || (t.Element() == 0 && vr == dicom.UL))
}
