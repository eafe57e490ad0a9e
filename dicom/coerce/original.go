package coerce

import (
	"bytes"
	"slices"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
)

// note adds an item to Original Attributes Sequence (0400,0561) with what attributes
// were before (PS3.3 C.12.1.1.9.1); items that are there already stay before it.
func note(s, before *dataset.Set, r *rule, about *About) {
	if e := s.Get(tag.SpecificCharacterSet); e != nil {
		before.Put(clone(e)) // the item may be decoded apart from what encloses it
	}
	source := r.source
	if source == "" {
		source = about.CallingAE
	}
	item := &dataset.Set{}
	item.Put(dataset.Element{Tag: tag.ModifiedAttributesSequence, VR: dicom.SQ, Items: []*dataset.Set{before}})
	item.PutString(tag.AttributeModificationDateTime, dicom.DT, about.Now.UTC().Format("20060102150405.000000")+"+0000")
	item.PutString(tag.ModifyingSystem, dicom.LO, about.System)
	item.PutString(tag.SourceOfPreviousValues, dicom.LO, source)
	item.PutString(tag.ReasonForTheAttributeModification, dicom.CS, string(r.reason))
	all := dataset.Element{Tag: tag.OriginalAttributesSequence, VR: dicom.SQ}
	if e := s.Get(tag.OriginalAttributesSequence); e != nil {
		all.Items = slices.Clone(e.Items)
	}
	all.Items = append(all.Items, item)
	s.Put(all)
}

// clone copies an element with everything below it.
func clone(e *dataset.Element) dataset.Element {
	out := *e
	out.Value = bytes.Clone(e.Value)
	out.Items = slices.Clone(e.Items)
	for i, item := range out.Items {
		own := *item
		own.Elements = slices.Clone(item.Elements)
		for j := range own.Elements {
			own.Elements[j] = clone(&own.Elements[j])
		}
		out.Items[i] = &own
	}
	out.Fragments = slices.Clone(e.Fragments)
	for i := range out.Fragments {
		out.Fragments[i] = bytes.Clone(out.Fragments[i])
	}
	return out
}

// equal tells whether two elements say the same; padding does not count.
func equal(a, b *dataset.Element) bool {
	return a.Tag == b.Tag && a.VR == b.VR && bytes.Equal(bytes.TrimRight(a.Value, " \x00"), bytes.TrimRight(b.Value, " \x00")) &&
		slices.EqualFunc(a.Items, b.Items, equalSets) && slices.EqualFunc(a.Fragments, b.Fragments, bytes.Equal)
}

func equalSets(a, b *dataset.Set) bool {
	return slices.EqualFunc(a.Elements, b.Elements, func(x, y dataset.Element) bool { return equal(&x, &y) })
}
