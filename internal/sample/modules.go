package sample

import (
	"fmt"
	"time"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
)

const (
	tagSOPClassUID       = tag.SOPClassUID
	tagSOPInstanceUID    = tag.SOPInstanceUID
	tagStudyInstanceUID  = tag.StudyInstanceUID
	tagSeriesInstanceUID = tag.SeriesInstanceUID
)

// study and series say where an object belongs.
type study struct {
	name        string // of its UID
	id          string
	accession   string
	description string
	at          time.Time
}

type series struct {
	study
	name        string
	number      int
	modality    string
	description string
	bodyPart    string
}

func da(t time.Time) string { return t.Format("20060102") }
func tm(t time.Time) string { return t.Format("150405") }

// object begins a SOP Instance with the modules that all of them have: Patient (PS3.3 C.7.1.1),
// General Study (C.7.2.1), General Series (C.7.3.1), General Equipment (C.7.5.1) and SOP Common (C.12.1).
func (p *Patient) object(class dicom.UID, se series, instance int) *dataset.Set {
	s := &dataset.Set{}
	s.PutString(tag.SpecificCharacterSet, dicom.CS, "ISO_IR 192")
	s.PutString(tag.SOPClassUID, dicom.UI, string(class))
	s.PutString(tag.SOPInstanceUID, dicom.UI, string(p.UID(fmt.Sprint(se.name, " ", instance))))
	s.PutString(tag.InstanceCreationDate, dicom.DA, da(se.at))
	s.PutString(tag.InstanceCreationTime, dicom.TM, tm(se.at))
	s.PutString(tag.TimezoneOffsetFromUTC, dicom.SH, se.at.Format("-0700"))
	p.patient(s)
	s.PutString(tag.StudyInstanceUID, dicom.UI, string(p.UID("study "+se.study.name)))
	s.PutString(tag.StudyID, dicom.SH, se.id)
	s.PutString(tag.StudyDate, dicom.DA, da(se.study.at))
	s.PutString(tag.StudyTime, dicom.TM, tm(se.study.at))
	s.PutString(tag.AccessionNumber, dicom.SH, se.accession)
	s.PutString(tag.ReferringPhysicianName, dicom.PN, "TRẦN^THỊ HÀ")
	s.PutString(tag.StudyDescription, dicom.LO, se.study.description)
	s.PutString(tag.SeriesInstanceUID, dicom.UI, string(p.UID("series "+se.name)))
	s.PutString(tag.SeriesNumber, dicom.IS, fmt.Sprint(se.number))
	s.PutString(tag.Modality, dicom.CS, se.modality)
	s.PutString(tag.SeriesDescription, dicom.LO, se.description)
	s.PutString(tag.SeriesDate, dicom.DA, da(se.at))
	s.PutString(tag.SeriesTime, dicom.TM, tm(se.at))
	if se.bodyPart != "" {
		s.PutString(tag.BodyPartExamined, dicom.CS, se.bodyPart)
	}
	s.PutString(tag.Manufacturer, dicom.LO, "Halong")
	s.PutString(tag.InstitutionName, dicom.LO, "Bệnh viện Đa khoa Hạ Long")
	s.PutString(tag.StationName, dicom.SH, se.modality+"1")
	s.PutString(tag.ManufacturerModelName, dicom.LO, "Sample "+se.modality)
	s.PutString(tag.DeviceSerialNumber, dicom.LO, "0001")
	s.PutString(tag.SoftwareVersions, dicom.LO, "1")
	s.PutString(tag.InstanceNumber, dicom.IS, fmt.Sprint(instance))
	return s
}

// patient puts the Patient module. The citizen identity number (CCCD) is
// another ID of the same person.
func (p *Patient) patient(s *dataset.Set) {
	s.PutString(tag.PatientName, dicom.PN, p.o.PatientName)
	s.PutString(tag.PatientID, dicom.LO, p.o.PatientID)
	s.PutString(tag.IssuerOfPatientID, dicom.LO, "BV1")
	s.PutString(tag.PatientBirthDate, dicom.DA, "19850312")
	s.PutString(tag.PatientSex, dicom.CS, "M")
	s.PutString(tag.PatientAge, dicom.AS, "041Y")
	cccd := &dataset.Set{}
	cccd.PutString(tag.PatientID, dicom.LO, p.o.CitizenID)
	cccd.PutString(tag.IssuerOfPatientID, dicom.LO, "CCCD")
	cccd.PutString(tag.TypeOfPatientID, dicom.CS, "TEXT")
	s.Put(dataset.Element{Tag: tag.OtherPatientIDsSequence, VR: dicom.SQ, Items: []*dataset.Set{cccd}})
}

// image puts the Image Pixel module (PS3.3 C.7.6.3) of grey values.
func image(s *dataset.Set, rows, columns, allocated, stored int, pixels []byte) {
	s.PutInt(tag.SamplesPerPixel, dicom.US, 1)
	s.PutString(tag.PhotometricInterpretation, dicom.CS, "MONOCHROME2")
	s.PutInt(tag.Rows, dicom.US, int64(rows))
	s.PutInt(tag.Columns, dicom.US, int64(columns))
	s.PutInt(tag.BitsAllocated, dicom.US, int64(allocated))
	s.PutInt(tag.BitsStored, dicom.US, int64(stored))
	s.PutInt(tag.HighBit, dicom.US, int64(stored-1))
	s.PutInt(tag.PixelRepresentation, dicom.US, 0)
	vr := dicom.OW
	if allocated == 8 {
		vr = dicom.OB
	}
	s.Put(dataset.Element{Tag: tag.PixelData, VR: vr, Value: pixels})
}

func window(s *dataset.Set, center, width string) {
	s.PutString(tag.WindowCenter, dicom.DS, center)
	s.PutString(tag.WindowWidth, dicom.DS, width)
}

// code gives an item of a code sequence (PS3.3 8.8).
func code(value, scheme, meaning string) *dataset.Set {
	c := &dataset.Set{}
	c.PutString(tag.CodeValue, dicom.SH, value)
	c.PutString(tag.CodingSchemeDesignator, dicom.SH, scheme)
	c.PutString(tag.CodeMeaning, dicom.LO, meaning)
	return c
}

func putItems(s *dataset.Set, t dicom.Tag, items ...*dataset.Set) {
	s.Put(dataset.Element{Tag: t, VR: dicom.SQ, Items: items})
}
