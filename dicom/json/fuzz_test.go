package json_test

import (
	"bytes"
	stdjson "encoding/json"
	"testing"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	dicomjson "github.com/halong-gateway/halong/dicom/json"
)

// FuzzDecode holds for any bytes: what is understood is JSON, comes out as
// JSON, and reads back to the same.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{
		`{"00080005":{"vr":"CS","Value":["ISO_IR 192"]},"00100010":{"vr":"PN","Value":[{"Alphabetic":"Wang^XiaoDong","Ideographic":"王^小東"},null]}}`,
		`{"00081115":{"vr":"SQ","Value":[{},{"0020000E":{"vr":"UI","Value":["1.2"]},"0008114A":{"Value":[{}],"vr":"SQ"}}]}}`,
		`{"00280030":{"vr":"DS","Value":[0.50,-1,1.2E+05,"x",0.30000000000000004]},"00200013":{"vr":"IS","Value":[1.0]},"00280010":{"vr":"US","Value":[1,2]}}`,
		`{"00409224":{"vr":"FD","Value":["NaN","-inf",1e300]},"7FE00003":{"vr":"UV","Value":["18446744073709551615"]},"00280009":{"vr":"AT","Value":["00181063"]}}`,
		`{"00282000":{"vr":"OB","InlineBinary":"AQIDAA=="},"00204000":{"vr":"LT","Value":["a\\b \"c\"\r\n\u0001\ud83d\ude00"]},"7FE00010":{"vr":"OW","BulkDataURI":"x/y"}}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		set, bulk, err := dicomjson.Decode(text, dataset.Limits{})
		if err != nil {
			return
		}
		for _, b := range bulk {
			if b.Tag == 0 && b.VR == 0 {
				t.Errorf("%+v", b)
			}
		}
		once := dicomjson.AppendSet(nil, set, dicomjson.Options{})
		if !stdjson.Valid(once) {
			t.Fatalf("not JSON: %s", once)
		}
		back(t, "fuzz", once)
	})
}

// FuzzAppend holds for any data set that can be read: the result is JSON that
// reads back to the same.
func FuzzAppend(f *testing.F) {
	f.Add(join(bytesOf(0x00080005, dicom.CS, `\ISO 2022 IR 87`), bytesOf(0x00100010, dicom.PN, "A=\x1b$B;3ED\x1b(B"), bytesOf(0x00280030, dicom.DS, `1\x`), bytesOf(0x00081115, dicom.SQ, item(bytesOf(0x00100020, dicom.LO, "x")))), true)
	f.Add([]byte("\x10\x00\x20\x00\x02\x00\x00\x00ab"), false)
	f.Fuzz(func(t *testing.T, data []byte, explicit bool) {
		u := dicom.ImplicitVRLittleEndian
		if explicit {
			u = dicom.ExplicitVRLittleEndian
		}
		out, err := dicomjson.Append(nil, dataset.NewReader(bytes.NewReader(data), syntax(t, u)), dicomjson.Options{})
		if err != nil {
			return
		}
		if !stdjson.Valid(out) {
			t.Fatalf("not JSON: %s", out)
		}
		back(t, "fuzz", out)
	})
}
