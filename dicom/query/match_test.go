package query_test

import (
	"testing"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/query"
	"github.com/halong-gateway/halong/dicom/tag"
)

func text(s *dataset.Set, t dicom.Tag, vr dicom.VR, v string) {
	s.Put(dataset.Element{Tag: t, VR: vr, Value: []byte(v)})
}

// sample is a study with two requests.
func sample() *dataset.Set {
	var s dataset.Set
	text(&s, tag.SpecificCharacterSet, dicom.CS, "ISO_IR 192")
	text(&s, tag.StudyDate, dicom.DA, "20200102")
	text(&s, tag.StudyTime, dicom.TM, "0030 ")
	text(&s, tag.AcquisitionDateTime, dicom.DT, "20200102003000")
	text(&s, tag.ModalitiesInStudy, dicom.CS, `CT\SR `)
	text(&s, tag.TimezoneOffsetFromUTC, dicom.SH, "+0700 ")
	text(&s, tag.ReferringPhysicianName, dicom.PN, "")
	text(&s, tag.PatientName, dicom.PN, "Nguyễn^Đức")
	text(&s, tag.PatientID, dicom.LO, "PID 1 ")
	text(&s, tag.PatientWeight, dicom.DS, "65.50 ")
	text(&s, tag.StudyInstanceUID, dicom.UI, "1.2.3\x00")
	text(&s, tag.StudyDescription, dicom.LO, "No\u0302\u0323i ") // NFD of Nội
	s.Put(dataset.Element{Tag: tag.ExposureTimeInms, VR: dicom.FD, Value: []byte{0, 0, 0, 0, 0, 0, 0xf8, 0x3f}})
	var a, b dataset.Set
	text(&a, tag.ScheduledProcedureStepID, dicom.SH, "S1")
	text(&a, tag.ScheduledProcedureStepDescription, dicom.LO, "HEAD")
	text(&b, tag.ScheduledProcedureStepID, dicom.SH, "S2")
	text(&b, tag.ScheduledProcedureStepDescription, dicom.LO, "CHEST ")
	s.Put(dataset.Element{Tag: tag.RequestAttributesSequence, VR: dicom.SQ, Items: []*dataset.Set{&a, &b}})
	return &s
}

func key(t testing.TB, vr dicom.VR, raw string, path ...dicom.Tag) query.Key {
	t.Helper()
	k, err := query.Parse(path, vr, raw)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestMatch(t *testing.T) {
	s := sample()
	for _, c := range []struct {
		tag  dicom.Tag
		vr   dicom.VR
		raw  string
		want bool
	}{
		{tag.PatientID, dicom.LO, "PID 1", true},
		{tag.PatientID, dicom.LO, "pid 1", false},
		{tag.PatientID, dicom.LO, "PID*", true},
		{tag.PatientID, dicom.LO, "", true},
		{tag.AccessionNumber, dicom.SH, "", true},   // absent, universal
		{tag.AccessionNumber, dicom.SH, "*", true},  // the same
		{tag.AccessionNumber, dicom.SH, "x", false}, // absent
		{tag.ReferringPhysicianName, dicom.PN, "x*", false},
		{tag.ReferringPhysicianName, dicom.PN, "*", true},
		{tag.PatientName, dicom.PN, "nguyen^duc", true},
		{tag.ModalitiesInStudy, dicom.CS, "SR", true},
		{tag.ModalitiesInStudy, dicom.CS, `MR\SR`, true},
		{tag.ModalitiesInStudy, dicom.CS, "MR", false},
		{tag.StudyInstanceUID, dicom.UI, `1.2\1.2.3`, true},
		{tag.StudyInstanceUID, dicom.UI, "1.2", false},
		{tag.StudyDate, dicom.DA, "20200102", true},
		{tag.StudyDate, dicom.DA, "20200101-20200102", true},
		{tag.StudyDate, dicom.DA, "20200103-", false},
		{tag.StudyDate, dicom.DA, "-20200101", false},
		{tag.StudyTime, dicom.TM, "00", true},
		{tag.StudyTime, dicom.TM, "0030-", true},
		{tag.StudyTime, dicom.TM, "2200-0100", true},
		{tag.StudyTime, dicom.TM, "0100-2200", false},
		{tag.AcquisitionDateTime, dicom.DT, "20200102", true},
		{tag.AcquisitionDateTime, dicom.DT, "20200101173000+0000", true}, // the set is in +0700
		{tag.AcquisitionDateTime, dicom.DT, "20200102003000+0000", false},
		{tag.PatientWeight, dicom.DS, "65.5", true},
		{tag.PatientWeight, dicom.DS, "65", false},
		{tag.ExposureTimeInms, dicom.FD, "1.5", true},
		{tag.StudyDescription, dicom.LO, "N\u1ed9i", true},
	} {
		if got := key(t, c.vr, c.raw, c.tag).Match(s); got != c.want {
			t.Errorf("%v %q: %t", c.tag, c.raw, got)
		}
	}
}

func TestMatchSequence(t *testing.T) {
	s := sample()
	id := func(v string) query.Key {
		return key(t, dicom.SH, v, tag.RequestAttributesSequence, tag.ScheduledProcedureStepID)
	}
	desc := func(v string) query.Key {
		return key(t, dicom.LO, v, tag.RequestAttributesSequence, tag.ScheduledProcedureStepDescription)
	}
	for _, c := range []struct {
		name string
		keys []query.Key
		want bool
	}{
		{"one item", []query.Key{id("S1")}, true},
		{"other item", []query.Key{id("S2"), desc("CHEST")}, true},
		{"not in the same item", []query.Key{id("S1"), desc("CHEST")}, false},
		{"universal inside", []query.Key{id("")}, true},
		{"no such item", []query.Key{id("S3")}, false},
		{"sequence is absent", []query.Key{key(t, dicom.SH, "x", tag.PerformedProtocolCodeSequence, tag.CodeValue)}, false},
	} {
		if got := query.MatchAll(c.keys, s); got != c.want {
			t.Errorf("%s: %t", c.name, got)
		}
	}
}

// Study at 00:30 on January 2: in the night from 22:00 on January 1 to 01:00 on January 2.
func TestCombined(t *testing.T) {
	s := sample()
	for _, c := range []struct {
		date, time string
		want       bool
		moments    int
	}{
		{"20200101-20200102", "2200-0100", true, 1},
		{"20200101-20200102", "2200-0015", false, 1},
		{"20200101-", "2200-", true, 1},
		{"20200102-", "0031-", false, 1},
		{"-20200102", "-0030", true, 1},
		{"-20200102", "-0029", false, 1},
		{"20200102", "0000-0100", true, 0}, // a single date: each for itself
		{"20200101-20200102", "00", true, 0},
	} {
		keys := []query.Key{key(t, dicom.TM, c.time, tag.StudyTime), key(t, dicom.LO, "PID 1", tag.PatientID), key(t, dicom.DA, c.date, tag.StudyDate)}
		moments, rest := query.Combine(keys, false)
		if len(moments) != c.moments || len(rest) != 3-2*c.moments {
			t.Errorf("%s %s: %d moments, %d other keys", c.date, c.time, len(moments), len(rest))
		}
		if got := query.MatchAll(keys, s); got != c.want {
			t.Errorf("%s %s: %t", c.date, c.time, got)
		}
	}
}

// FuzzKey holds for any value: parsing and matching do not panic, a range is
// in order as text, and a text matches itself.
func FuzzKey(f *testing.F) {
	for _, s := range []string{"20200101-20200102", "2200-0100", "202001-0500-2021", "*a?b*", `1.2\1.3,4`, "Nguyễn^*=王", "10:20:30.5"} {
		f.Add(s, s)
	}
	vrs := []dicom.VR{dicom.DA, dicom.TM, dicom.DT, dicom.UI, dicom.PN, dicom.LO, dicom.IS, dicom.LT}
	f.Fuzz(func(t *testing.T, raw, value string) {
		for _, vr := range vrs {
			k, err := query.Parse([]dicom.Tag{tag.StudyDate}, vr, raw)
			if err != nil {
				continue
			}
			lo, hi := k.Range()
			if lo != "" && hi != "" && lo > hi && vr == dicom.DA {
				t.Errorf("%q: from %q to %q", raw, lo, hi)
			}
			var s dataset.Set
			text(&s, tag.StudyDate, vr, value)
			k.Match(&s)
			query.Like(raw)
		}
		if !query.MatchPattern(value, value) {
			t.Errorf("%q does not match itself", value)
		}
		query.MatchNameFuzzily(raw, value)
	})
}
