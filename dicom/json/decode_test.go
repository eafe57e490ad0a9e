package json_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	dicomjson "github.com/halong-gateway/halong/dicom/json"
	"github.com/halong-gateway/halong/dicom/tag"
)

func TestDecode(t *testing.T) {
	for _, c := range []struct {
		name, text string
		tag        dicom.Tag
		vr         dicom.VR
		value      string
	}{
		{"text", `{"00100020":{"vr":"LO","Value":["A","B1"]}}`, tag.PatientID, dicom.LO, `A\B1`},
		{"padding", `{"00100020":{"vr":"LO","Value":["abc"]}}`, tag.PatientID, dicom.LO, "abc "},
		{"UID padding", `{"00080018":{"vr":"UI","Value":["1.2"]}}`, tag.SOPInstanceUID, dicom.UI, "1.2\x00"},
		{"null", `{"00080008":{"vr":"CS","Value":["A",null,"B"]}}`, tag.ImageType, dicom.CS, `A\\B`},
		{"Value null", `{"00100020":{"vr":"LO","Value":null}}`, tag.PatientID, dicom.LO, ""},
		{"name", `{"00100010":{"vr":"PN","Value":[{"Phonetic":"C","Alphabetic":"A"},null,{"Ideographic":"王"}]}}`, tag.PatientName, dicom.PN, `A==C\\=王`},
		{"name as a string", `{"00100010":{"vr":"PN","Value":["A^B "]}}`, tag.PatientName, dicom.PN, "A^B "},
		{"VR at the end", `{"00280010":{"Value":[1,65535],"vr":"US"}}`, tag.Rows, dicom.US, "\x01\x00\xff\xff"},
		{"no VR", `{"00280010":{"Value":[1]}}`, tag.Rows, dicom.US, "\x01\x00"},
		{"number as a string", `{"00280010":{"vr":"US","Value":["7"]}}`, tag.Rows, dicom.US, "\x07\x00"},
		{"NaN", `{"00409224":{"vr":"FL","Value":["NaN","inf","-inf"]}}`, 0x00409224, dicom.FL, "\x00\x00\xc0\x7f\x00\x00\x80\x7f\x00\x00\x80\xff"},
		{"large", `{"7FE00003":{"vr":"UV","Value":["18446744073709551615"]}}`, 0x7FE00003, dicom.UV, "\xff\xff\xff\xff\xff\xff\xff\xff"},
		{"AT", `{"00280009":{"vr":"AT","Value":["00181063"]}}`, tag.FrameIncrementPointer, dicom.AT, "\x18\x00\x63\x10"},
		{"DS digits stay", `{"00280030":{"vr":"DS","Value":[0.50,"1.0"]}}`, tag.PixelSpacing, dicom.DS, `0.50\1.0`},
		{"DS too long", `{"00280030":{"vr":"DS","Value":[0.30000000000000004]}}`, tag.PixelSpacing, dicom.DS, "0.3 "},
		{"DS far too long", `{"00280030":{"vr":"DS","Value":[-0.000012345678901234567]}}`, tag.PixelSpacing, dicom.DS, "-1.23456789e-05 "},
		{"IS with a fraction", `{"00200013":{"vr":"IS","Value":[714.0,1e2]}}`, tag.InstanceNumber, dicom.IS, `714\100 `},
		{"inline", `{"00282000":{"vr":"OB","InlineBinary":"AQID"}}`, tag.ICCProfile, dicom.OB, "\x01\x02\x03\x00"},
		{"inline in an array", `{"00282000":{"vr":"OB","InlineBinary":["AQI="]}}`, tag.ICCProfile, dicom.OB, "\x01\x02"},
		{"escapes", `{"00204000":{"vr":"LT","Value":["\u0110\ud83d\ude00\\\/\ud83dx"]}}`, tag.ImageComments, dicom.LT, "Đ😀\\/\uFFFDx"},
		{"charset", `{"00080005":{"vr":"CS","Value":["ISO_IR 100"]}}`, tag.SpecificCharacterSet, dicom.CS, "ISO_IR 192"},
		{"charset is said", `{"00100010":{"vr":"PN","Value":[{"Alphabetic":"Đức"}]}}`, tag.SpecificCharacterSet, dicom.CS, "ISO_IR 192"},
		{"last of two", `{"00100020":{"vr":"LO","Value":["A1"]},"00080018":{},"00100020":{"vr":"LO","Value":["B1"]}}`, tag.PatientID, dicom.LO, "B1"},
		{"unknown members", `{"00100020":{"x":{"y":[1,"]"]},"vr":"LO","Value":["A1"]}}`, tag.PatientID, dicom.LO, "A1"},
		{"group 1", `{"00010001":{"vr":"LO","Value":["A1"]}}`, 0x00010001, dicom.LO, "A1"},
		{"white space", " { \"0010002a\" :\n{ \"vr\" : \"LO\" , \"Value\" :\t[ \"A1\" ] } } \r\n", 0x0010002A, dicom.LO, "A1"},
	} {
		set, bulk, err := dicomjson.Decode([]byte(c.text), dataset.Limits{})
		if err != nil || len(bulk) > 0 {
			t.Errorf("%s: %v, %v", c.name, err, bulk)
			continue
		}
		got := set.Get(c.tag)
		want := &dataset.Element{Tag: c.tag, VR: c.vr, Value: []byte(c.value)}
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
}

func TestDecodeOrder(t *testing.T) {
	set, _, err := dicomjson.Decode([]byte(`{"00100020":{"vr":"LO"},"00080000":{"vr":"UL","Value":[1]},"00020010":{"vr":"UI"},"00081115":{"vr":"SQ","Value":[{"00100020":{"vr":"LO"},"00080018":{"vr":"UI"}},null,{}]}}`), dataset.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	got := string(dicomjson.AppendSet(nil, set, dicomjson.Options{}))
	want := `{"00081115":{"vr":"SQ","Value":[{"00080018":{"vr":"UI"},"00100020":{"vr":"LO"}},{},{}]},"00100020":{"vr":"LO"}}`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestDecodeErrors(t *testing.T) {
	nested := func(depth int) string {
		return strings.Repeat(`{"00081115":{"vr":"SQ","Value":[`, depth) + "{}" + strings.Repeat(`]}}`, depth)
	}
	for _, c := range []struct {
		name, text string
		offset     int
		tag        dicom.Tag
		limit      bool
	}{
		{"nothing", "", 0, 0, false},
		{"array", "[]", 0, 0, false},
		{"rest", "{}x", 2, 0, false},
		{"keyword", `{"PatientID":{}}`, 1, 0, false},
		{"short tag", `{"0010":{}}`, 1, 0, false},
		{"no object", `{"00100020":[]}`, 12, tag.PatientID, false},
		{"comma", `{"00100020":{},}`, 15, 0, false},
		{"two contents", `{"00100020":{"vr":"LO","Value":[],"InlineBinary":""}}`, 49, tag.PatientID, false},
		{"unknown VR", `{"00100020":{"vr":"XX"}}`, 22, tag.PatientID, false},
		{"cut off", `{"00100020":{"vr":"LO","Value":["A`, 34, tag.PatientID, false},
		{"cut off, VR unknown", `{"00100020":{"Value":["A`, 22, tag.PatientID, false},
		{"control character", "{\"00100020\":{\"vr\":\"LO\",\"Value\":[\"\n\"]}}", 33, tag.PatientID, false},
		{"escape", `{"00100020":{"vr":"LO","Value":["\x"]}}`, 33, tag.PatientID, false},
		{"true", `{"00100020":{"vr":"LO","Value":[true]}}`, 32, tag.PatientID, false},
		{"number", `{"00280030":{"vr":"DS","Value":[01]}}`, 34, tag.PixelSpacing, false},
		{"range", `{"00280010":{"vr":"US","Value":[65536]}}`, 37, tag.Rows, false},
		{"base64", `{"00282000":{"vr":"OB","InlineBinary":"A?"}}`, 42, tag.ICCProfile, false},
		{"OB with Value", `{"00282000":{"vr":"OB","Value":[1]}}`, 33, tag.ICCProfile, false},
		{"IS", `{"00200013":{"vr":"IS","Value":[1.5]}}`, 35, tag.InstanceNumber, false},
		{"AT", `{"00280009":{"vr":"AT","Value":["0018"]}}`, 38, tag.FrameIncrementPointer, false},
		{"place inside a sequence", `{"00081115":{"vr":"SQ","Value":[{"00280010":{"vr":"US","Value":[x]}}]}}`, 64, tag.Rows, false},
		{"depth", nested(65), 65 * 32, tag.ReferencedSeriesSequence, true},
		{"100,000 deep", nested(100_000), 65 * 32, tag.ReferencedSeriesSequence, true},
		{"items", `{"00081115":{"vr":"SQ","Value":[{}` + strings.Repeat(",{}", 900_000) + "]}}", 32 + 3*900_000, tag.ReferencedSeriesSequence, true},
	} {
		_, _, err := dicomjson.Decode([]byte(c.text), dataset.Limits{})
		var se *dicomjson.SyntaxError
		if !errors.As(err, &se) {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if se.Offset != c.offset || se.Tag != c.tag || errors.Is(err, dataset.ErrLimit) != c.limit {
			t.Errorf("%s: %v, offset %d, want %d in %v", c.name, err, se.Offset, c.offset, c.tag)
		}
	}
	if _, _, err := dicomjson.Decode([]byte(nested(64)), dataset.Limits{}); err != nil {
		t.Error(err)
	}
}

func TestDecodeAll(t *testing.T) {
	for text, n := range map[string]int{"[]": 0, "{}": 1, " [ {} , {} ] ": 2, "[{},]": -1, "[{}": -1, "x": -1, "[null]": -1, "[]1": -1, "{}{}": -1} {
		list, err := dicomjson.DecodeAll([]byte(text), dataset.Limits{})
		if (err == nil) != (n >= 0) || len(list) != max(n, 0) {
			t.Errorf("%s: %d objects, %v", text, len(list), err)
		}
	}
	list, err := dicomjson.DecodeAll([]byte(`[{"00100010":{"vr":"PN","Value":[{"Alphabetic":"Đ"}]}},{"00282000":{"vr":"OB","BulkDataURI":"b"}}]`), dataset.Limits{})
	if err != nil || len(list) != 2 || len(list[0].Bulk) != 0 || len(list[1].Bulk) != 1 || list[1].Set.Get(tag.SpecificCharacterSet) != nil {
		t.Errorf("%+v, %v", list, err)
	}
}
