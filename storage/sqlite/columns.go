package sqlite

import (
	"strings"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/internal/fold"
)

// studyColumns are the columns of a study row that searches are narrowed by.
type studyColumns struct {
	date, patient, name, birth, accession, studyID, referring, description string
	attributes                                                            []byte
}

func columnsOf(s *dataset.Set) studyColumns {
	return studyColumns{
		date:        date(s.String(tag.StudyDate)),
		patient:     s.String(tag.PatientID),
		name:        fold.Name(s.String(tag.PatientName)),
		birth:       date(s.String(tag.PatientBirthDate)),
		accession:   s.String(tag.AccessionNumber),
		studyID:     s.String(tag.StudyID),
		referring:   fold.Name(s.String(tag.ReferringPhysicianName)),
		description: s.String(tag.StudyDescription),
		attributes:  encode(s),
	}
}

// values are the columns in the order in which statements name them.
func (c *studyColumns) values() []any {
	return []any{c.date, c.patient, c.name, c.birth, c.accession, c.studyID, c.referring, c.description, c.attributes}
}

// date gives a DA value as YYYYMMDD, also when it is written as ACR-NEMA did
// (YYYY.MM.DD); empty if it is no date.
func date(v string) string {
	if len(v) == 10 && v[4] == '.' && v[7] == '.' {
		v = v[:4] + v[5:7] + v[8:]
	}
	if len(v) != 8 || strings.Trim(v, "0123456789") != "" {
		return ""
	}
	return v
}

// noNumber stands for an absent Series or Instance Number; it is one more than an IS can hold (PS3.5 6.2).
const noNumber = 1 << 31

func number(s *dataset.Set, t dicom.Tag) int64 {
	if n, ok := s.Int(t); ok && n < noNumber && n >= -noNumber {
		return n
	}
	return noNumber
}
