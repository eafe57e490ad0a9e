package scp

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/dimse"
	"github.com/halong-gateway/halong/dicom/pdu"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/storage"
)

// putSet stores an object of one's own; what every object needs is filled in.
func putSet(t testing.TB, a *storage.Archive, study, instance int, more *dataset.Set) {
	t.Helper()
	sop := dicom.UID(fmt.Sprintf("1.2.%d.3.%d", study, instance))
	s := &dataset.Set{}
	s.PutString(tag.SpecificCharacterSet, dicom.CS, "ISO_IR 192")
	s.PutString(tag.SOPClassUID, dicom.UI, string(ctStorage))
	s.PutString(tag.SOPInstanceUID, dicom.UI, string(sop))
	s.PutString(tag.PatientID, dicom.LO, "P1")
	s.PutString(tag.StudyInstanceUID, dicom.UI, fmt.Sprintf("1.2.%d", study))
	s.PutString(tag.SeriesInstanceUID, dicom.UI, fmt.Sprintf("1.2.%d.3", study))
	s.PutString(tag.InstanceNumber, dicom.IS, fmt.Sprint(instance))
	for _, e := range more.Elements {
		s.Put(e)
	}
	_, err := a.Store(t.Context(), storage.Inbound{
		Facility: "default", Source: halong.Source{Protocol: "test"}, TransferSyntax: dicom.ExplicitVRLittleEndian, SOPClass: s.UID(tag.SOPClassUID), SOPInstance: sop,
		Body: bytes.NewReader(s.Append(nil, explicitVR())),
	})
	if err != nil {
		t.Fatal(err)
	}
}

// match is a pending response.
type match struct {
	Status dimse.Status
	*dataset.Set
}

// queryWith sends a C-FIND with extended negotiation in Study Root, and gives what was granted of it and the answers.
func queryWith(t *testing.T, addr string, application []byte, identifier *dataset.Set) (granted []byte, list []match, final *dimse.Response) {
	t.Helper()
	class := models[1].find
	o := dimse.Options{CallingAE: "ANY", CalledAE: "HALONG", Contexts: []pdu.ProposedContext{{AbstractSyntax: class, TransferSyntaxes: []dicom.UID{dicom.ExplicitVRLittleEndian}}}}
	if application != nil {
		o.User.Extended = []pdu.ExtendedNegotiation{{SOPClass: class, Application: application}}
	}
	a, err := dimse.Dial(t.Context(), addr, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range a.Peer().Extended {
		granted = x.Application
	}
	final, err = a.Call(t.Context(), 1, &dimse.Command{Field: dimse.CFindRQ, AffectedSOPClass: class}, bytes.NewReader(identifier.Append(nil, explicitVR())), func(r *dimse.Response) error {
		s, err := dataset.Parse(r.Data, explicitVR(), dataset.Limits{})
		list = append(list, match{r.Status, s})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Release(); err != nil {
		t.Error(err)
	}
	return granted, list, final
}

// uniques gives the last unique key of each answer, without its root.
func uniques(list []match, t dicom.Tag) string {
	var all []string
	for _, m := range list {
		all = append(all, strings.TrimPrefix(m.String(t), "1.2."))
	}
	return strings.Join(all, " ")
}

// TestExtendedNegotiation: what is granted is done, and nothing else is granted (PS3.4 C.5.1.1).
func TestExtendedNegotiation(t *testing.T) {
	for _, c := range []struct {
		name           string
		answer         func([]byte) []byte
		asked, answer1 []byte
	}{
		{"find, all", extendedFind, []byte{1, 1, 1, 1, 1, 1, 1, 1}, []byte{1, 1, 1, 1, 0, 1, 1, 0}},
		{"find, one byte", extendedFind, []byte{1}, []byte{1}},
		{"find, nothing", extendedFind, []byte{0, 0, 0}, []byte{0, 0, 0}},
		{"find, undefined value", extendedFind, []byte{2, 1}, []byte{0, 1}},
		{"find, empty", extendedFind, nil, []byte{}},
		{"retrieve, all", extendedRetrieve, []byte{1, 1, 1}, []byte{1, 0, 0}},
		{"retrieve, empty", extendedRetrieve, nil, []byte{}},
	} {
		if d := cmp.Diff(c.answer1, c.answer(c.asked)); d != "" {
			t.Errorf("%s: %s", c.name, d)
		}
	}
}

// TestFindNegotiated: combined dates and times, empty and multiple values, fuzzy names: each only when it was negotiated.
func TestFindNegotiated(t *testing.T) {
	a := realArchive(t)
	putSet(t, a, 1, 1, keys("StudyDate", "20060706", "StudyTime", "0930", "PatientName", "NGUYỄN^AN", "OtherPatientIDs", `A\B`, "AccessionNumber", "1"))
	putSet(t, a, 2, 1, keys("StudyDate", "20060706", "StudyTime", "1100", "PatientName", "AN^NGUYEN", "OtherPatientIDs", "B"))
	addr := start(t, Config{Storer: a, Archive: a, AE: "HALONG"})
	for _, c := range []struct {
		name     string
		extended []byte
		keys     *dataset.Set
		want     string
	}{
		{"each day from 10 to 18", nil, keys("StudyDate", "20060705-20060707", "StudyTime", "1000-1800"), "2"},
		{"from day to day", []byte{0, 1}, keys("StudyDate", "20060705-20060707", "StudyTime", "1000-1800"), "1 2"},
		{"literal names", nil, keys("PatientName", "nguyen^a*"), "1"},
		{"fuzzy names", []byte{0, 0, 1}, keys("PatientName", "nguyen an"), "1 2"},
		{"two quotation marks", nil, keys("AccessionNumber", `""`), ""},
		{"no accession number", []byte{0, 0, 0, 0, 0, 1}, keys("AccessionNumber", `""`), "2"},
		{"any of the values", nil, keys("OtherPatientIDs", `A\B`), "1 2"},
		{"all of the values", []byte{0, 0, 0, 0, 0, 0, 1}, keys("OtherPatientIDs", `A\B`), "1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.keys.PutString(tag.QueryRetrieveLevel, dicom.CS, "STUDY")
			c.keys.Put(dataset.Element{Tag: tag.StudyInstanceUID, VR: dicom.UI})
			granted, list, final := queryWith(t, addr, c.extended, c.keys)
			if d := cmp.Diff(c.extended, granted); d != "" {
				t.Error("granted", d)
			}
			if got := uniques(list, tag.StudyInstanceUID); got != c.want || final.Status != dimse.Success {
				t.Errorf("%q, want %q; %v", got, c.want, final.Status)
			}
		})
	}
}

// TestFindZone: dates and times are asked for, and answered, in the query's time zone.
func TestFindZone(t *testing.T) {
	a := realArchive(t)
	putSet(t, a, 1, 1, keys("StudyDate", "20060706", "StudyTime", "0030", "TimezoneOffsetFromUTC", "+0700"))
	putSet(t, a, 2, 1, keys("StudyDate", "20060706", "StudyTime", "0030"))
	addr := start(t, Config{Storer: a, Archive: a, AE: "HALONG"})
	for _, c := range []struct {
		zone, date, want string
		answer           []string // of the first: date, time, zone
	}{
		{"+0000", "20060705", "1", []string{"20060705", "1730", "+0000"}},
		{"+0000", "20060706", "2", []string{"20060706", "0030", "+0000"}},
		{"", "20060706", "1 2", []string{"20060706", "0030", "+0700"}},
		{"+0700", "20060706", "1 2", []string{"20060706", "0030", "+0700"}},
	} {
		id := keys("QueryRetrieveLevel", "STUDY", "StudyInstanceUID", "", "StudyDate", c.date, "StudyTime", "", "TimezoneOffsetFromUTC", c.zone)
		_, list, _ := queryWith(t, addr, []byte{0, 0, 0, 1}, id)
		if got := uniques(list, tag.StudyInstanceUID); got != c.want {
			t.Fatalf("%s %s: %q, want %q", c.zone, c.date, got, c.want)
		}
		m := list[0]
		if d := cmp.Diff(c.answer, []string{m.String(tag.StudyDate), m.String(tag.StudyTime), m.String(tag.TimezoneOffsetFromUTC)}); d != "" || m.Status != dimse.Pending {
			t.Errorf("%s %s: %v %s", c.zone, c.date, m.Status, d)
		}
	}
	_, list, final := queryWith(t, addr, nil, keys("QueryRetrieveLevel", "STUDY", "TimezoneOffsetFromUTC", "Hanoi"))
	if len(list) > 0 || final.Status != dimse.IdentifierDoesNotMatch || final.OffendingElements[0] != tag.TimezoneOffsetFromUTC {
		t.Errorf("bad zone: %+v", final.Command)
	}
}

// TestFindInHeads: keys that are not indexed are matched in the objects; keys that cannot be matched are said to be ignored.
func TestFindInHeads(t *testing.T) {
	a := realArchive(t)
	for i := range 4 {
		s := keys("KVP", fmt.Sprint(100+i%2*20), "ConvolutionKernel", `SOFT\SHARP`, "PatientSex", "F")
		item := keys("CodeValue", fmt.Sprintf("C%d", i), "CodeMeaning", "một")
		s.Put(dataset.Element{Tag: tag.AnatomicRegionSequence, VR: dicom.SQ, Items: []*dataset.Set{item}})
		putSet(t, a, 1, i+1, s)
	}
	addr := start(t, Config{Storer: a, Archive: a, AE: "HALONG"})
	for _, c := range []struct {
		name   string
		level  string
		keys   *dataset.Set
		want   string
		status dimse.Status
	}{
		{"number", "IMAGE", keys("KVP", "120.0"), "1.3.2 1.3.4", dimse.Pending},
		{"one of several values", "IMAGE", keys("ConvolutionKernel", "SHARP", "KVP", "100"), "1.3.1 1.3.3", dimse.Pending},
		{"none", "IMAGE", keys("KVP", "80"), "", 0},
		{"in a sequence", "IMAGE", func() *dataset.Set {
			s := &dataset.Set{}
			s.Put(dataset.Element{Tag: tag.AnatomicRegionSequence, VR: dicom.SQ, Items: []*dataset.Set{keys("CodeValue", "C2", "CodeMeaning", "m?t")}})
			return s
		}(), "1.3.3", dimse.Pending},
		{"absent attribute, wanted", "IMAGE", keys("FilterType", "", "InstanceNumber", "4"), "1.3.4", dimse.Pending},
		{"absent attribute, key", "IMAGE", keys("FilterType", "WEDGE"), "", 0},
		{"series", "SERIES", keys("KVP", "100"), "1.3", dimse.Pending},
		{"series by one of its instances", "SERIES", keys("KVP", "120"), "1.3", dimse.Pending},
		{"no such series", "SERIES", keys("KVP", "80"), "", 0},
		{"not of studies", "STUDY", keys("KVP", "80"), "1", dimse.PendingOptionalMissing},
		{"of the patient", "STUDY", keys("PatientSex", "F", "Allergies", ""), "1", dimse.Pending},
	} {
		t.Run(c.name, func(t *testing.T) {
			unique := map[string]dicom.Tag{"STUDY": tag.StudyInstanceUID, "SERIES": tag.SeriesInstanceUID, "IMAGE": tag.SOPInstanceUID}[c.level]
			c.keys.PutString(tag.QueryRetrieveLevel, dicom.CS, c.level)
			c.keys.PutString(tag.StudyInstanceUID, dicom.UI, "1.2.1")
			if c.level == "IMAGE" {
				c.keys.PutString(tag.SeriesInstanceUID, dicom.UI, "1.2.1.3")
			}
			if c.keys.Get(unique) == nil {
				c.keys.Put(dataset.Element{Tag: unique, VR: dicom.UI})
			}
			_, list, final := queryWith(t, addr, nil, c.keys)
			if got := uniques(list, unique); got != c.want || final.Status != dimse.Success {
				t.Errorf("%q, want %q; %v", got, c.want, final.Status)
			}
			for _, m := range list {
				if m.Status != c.status {
					t.Errorf("%v, want %v", m.Status, c.status)
				}
			}
		})
	}
}
