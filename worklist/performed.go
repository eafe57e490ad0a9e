package worklist

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
)

// Performed is a Modality Performed Procedure Step (PS3.4 F.7).
type Performed struct {
	SOP        dicom.UID       `json:"instance"` // SOP Instance UID
	Facility   halong.Facility `json:"facility"`
	Status     string          `json:"status"` // Performed Procedure Step Status (0040,0252)
	Study      dicom.UID       `json:"study,omitempty"`
	Source     halong.Source   `json:"source"`
	Created    time.Time       `json:"created"`
	Updated    time.Time       `json:"updated"`
	Attributes *dataset.Set    `json:"-"` // in UTF-8
	Links      []Link          `json:"steps,omitempty"`
}

// Link is a step that a Performed Procedure Step was scheduled as.
type Link struct {
	Order int64 `json:"order"`
	Index int   `json:"step"` // from 0
}

// The values of Performed Procedure Step Status.
const (
	InProgress            = "IN PROGRESS"
	PerformedCompleted    = "COMPLETED"
	PerformedDiscontinued = "DISCONTINUED"
)

// ErrFinal says that a Performed Procedure Step is completed or discontinued, and may not be changed any more (PS3.4 F.7.2.2.2).
var ErrFinal = errors.New("the performed procedure step may no longer be updated")

// Problem is what is wrong with an attribute.
type Problem uint8

// The problems.
const (
	Missing Problem = iota // it is not there
	Empty                  // it has no value
	Wrong                  // its value may not be
)

// AttributeError says which attribute breaks PS3.4 table F.7.2-1.
type AttributeError struct {
	Tag     dicom.Tag
	Problem Problem
}

// Error names the attribute.
func (e *AttributeError) Error() string {
	return fmt.Sprintf("%v is %s", e.Tag, [...]string{"missing", "empty", "not allowed with this value"}[e.Problem])
}

// createType1 are the attributes of N-CREATE that must have a value (PS3.4 table F.7.2-1).
var createType1 = []dicom.Tag{
	tag.ScheduledStepAttributesSequence, tag.PerformedProcedureStepID, tag.PerformedStationAETitle,
	tag.PerformedProcedureStepStartDate, tag.PerformedProcedureStepStartTime, tag.PerformedProcedureStepStatus, tag.Modality,
}

// checkCreate checks what N-CREATE brings. Attributes of type 2 may be missing altogether: many modalities leave them out, and nothing is
// lost with them.
func checkCreate(s *dataset.Set) error {
	if err := required(s, createType1...); err != nil {
		return err
	}
	if v := s.String(tag.PerformedProcedureStepStatus); v != InProgress {
		return &AttributeError{tag.PerformedProcedureStepStatus, Wrong}
	}
	for _, item := range s.Get(tag.ScheduledStepAttributesSequence).Items {
		if err := required(item, tag.StudyInstanceUID); err != nil {
			return err
		}
	}
	return nil
}

// checkFinal checks what a step must have when it is completed or discontinued. Without images there is no Performed Series.
func checkFinal(s *dataset.Set) error {
	if err := required(s, tag.PerformedProcedureStepEndDate, tag.PerformedProcedureStepEndTime); err != nil {
		return err
	}
	series := s.Get(tag.PerformedSeriesSequence)
	if s.String(tag.PerformedProcedureStepStatus) == PerformedCompleted && (series == nil || len(series.Items) == 0) {
		return required(s, tag.PerformedSeriesSequence)
	}
	if series == nil {
		return nil
	}
	for _, item := range series.Items {
		if err := required(item, tag.SeriesInstanceUID, tag.ProtocolName); err != nil {
			return err
		}
	}
	return nil
}

// required tells which of some attributes is not there, or has no value.
func required(s *dataset.Set, tags ...dicom.Tag) error {
	for _, t := range tags {
		e := s.Get(t)
		switch {
		case e == nil:
			return &AttributeError{t, Missing}
		case len(e.Items) == 0 && (e.VR == dicom.SQ || s.String(t) == ""):
			return &AttributeError{t, Empty}
		}
	}
	return nil
}

// notInSet are the attributes that N-SET may not change (PS3.4 table F.7.2-1).
var notInSet = []dicom.Tag{
	tag.ScheduledStepAttributesSequence, tag.PatientName, tag.PatientID, tag.IssuerOfPatientID, tag.PatientBirthDate, tag.PatientSex,
	tag.ReferencedPatientSequence, tag.PerformedProcedureStepID, tag.PerformedStationAETitle, tag.PerformedStationName, tag.PerformedLocation,
	tag.PerformedProcedureStepStartDate, tag.PerformedProcedureStepStartTime, tag.Modality, tag.StudyID,
}

// set takes over what N-SET brings. It gives the attributes that were left as they are because they may not be changed.
func (p *Performed) set(s *dataset.Set) (left []dicom.Tag) {
	out := clone(p.Attributes)
	for i := range s.Elements {
		e := s.Elements[i]
		if !slices.Contains(notInSet, e.Tag) {
			out.Put(e)
			continue
		}
		if !sameElement(p.Attributes, s, e.Tag) {
			left = append(left, e.Tag)
		}
	}
	p.Attributes, p.Status = out, out.String(tag.PerformedProcedureStepStatus)
	return left
}

// sameElement tells whether two Data Sets say the same of an attribute; one that is not there says what an empty one does.
func sameElement(a, b *dataset.Set, t dicom.Tag) bool {
	var x, y []*dataset.Set
	if e := a.Get(t); e != nil {
		x = e.Items
	}
	if e := b.Get(t); e != nil {
		y = e.Items
	}
	return slices.Equal(a.Strings(t), b.Strings(t)) && slices.EqualFunc(x, y, sameSet)
}

func sameSet(a, b *dataset.Set) bool {
	for _, s := range []*dataset.Set{a, b} {
		for i := range s.Elements {
			if !sameElement(a, b, s.Elements[i].Tag) {
				return false
			}
		}
	}
	return true
}

// final tells whether nothing may be changed any more.
func (p *Performed) final() bool { return p.Status != InProgress }
