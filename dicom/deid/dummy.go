package deid

import (
	"strings"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
)

// removed stands where text was.
const removed = "DEIDENTIFIED"

var dummies = map[dicom.VR]string{
	dicom.AE: removed, dicom.AS: "000Y", dicom.CS: removed, dicom.DA: "19000101", dicom.DS: "0", dicom.DT: "19000101000000",
	dicom.IS: "0", dicom.LO: removed, dicom.LT: removed, dicom.PN: removed, dicom.SH: removed, dicom.ST: removed,
	dicom.TM: "000000", dicom.UC: removed, dicom.UR: "urn:" + removed, dicom.UT: removed,
}

// putDummy gives an element a value that says nothing; e is of set s.
func (r *run) putDummy(s *dataset.Set, e *dataset.Element) {
	switch v, ok := dummies[e.VR]; {
	case e.VR == dicom.SQ:
		r.dummySequence(e)
	case e.VR == dicom.UI:
		r.replaceUIDs(s, e)
	case ok:
		set(e, v)
	default: // numbers and bytes
		*e = dataset.Element{Tag: e.Tag, VR: e.VR, Value: make([]byte, max(2, e.VR.WordSize()))}
	}
}

// set gives an element values of characters.
func set(e *dataset.Element, values ...string) {
	var s dataset.Set
	s.PutString(e.Tag, e.VR, values...)
	*e = s.Elements[0]
}

// dummySequence puts an item that says nothing in the place of others, where what it must hold is known;
// else the items stay without any text and identifier.
func (r *run) dummySequence(e *dataset.Element) {
	if len(e.Items) == 0 {
		return
	}
	entry, _ := dicom.Lookup(e.Tag)
	switch {
	case e.Tag == tag.ContentSequence:
		e.Items = []*dataset.Set{removedContent()}
	case strings.HasSuffix(entry.Keyword, "CodeSequence"):
		e.Items = []*dataset.Set{coded("REMOVED", "99HALONG", "Removed by de-identification")}
	default:
		strict := *r
		strict.strict = true
		for _, item := range e.Items {
			strict.items(item)
		}
	}
}

// removedContent is a content item (PS3.3 C.17.3) in the place of a document's content.
func removedContent() *dataset.Set {
	s := &dataset.Set{}
	s.PutString(tag.RelationshipType, dicom.CS, "CONTAINS")
	s.PutString(tag.ValueType, dicom.CS, "TEXT")
	s.Put(dataset.Element{Tag: tag.ConceptNameCodeSequence, VR: dicom.SQ, Items: []*dataset.Set{coded("121106", "DCM", "Comment")}})
	s.PutString(tag.TextValue, dicom.UT, "Removed by de-identification")
	return s
}

// coded is an item of a code sequence (PS3.3 8.8).
func coded(value, scheme, meaning string) *dataset.Set {
	s := &dataset.Set{}
	s.PutString(tag.CodeValue, dicom.SH, value)
	s.PutString(tag.CodingSchemeDesignator, dicom.SH, scheme)
	s.PutString(tag.CodeMeaning, dicom.LO, meaning)
	return s
}
