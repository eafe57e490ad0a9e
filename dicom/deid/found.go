package deid

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
)

// found are the identifiers that a data set held: words of names, whole numbers.
// Whatever else holds one of them is cleaned too.
type found struct {
	key   key
	words map[string]bool // in upper case, of two letters and more
	ids   []string        // in upper case, of five characters and more
}

// identifying are attributes, beside names, whose values identify wherever they stand.
var identifying = []dicom.Tag{
	tag.PatientID, tag.OtherPatientIDs, tag.AccessionNumber, tag.AdmissionID, tag.MedicalRecordLocator, tag.PatientTelephoneNumbers,
	tag.PatientAddress, tag.PatientBirthDate, tag.ServiceEpisodeID, tag.PlacerOrderNumberImagingServiceRequest,
	tag.FillerOrderNumberImagingServiceRequest, tag.ReferringPhysicianTelephoneNumbers, tag.MilitaryRank, tag.PersonTelephoneNumbers,
}

// gather notes what a data set tells of persons.
func (f *found) gather(s *dataset.Set) {
	for i := range s.Elements {
		e := &s.Elements[i]
		switch {
		case e.VR == dicom.PN:
			for _, v := range s.Strings(e.Tag) {
				f.name(v)
			}
		case slices.Contains(identifying, e.Tag):
			for _, v := range s.Strings(e.Tag) {
				f.id(v)
			}
		}
		for _, item := range e.Items {
			f.gather(item)
		}
	}
}

func notWord(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) }

func (f *found) name(v string) {
	for _, w := range strings.FieldsFunc(v, notWord) {
		if len([]rune(w)) >= 2 {
			f.words[strings.ToUpper(w)] = true
		}
	}
	f.id(v)
	for g := range strings.SplitSeq(v, "=") {
		f.id(g)
		for c := range strings.SplitSeq(g, "^") {
			f.id(c)
		}
	}
}

// minID is the length in characters from which an identifier is looked for inside other words.
const minID = 5

func (f *found) id(v string) {
	v = strings.ToUpper(strings.Trim(v, "^= "))
	if len([]rune(v)) >= minID && v != removed && !slices.Contains(f.ids, v) && !f.key.ownPseudonym(v) {
		f.ids = append(f.ids, v)
	}
}

// sweep looks through what was kept, and takes out identifiers that stand in places where nobody expects them.
func (f *found) sweep(s *dataset.Set) {
	if len(f.ids) == 0 {
		return
	}
	for i := range s.Elements {
		e := &s.Elements[i]
		for _, item := range e.Items {
			f.sweep(item)
		}
		if len(e.Value) < minID || e.Tag == tag.PatientName || e.Tag == tag.PatientID || !f.in(string(e.Value)) {
			continue
		}
		switch {
		case e.VR.IsText():
			set(e, f.without(string(bytes.TrimRight(e.Value, " \x00"))))
		case e.VR == dicom.CS, e.VR == dicom.AE, e.VR == dicom.UR, e.VR == dicom.UN,
			e.VR == dicom.IS && slices.Contains(f.ids, strings.Trim(string(e.Value), " \x00")): // a number that is the Patient ID
			*e = dataset.Element{Tag: e.Tag, VR: e.VR, Value: []byte{}}
		}
	}
}

// in tells whether a text holds an identifier.
func (f *found) in(v string) bool {
	v = strings.ToUpper(v)
	return slices.ContainsFunc(f.ids, func(id string) bool { return strings.Contains(v, id) })
}

// blot stands where an identifier was.
const blot = "***"

// without replaces identifiers wherever they stand in a text.
func (f *found) without(v string) string {
	for _, id := range f.ids {
		v = foldReplace(v, id)
	}
	return v
}

// foldReplace replaces id, which is in upper case, whatever the case in which it stands in v.
func foldReplace(v, id string) string {
	re, err := regexp.Compile(`(?i)` + regexp.QuoteMeta(id))
	if err != nil {
		return blot
	}
	return re.ReplaceAllLiteralString(v, blot)
}

// suspicious are words that descriptions may hold beside the names that are known: addresses of mail, and
// anything with four digits or more, which may be a number, a date or a telephone.
var suspicious = regexp.MustCompile(`\S*@\S*|\S*\d{4}\S*|\S*\d[-./]\d+[-./]\d\S*`)

// cleanText takes out of a description what is known or looks like an identifier (PS3.15 E.3.5).
func (r *run) cleanText(s *dataset.Set, e *dataset.Element) {
	values := s.Strings(e.Tag)
	if len(values) == 0 {
		return
	}
	for i, v := range values {
		v = suspicious.ReplaceAllLiteralString(r.found.without(v), blot)
		values[i] = r.found.withoutNames(v)
	}
	set(e, values...)
}

// withoutNames replaces whole words that are part of a name.
func (f *found) withoutNames(v string) string {
	var b strings.Builder
	word := -1
	flush := func(end int) {
		if word < 0 {
			return
		}
		if w := v[word:end]; f.words[strings.ToUpper(w)] {
			b.WriteString(blot)
		} else {
			b.WriteString(w)
		}
		word = -1
	}
	for i, r := range v {
		if notWord(r) {
			flush(i)
			b.WriteRune(r)
		} else if word < 0 {
			word = i
		}
	}
	flush(len(v))
	return b.String()
}
