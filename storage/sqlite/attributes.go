package sqlite

import (
	"slices"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
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

// decode reads what encode wrote.
func decode(b []byte) (*dataset.Set, error) {
	s, err := dataset.Parse(b, rowSyntax, dataset.Limits{})
	if err != nil {
		return nil, halong.E("sqlite.attributes", halong.Corrupt, "", err)
	}
	return s, nil
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

// join merges the attributes of several levels into one set sorted by tag. Where
// levels share a tag the first given wins.
func join(levels ...*dataset.Set) *dataset.Set {
	n := 0
	for _, l := range levels {
		n += len(l.Elements)
	}
	all := &dataset.Set{Elements: make([]dataset.Element, 0, n)}
	for _, l := range levels {
		all.Elements = append(all.Elements, l.Elements...)
	}
	slices.SortStableFunc(all.Elements, func(a, b dataset.Element) int { return int(int64(a.Tag) - int64(b.Tag)) })
	all.Elements = slices.CompactFunc(all.Elements, func(a, b dataset.Element) bool { return a.Tag == b.Tag })
	return all
}
