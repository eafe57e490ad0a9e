package dicom_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/tag"
)

func TestLookup(t *testing.T) {
	for _, c := range []struct {
		tag     dicom.Tag
		keyword string
		vrs     string
		vm      string
		retired bool
	}{
		{tag.PatientName, "PatientName", "PN", "1", false},
		{tag.PixelData, "PixelData", "OB OW", "1", false},
		{tag.SmallestImagePixelValue, "SmallestImagePixelValue", "US SS", "1", false},
		{tag.Item, "Item", "", "1", false},
		{tag.AffectedSOPClassUID, "AffectedSOPClassUID", "UI", "1", false},
		{0x60003000, "OverlayData", "OB OW", "1", false},
		{0x601E3000, "OverlayData", "OB OW", "1", false},
		{0x50020030, "AxisUnits", "SH", "1-n", true},
		{0x7F020010, "VariablePixelData", "OB OW", "1", true},
		{0x00203145, "SourceImageIDs", "CS", "1-n", true},
		{0x00280400, "TransformLabel", "LO", "1", true},
		{0x00280430, "RowsForNthOrderCoefficients", "US", "1", true},
		{0x00280813, "CodeTableLocation", "AT", "1-n", true},
		{0x10001235, "ShiftTableTriplet", "US", "3", true},
		{0x10101235, "ZonalMap", "US", "1-n", true},
		{0x00102161, "EthnicGroupCodeSequence", "SQ", "1", false},
	} {
		e, ok := dicom.Lookup(c.tag)
		var vrs []string
		for _, v := range e.VRs {
			vrs = append(vrs, v.String())
		}
		got := []any{ok, e.Tag, e.Keyword, strings.Join(vrs, " "), e.VM, e.Retired}
		want := []any{true, c.tag, c.keyword, c.vrs, c.vm, c.retired}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%v: %s", c.tag, diff)
		}
	}
	for _, unknown := range []dicom.Tag{0x00090010, 0x00091001, 0x00100000, 0x00100002, 0x60013000, 0x10000000, 0} {
		if e, ok := dicom.Lookup(unknown); ok && unknown != 0 {
			t.Errorf("%v is %s", unknown, e.Keyword)
		}
	}
}

func TestVROf(t *testing.T) {
	for _, c := range []struct {
		tag  dicom.Tag
		want dicom.VR
	}{
		{tag.PatientName, dicom.PN},
		{tag.PixelData, dicom.OW},
		{tag.SmallestImagePixelValue, dicom.US},
		{tag.LUTData, dicom.OW},
		{0x60023000, dicom.OW},
		{0x00100000, dicom.UL}, // group length
		{0x00090000, dicom.UL},
		{0x00090010, dicom.LO}, // private creator
		{0x000900FF, dicom.LO},
		{0x00091001, dicom.UN},
		{0x00090001, dicom.UN},
		{0x00100002, dicom.UN},
		{tag.Item, dicom.UN},
	} {
		if got := dicom.VROf(c.tag); got != c.want {
			t.Errorf("%v: %v, want %v", c.tag, got, c.want)
		}
	}
}

func TestLookupKeyword(t *testing.T) {
	for _, k := range []string{"", "Patientname", "ZZZ", "A"} {
		if e, ok := dicom.LookupKeyword(k); ok {
			t.Errorf("%q: %v", k, e)
		}
	}
}

func TestParseAETitle(t *testing.T) {
	for in, want := range map[string]string{
		"HALONG": "HALONG", "  CT 1 \x00": "CT 1", "0123456789ABCDEF  ": "0123456789ABCDEF",
		"": "", "   ": "", "0123456789ABCDEFG": "", `A\B`: "", "A\nB": "", "Đ": "",
	} {
		got, err := dicom.ParseAETitle(in)
		if string(got) != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", in, got, err)
		}
	}
}

func BenchmarkVROf(b *testing.B) {
	tags := []dicom.Tag{tag.PatientName, tag.PixelData, 0x00091001, tag.SOPInstanceUID, 0x60023000, tag.Rows, tag.CodeValue, tag.StudyDate}
	for i := 0; b.Loop(); i++ {
		dicom.VROf(tags[i%len(tags)])
	}
}
