package dicomweb

import (
	"slices"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/storage"
)

// column is an attribute of search results.
type column struct {
	tag dicom.Tag
	vr  dicom.VR
	// required ones are present in every result, empty when not known (type R);
	// the others are there when known (type C).
	required bool
}

// What PS3.18 tables 10.6.3-3, -4 and -5 want returned, and the unique keys.
var (
	studyColumns = []column{
		{tag.SpecificCharacterSet, dicom.CS, false},
		{tag.StudyDate, dicom.DA, true},
		{tag.StudyTime, dicom.TM, true},
		{tag.AccessionNumber, dicom.SH, true},
		{tag.InstanceAvailability, dicom.CS, false},
		{tag.ModalitiesInStudy, dicom.CS, true},
		{tag.ReferringPhysicianName, dicom.PN, true},
		{tag.TimezoneOffsetFromUTC, dicom.SH, false},
		{tag.RetrieveURL, dicom.UR, false},
		{tag.PatientName, dicom.PN, true},
		{tag.PatientID, dicom.LO, true},
		{tag.PatientBirthDate, dicom.DA, true},
		{tag.PatientSex, dicom.CS, true},
		{tag.OtherPatientIDsSequence, dicom.SQ, false}, // where a former Patient ID was asked for
		{tag.StudyInstanceUID, dicom.UI, true},
		{tag.StudyID, dicom.SH, true},
		{tag.NumberOfStudyRelatedSeries, dicom.IS, true},
		{tag.NumberOfStudyRelatedInstances, dicom.IS, true},
	}
	seriesColumns = []column{
		{tag.SpecificCharacterSet, dicom.CS, false},
		{tag.InstanceAvailability, dicom.CS, false},
		{tag.Modality, dicom.CS, true},
		{tag.TimezoneOffsetFromUTC, dicom.SH, false},
		{tag.SeriesDescription, dicom.LO, false},
		{tag.RetrieveURL, dicom.UR, false},
		{tag.SeriesInstanceUID, dicom.UI, true},
		{tag.SeriesNumber, dicom.IS, true},
		{tag.NumberOfSeriesRelatedInstances, dicom.IS, true},
		{tag.PerformedProcedureStepStartDate, dicom.DA, false},
		{tag.PerformedProcedureStepStartTime, dicom.TM, false},
		{tag.RequestAttributesSequence, dicom.SQ, false},
	}
	instanceColumns = []column{
		{tag.SpecificCharacterSet, dicom.CS, false},
		{tag.SOPClassUID, dicom.UI, true},
		{tag.SOPInstanceUID, dicom.UI, true},
		{tag.InstanceAvailability, dicom.CS, false},
		{tag.TimezoneOffsetFromUTC, dicom.SH, false},
		{tag.RetrieveURL, dicom.UR, false},
		{tag.InstanceNumber, dicom.IS, true},
		{tag.Rows, dicom.US, false},
		{tag.Columns, dicom.US, false},
		{tag.BitsAllocated, dicom.US, false},
		{tag.NumberOfFrames, dicom.IS, false},
	}
	parentColumns = []column{{tag.StudyInstanceUID, dicom.UI, true}, {tag.SeriesInstanceUID, dicom.UI, true}}
)

// resource is one of the resources that can be searched (PS3.18 table 10.6.1-1).
type resource struct {
	level   storage.Level
	highest storage.Level // whose attributes belong to the results
	columns []column
}

// The resources: relational searches give the attributes of all levels that
// their path leaves open. The UIDs of the parents are always given.
var (
	studies           = makeResource(storage.LevelStudy, storage.LevelStudy)
	allSeries         = makeResource(storage.LevelSeries, storage.LevelStudy)
	seriesOfStudy     = makeResource(storage.LevelSeries, storage.LevelSeries)
	allInstances      = makeResource(storage.LevelInstance, storage.LevelStudy)
	instancesOfStudy  = makeResource(storage.LevelInstance, storage.LevelSeries)
	instancesOfSeries = makeResource(storage.LevelInstance, storage.LevelInstance)
)

func makeResource(level, highest storage.Level) resource {
	r := resource{level: level, highest: highest, columns: slices.Clone(parentColumns[:level-1])}
	for l := highest; l <= level; l++ {
		r.columns = append(r.columns, [][]column{nil, studyColumns, seriesColumns, instanceColumns}[l]...)
	}
	r.columns = sortColumns(r.columns)
	return r
}

// sortColumns sorts by tag and drops doubles; a required one wins.
func sortColumns(c []column) []column {
	slices.SortStableFunc(c, func(a, b column) int {
		switch {
		case a.tag != b.tag && a.tag < b.tag, a.tag == b.tag && a.required && !b.required:
			return -1
		case a.tag != b.tag, b.required && !a.required:
			return 1
		}
		return 0
	})
	return slices.CompactFunc(c, func(a, b column) bool { return a.tag == b.tag })
}

// computed tells whether the archive computes the attribute: it is not looked for in objects.
func computed(t dicom.Tag) bool {
	switch t {
	case tag.InstanceAvailability, tag.ModalitiesInStudy, tag.SOPClassesInStudy, tag.RetrieveURL,
		tag.NumberOfStudyRelatedSeries, tag.NumberOfStudyRelatedInstances, tag.NumberOfSeriesRelatedInstances,
		tag.AvailableTransferSyntaxUID, tag.SpecificCharacterSet, tag.RetrieveAETitle, tag.QueryRetrieveLevel:
		return true
	}
	return false
}

// inHeads tells whether an attribute that the index does not keep may be looked
// for in the objects of a result: at instance level any; above it only those
// that are the same for all instances of the study or series, as far as their groups tell.
func inHeads(level storage.Level, t dicom.Tag) bool {
	switch g := t.Group(); level {
	case storage.LevelStudy:
		return g == 0x0010 || g == 0x0012 || g == 0x0032 || g == 0x0038
	case storage.LevelSeries:
		return g == 0x0008 || g == 0x0010 || g == 0x0012 || g == 0x0018 || g == 0x0020 || g == 0x0032 || g == 0x0038 || g == 0x0040
	}
	return !isPixels(t)
}
