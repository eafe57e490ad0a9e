package charset_test

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/charset"
	"github.com/halong-gateway/halong/internal/corpus"
)

// find gives the values of an element in a file, in order of appearance, at
// any nesting level. It knows just enough of PS3.5 7.1 for these small files.
func find(file []byte, tag [4]byte, vr string) (values [][]byte) {
	for i := 0; ; {
		n := bytes.Index(file[i:], tag[:])
		if n < 0 {
			return values
		}
		i += n + 4
		length := int(binary.LittleEndian.Uint32(file[i:]))
		if string(file[i:i+2]) == vr {
			length = int(binary.LittleEndian.Uint16(file[i+2:]))
		}
		if start := i + 4; length > 0 && start+length <= len(file) {
			values = append(values, file[start:start+length])
		}
	}
}

// The expected names are those of PS3.5 annexes H, I and J, from which the files were made.
func TestCorpusNames(t *testing.T) {
	dir := corpus.Dir(t, "dicom/pydicom/charset_files")
	want := map[string]string{
		"chrArab.dcm":                "قباني^لنزار",
		"chrFren.dcm":                "Buc^Jérôme",
		"chrFrenMulti.dcm":           "Buc^Jérôme",
		"chrGerm.dcm":                "Äneas^Rüdiger",
		"chrGreek.dcm":               "Διονυσιος",
		"chrH31.dcm":                 "Yamada^Tarou=山田^太郎=やまだ^たろう",
		"chrH32.dcm":                 "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう",
		"chrHbrw.dcm":                "שרון^דבורה",
		"chrI2.dcm":                  "Hong^Gildong=洪^吉洞=홍^길동",
		"chrJapMulti.dcm":            "やまだ^たろう",
		"chrJapMultiExplicitIR6.dcm": "やまだ^たろう",
		"chrKoreanMulti.dcm":         "김희중",
		"chrRuss.dcm":                "Люкceмбypг",
		"chrSQEncoding.dcm":          "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう",
		"chrSQEncoding1.dcm":         "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう",
		"chrX1.dcm":                  "Wang^XiaoDong=王^小東=",
		"chrX2.dcm":                  "Wang^XiaoDong=王^小东=",
	}
	got := map[string]string{}
	for name := range want {
		file, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		terms := find(file, [4]byte{8, 0, 5, 0}, "CS")
		names := find(file, [4]byte{0x10, 0, 0x10, 0}, "PN")
		if len(terms) == 0 || len(names) != 1 {
			t.Fatalf("%s: %d character sets, %d names", name, len(terms), len(names))
		}
		// the last character set is the item's own where there are two
		d, err := charset.New(strings.Split(string(terms[len(terms)-1]), `\`))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		got[name] = strings.TrimRight(string(d.Decode(nil, names[0], dicom.PN)), " ")
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
