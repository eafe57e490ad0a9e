package json_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	dicomjson "github.com/halong-gateway/halong/dicom/json"
	"github.com/halong-gateway/halong/internal/corpus"
)

// P12: an item's own character set holds for the item and what is inside it.
func TestItemCharset(t *testing.T) {
	dir := corpus.Dir(t, "dicom/pydicom/charset_files")
	for name, want := range map[string]string{
		"chrSQEncoding.dcm":  `{"Alphabetic":"ﾔﾏﾀﾞ^ﾀﾛｳ","Ideographic":"山田^太郎","Phonetic":"やまだ^たろう"}`,
		"chrSQEncoding1.dcm": `{"Alphabetic":"ﾔﾏﾀﾞ^ﾀﾛｳ","Ideographic":"山田^太郎","Phonetic":"やまだ^たろう"}`,
		"chrH31.dcm":         `{"Alphabetic":"Yamada^Tarou","Ideographic":"山田^太郎","Phonetic":"やまだ^たろう"}`,
		"chrX2.dcm":          `{"Alphabetic":"Wang^XiaoDong","Ideographic":"王^小东"}`,
	} {
		file, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		r, err := open(file)
		if err != nil {
			t.Fatal(err)
		}
		out, err := dicomjson.Append(nil, r, dicomjson.Options{})
		if err != nil || !strings.Contains(string(out), want) || strings.Contains(string(out), "ISO 2022") {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}

// A character set in an item comes out as UTF-8's, and the text outside is
// decoded by the outer one again.
func TestNestedCharset(t *testing.T) {
	data := join(
		bytesOf(0x00080005, dicom.CS, "ISO_IR 100"),
		bytesOf(0x00081115, dicom.SQ, item(bytesOf(0x00080005, dicom.CS, "ISO_IR 126"), bytesOf(0x00100020, dicom.LO, "\xc4"))+item(bytesOf(0x00100020, dicom.LO, "\xc4"))),
		bytesOf(0x00100020, dicom.LO, "\xc4"),
	)
	want := `{"00080005":{"vr":"CS","Value":["ISO_IR 192"]},"00081115":{"vr":"SQ","Value":[` +
		`{"00080005":{"vr":"CS","Value":["ISO_IR 192"]},"00100020":{"vr":"LO","Value":["Δ"]}},{"00100020":{"vr":"LO","Value":["Ä"]}}]},"00100020":{"vr":"LO","Value":["Ä"]}}`
	if got := encode(t, data, dicom.ExplicitVRLittleEndian, dicomjson.Options{}); got != want {
		t.Error(got)
	}
	set, err := dataset.Parse(data, syntax(t, dicom.ExplicitVRLittleEndian), dataset.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if got := string(dicomjson.AppendSet(nil, set, dicomjson.Options{})); got != want {
		t.Error("AppendSet:", got)
	}
}
