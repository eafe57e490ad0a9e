package coerce

import (
	"fmt"
	"strings"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
)

// Difference is one attribute that two data sets do not have in common.
type Difference struct {
	Path     string   // "(0040,0275)[0].(0040,1001)", items counted from 0
	Keyword  string   // empty for private attributes
	Old, New []string // values in UTF-8; nil: absent. Sequences and binary values are told by their number of items or bytes
}

// Differences compares two data sets, the items of sequences one by one.
func Differences(old, new *dataset.Set) []Difference { return differences("", old, new) }

func differences(at string, old, new *dataset.Set) (out []Difference) {
	i, j := 0, 0
	for i < len(old.Elements) || j < len(new.Elements) {
		var a, b *dataset.Element
		if i < len(old.Elements) {
			a = &old.Elements[i]
		}
		if j < len(new.Elements) {
			b = &new.Elements[j]
		}
		switch {
		case b == nil || a != nil && a.Tag < b.Tag:
			b = nil
			i++
		case a == nil || b.Tag < a.Tag:
			a = nil
			j++
		default:
			i, j = i+1, j+1
		}
		out = append(out, compare(at, old, new, a, b)...)
	}
	return out
}

// compare compares one element; a or b is nil where there is none.
func compare(at string, old, new *dataset.Set, a, b *dataset.Element) (out []Difference) {
	var t dicom.Tag
	switch {
	case a != nil:
		t = a.Tag
	case b != nil:
		t = b.Tag
	}
	if a != nil && b != nil && a.VR == dicom.SQ && len(a.Items) == len(b.Items) {
		for i := range a.Items {
			out = append(out, differences(fmt.Sprintf("%s%v[%d].", at, t, i), a.Items[i], b.Items[i])...)
		}
		return out
	}
	d := Difference{Path: at + t.String(), Old: told(old, a), New: told(new, b)}
	if e, ok := dicom.Lookup(t); ok {
		d.Keyword = e.Keyword
	}
	if a != nil && b != nil && (equal(a, b) || strings.Join(d.Old, `\`) == strings.Join(d.New, `\`) && !a.VR.IsBulk()) {
		return nil
	}
	return []Difference{d}
}

// told gives the values of an element for a person to read.
func told(s *dataset.Set, e *dataset.Element) []string {
	switch {
	case e == nil:
		return nil
	case e.VR == dicom.SQ:
		return []string{fmt.Sprintf("%d items", len(e.Items))}
	case e.VR.IsBulk():
		return []string{fmt.Sprintf("%d bytes", len(e.Value))}
	}
	if v := s.Strings(e.Tag); v != nil {
		return v
	}
	return []string{""}
}
