package sqlite

import (
	"strings"

	"golang.org/x/text/unicode/norm"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/query"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/internal/fold"
)

// studyColumns are the columns of a study row that searches are narrowed by.
type studyColumns struct {
	date, patient, name, birth, accession, studyID, referring, description string
	attributes                                                             []byte
}

func columnsOf(s *dataset.Set) studyColumns {
	return studyColumns{
		date:        date(s.String(tag.StudyDate)),
		patient:     text(s, tag.PatientID),
		name:        strings.Join(groups(s.Strings(tag.PatientName)), "="),
		birth:       date(s.String(tag.PatientBirthDate)),
		accession:   text(s, tag.AccessionNumber),
		studyID:     text(s, tag.StudyID),
		referring:   strings.Join(groups(s.Strings(tag.ReferringPhysicianName)), "="),
		description: text(s, tag.StudyDescription),
		attributes:  encode(s),
	}
}

// values are the columns in the order in which statements name them.
func (c *studyColumns) values() []any {
	return []any{c.date, c.patient, c.name, c.birth, c.accession, c.studyID, c.referring, c.description, c.attributes}
}

// date gives a DA value as YYYYMMDD; empty if it is none.
func date(v string) string {
	d, ok := query.NormalizeDate(v)
	if !ok {
		return ""
	}
	return d
}

// text gives the first value of an attribute in the form in which values are compared.
func text(s *dataset.Set, t dicom.Tag) string { return norm.NFC.String(s.String(t)) }

// groups gives the component groups of a person name's values (PS3.5 6.2.1),
// folded, without empty ones.
func groups(values []string) (folded []string) {
	for _, v := range values {
		for g := range strings.SplitSeq(v, "=") {
			if g = fold.Name(g); g != "" {
				folded = append(folded, g)
			}
		}
	}
	return folded
}

// noNumber stands for an absent Series or Instance Number; it is one more than an IS can hold (PS3.5 6.2).
const noNumber = 1 << 31

func number(s *dataset.Set, t dicom.Tag) int64 {
	if n, ok := s.Int(t); ok && n < noNumber && n >= -noNumber {
		return n
	}
	return noNumber
}
