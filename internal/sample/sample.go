package sample

import (
	"crypto/sha256"
	"math/big"
	"time"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
)

// Options choose the patient and the time.
type Options struct {
	Seed string    // other seeds give other UIDs, control IDs and accession numbers
	Time time.Time // of the CT; everything else happened around it

	PatientName string // in DICOM's form; default NGUYỄN^VĂN^AN
	PatientID   string // default BN000123
	CitizenID   string // CCCD; default 001085012345
	Slices      int    // of the CT; default 24
}

// Object is one SOP Instance, encoded.
type Object struct {
	What           string // "CT slice 1"
	SOPClass       dicom.UID
	SOPInstance    dicom.UID
	Study, Series  dicom.UID
	TransferSyntax dicom.UID
	DataSet        []byte
}

// Part10 gives the object as a file (PS3.10).
func (o *Object) Part10() []byte {
	b := dataset.AppendFileHeader(nil, o.SOPClass, o.SOPInstance, o.TransferSyntax, "SAMPLE")
	return append(b, o.DataSet...)
}

// Patient is the invented patient.
type Patient struct{ o Options }

// New fills in the defaults.
func New(o Options) *Patient {
	if o.Time.IsZero() {
		o.Time = time.Date(2026, 11, 2, 9, 30, 15, 0, time.FixedZone("+07", 7*3600))
	}
	if o.PatientName == "" {
		o.PatientName = "NGUYỄN^VĂN^AN"
	}
	if o.PatientID == "" {
		o.PatientID = "BN000123"
	}
	if o.CitizenID == "" {
		o.CitizenID = "001085012345"
	}
	if o.Slices == 0 {
		o.Slices = 24
	}
	return &Patient{o}
}

// ID gives the patient's number in the hospital.
func (p *Patient) ID() string { return p.o.PatientID }

// UID gives a UID for a name, the same each time: one derived from a UUID
// (PS3.5 B.2) that is itself a hash of seed and name.
func (p *Patient) UID(name string) dicom.UID {
	sum := sha256.Sum256([]byte("halong sample\x00" + p.o.Seed + "\x00" + name))
	id := sum[:16]
	id[6] = id[6]&0x0f | 0x80 // version 8: made by the application (RFC 9562 5.8)
	id[8] = id[8]&0x3f | 0x80
	return dicom.UID("2.25." + new(big.Int).SetBytes(id).String())
}

// Objects gives all SOP Instances in the order of their making.
func (p *Patient) Objects() []Object {
	out := p.CT()
	out = append(out, p.Report(), p.PDF(), p.CR(), p.US())
	return out
}

func (p *Patient) finish(what string, s *dataset.Set) Object {
	ts, _ := dicom.LookupTransferSyntax(dicom.ExplicitVRLittleEndian)
	return Object{
		What:           what,
		SOPClass:       s.UID(tagSOPClassUID),
		SOPInstance:    s.UID(tagSOPInstanceUID),
		Study:          s.UID(tagStudyInstanceUID),
		Series:         s.UID(tagSeriesInstanceUID),
		TransferSyntax: dicom.ExplicitVRLittleEndian,
		DataSet:        s.Append(nil, ts),
	}
}
