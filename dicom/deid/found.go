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
	words map[string]bool // folded, of two letters and more
	ids   []string        // folded, of five characters and more, or of two ideograms
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
			f.words[fold(w).text] = true
		}
	}
	f.id(v)
	for g := range strings.SplitSeq(v, "=") {
		f.id(g)
		for c := range strings.SplitSeq(g, "^") {
			f.id(c)
		}
		if whole := strings.NewReplacer("^", "", " ", "").Replace(g); len([]rune(whole)) >= 2 && !strings.ContainsFunc(whole, notIdeogram) {
			f.add(whole)
		}
	}
}

// notIdeogram tells whether a rune is of a script that puts spaces between names.
func notIdeogram(r rune) bool {
	return !unicode.In(r, unicode.Han, unicode.Hangul, unicode.Hiragana, unicode.Katakana)
}

// minID is the length in characters from which an identifier is looked for inside other words.
const minID = 5

func (f *found) id(v string) {
	if v = strings.Trim(v, "^= "); len([]rune(v)) >= minID {
		f.add(v)
	}
}

func (f *found) add(v string) {
	if v = fold(v).text; v != "" && v != removed && !slices.Contains(f.ids, v) && !f.key.ownPseudonym(v) {
		f.ids = append(f.ids, v)
	}
}

// sweep looks through what was kept, and takes out identifiers that stand in places where nobody expects them.
func (f *found) sweep(s *dataset.Set) {
	if len(f.ids) == 0 && len(f.words) == 0 {
		return
	}
	for i := range s.Elements {
		e := &s.Elements[i]
		for _, item := range e.Items {
			f.sweep(item)
		}
		if len(e.Value) < minID || e.Tag == tag.PatientName || e.Tag == tag.PatientID {
			continue
		}
		if e.VR.IsText() {
			was := string(bytes.TrimRight(e.Value, " \x00"))
			if v := f.withoutNames(f.without(was), 2); v != was {
				set(e, v)
			}
			continue
		}
		switch {
		case !f.in(string(e.Value)):
		case e.VR == dicom.CS, e.VR == dicom.AE, e.VR == dicom.UR, e.VR == dicom.UN,
			e.VR == dicom.IS && slices.Contains(f.ids, strings.Trim(string(e.Value), " \x00")): // a number that is the Patient ID
			*e = dataset.Element{Tag: e.Tag, VR: e.VR, Value: []byte{}}
		}
	}
}

// in tells whether a text holds an identifier.
func (f *found) in(v string) bool {
	v = fold(v).text
	return slices.ContainsFunc(f.ids, func(id string) bool { return strings.Contains(v, id) })
}

// blot stands where an identifier was.
const blot = "***"

// without replaces identifiers wherever they stand in a text.
func (f *found) without(v string) string {
	for _, id := range f.ids {
		v = without(v, id)
	}
	return v
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
		values[i] = r.found.withoutNames(v, 1)
	}
	set(e, values...)
}

// withoutNames replaces words that are part of a name where at least so many stand together, in whatever
// order: "An" alone may be a word as any other, "An Nguyễn" is not.
func (f *found) withoutNames(v string, together int) string {
	var b strings.Builder
	var run [][2]int // the words of names just seen, by their ends
	done := 0
	flush := func() {
		for _, w := range run {
			if len(run) < together {
				break
			}
			b.WriteString(v[done:w[0]])
			b.WriteString(blot)
			done = w[1]
		}
		run = run[:0]
	}
	for _, w := range words(v) {
		if f.words[fold(v[w[0]:w[1]]).text] {
			run = append(run, w)
		} else {
			flush()
		}
	}
	flush()
	return b.String() + v[done:]
}

// words gives where words begin and end.
func words(v string) (all [][2]int) {
	word := -1
	for i, r := range v {
		switch {
		case notWord(r) && word >= 0:
			all = append(all, [2]int{word, i})
			word = -1
		case !notWord(r) && word < 0:
			word = i
		}
	}
	if word >= 0 {
		all = append(all, [2]int{word, len(v)})
	}
	return all
}
