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

// recognise tells how the data set that begins with b is encoded. It may differ from
// what was declared if that makes no sense at all and another encoding does.
func recognise(b []byte, declared encoding) (e encoding, ok bool) {
	if declared.begins(b) {
		return declared, true
	}
	for _, c := range candidates {
		if c != declared && c.begins(b) {
			return c, true
		}
	}
	return declared, false
}

// begins tells whether a data set in this encoding may begin with b.
func (e encoding) begins(b []byte) bool {
	if len(b) < 8 {
		return false
	}
	t := e.tag(b)
	vr := dicom.VR(b[4])<<8 | dicom.VR(b[5])
	if e.explicit {
		return vr.Known() && e.firstTag(t)
	}
	n := e.uint32(b[4:])
	return e.firstTag(t) && !allows(t, vr) && (n < 1<<16 || n == UndefinedLength)
}

// firstTag tells whether t is a tag a data set may begin with: registered, a
// group length, a private creator, or private with a lower group number than if its bytes were swapped.
func (e encoding) firstTag(t dicom.Tag) bool {
	if _, ok := dicom.Lookup(t); ok {
		return t.Group() != 0xFFFE
	}
	g := t.Group()
	lower := g < g<<8|g>>8
	return lower && (t.Element() == 0 || t.IsPrivate() || e.explicit)
}

// allows tells whether the dictionary knows t with this VR.
func allows(t dicom.Tag, vr dicom.VR) bool {
	if entry, ok := dicom.Lookup(t); ok {
		return slices.Contains(entry.VRs, vr)
	}
	return vr.Known() && (t.IsPrivate() || (t.Element() == 0 && vr == dicom.UL))
}
