package query_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/query"
	"github.com/halong-gateway/halong/dicom/tag"
)

func TestParse(t *testing.T) {
	one := []dicom.Tag{tag.PatientID} // which attribute does not matter here
	for _, c := range []struct {
		vr     dicom.VR
		raw    string
		kind   query.Kind
		values []string
	}{
		{dicom.LO, "", query.Universal, nil},
		{dicom.LO, "  ", query.Universal, nil},
		{dicom.PN, "*", query.Universal, []string{"*"}},
		{dicom.LO, "**", query.Universal, []string{"**"}},
		{dicom.LO, " A 1 ", query.Single, []string{"A 1"}},
		{dicom.LO, "A?", query.Wildcard, []string{"A?"}},
		{dicom.CS, `CT\MR`, query.List, []string{"CT", "MR"}},
		{dicom.UI, `1.2\1.3`, query.List, []string{"1.2", "1.3"}},
		{dicom.UI, `1.2,1.3,`, query.List, []string{"1.2", "1.3"}},
		{dicom.UI, "1.2\x00", query.Single, []string{"1.2"}},
		{dicom.LT, ` a\b `, query.Single, []string{` a\b`}},
		{dicom.LT, `*b`, query.Wildcard, []string{`*b`}},
		{dicom.DA, "20200101", query.Single, []string{"20200101"}},
		{dicom.DA, "2020.01.01", query.Single, []string{"2020.01.01"}},
		{dicom.DA, "20200101-", query.Range, []string{"20200101-"}},
		{dicom.DA, "-20200101", query.Range, []string{"-20200101"}},
		{dicom.TM, "10-11", query.Range, []string{"10-11"}},
		{dicom.DT, "2020-0500", query.Single, []string{"2020-0500"}},
		{dicom.DT, "1980-1990", query.Range, []string{"1980-1990"}},
		{dicom.IS, "12", query.Single, []string{"12"}},
	} {
		k, err := query.Parse(one, c.vr, c.raw)
		if err != nil {
			t.Errorf("%v %q: %v", c.vr, c.raw, err)
		}
		if diff := cmp.Diff(c.values, k.Values); diff != "" || k.Kind() != c.kind {
			t.Errorf("%v %q: kind %d, want %d; %s", c.vr, c.raw, k.Kind(), c.kind, diff)
		}
	}
	inside, err := query.Parse([]dicom.Tag{tag.RequestAttributesSequence, tag.ScheduledProcedureStepID}, dicom.SH, "A*")
	if err != nil || inside.Kind() != query.Sequence || inside.Leaf().Kind() != query.Wildcard {
		t.Errorf("%+v, %v", inside, err)
	}
}

func TestParseErrors(t *testing.T) {
	for _, c := range []struct {
		vr  dicom.VR
		raw string
	}{
		{dicom.DA, "2020"},
		{dicom.DA, "20201301"},
		{dicom.DA, "20200230"},
		{dicom.DA, "-"},
		{dicom.DA, "2020-01-01"},
		{dicom.DA, "20200102-20200101"},
		{dicom.DA, "20200101-x"},
		{dicom.DA, "today"},
		{dicom.TM, "25"},
		{dicom.TM, "1"},
		{dicom.TM, "10.5"},
		{dicom.TM, "101010.1234567"},
		{dicom.TM, "101010."},
		{dicom.TM, "1061"},
		{dicom.DT, "202"},
		{dicom.DT, "20200101+9999"},
		{dicom.DT, "20201"},
		{dicom.DT, "202013"},
		{dicom.UI, "1.2.x"},
		{dicom.UI, "1..2"},
		{dicom.IS, "x"},
		{dicom.SQ, "x"},
	} {
		_, err := query.Parse([]dicom.Tag{tag.StudyDate}, c.vr, c.raw)
		var se *query.SyntaxError
		if !errors.As(err, &se) || se.Tag != tag.StudyDate {
			t.Errorf("%v %q: %v", c.vr, c.raw, err)
		}
	}
	if _, err := query.Parse(nil, dicom.LO, "x"); err == nil {
		t.Error("no path: no error")
	}
}

func TestRange(t *testing.T) {
	for _, c := range []struct {
		vr          dicom.VR
		raw, lo, hi string
	}{
		{dicom.DA, "20200101", "20200101", "20200101"},
		{dicom.DA, "2020.01.01-20200229", "20200101", "20200229"},
		{dicom.DA, "20200101-", "20200101", ""},
		{dicom.DA, "-20200101", "", "20200101"},
		{dicom.TM, "10", "100000.000000", "105960.999999"},
		{dicom.TM, "1030", "103000.000000", "103060.999999"},
		{dicom.TM, "103005.5", "103005.500000", "103005.599999"},
		{dicom.TM, "10:30:05", "103005.000000", "103005.999999"},
		{dicom.TM, "0800-1159", "080000.000000", "115960.999999"},
		{dicom.TM, "2200-0100", "220000.000000", "010060.999999"},
		{dicom.DT, "2020", "20200101000000.000000", "20201231235960.999999"},
		{dicom.DT, "202002", "20200201000000.000000", "20200229235960.999999"},
		{dicom.DT, "20200101120000+0700", "20200101050000.000000", "20200101050000.999999"},
		{dicom.DT, "20200101-0500-20200102-0500", "20200101050000.000000", "20200103045959.999999"},
		{dicom.DT, "-20200101", "", "20200101235960.999999"},
		{dicom.LO, "20200101-", "", ""},
	} {
		k, err := query.Parse([]dicom.Tag{tag.StudyDate}, c.vr, c.raw)
		if err != nil {
			t.Errorf("%v %q: %v", c.vr, c.raw, err)
		}
		lo, hi := k.Range()
		if diff := cmp.Diff([]string{c.lo, c.hi}, []string{lo, hi}); diff != "" {
			t.Errorf("%v %q: %s", c.vr, c.raw, diff)
		}
	}
}

func TestPatterns(t *testing.T) {
	for _, c := range []struct {
		pattern, value string
		want           bool
	}{
		{"", "", true},
		{"", "a", false},
		{"a", "", false},
		{"*", "", true},
		{"?", "", false},
		{"?", "Đ", true},
		{"a*", "abc", true},
		{"*c", "abc", true},
		{"a?c", "abc", true},
		{"a?c", "ac", false},
		{"*b*", "abc", true},
		{"a*b*c", "aXbXbXc", true},
		{"a*b*c", "aXbXbX", false},
		{"**", "x", true},
		{"A", "a", false},
		{"Đ?c", "Đức", true},
		{"ab", "abc", false},
		{"*é", "café", true},
		{"*\xa9", "é", false},
	} {
		if got := query.MatchPattern(c.pattern, c.value); got != c.want {
			t.Errorf("%q, %q: %t", c.pattern, c.value, got)
		}
	}
	if got := query.Like(`50%_a\*b?`); got != `50\%\_a\\%b_` {
		t.Error(got)
	}
}

func TestNames(t *testing.T) {
	for _, c := range []struct {
		key, name    string
		match, fuzzy bool
	}{
		{"NGUYEN^VAN AN", "Nguyễn^Văn An", true, true},
		{"Nguyễn^Văn An^^^", "NGUYEN^VAN AN", true, true},
		{"dang*", "Đặng^Thị Hà", true, true},
		{"nguyen", "Nguyễn^An", false, true},
		{"nguyen^*", "Nguyễn", true, true},
		{"nguyen^*", "Nguyễn^An", true, true},
		{"an nguyen", "Nguyễn^An", false, true},
		{"ng an", "Nguyễn^An", false, true},
		{"tran", "Nguyễn^An", false, false},
		{"王^小東", "Wang^XiaoDong=王^小東=", true, true},
		{"Wang*=王*", "Wang^XiaoDong=王^小東=", true, true},
		{"Wang*=李*", "Wang^XiaoDong=王^小東=", false, false},
		{"=王*", "Wang^XiaoDong=王^小東", true, true},
		{"x", "", false, false},
	} {
		if got := query.MatchName(c.key, c.name); got != c.match {
			t.Errorf("%q, %q: %t", c.key, c.name, got)
		}
		if got := query.MatchNameFuzzily(c.key, c.name); got != c.fuzzy {
			t.Errorf("fuzzily %q, %q: %t", c.key, c.name, got)
		}
	}
}
