package sample

import (
	"time"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
)

// classKeyObject is Key Object Selection Document Storage (PS3.3 A.35.4).
const classKeyObject dicom.UID = "1.2.840.10008.5.1.4.1.1.88.59"

// RejectionNote gives a Key Object Selection Document of the CT's study that rejects objects: as IHE RAD TF-3 4.66 wants it, with a title of
// PS3.16 CID 7010, and TID 2010 as content. Notes with different names have different UIDs.
func (p *Patient) RejectionNote(name, title, meaning string, rejected ...Object) Object {
	st := p.chest()
	se := series{st, "note " + name, 99, "KO", "Rejection", ""}
	at := st.at.Add(2 * time.Hour)
	s := p.object(classKeyObject, se, 1)
	s.PutString(tag.ContentDate, dicom.DA, da(at))
	s.PutString(tag.ContentTime, dicom.TM, tm(at))
	putItems(s, tag.ReferencedPerformedProcedureStepSequence)
	s.PutString(tag.ValueType, dicom.CS, "CONTAINER")
	putItems(s, tag.ConceptNameCodeSequence, code(title, "DCM", meaning))
	s.PutString(tag.ContinuityOfContent, dicom.CS, "SEPARATE")
	template := &dataset.Set{}
	template.PutString(tag.MappingResource, dicom.CS, "DCMR")
	template.PutString(tag.TemplateIdentifier, dicom.CS, "2010")
	putItems(s, tag.ContentTemplateSequence, template)
	var content []*dataset.Set
	for i := range rejected {
		c := &dataset.Set{}
		c.PutString(tag.RelationshipType, dicom.CS, "CONTAINS")
		c.PutString(tag.ValueType, dicom.CS, "IMAGE")
		putItems(c, tag.ReferencedSOPSequence, rejected[i].reference())
		content = append(content, c)
	}
	putItems(s, tag.ContentSequence, content...)
	putItems(s, tag.CurrentRequestedProcedureEvidenceSequence, evidence(rejected)...)
	return p.finish("rejection note", s)
}

// reference gives an item of the SOP Instance Reference Macro (PS3.3 table 10-11).
func (o *Object) reference() *dataset.Set {
	r := &dataset.Set{}
	r.PutString(tag.ReferencedSOPClassUID, dicom.UI, string(o.SOPClass))
	r.PutString(tag.ReferencedSOPInstanceUID, dicom.UI, string(o.SOPInstance))
	return r
}

// evidence gives items of the Hierarchical SOP Instance Reference Macro (PS3.3 table C.17-3).
func evidence(objects []Object) (studies []*dataset.Set) {
	study, series := map[dicom.UID]*dataset.Set{}, map[dicom.UID]*dataset.Set{}
	add := func(to *dataset.Set, t dicom.Tag, item *dataset.Set) {
		e := dataset.Element{Tag: t, VR: dicom.SQ}
		if have := to.Get(t); have != nil {
			e.Items = have.Items
		}
		e.Items = append(e.Items, item)
		to.Put(e)
	}
	for i := range objects {
		o := &objects[i]
		if study[o.Study] == nil {
			study[o.Study] = &dataset.Set{}
			study[o.Study].PutString(tag.StudyInstanceUID, dicom.UI, string(o.Study))
			studies = append(studies, study[o.Study])
		}
		if series[o.Series] == nil {
			series[o.Series] = &dataset.Set{}
			series[o.Series].PutString(tag.SeriesInstanceUID, dicom.UI, string(o.Series))
			add(study[o.Study], tag.ReferencedSeriesSequence, series[o.Series])
		}
		add(series[o.Series], tag.ReferencedSOPSequence, o.reference())
	}
	return studies
}
