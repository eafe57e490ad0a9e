package storage

import (
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
)

// levelOf says at which level of the information model the index keeps an
// attribute: patient and study attributes at LevelStudy, 0 for those it does
// not keep. The list holds the required return attributes of PS3.18 10.6.3.3
// and what users of worklists, viewers and archives search by.
func levelOf(t dicom.Tag) Level {
	switch t {
	case tag.StudyDate, tag.StudyTime, tag.AccessionNumber, tag.IssuerOfAccessionNumberSequence,
		tag.ReferringPhysicianName, tag.TimezoneOffsetFromUTC, tag.StudyDescription, tag.ProcedureCodeSequence,
		tag.NameOfPhysiciansReadingStudy, tag.AdmittingDiagnosesDescription,
		tag.PatientName, tag.PatientID, tag.IssuerOfPatientID, tag.PatientBirthDate, tag.PatientBirthTime,
		tag.PatientSex, tag.OtherPatientIDs, tag.OtherPatientNames, tag.PatientAge, tag.PatientSize,
		tag.PatientWeight, tag.EthnicGroup, tag.Occupation, tag.AdditionalPatientHistory, tag.PatientComments,
		tag.StudyInstanceUID, tag.StudyID, tag.RequestingPhysician:
		return LevelStudy
	case tag.Modality, tag.SeriesDate, tag.SeriesTime, tag.SeriesDescription, tag.SeriesInstanceUID, tag.SeriesNumber,
		tag.Laterality, tag.BodyPartExamined, tag.PatientPosition, tag.ProtocolName, tag.PresentationIntentType,
		tag.PerformingPhysicianName, tag.OperatorsName, tag.Manufacturer, tag.ManufacturerModelName,
		tag.InstitutionName, tag.InstitutionalDepartmentName, tag.StationName, tag.FrameOfReferenceUID,
		tag.PerformedProcedureStepStartDate, tag.PerformedProcedureStepStartTime, tag.PerformedProcedureStepID,
		tag.PerformedProcedureStepDescription, tag.RequestAttributesSequence:
		return LevelSeries
	case tag.SOPClassUID, tag.SOPInstanceUID, tag.InstanceNumber, tag.Rows, tag.Columns, tag.BitsAllocated,
		tag.NumberOfFrames, tag.ImageType, tag.ContentDate, tag.ContentTime, tag.AcquisitionDate,
		tag.AcquisitionTime, tag.AcquisitionDateTime, tag.AcquisitionNumber, tag.InstanceCreationDate,
		tag.InstanceCreationTime, tag.ConceptNameCodeSequence, tag.CompletionFlag, tag.VerificationFlag,
		tag.ContentLabel, tag.ContentDescription, tag.DocumentTitle, tag.MIMETypeOfEncapsulatedDocument:
		return LevelInstance
	}
	return 0
}

// maxIndexed is the longest value in bytes that the index keeps of one attribute.
const maxIndexed = 4 << 10

// attributes gathers, while a data set is read, what the index keeps of it.
type attributes struct {
	charset dataset.Element
	levels  [LevelInstance + 1]dataset.Set
	frames  dataset.FrameBuilder
}

// take looks at the top-level token just read and keeps its value if the index
// wants it. It consumes sequences it keeps.
func (a *attributes) take(r *dataset.Reader, t dataset.Token) error {
	if t.Kind == dataset.SequenceStart {
		if level := levelOf(t.Tag); level != 0 {
			return a.sequence(r, t, level)
		}
		return nil
	}
	if t.External || t.Length > maxIndexed {
		return nil
	}
	level := levelOf(t.Tag)
	shape := frameShape(t.Tag)
	if level == 0 && !shape && t.Tag != tag.SpecificCharacterSet {
		return nil
	}
	v, err := r.ValueLE()
	if err != nil {
		return err
	}
	if shape {
		a.frames.Element(t.Tag, v)
	}
	e := dataset.Element{Tag: t.Tag, VR: t.VR, Value: append([]byte(nil), v...)}
	if t.Tag == tag.SpecificCharacterSet {
		a.charset = e
	} else if level != 0 {
		a.levels[level].Put(e)
	}
	return nil
}

// known gives a value that was sent as UN the VR that the dictionary has for its
// tag (PS3.5 6.2.2 note 2), if it is one that the index may want.
func known(t dataset.Token) dataset.Token {
	if t.Kind != dataset.DataElement || t.VR != dicom.UN || t.Length > maxIndexed {
		return t
	}
	if vr := dicom.VROf(t.Tag); vr != dicom.SQ && !vr.IsBulk() {
		t.VR = vr
	}
	return t
}

// frameShape tells whether the frame table is computed from the element.
func frameShape(t dicom.Tag) bool {
	switch t {
	case tag.Rows, tag.Columns, tag.SamplesPerPixel, tag.BitsAllocated, tag.NumberOfFrames, tag.PhotometricInterpretation:
		return true
	}
	return false
}

// sequence keeps a whole sequence, if it is of moderate size.
func (a *attributes) sequence(r *dataset.Reader, t dataset.Token, level Level) error {
	e, err := r.ReadSequence(t)
	if err != nil {
		return err
	}
	if len(e.Items) <= 16 {
		a.levels[level].Put(e)
	}
	return nil
}

// finish gives the three levels in UTF-8.
func (a *attributes) finish(ts dicom.UID) (study, series, instance *dataset.Set) {
	for i := LevelStudy; i <= LevelInstance; i++ {
		s := &a.levels[i]
		if a.charset.Tag != 0 {
			s.Put(a.charset)
		}
		s.DecodeUTF8()
		s.Delete(tag.SpecificCharacterSet)
	}
	a.levels[LevelInstance].PutString(tag.AvailableTransferSyntaxUID, dicom.UI, string(ts))
	return &a.levels[LevelStudy], &a.levels[LevelSeries], &a.levels[LevelInstance]
}
