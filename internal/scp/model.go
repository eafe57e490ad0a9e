package scp

import (
	"strings"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/storage"
)

// queryLevel is a level of the information models (PS3.4 C.6.1.1), of which the index's begin at the second.
type queryLevel uint8

const (
	patientLevel queryLevel = iota
	studyLevel
	seriesLevel
	imageLevel
)

// levelNames are the values of Query/Retrieve Level (0008,0052).
var levelNames = [...]string{"PATIENT", "STUDY", "SERIES", "IMAGE"}

// uniqueKeys identify the entities of the levels.
var uniqueKeys = [...]dicom.Tag{tag.PatientID, tag.StudyInstanceUID, tag.SeriesInstanceUID, tag.SOPInstanceUID}

// stored gives the level at which the index is asked: patients are found by their studies.
func (l queryLevel) stored() storage.Level { return storage.Level(max(l, studyLevel)) }

// model is a Query/Retrieve information model (PS3.4 C.6) with the SOP Classes that use it.
type model struct {
	find, move, get dicom.UID
	first, last     queryLevel
}

// The models.
var models = [...]model{
	{"1.2.840.10008.5.1.4.1.2.1.1", "1.2.840.10008.5.1.4.1.2.1.2", "1.2.840.10008.5.1.4.1.2.1.3", patientLevel, imageLevel}, // Patient Root
	{"1.2.840.10008.5.1.4.1.2.2.1", "1.2.840.10008.5.1.4.1.2.2.2", "1.2.840.10008.5.1.4.1.2.2.3", studyLevel, imageLevel},   // Study Root
	{"1.2.840.10008.5.1.4.1.2.3.1", "1.2.840.10008.5.1.4.1.2.3.2", "1.2.840.10008.5.1.4.1.2.3.3", patientLevel, studyLevel}, // Patient/Study Only, retired
}

// level finds a level that the model has.
func (m *model) level(name string) (queryLevel, bool) {
	for l := m.first; l <= m.last; l++ {
		if levelNames[l] == strings.TrimSpace(name) {
			return l, true
		}
	}
	return 0, false
}

// The bytes of the service class application information of C-FIND (PS3.4 tables C.5-1 and C.5-2). Of C-MOVE and C-GET
// the first means the same (tables C.5-3 to C.5-6).
const (
	extRelational = iota
	extDateTime   // combined date-time matching
	extFuzzy      // fuzzy semantic matching of person names
	extZone       // time zone query adjustment
	extEnhanced   // enhanced multi-frame image conversion, which is not done
	extEmpty      // empty value matching
	extMultiple   // multiple value matching
	extensions
)

// extendedFind answers what a peer asks for of C-FIND: all but the conversion to enhanced multi-frame images.
func extendedFind(application []byte) []byte {
	answer := make([]byte, len(application))
	for i := range answer {
		if i < extensions && i != extEnhanced && application[i] == 1 {
			answer[i] = 1
		}
	}
	return answer
}

// extendedRetrieve answers for C-MOVE and C-GET: relational retrieval, and no conversion.
func extendedRetrieve(application []byte) []byte {
	answer := make([]byte, len(application))
	if set(application, extRelational) {
		answer[extRelational] = 1
	}
	return answer
}

// patientAttribute tells whether an attribute that the index keeps with studies is the patient's (PS3.4 table C.6-1).
func patientAttribute(t dicom.Tag) bool {
	switch t {
	case tag.PatientAge, tag.PatientSize, tag.PatientWeight, tag.Occupation, tag.AdditionalPatientHistory:
		return false
	}
	return t.Group() == 0x0010
}

// levelOf tells at which level answers have an attribute; ok is false when neither index nor archive know it.
func levelOf(t dicom.Tag) (l queryLevel, ok bool) {
	switch t {
	case tag.ModalitiesInStudy, tag.NumberOfStudyRelatedSeries, tag.NumberOfStudyRelatedInstances:
		return studyLevel, true
	case tag.NumberOfSeriesRelatedInstances:
		return seriesLevel, true
	case tag.AvailableTransferSyntaxUID:
		return imageLevel, true
	case tag.NumberOfPatientRelatedStudies, tag.NumberOfPatientRelatedSeries, tag.NumberOfPatientRelatedInstances:
		return patientLevel, true
	}
	s := storage.LevelOf(t)
	if s == storage.LevelStudy && patientAttribute(t) {
		return patientLevel, true
	}
	return queryLevel(s), s != 0
}

// inHeads tells whether an attribute that the index does not keep may be looked for in an object of the
// answer: of an instance any; above it only those that are the same for all, as far as their groups tell.
func inHeads(l queryLevel, t dicom.Tag) bool {
	if t.IsPrivate() || t == tag.SOPClassesInStudy {
		return false
	}
	switch g := t.Group(); l {
	case patientLevel:
		return g == 0x0010 && patientAttribute(t)
	case studyLevel:
		return g == 0x0010 || g == 0x0012 || g == 0x0032 || g == 0x0038
	case seriesLevel:
		return g == 0x0008 || g == 0x0010 || g == 0x0012 || g == 0x0018 || g == 0x0020 || g == 0x0032 || g == 0x0038 || g == 0x0040
	default:
		return g < 0x7FE0
	}
}
