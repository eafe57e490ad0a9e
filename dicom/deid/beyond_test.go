package deid

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
)

// What identifies goes also where table E.1-1 does not list it.
func TestBeyondTheTable(t *testing.T) {
	object := func() *dataset.Set {
		s := patient("P1")
		s.PutString(tag.PatientBirthDateInAlternativeCalendar, dicom.LO, "secret 2513")
		s.PutString(tag.PatientDeathDateInAlternativeCalendar, dicom.LO, "secret 2563")
		s.PutString(tag.RetrieveURL, dicom.UR, "https://secret.example/studies/1.2.3")
		s.PutString(tag.RetrieveURI, dicom.UR, "https://secret.example/wado?studyUID=1.2.3")
		s.PutString(tag.PlacerOrderNumberProcedure, dicom.SH, "secret 1")
		s.PutString(tag.FillerOrderNumberProcedure, dicom.SH, "secret 2")
		s.PutString(tag.HL7InstanceIdentifier, dicom.ST, "1.2^secret")
		s.PutString(tag.ContentDescription, dicom.LO, "secret 12345")
		s.PutString(tag.CommentsOnTheScheduledProcedureStep, dicom.LT, "secret 12345")
		s.PutInt(tag.EncapsulatedDocumentLength, dicom.UL, 4711)
		issuer := &dataset.Set{}
		issuer.PutString(tag.LocalNamespaceEntityID, dicom.UT, "secret hospital")
		issuer.PutString(tag.UniversalEntityID, dicom.UT, "secret.example")
		note := &dataset.Set{}
		note.PutString(tag.UnformattedTextValue, dicom.ST, "secret 12345")
		for at, item := range map[dicom.Tag]*dataset.Set{
			tag.IssuerOfAccessionNumberSequence: issuer, tag.IssuerOfPatientIDQualifiersSequence: issuer, tag.WaveformAnnotationSequence: note,
		} {
			s.Put(dataset.Element{Tag: at, VR: dicom.SQ, Items: []*dataset.Set{item}})
		}
		return s
	}
	for _, o := range [][]Option{nil, {CleanStructuredContent}} {
		got := apply(t, newDeidentifier(t, 1, o...), object())
		if b := got.Append(nil, explicit()); bytes.Contains(b, []byte("secret")) || got.Get(tag.EncapsulatedDocumentLength) != nil {
			t.Errorf("%v: %q", o, b)
		}
	}
	cleaned := apply(t, newDeidentifier(t, 1, CleanDescriptors), object())
	if got := cleaned.String(tag.ContentDescription); got != "secret ***" {
		t.Error(got)
	}
	kept := apply(t, newDeidentifier(t, 1, RetainInstitutionIdentity), object())
	if got := kept.Get(tag.IssuerOfAccessionNumberSequence).Items[0].String(tag.UniversalEntityID); got != "secret.example" {
		t.Error(got)
	}
}

// A name is found in whatever order and notation it stands, with diacritics or without.
func TestNamesInOtherNotations(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"Nguyễn^Văn An", "NGUYEN VAN AN", "*** ***"},
		{"NGUYEN^VAN AN", "bn Nguyễn Văn An", "bn *** ***"},
		{"NGUYEN^VAN AN", "bn Nguye\u0302\u0303n", "bn ***"}, // decomposed
		{"Lê^Đức", "duc, le", "***, ***"},
		{"Lê^Đức", "le chat", "le chat"}, // alone it is a word
		{"Doe^Jo", "Jo Doe; JO^DOE", "*** ***; ***^***"},
		{"Wang^XiaoDong=王^小东", "患者王小东", "患者***"},
		{"Hong^Gildong=洪^吉洞=홍^길동", "홍길동 환자", "*** 환자"},
		{"Straße^Jan", "straße", "***"},
	} {
		s := patient("P1")
		s.PutString(tag.SpecificCharacterSet, dicom.CS, "ISO_IR 192")
		s.PutString(tag.PatientName, dicom.PN, c.name)
		s.PutString(tag.SegmentDescription, dicom.ST, c.text)
		if got := apply(t, newDeidentifier(t, 1), s).String(tag.SegmentDescription); got != c.want {
			t.Errorf("%s: %q became %q, want %q", c.name, c.text, got, c.want)
		}
	}
}

func FuzzWithout(f *testing.F) {
	f.Add("bn Nguyễn Văn An", "NGUYEN")
	f.Add("\xff\u0300ﬃẞ", "FFI")
	f.Fuzz(func(t *testing.T, v, id string) {
		folded := fold(v)
		if len(folded.at) != len(folded.text)+1 || !slices.IsSorted(folded.at) {
			t.Fatalf("%q: %v", folded.text, folded.at)
		}
		if id = fold(id).text; id == "" || strings.Contains(blot, id) {
			return
		}
		if got := without(v, id); !strings.Contains(folded.text, id) && got != v {
			t.Errorf("%q without %q: %q", v, id, got)
		}
	})
}

// Rows that the sources of the table gave otherwise than the standard does.
func TestCorrectedRows(t *testing.T) {
	var on chosen
	on[CleanDescriptors] = true
	if act := actionFor(tag.ROIObservationLabel, dicom.SH, &on); act != clean {
		t.Errorf("ROI Observation Label: %c", act)
	}
}
