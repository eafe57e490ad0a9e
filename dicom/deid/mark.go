package deid

import (
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
)

// mark says in the data set what was done to it (PS3.15 E.1.1 and E.3).
func (r *run) mark(s *dataset.Set) {
	s.PutString(tag.PatientIdentityRemoved, dicom.CS, "YES")
	s.PutString(tag.DeidentificationMethod, dicom.LO, "Halong: PS3.15 2024b annex E")
	s.Put(dataset.Element{Tag: tag.DeidentificationMethodCodeSequence, VR: dicom.SQ, Items: r.codes()})
	s.PutString(tag.LongitudinalTemporalInformationModified, dicom.CS, r.temporal())
}

// codes are those of the profile and its options (PS3.16 CID 7050).
func (r *run) codes() []*dataset.Set {
	items := []*dataset.Set{coded(profileCode.value, "DCM", profileCode.meaning)}
	for o := RetainSafePrivate; o <= CleanRecognizableVisualFeatures; o++ {
		if r.on[o] {
			items = append(items, coded(options[o].code.value, "DCM", options[o].code.meaning))
		}
	}
	return items
}

func (r *run) temporal() string {
	switch {
	case r.on[RetainFullDates]:
		return "UNMODIFIED"
	case r.on[RetainModifiedDates]:
		return "MODIFIED"
	}
	return "REMOVED"
}
