package json_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong/dicom/dataset"
	dicomjson "github.com/halong-gateway/halong/dicom/json"
)

const xmlHead = `<?xml version="1.0" encoding="UTF-8"?>` + "\n" + `<NativeDicomModel xmlns="http://dicom.nema.org/PS3.19/models/NativeDICOM" xml:space="preserve">`

func TestXML(t *testing.T) {
	for _, tc := range []struct{ name, model, want string }{
		{"empty", `{}`, ``},
		{
			"text", `{"00080005":{"vr":"CS","Value":["ISO_IR 192"]},"00204000":{"vr":"LT","Value":["a<b> & \"c\"\r\n\u0001"]}}`,
			`<DicomAttribute tag="00080005" vr="CS" keyword="SpecificCharacterSet"><Value number="1">ISO_IR 192</Value></DicomAttribute>` +
				`<DicomAttribute tag="00204000" vr="LT" keyword="ImageComments"><Value number="1">a&lt;b&gt; &amp; &quot;c&quot;&#13;&#10;` + "\uFFFD" + `</Value></DicomAttribute>`,
		},
		{
			"J2 empty values keep their numbers", `{"00080008":{"vr":"CS","Value":["A",null,"B"]},"00080050":{"vr":"SH"}}`,
			`<DicomAttribute tag="00080008" vr="CS" keyword="ImageType"><Value number="1">A</Value><Value number="3">B</Value></DicomAttribute>` +
				`<DicomAttribute tag="00080050" vr="SH" keyword="AccessionNumber"></DicomAttribute>`,
		},
		{
			"J1 names", `{"00100010":{"vr":"PN","Value":[{"Alphabetic":"Wang^Xiao^^Dr^III","Ideographic":"王^小東"},{"Phonetic":"x"}]}}`,
			`<DicomAttribute tag="00100010" vr="PN" keyword="PatientName"><PersonName number="1"><Alphabetic><FamilyName>Wang</FamilyName><GivenName>Xiao</GivenName>` +
				`<NamePrefix>Dr</NamePrefix><NameSuffix>III</NameSuffix></Alphabetic><Ideographic><FamilyName>王</FamilyName><GivenName>小東</GivenName></Ideographic></PersonName>` +
				`<PersonName number="2"><Phonetic><FamilyName>x</FamilyName></Phonetic></PersonName></DicomAttribute>`,
		},
		{
			"J5 private elements, inside items too", `{"00090010":{"vr":"LO","Value":["A&B"]},"00091002":{"vr":"SQ","Value":[{"00091003":{"vr":"LO","Value":["x"]}},{}]},"00091101":{"vr":"UN","InlineBinary":"AQI="}}`,
			`<DicomAttribute tag="00090010" vr="LO"><Value number="1">A&amp;B</Value></DicomAttribute>` +
				`<DicomAttribute tag="00090002" vr="SQ" privateCreator="A&amp;B"><Item number="1"><DicomAttribute tag="00091003" vr="LO"><Value number="1">x</Value></DicomAttribute></Item><Item number="2"></Item></DicomAttribute>` +
				`<DicomAttribute tag="00091101" vr="UN"><InlineBinary>AQI=</InlineBinary></DicomAttribute>`,
		},
		{
			"numbers and bulk data", `{"00280030":{"vr":"DS","Value":[0.50,-1]},"00280009":{"vr":"AT","Value":["00181063"]},"7FE00010":{"vr":"OW","BulkDataURI":"http://a/b?c&d"}}`,
			`<DicomAttribute tag="00280009" vr="AT" keyword="FrameIncrementPointer"><Value number="1">00181063</Value></DicomAttribute>` +
				`<DicomAttribute tag="00280030" vr="DS" keyword="PixelSpacing"><Value number="1">0.50</Value><Value number="2">-1</Value></DicomAttribute>` +
				`<DicomAttribute tag="7FE00010" vr="OW" keyword="PixelData"><BulkData uri="http://a/b?c&amp;d"/></DicomAttribute>`,
		},
	} {
		model := tc.model
		if tc.name == "numbers and bulk data" { // in the order of tags
			model = `{"00280009":{"vr":"AT","Value":["00181063"]},"00280030":{"vr":"DS","Value":[0.50,-1]},"7FE00010":{"vr":"OW","BulkDataURI":"http://a/b?c&d"}}`
		}
		got, err := dicomjson.AppendXML(nil, []byte(model))
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		if diff := cmp.Diff(xmlHead+tc.want+"</NativeDicomModel>", string(got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, diff)
		}
		wellFormed(t, tc.name, got)
	}
	for _, bad := range []string{``, `[]`, `{"x":{"vr":"CS"}}`, `{"00080005":{"Value":["A"],"vr":"CS"}}`, `{} {}`, `{"00100010":{"vr":"PN","Value":["x"]}}`} {
		var syntax *dicomjson.SyntaxError
		if _, err := dicomjson.AppendXML(nil, []byte(bad)); !errors.As(err, &syntax) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func wellFormed(t *testing.T, name string, b []byte) {
	t.Helper()
	for d := xml.NewDecoder(bytes.NewReader(b)); ; {
		if _, err := d.Token(); err == io.EOF {
			return
		} else if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
	}
}

func TestDecodeXML(t *testing.T) {
	for _, tc := range []struct{ name, body, want string }{
		{
			"private block by creator", `<DicomAttribute tag="00090002" vr="LO" privateCreator="ME"><Value number="1">x</Value></DicomAttribute>`,
			`{"00090010":{"vr":"LO","Value":["ME"]},"00091002":{"vr":"LO","Value":["x"]}}`,
		},
		{
			"private block of the document", `<DicomAttribute tag="00090012" vr="LO"><Value number="1">ME</Value></DicomAttribute><DicomAttribute tag="00090002" vr="LO" privateCreator="ME"/>`,
			`{"00090012":{"vr":"LO","Value":["ME"]},"00091202":{"vr":"LO"}}`,
		},
		{"VR of the dictionary", `<DicomAttribute tag="00280010"><Value number="1">512</Value></DicomAttribute>`, `{"00280010":{"vr":"US","Value":[512]}}`},
		{"missing numbers are empty values", `<DicomAttribute tag="00080008" vr="CS"><Value number="2">B</Value></DicomAttribute>`, `{"00080008":{"vr":"CS","Value":[null,"B"]}}`},
		{"white space", "\n <DicomAttribute tag=\"00282000\" vr=\"OB\">\n<InlineBinary>AQ\nID BA==</InlineBinary>\n</DicomAttribute>\n", `{"00282000":{"vr":"OB","InlineBinary":"AQIDBA=="}}`},
		{
			"older name of a group", `<DicomAttribute tag="00100010" vr="PN"><PersonName number="1"><SingleByte><FamilyName>A</FamilyName><NameSuffix>B</NameSuffix></SingleByte></PersonName></DicomAttribute>`,
			`{"00100010":{"vr":"PN","Value":[{"Alphabetic":"A^^^^B"}]}}`,
		},
	} {
		set, _, err := dicomjson.DecodeXML([]byte(xmlHead+tc.body+"</NativeDicomModel>"), dataset.Limits{})
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		if diff := cmp.Diff(tc.want, string(dicomjson.AppendSet(nil, set, dicomjson.Options{}))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, diff)
		}
	}
	for name, bad := range map[string]string{
		"nothing":       ``,
		"another root":  `<a/>`,
		"document type": `<!DOCTYPE a [<!ENTITY b "c">]><NativeDicomModel/>`,
		"entity":        xmlHead + `<DicomAttribute tag="00080005" vr="CS"><Value number="1">&b;</Value></DicomAttribute></NativeDicomModel>`,
		"cut off":       xmlHead + `<DicomAttribute tag="00080005" vr="CS">`,
		"bad tag":       xmlHead + `<DicomAttribute tag="8" vr="CS"/></NativeDicomModel>`,
		"huge number":   xmlHead + `<DicomAttribute tag="00080008" vr="CS"><Value number="2000000000">B</Value></DicomAttribute></NativeDicomModel>`,
		"descending":    xmlHead + `<DicomAttribute tag="00080008" vr="CS"><Value number="2">B</Value><Value number="1">B</Value></DicomAttribute></NativeDicomModel>`,
		"two roots":     xmlHead + `</NativeDicomModel><NativeDicomModel/>`,
		"text behind":   xmlHead + `</NativeDicomModel>x`,
		"end behind":    xmlHead + `</NativeDicomModel></a>`,
		"deep":          xmlHead + strings.Repeat(`<DicomAttribute tag="00081115" vr="SQ"><Item number="1">`, 10_000),
	} {
		var syntax *dicomjson.SyntaxError
		if _, _, err := dicomjson.DecodeXML([]byte(bad), dataset.Limits{}); !errors.As(err, &syntax) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Every data set of the corpus says the same in XML as in JSON.
func TestCorpusXML(t *testing.T) {
	read := 0
	corpusFiles(t, func(name string, file []byte) {
		if len(file) > 1<<20 {
			return
		}
		r, err := open(file)
		if err != nil {
			return
		}
		set, err := r.ReadSet()
		if err != nil {
			return
		}
		model := dicomjson.AppendSet(nil, set, dicomjson.Options{})
		text, err := dicomjson.AppendXML(nil, model)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		read++
		again, _, err := dicomjson.DecodeXML(text, dataset.Limits{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		want, _, err := dicomjson.Decode(model, dataset.Limits{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		a, b := dicomjson.AppendSet(nil, want, dicomjson.Options{}), dicomjson.AppendSet(nil, again, dicomjson.Options{})
		if !bytes.Equal(a, b) {
			a, b = trimNames(a), trimNames(b)
		}
		if !bytes.Equal(a, b) && !bytes.Contains(model, []byte(`\u00`)) {
			i := 0
			for i < min(len(a), len(b)) && a[i] == b[i] {
				i++
			}
			t.Errorf("%s: at %d %.120s / %.120s", name, i, a[max(0, i-60):], b[max(0, min(i-60, len(b))):])
		}
	})
	if read < 300 {
		t.Errorf("only %d files", read)
	}
}

var nameEnd = regexp.MustCompile(`,"Value":\[\{"Alphabetic":"\^+"\}\]|\^+"|(,null)+\]`)

// trimNames drops what XML does not tell: empty components at the end of names, empty values at the end of lists.
func trimNames(b []byte) []byte {
	return nameEnd.ReplaceAllFunc(b, func(m []byte) []byte {
		switch {
		case m[0] == '^':
			return []byte(`"`)
		case bytes.HasPrefix(m, []byte(",null")):
			return []byte("]")
		}
		return nil
	})
}

// FuzzXML: whatever is understood comes out as XML that is understood again.
func FuzzXML(f *testing.F) {
	f.Add([]byte(xmlHead + `<DicomAttribute tag="00090002" vr="LO" privateCreator="ME"><Value number="2">x</Value></DicomAttribute><DicomAttribute tag="00081115" vr="SQ"><Item number="1"><DicomAttribute tag="00282000" vr="OB"><InlineBinary>AQI=</InlineBinary></DicomAttribute></Item></DicomAttribute></NativeDicomModel>`))
	f.Add([]byte(`<NativeDicomModel><DicomAttribute tag="00100010" vr="PN"><PersonName number="1"><Alphabetic><FamilyName>a</FamilyName></Alphabetic></PersonName></DicomAttribute></NativeDicomModel>`))
	f.Fuzz(func(t *testing.T, text []byte) {
		set, _, err := dicomjson.DecodeXML(text, dataset.Limits{})
		if err != nil {
			return
		}
		model := dicomjson.AppendSet(nil, set, dicomjson.Options{})
		again, err := dicomjson.AppendXML(nil, model)
		if err != nil {
			t.Fatalf("%v: %s", err, model)
		}
		if _, _, err = dicomjson.DecodeXML(again, dataset.Limits{}); err != nil {
			t.Fatalf("%v: %s", err, again)
		}
	})
}
