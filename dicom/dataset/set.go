package dataset

import (
	"slices"

	"github.com/halong-gateway/halong/dicom"
)

// Element is a data element in memory. At most one of Value, Items and
// Fragments is used, by VR.
type Element struct {
	Tag       dicom.Tag
	VR        dicom.VR
	Value     []byte   // little endian, as encoded, padding included
	Items     []*Set   // of a sequence (VR SQ)
	Fragments [][]byte // of an encapsulated value; the first is the Basic Offset Table (PS3.5 A.4)
}

// Set is a data set in memory, or an item of one. The zero Set is empty and ready for use.
type Set struct {
	Elements []Element // ascending by tag; put new ones in with Put
	inherit  string    // Specific Character Set in effect if no element says one: that of what encloses this item
}

func compareTag(e Element, t dicom.Tag) int {
	switch {
	case e.Tag < t:
		return -1
	case e.Tag > t:
		return 1
	}
	return 0
}

// Get gives the element with the tag, nil if there is none.
func (s *Set) Get(t dicom.Tag) *Element {
	if s == nil {
		return nil
	}
	if i, ok := slices.BinarySearchFunc(s.Elements, t, compareTag); ok {
		return &s.Elements[i]
	}
	return nil
}

// Put adds the element, in place of one with the same tag.
func (s *Set) Put(e Element) {
	if n := len(s.Elements); n == 0 || s.Elements[n-1].Tag < e.Tag {
		s.Elements = append(s.Elements, e)
		return
	}
	i, ok := slices.BinarySearchFunc(s.Elements, e.Tag, compareTag)
	if ok {
		s.Elements[i] = e
		return
	}
	s.Elements = slices.Insert(s.Elements, i, e)
}

// Delete removes every element with the tag.
func (s *Set) Delete(t dicom.Tag) {
	i, ok := slices.BinarySearchFunc(s.Elements, t, compareTag)
	if !ok {
		return
	}
	n := i
	for n < len(s.Elements) && s.Elements[n].Tag == t {
		n++
	}
	s.Elements = slices.Delete(s.Elements, i, n)
}
