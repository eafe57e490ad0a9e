package coerce

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
)

func object() *dataset.Set {
	s := &dataset.Set{}
	s.PutString(tag.SpecificCharacterSet, dicom.CS, "ISO_IR 100")
	s.PutString(tag.SOPClassUID, dicom.UI, "1.2.840.10008.5.1.4.1.1.2")
	s.PutString(tag.AccessionNumber, dicom.SH, "A1")
	s.PutString(tag.Modality, dicom.CS, "CT")
	s.PutString(tag.PatientName, dicom.PN, "M\xfcller^Jo")
	s.PutString(tag.PatientID, dicom.LO, "0012")
	s.PutString(tag.StudyInstanceUID, dicom.UI, "1.2.3")
	for _, id := range []string{"R1", "R2"} {
		item := &dataset.Set{}
		item.PutString(tag.RequestedProcedureID, dicom.SH, id)
		e := s.Get(tag.RequestAttributesSequence)
		if e == nil {
			s.Put(dataset.Element{Tag: tag.RequestAttributesSequence, VR: dicom.SQ})
			e = s.Get(tag.RequestAttributesSequence)
		}
		e.Items = append(e.Items, item)
	}
	return s
}

// records knows one patient and one order.
type records struct{ err error }

func (r records) Patient(_ context.Context, facility, id, _ string) (*dataset.Set, error) {
	if facility != "BV1" || id != "0012" || r.err != nil {
		return nil, r.err
	}
	s := &dataset.Set{}
	s.PutString(tag.PatientName, dicom.PN, "Nguyễn^Văn An")
	return s, nil
}

func (r records) Order(_ context.Context, _, accession string) (*dataset.Set, error) {
	if accession != "A1" {
		return nil, nil
	}
	s := &dataset.Set{}
	s.PutString(tag.RequestingPhysician, dicom.PN, "Order^Doc")
	return s, nil
}

func TestActions(t *testing.T) {
	all := func(p string) func(*dataset.Set) []string {
		path, err := ParsePath(p)
		if err != nil {
			t.Fatal(err)
		}
		return path.values
	}
	for _, c := range []struct {
		name    string
		action  Action
		look    string
		want    []string
		changed []dicom.Tag
	}{
		{"set", Action{Kind: Set, Attribute: "PatientID", Value: []string{"X"}}, "PatientID", []string{"X"}, []dicom.Tag{tag.PatientID}},
		{"set to what it is", Action{Kind: Set, Attribute: "PatientID", Value: []string{"0012"}}, "PatientID", []string{"0012"}, nil},
		{"set what was not there", Action{Kind: Set, Attribute: "InstitutionName", Value: []string{"BV1"}}, "InstitutionName", []string{"BV1"}, []dicom.Tag{tag.InstitutionName}},
		{"set beyond the character set", Action{Kind: Set, Attribute: "InstitutionName", Value: []string{"Bệnh viện"}}, "PatientName", []string{"Müller^Jo"}, []dicom.Tag{tag.InstitutionName}},
		{"set in all items", Action{Kind: Set, Attribute: "(0040,0275).(0040,1001)", Value: []string{"R"}}, "RequestAttributesSequence.RequestedProcedureID", []string{"R", "R"}, []dicom.Tag{tag.RequestAttributesSequence}},
		{"set in one item", Action{Kind: Set, Attribute: "00400275[1].00401001", Value: []string{"R"}}, "RequestAttributesSequence[*].RequestedProcedureID", []string{"R1", "R"}, []dicom.Tag{tag.RequestAttributesSequence}},
		{"set in an item that is not there", Action{Kind: Set, Attribute: "00400275[2].00401001", Value: []string{"R"}}, "PatientID", []string{"0012"}, nil},
		{"copy", Action{Kind: Copy, Attribute: "AccessionNumber", To: "StudyID"}, "StudyID", []string{"A1"}, []dicom.Tag{tag.StudyID}},
		{"copy from an item", Action{Kind: Copy, Attribute: "RequestAttributesSequence[1].RequestedProcedureID", To: "StudyID"}, "StudyID", []string{"R2"}, []dicom.Tag{tag.StudyID}},
		{"copy nothing", Action{Kind: Copy, Attribute: "InstitutionName", To: "StudyID"}, "StudyID", nil, nil},
		{"remove", Action{Kind: Remove, Attribute: "PatientName"}, "PatientName", nil, []dicom.Tag{tag.PatientName}},
		{"remove what is not there", Action{Kind: Remove, Attribute: "PatientSex"}, "PatientSex", nil, nil},
		{"remove in items", Action{Kind: Remove, Attribute: "RequestAttributesSequence.RequestedProcedureID"}, "RequestAttributesSequence.RequestedProcedureID", nil, []dicom.Tag{tag.RequestAttributesSequence}},
		{"regex", Action{Kind: Replace, Attribute: "PatientID", Regex: "^0*(.*)$", With: "BV1-$1"}, "PatientID", []string{"BV1-12"}, []dicom.Tag{tag.PatientID}},
		{"regex that does not match", Action{Kind: Replace, Attribute: "PatientID", Regex: "x", With: "y"}, "PatientID", []string{"0012"}, nil},
		{"table", Action{Kind: Replace, Attribute: "PatientID", Table: map[string]string{"0012": "77"}}, "PatientID", []string{"77"}, []dicom.Tag{tag.PatientID}},
		{"table without it", Action{Kind: Replace, Attribute: "PatientID", Table: map[string]string{"12": "77"}}, "PatientID", []string{"0012"}, nil},
		{"patient", Action{Kind: Set, Attribute: "PatientName", From: Patient}, "PatientName", []string{"Nguyễn^Văn An"}, []dicom.Tag{tag.PatientName}},
		{"order", Action{Kind: Set, Attribute: "ReferringPhysicianName", From: Order, Of: "RequestingPhysician"}, "ReferringPhysicianName", []string{"Order^Doc"}, []dicom.Tag{tag.ReferringPhysicianName}},
		{"order that does not tell", Action{Kind: Set, Attribute: "PatientSex", From: Order}, "PatientSex", nil, nil},
	} {
		r, err := Compile([]Rule{{Actions: []Action{c.action}}})
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		s := object()
		changed, err := r.Apply(t.Context(), s, About{Facility: "BV1", Lookup: records{}, Now: time.Unix(0, 0)})
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if d := cmp.Diff(c.want, all(c.look)(s)); d != "" {
			t.Errorf("%s: %s", c.name, d)
		}
		if d := cmp.Diff(c.changed, changed); d != "" {
			t.Errorf("%s: changed: %s", c.name, d)
		}
		if (s.Get(tag.OriginalAttributesSequence) != nil) != (len(c.changed) > 0) {
			t.Errorf("%s: Original Attributes Sequence", c.name)
		}
		if len(c.changed) == 0 && len(Differences(object(), s)) > 0 {
			t.Errorf("%s: %v", c.name, Differences(object(), s))
		}
	}
}

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		name string
		m    Match
		want bool
	}{
		{"empty", Match{}, true},
		{"facility", Match{Facility: []string{"BV2", "BV1"}}, true},
		{"other facility", Match{Facility: []string{"BV2"}}, false},
		{"calling AE", Match{CallingAE: []string{"CT*"}}, true},
		{"calling AE in full", Match{CallingAE: []string{"T*"}}, false},
		{"modality", Match{Modality: []string{"CT"}}, true},
		{"modality and class", Match{Modality: []string{"CT"}, SOPClass: []string{"1.2"}}, false},
		{"attribute", Match{Attributes: map[string]string{"PatientID": `\d{4}`}}, true},
		{"attribute in full", Match{Attributes: map[string]string{"PatientID": `\d{3}`}}, false},
		{"absent attribute", Match{Attributes: map[string]string{"PatientSex": ``}}, true},
		{"any item", Match{Attributes: map[string]string{"RequestAttributesSequence.RequestedProcedureID": `R2`}}, true},
		{"decoded text", Match{Attributes: map[string]string{"PatientName": `M.ller\^.*`}}, true},
	} {
		r, err := Compile([]Rule{{Match: c.m, Actions: []Action{{Kind: Remove, Attribute: "PatientName"}}}})
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		changed, err := r.Apply(t.Context(), object(), About{Facility: "BV1", CallingAE: "CT1"})
		if err != nil || (len(changed) > 0) != c.want {
			t.Errorf("%s: %v, %v", c.name, changed, err)
		}
	}
}

// What cannot work is told when rules are read.
func TestCompileErrors(t *testing.T) {
	set := func(at string, v ...string) Action { return Action{Kind: Set, Attribute: at, Value: v} }
	for _, c := range []struct {
		rule  Rule
		field string
	}{
		{Rule{}, "actions"},
		{Rule{Reason: "WHIM", Actions: []Action{set("PatientID", "1")}}, "reason"},
		{Rule{Actions: []Action{set("StudyInstanceUID", "1.2")}}, "set"},
		{Rule{Actions: []Action{set("SOPInstanceUID", "1.2")}}, "set"},
		{Rule{Actions: []Action{set("ReferencedStudySequence.ReferencedSOPInstanceUID", "1.2")}}, "set"},
		{Rule{Actions: []Action{set("TransferSyntaxUID", "1.2")}}, "set"},
		{Rule{Actions: []Action{set("Rows", "1")}}, "set"},
		{Rule{Actions: []Action{set("PhotometricInterpretation", "RGB")}}, "set"},
		{Rule{Actions: []Action{{Kind: Remove, Attribute: "PixelData"}}}, "remove"},
		{Rule{Actions: []Action{{Kind: Remove, Attribute: "OriginalAttributesSequence"}}}, "remove"},
		{Rule{Actions: []Action{{Kind: Remove, Attribute: "OriginalAttributesSequence.ModifyingSystem"}}}, "remove"},
		{Rule{Actions: []Action{{Kind: Copy, Attribute: "PatientID", To: "SeriesInstanceUID"}}}, "to"},
		{Rule{Actions: []Action{set("SpecificCharacterSet", "ISO_IR 192")}}, "set"},
		{Rule{Actions: []Action{set("Nonsense", "1")}}, "set"},
		{Rule{Actions: []Action{set("(0009,1001)", "1")}}, "set"},
		{Rule{Actions: []Action{set("PatientID.PatientName", "1")}}, "set"},
		{Rule{Actions: []Action{set("RequestAttributesSequence", "1")}}, "set"},
		{Rule{Actions: []Action{set("RequestAttributesSequence[0]", "1")}}, "set"},
		{Rule{Actions: []Action{set("RequestAttributesSequence[x].StudyID", "1")}}, "set"},
		{Rule{Actions: []Action{set("Modality", "ct")}}, "value"},
		{Rule{Actions: []Action{{Kind: Set, Attribute: "PatientID"}}}, "value"}, // forgotten: it would empty the attribute
		{Rule{Actions: []Action{set("StudyID", strings.Repeat("1", 17))}}, "value"},
		{Rule{Actions: []Action{set("StudyDate", "1.1.2020")}}, "value"},
		{Rule{Actions: []Action{{Kind: Set, Attribute: "StudyID", From: "oracle"}}}, "from"},
		{Rule{Actions: []Action{{Kind: Set, Attribute: "StudyID", From: Order, Value: []string{"1"}}}}, "from"},
		{Rule{Actions: []Action{{Kind: Set, Attribute: "StudyID", Of: "StudyID"}}}, "of"},
		{Rule{Actions: []Action{{Kind: Replace, Attribute: "StudyID"}}}, "regex"},
		{Rule{Actions: []Action{{Kind: Replace, Attribute: "StudyID", Regex: "("}}}, "regex"},
		{Rule{Actions: []Action{{Kind: Replace, Attribute: "Modality", Table: map[string]string{"CT": "ct"}}}}, "table"},
		{Rule{Actions: []Action{{Kind: Remove, Attribute: "StudyID", With: "x"}}}, "with"},
		{Rule{Actions: []Action{{Kind: "rename", Attribute: "StudyID"}}}, "kind"},
		{Rule{Match: Match{SOPClass: []string{"CT"}}, Actions: []Action{set("PatientID", "1")}}, "match.sop_class"},
		{Rule{Match: Match{Attributes: map[string]string{"Nonsense": ""}}, Actions: []Action{set("PatientID", "1")}}, "match.attributes"},
	} {
		_, err := Compile([]Rule{c.rule})
		var re *RuleError
		if !errors.As(err, &re) || re.Field != c.field {
			t.Errorf("%+v: %v", c.rule, err)
		}
	}
}

// What was changed is written down beside what was written down before.
func TestOriginalAttributes(t *testing.T) {
	s := object()
	earlier := &dataset.Set{}
	earlier.PutString(tag.ModifyingSystem, dicom.LO, "PACS")
	s.Put(dataset.Element{Tag: tag.OriginalAttributesSequence, VR: dicom.SQ, Items: []*dataset.Set{earlier}})
	r, err := Compile([]Rule{
		{Reason: Correct, Source: "CT room", Actions: []Action{
			{Kind: Set, Attribute: "PatientName", Value: []string{"Trần^B"}},
			{Kind: Set, Attribute: "PatientID", Value: []string{"1"}},
			{Kind: Set, Attribute: "PatientSex", Value: []string{"O"}},
		}},
		{Actions: []Action{{Kind: Set, Attribute: "PatientID", Value: []string{"2"}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	about := About{CallingAE: "CT1", System: "HALONG", Now: time.Date(2026, 11, 22, 7, 0, 0, 5000, time.FixedZone("", 7*3600))}
	if _, err := r.Apply(t.Context(), s, about); err != nil {
		t.Fatal(err)
	}
	ts, _ := dicom.LookupTransferSyntax(dicom.ExplicitVRLittleEndian)
	s, err = dataset.Parse(s.Append(nil, ts), ts, dataset.Limits{}) // as others will read it
	if err != nil {
		t.Fatal(err)
	}
	var got [][]string
	for _, item := range s.Get(tag.OriginalAttributesSequence).Items {
		row := []string{
			item.String(tag.ModifyingSystem), item.String(tag.SourceOfPreviousValues),
			item.String(tag.AttributeModificationDateTime), item.String(tag.ReasonForTheAttributeModification),
		}
		if e := item.Get(tag.ModifiedAttributesSequence); e != nil {
			for _, at := range []dicom.Tag{tag.PatientName, tag.PatientID, tag.PatientSex} {
				row = append(row, e.Items[0].String(at))
			}
			if (e.Items[0].Get(tag.PatientSex) != nil) != (len(got) == 1) {
				t.Error("Patient's Sex, which was not there, is without value in the first item and not in the second")
			}
		}
		got = append(got, row)
	}
	want := [][]string{
		{"PACS", "", "", ""},
		{"HALONG", "CT room", "20261122000000.000005+0000", "CORRECT", "Müller^Jo", "0012", ""},
		{"HALONG", "CT1", "20261122000000.000005+0000", "COERCE", "", "1", ""},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if s.String(tag.PatientName) != "Trần^B" {
		t.Error(s.String(tag.PatientName))
	}
}

// A value that an attribute cannot hold, and a lookup that fails, are errors.
func TestApplyErrors(t *testing.T) {
	lost := errors.New("lost")
	for _, a := range []Action{
		{Kind: Replace, Attribute: "AccessionNumber", Regex: "A", With: "a value that is much too long"},
		{Kind: Set, Attribute: "PatientName", From: Patient},
		{Kind: Copy, Attribute: "PatientID", To: "StudyDate"},
	} {
		r, err := Compile([]Rule{{Actions: []Action{a}}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Apply(t.Context(), object(), About{Lookup: records{lost}}); err == nil {
			t.Errorf("%+v: no error", a)
		}
	}
}

func FuzzParsePath(f *testing.F) {
	for _, s := range []string{"PatientID", "(0010,0020)", "00400275[1].00401001", "RequestAttributesSequence[*].StudyID", "a.b[", "[0]", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := ParsePath(s)
		if err != nil {
			return
		}
		again, err := ParsePath(p.String())
		if err != nil || cmp.Diff(p[:len(p)-1], again[:len(again)-1]) != "" || p.last() != again.last() {
			t.Fatalf("%q: %v, %v", s, again, err)
		}
	})
}
