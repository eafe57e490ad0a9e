package sqlite

import (
	"encoding/binary"
	"slices"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
)

// encode gives the bytes that the attributes column holds: Explicit VR Little Endian, UTF-8.
func encode(s *dataset.Set) []byte {
	b := s.Append(nil, rowSyntax)
	if b == nil {
		b = []byte{} // the column is never null
	}
	return b
}

// rowSyntax is how attributes are encoded in rows.
var rowSyntax = &dicom.TransferSyntax{UID: dicom.ExplicitVRLittleEndian, ExplicitVR: true, Pixels: true}

// decode reads what encode wrote. Values point into b. Sets without sequences,
// as nearly all are, are read in place.
func decode(b []byte) (*dataset.Set, error) {
	if s := decodeFlat(b); s != nil {
		return s, nil
	}
	s, err := dataset.Parse(b, rowSyntax, dataset.Limits{})
	if err != nil {
		return nil, halong.E("sqlite.attributes", halong.Corrupt, "", err)
	}
	return s, nil
}

// decodeFlat reads a set of elements of defined length that are no sequences
// (PS3.5 7.1.2); nil if it is not one.
func decodeFlat(b []byte) *dataset.Set {
	const room = 4 // for what is computed and added
	elements := make([]dataset.Element, 0, count(b)+room)
	for len(b) > 0 {
		head, length := header(b)
		if head == 0 || length > uint64(len(b)-head) {
			return nil
		}
		end := head + int(length)
		elements = append(elements, dataset.Element{
			Tag:   dicom.NewTag(binary.LittleEndian.Uint16(b), binary.LittleEndian.Uint16(b[2:])),
			VR:    dicom.VR(b[4])<<8 | dicom.VR(b[5]),
			Value: b[head:end:end],
		})
		b = b[end:]
	}
	return &dataset.Set{Elements: elements}
}

// header gives the length of an element's header and of its value; 0 for the
// header if it is a sequence's or no header at all.
func header(b []byte) (head int, length uint64) {
	if len(b) < 8 {
		return 0, 0
	}
	vr := dicom.VR(b[4])<<8 | dicom.VR(b[5])
	if !vr.LongLength() {
		return 8, uint64(binary.LittleEndian.Uint16(b[6:]))
	}
	if len(b) < 12 || vr == dicom.SQ {
		return 0, 0
	}
	return 12, uint64(binary.LittleEndian.Uint32(b[8:]))
}

// count gives the number of elements of a flat set, roughly if it is none.
func count(b []byte) (n int) {
	for len(b) > 0 {
		head, length := header(b)
		if head == 0 || length > uint64(len(b)-head) {
			return n
		}
		b = b[head+int(length):]
		n++
	}
	return n
}

func isEmpty(e *dataset.Element) bool {
	return len(e.Value) == 0 && len(e.Items) == 0 && len(e.Fragments) == 0
}

// filled lists the tags of elements with a value, ascending.
func filled(s *dataset.Set) []dicom.Tag {
	tags := make([]dicom.Tag, 0, len(s.Elements))
	for i := range s.Elements {
		if !isEmpty(&s.Elements[i]) {
			tags = append(tags, s.Elements[i].Tag)
		}
	}
	return tags
}

// adds tells whether s has a value for an element that is not among the tags given.
func adds(s *dataset.Set, have []dicom.Tag) bool {
	for i := range s.Elements {
		if isEmpty(&s.Elements[i]) {
			continue
		}
		if _, ok := slices.BinarySearch(have, s.Elements[i].Tag); !ok {
			return true
		}
	}
	return false
}

// fill puts into s what it has no value for and more has.
func fill(s, more *dataset.Set) {
	for _, e := range more.Elements {
		if isEmpty(&e) {
			continue
		}
		if have := s.Get(e.Tag); have == nil || isEmpty(have) {
			s.Put(e)
		}
	}
}

// notOfOther gives what attributes tell of a study whose row has a Patient ID, which is as encoded: all, but nothing of the patient (group 0010) if they
// are of another one. Issuer or birth date of one patient beside the number of another would be those of nobody.
func notOfOther(s *dataset.Set, patient string) *dataset.Set {
	if its := encodedPatient(s); patient == "" || its == "" || its == patient {
		return s
	}
	out := &dataset.Set{}
	for i := range s.Elements {
		if s.Elements[i].Tag.Group() != tag.PatientID.Group() {
			out.Elements = append(out.Elements, s.Elements[i])
		}
	}
	return out
}

// join merges the attributes of two levels, each sorted by tag. Where both have
// a tag the upper one's stays.
func join(upper, lower *dataset.Set) *dataset.Set {
	a, b := upper.Elements, lower.Elements
	all := make([]dataset.Element, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0].Tag < b[0].Tag:
			all, a = append(all, a[0]), a[1:]
		case a[0].Tag > b[0].Tag:
			all, b = append(all, b[0]), b[1:]
		default:
			b = b[1:]
		}
	}
	return &dataset.Set{Elements: append(append(all, a...), b...)}
}
