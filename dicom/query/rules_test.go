package query_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/query"
	"github.com/halong-gateway/halong/dicom/tag"
)

// TestSeparate: without combined date-time matching each day has the range of times (PS3.4 C.2.2.2.5.4, note).
func TestSeparate(t *testing.T) {
	var s dataset.Set
	text(&s, tag.StudyDate, dicom.DA, "20060706")
	text(&s, tag.StudyTime, dicom.TM, "0930")
	for _, c := range []struct {
		date, time         string
		combined, separate bool
	}{
		{"20060705-20060707", "1000-1800", true, false},
		{"20060706-20060706", "1000-1800", false, false},
		{"20060706-", "0900-", true, true},
		{"20060705-", "1000-", true, false},
		{"-20060707", "-0900", true, false},
		{"20060705-", "-0900", false, false}, // ranges of different forms are never combined
		{"20060705-", "-1000", true, true},
		{"20060705-20060706", "2200-1000", true, true}, // over midnight: one range either way
		{"20060705-20060706", "2200-0900", false, false},
		{"20060706-20060706", "2200-1000", true, true},
	} {
		keys := []query.Key{key(t, dicom.DA, c.date, tag.StudyDate), key(t, dicom.TM, c.time, tag.StudyTime)}
		if got := (query.Rules{}).MatchAll(keys, &s); got != c.combined {
			t.Errorf("%s %s combined: %t", c.date, c.time, got)
		}
		if got := (query.Rules{Separate: true}).MatchAll(keys, &s); got != c.separate {
			t.Errorf("%s %s each for itself: %t", c.date, c.time, got)
		}
	}
}

// TestZones: the data set is at 00:30 on January 2 in +0700, which is 17:30 on January 1 in UTC.
func TestZones(t *testing.T) {
	known := sample()
	unknown := sample()
	unknown.Delete(tag.TimezoneOffsetFromUTC)
	for _, c := range []struct {
		zone, date, time, moment string
		known, unknown           bool
	}{
		{zone: "+0000", date: "20200101", known: true},
		{zone: "+0000", date: "20200102", unknown: true},
		{zone: "+0000", time: "1730", known: true},
		{zone: "+0000", time: "0030", unknown: true},
		{zone: "+0530", time: "2300", known: true},
		{zone: "+0000", date: "20200101-20200101", time: "1700-1800", known: true},
		{zone: "+0000", moment: "20200101173000", known: true},
		{zone: "+0000", moment: "20200102003000", unknown: true},
		{zone: "+0700", moment: "20200102003000", known: true, unknown: true},
		{zone: "+0200", moment: "20200101173000+0000", known: true},
		{zone: "+0200", moment: "20200101223000+0000", unknown: true}, // taken to be in the query's zone
		{date: "20200102", time: "0030", known: true, unknown: true},
		{zone: "nonsense", date: "20200102", known: true, unknown: true},
	} {
		var keys []query.Key
		if c.date != "" {
			keys = append(keys, key(t, dicom.DA, c.date, tag.StudyDate))
		}
		if c.time != "" {
			keys = append(keys, key(t, dicom.TM, c.time, tag.StudyTime))
		}
		if c.moment != "" {
			keys = append(keys, key(t, dicom.DT, c.moment, tag.AcquisitionDateTime))
		}
		r := query.Rules{Zone: c.zone}
		if got := r.MatchAll(keys, known); got != c.known {
			t.Errorf("%+v: %t", c, got)
		}
		if got := r.MatchAll(keys, unknown); got != c.unknown {
			t.Errorf("%+v, zone not known: %t", c, got)
		}
	}
}

func TestShift(t *testing.T) {
	for _, c := range []struct {
		date, time string
		by         time.Duration
		wantDate   string
		wantTime   string
	}{
		{"20200101", "2330", time.Hour, "20200102", "0030"},
		{"2020.03.01", "00:30:00", -time.Hour, "20200229", "233000"},
		{"20200101", "10", 90 * time.Minute, "20200101", "1130"},
		{"20200101", "10", 2 * time.Hour, "20200101", "12"},
		{"20200101", "101112.5", time.Hour, "20200101", "111112.5"},
		{"20200101", "", time.Hour, "20200101", ""},
		{"", "2330", time.Hour, "", "0030"},
		{"20200101", "noon", time.Hour, "20200101", "noon"},
	} {
		d, m := query.Shift(c.date, c.time, c.by)
		if diff := cmp.Diff([]string{c.wantDate, c.wantTime}, []string{d, m}); diff != "" {
			t.Errorf("%+v: %s", c, diff)
		}
	}
	for v, want := range map[string]string{
		"20200101233000": "20200102013000", "2020010123": "2020010201", "20200101": "20200101", "2020010123+0700": "2020010123+0700", "x": "x",
	} {
		if got := query.ShiftDateTime(v, 2*time.Hour); got != want {
			t.Errorf("%s: %s, want %s", v, got, want)
		}
	}
	s := sample()
	moved := query.Shifted(s, -7*time.Hour)
	for tg, want := range map[dicom.Tag]string{tag.StudyDate: "20200101", tag.StudyTime: "1730", tag.AcquisitionDateTime: "20200101173000", tag.PatientID: "PID 1"} {
		if got := moved.String(tg); got != want {
			t.Errorf("%v: %q, want %q", tg, got, want)
		}
	}
	if s.String(tag.StudyDate) != "20200102" {
		t.Error("the original was changed")
	}
}

// TestEmptyAndMultiple: PS3.4 C.2.2.2.7 and C.2.2.2.8.
func TestEmptyAndMultiple(t *testing.T) {
	s := sample()
	for _, c := range []struct {
		name string
		key  query.Key
		kind query.Kind
		want bool
	}{
		{"no value", query.Key{Path: []dicom.Tag{tag.ReferringPhysicianName}, VR: dicom.PN, Empty: true}, query.Empty, true},
		{"absent", query.Key{Path: []dicom.Tag{tag.AccessionNumber}, VR: dicom.SH, Empty: true}, query.Empty, true},
		{"a value", query.Key{Path: []dicom.Tag{tag.PatientID}, VR: dicom.LO, Empty: true}, query.Empty, false},
		{"both", query.Key{Path: []dicom.Tag{tag.ModalitiesInStudy}, VR: dicom.CS, Values: []string{"SR", "CT"}, Every: true}, query.Multiple, true},
		{"one of two", query.Key{Path: []dicom.Tag{tag.ModalitiesInStudy}, VR: dicom.CS, Values: []string{"SR", "MR"}, Every: true}, query.Multiple, false},
		{"one", query.Key{Path: []dicom.Tag{tag.ModalitiesInStudy}, VR: dicom.CS, Values: []string{"SR"}, Every: true}, query.Single, true},
		{"inside an item", query.Key{Path: []dicom.Tag{tag.RequestAttributesSequence, tag.RequestedProcedureID}, VR: dicom.SH, Empty: true}, query.Sequence, true},
	} {
		if got := c.key.Match(s); got != c.want || c.key.Kind() != c.kind {
			t.Errorf("%s: %t, kind %d", c.name, got, c.key.Kind())
		}
	}
	if !query.Enumerates(tag.ModalitiesInStudy, dicom.CS) || query.Enumerates(tag.Modality, dicom.CS) || query.Enumerates(tag.StudyInstanceUID, dicom.UI) {
		t.Error("Enumerates")
	}
}

// TestFuzzyInside: fuzzy matching of names holds inside sequences as well.
func TestFuzzyInside(t *testing.T) {
	var s, item dataset.Set
	text(&item, tag.PatientName, dicom.PN, "Nguyễn^Đức")
	s.Put(dataset.Element{Tag: tag.RequestAttributesSequence, VR: dicom.SQ, Items: []*dataset.Set{&item}})
	k := key(t, dicom.PN, "duc nguyen", tag.RequestAttributesSequence, tag.PatientName)
	if !(query.Rules{Fuzzy: true}).MatchAll([]query.Key{k}, &s) || k.Match(&s) {
		t.Error("fuzzily inside an item")
	}
}

// FuzzShift: moving there and back gives the moment again, whatever the values were; what cannot be understood stays.
func FuzzShift(f *testing.F) {
	f.Add("20200101", "233015.25", "20200101233015.25", 90)
	f.Add("99991231", "2359", "99991231235960", 840)
	f.Add("0000.01.01", "00:00:00", "0000", -720)
	f.Fuzz(func(t *testing.T, date, clock, moment string, minutes int) {
		by := time.Duration(minutes%(26*60)) * time.Minute
		d, c := query.Shift(date, clock, by)
		query.ShiftDateTime(moment, by)
		_, okDate := query.NormalizeDate(date)
		_, okTime := query.NormalizeTime(clock)
		if !okTime && (d != date || c != clock) {
			t.Errorf("%q %q became %q %q", date, clock, d, c)
		}
		if _, ok := query.NormalizeTime(c); ok != okTime {
			t.Errorf("%q became the time %q", clock, c)
		}
		if _, ok := query.NormalizeDate(d); ok != okDate {
			t.Errorf("%q became the date %q", date, d)
		}
		var s dataset.Set
		text(&s, tag.StudyDate, dicom.DA, date)
		text(&s, tag.StudyTime, dicom.TM, clock)
		text(&s, tag.AcquisitionDateTime, dicom.DT, moment)
		text(&s, tag.TimezoneOffsetFromUTC, dicom.SH, "+0700")
		query.Shifted(&s, by)
		for _, vr := range []dicom.VR{dicom.DA, dicom.TM, dicom.DT} {
			for _, raw := range []string{date, clock, moment} {
				if k, err := query.Parse([]dicom.Tag{tag.StudyDate}, vr, raw); err == nil {
					query.Rules{Zone: "-0930", Separate: true}.MatchAll([]query.Key{k}, &s)
				}
			}
		}
	})
}
