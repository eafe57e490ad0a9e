package json_test

import (
	"bytes"
	"encoding/binary"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	dicomjson "github.com/halong-gateway/halong/dicom/json"
	"github.com/halong-gateway/halong/dicom/tag"
)

// bytesOf encodes an element in Explicit VR Little Endian (PS3.5 7.1.2).
func bytesOf(t dicom.Tag, vr dicom.VR, value string) []byte {
	le := binary.LittleEndian
	b := le.AppendUint16(nil, t.Group())
	b = le.AppendUint16(b, t.Element())
	b = append(b, byte(vr>>8), byte(vr))
	if len(value)%2 == 1 {
		pad := " "
		if vr == dicom.UI || vr == dicom.OB || vr == dicom.UN {
			pad = "\x00"
		}
		value += pad
	}
	if vr.LongLength() {
		b = le.AppendUint32(append(b, 0, 0), uint32(len(value)))
	} else {
		b = le.AppendUint16(b, uint16(len(value)))
	}
	return append(b, value...)
}

func syntax(t testing.TB, u dicom.UID) *dicom.TransferSyntax {
	t.Helper()
	ts, ok := dicom.LookupTransferSyntax(u)
	if !ok {
		t.Fatal(u)
	}
	return ts
}

func encode(t testing.TB, data []byte, u dicom.UID, o dicomjson.Options) string {
	t.Helper()
	out, err := dicomjson.Append(nil, dataset.NewReader(bytes.NewReader(data), syntax(t, u)), o)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func item(content ...[]byte) string {
	c := join(content...)
	return "\xfe\xff\x00\xe0" + string(binary.LittleEndian.AppendUint32(nil, uint32(len(c)))) + string(c)
}

func TestAppend(t *testing.T) {
	floats := string(binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, math.Float64bits(math.NaN())), math.Float64bits(math.Inf(-1))))
	utf8 := bytesOf(tag.SpecificCharacterSet, dicom.CS, "ISO_IR 192")
	for _, c := range []struct {
		name string
		data []byte
		want string
	}{
		{"nothing", nil, `{}`},
		{
			"J1 groups", join(utf8, bytesOf(tag.PatientName, dicom.PN, "Wang^XiaoDong=王^小東=")),
			`{"00080005":{"vr":"CS","Value":["ISO_IR 192"]},"00100010":{"vr":"PN","Value":[{"Alphabetic":"Wang^XiaoDong","Ideographic":"王^小東"}]}}`,
		},
		{
			"J1 only ideographic", join(utf8, bytesOf(tag.PatientName, dicom.PN, "=王^小東")),
			`{"00080005":{"vr":"CS","Value":["ISO_IR 192"]},"00100010":{"vr":"PN","Value":[{"Ideographic":"王^小東"}]}}`,
		},
		{
			"J1 empty groups", bytesOf(tag.PatientName, dicom.PN, `==\A==B`),
			`{"00100010":{"vr":"PN","Value":[null,{"Alphabetic":"A","Phonetic":"B"}]}}`,
		},
		{"J2 empty", bytesOf(tag.PatientName, dicom.PN, ""), `{"00100010":{"vr":"PN"}}`},
		{"J2 only padding", bytesOf(tag.PatientID, dicom.LO, "  "), `{"00100020":{"vr":"LO"}}`},
		{"J2 null in a list", bytesOf(tag.ImageType, dicom.CS, `A\\B\`), `{"00080008":{"vr":"CS","Value":["A",null,"B",null]}}`},
		{"J4 AT", bytesOf(tag.FrameIncrementPointer, dicom.AT, "\x18\x00\x63\x10"), `{"00280009":{"vr":"AT","Value":["00181063"]}}`},
		{"J4 OB", bytesOf(tag.ICCProfile, dicom.OB, "\x01\x02\x03"), `{"00282000":{"vr":"OB","InlineBinary":"AQIDAA=="}}`},
		{"OB empty", bytesOf(tag.ICCProfile, dicom.OB, ""), `{"00282000":{"vr":"OB"}}`},
		{
			"J5 private", join(bytesOf(0x00090010, dicom.LO, "ACME"), bytesOf(0x00091001, dicom.UN, "ab")),
			`{"00090010":{"vr":"LO","Value":["ACME"]},"00091001":{"vr":"UN","InlineBinary":"YWI="}}`,
		},
		{
			"J8 group length and Latin 1", join(bytesOf(0x00080000, dicom.UL, "\x01\x00\x00\x00"), bytesOf(tag.SpecificCharacterSet, dicom.CS, "ISO_IR 100"), bytesOf(tag.PatientName, dicom.PN, "J\xe9r\xf4me")),
			`{"00080005":{"vr":"CS","Value":["ISO_IR 192"]},"00100010":{"vr":"PN","Value":[{"Alphabetic":"Jérôme"}]}}`,
		},
		{
			"numbers", join(bytesOf(tag.Rows, dicom.US, "\xff\xff"), bytesOf(tag.PixelPaddingValue, dicom.SS, "\xff\xff")),
			`{"00280010":{"vr":"US","Value":[65535]},"00280120":{"vr":"SS","Value":[-1]}}`,
		},
		{"not a number", bytesOf(tag.RealWorldValueIntercept, dicom.FD, floats), `{"00409224":{"vr":"FD","Value":["NaN","-inf"]}}`},
		{
			"large whole number", bytesOf(tag.EncapsulatedPixelDataValueTotalLength, dicom.UV, "\xff\xff\xff\xff\xff\xff\xff\xff"),
			`{"7FE00003":{"vr":"UV","Value":["18446744073709551615"]}}`,
		},
		{
			"decimal strings", bytesOf(tag.PixelSpacing, dicom.DS, `0.50\+1\-.5\007\1.2E+05\ 3 \1.\x\1e\0`),
			`{"00280030":{"vr":"DS","Value":[0.50,1,-0.5,7,1.2E+05,3,1,"x","1e",0]}}`,
		},
		{"backslash in text", bytesOf(tag.ImageComments, dicom.LT, `a\b "c"`+"\r\n\x01"), `{"00204000":{"vr":"LT","Value":["a\\b \"c\"\r\n\u0001"]}}`},
		{"UID", bytesOf(tag.SOPInstanceUID, dicom.UI, "1.2.3"), `{"00080018":{"vr":"UI","Value":["1.2.3"]}}`},
		{
			"sequences", join(
				bytesOf(tag.ReferencedStudySequence, dicom.SQ, ""),
				bytesOf(tag.ReferencedSeriesSequence, dicom.SQ, item()+item(bytesOf(tag.SeriesInstanceUID, dicom.UI, "1.2"), bytesOf(tag.ReferencedInstanceSequence, dicom.SQ, item()))),
				bytesOf(tag.PatientID, dicom.LO, "x"),
			),
			`{"00081110":{"vr":"SQ"},"00081115":{"vr":"SQ","Value":[{},{"0020000E":{"vr":"UI","Value":["1.2"]},"0008114A":{"vr":"SQ","Value":[{}]}}]},"00100020":{"vr":"LO","Value":["x"]}}`,
		},
	} {
		got := encode(t, c.data, dicom.ExplicitVRLittleEndian, dicomjson.Options{})
		// the sequence case is out of order on purpose: order of the stream
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
		set, err := dataset.Parse(c.data, syntax(t, dicom.ExplicitVRLittleEndian), dataset.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if c.name != "sequences" { // Parse sorts
			if diff := cmp.Diff(got, string(dicomjson.AppendSet(nil, set, dicomjson.Options{}))); diff != "" {
				t.Errorf("%s: AppendSet: %s", c.name, diff)
			}
		}
		back(t, c.name, []byte(got))
	}
}

// back decodes what was encoded, encodes it again, and compares.
func back(t testing.TB, name string, text []byte) {
	t.Helper()
	set, _, err := dicomjson.Decode(text, dataset.Limits{})
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	once := dicomjson.AppendSet(nil, set, dicomjson.Options{})
	again, _, err := dicomjson.Decode(once, dataset.Limits{})
	if err != nil {
		t.Errorf("%s: again: %v", name, err)
		return
	}
	if diff := cmp.Diff(string(once), string(dicomjson.AppendSet(nil, again, dicomjson.Options{}))); diff != "" {
		t.Errorf("%s: not stable: %s", name, diff)
	}
}

// J4: words of a big endian file come out in little endian.
func TestAppendBigEndian(t *testing.T) {
	data := []byte("\x00\x28\x00\x10US\x00\x02\x01\x02" + "\x7f\xe0\x00\x10OW\x00\x00\x00\x00\x00\x04\x01\x02\x03\x04")
	got := encode(t, data, dicom.ExplicitVRBigEndian, dicomjson.Options{})
	want := `{"00280010":{"vr":"US","Value":[258]},"7FE00010":{"vr":"OW","InlineBinary":"AgEEAw=="}}`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// J6: bulk data inside sequences has a URI, with the place it is at.
func TestBulkURI(t *testing.T) {
	data := join(
		bytesOf(tag.WaveformSequence, dicom.SQ, item()+item(bytesOf(tag.WaveformData, dicom.OW, string(make([]byte, 2000))), bytesOf(tag.WaveformPaddingValue, dicom.OW, "ab"))),
		[]byte("\xe0\x7f\x10\x00OB\x00\x00\xff\xff\xff\xff"+item()+item([]byte("abcd"))+"\xfe\xff\xdd\xe0\x00\x00\x00\x00"),
	)
	var places []any
	got := encode(t, data, dicom.UID("1.2.840.10008.1.2.4.50"), dicomjson.Options{BulkURI: func(path []dicomjson.Step, tk dataset.Token) string {
		places = append(places, append([]dicomjson.Step{}, path...), tk.Tag)
		return "bulk/\"" + tk.Tag.String()
	}})
	want := `{"54000100":{"vr":"SQ","Value":[{},{"54001010":{"vr":"OW","BulkDataURI":"bulk/\"(5400,1010)"},"5400100A":{"vr":"OW","InlineBinary":"YWI="}}]},"7FE00010":{"vr":"OB","BulkDataURI":"bulk/\"(7FE0,0010)"}}`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]any{[]dicomjson.Step{{Tag: tag.WaveformSequence, Item: 1}}, tag.WaveformData, []dicomjson.Step{}, tag.PixelData}, places); diff != "" {
		t.Error(diff)
	}
	set, bulk, err := dicomjson.Decode([]byte(got), dataset.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	refs := []dicomjson.BulkReference{
		{Path: []dicomjson.Step{{Tag: tag.WaveformSequence, Item: 1}}, Tag: tag.WaveformData, VR: dicom.OW, URI: `bulk/"(5400,1010)`},
		{Tag: tag.PixelData, VR: dicom.OB, URI: `bulk/"(7FE0,0010)`},
	}
	if diff := cmp.Diff(refs, bulk); diff != "" {
		t.Error(diff)
	}
	if e := set.Get(tag.PixelData); e == nil || len(e.Value) != 0 {
		t.Errorf("%+v", e)
	}
}

func TestAppendErrors(t *testing.T) {
	data := bytesOf(tag.PatientName, dicom.PN, "Nguyen^An")
	for cut := 1; cut < len(data); cut++ {
		r := dataset.NewReader(bytes.NewReader(data[:cut]), syntax(t, dicom.ExplicitVRLittleEndian))
		if out, err := dicomjson.Append(nil, r, dicomjson.Options{}); err == nil && cut >= 8 {
			t.Errorf("cut at %d: %s", cut, out)
		}
	}
}
