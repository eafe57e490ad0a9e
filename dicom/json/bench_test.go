package json_test

import (
	"bytes"
	"encoding/base64"
	stdjson "encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	dicomjson "github.com/halong-gateway/halong/dicom/json"
	"github.com/halong-gateway/halong/internal/corpus"
)

// sampleHead is the head of a CT instance of the corpus: all but its pixels.
func sampleHead(b *testing.B) (head []byte, ts *dicom.TransferSyntax) {
	b.Helper()
	file, err := os.ReadFile(filepath.Join(corpus.Dir(b, "dicom"), "pydicom/test_files/CT_small.dcm"))
	if err != nil {
		b.Fatal(err)
	}
	h, _, err := dataset.ReadFileHeader(bytes.NewReader(file), dataset.Limits{})
	if err != nil {
		b.Fatal(err)
	}
	ts, _ = dicom.LookupTransferSyntax(h.TransferSyntax)
	body := file[len(h.Raw):]
	if i := bytes.LastIndex(body, []byte("\xe0\x7f\x10\x00OW")); i >= 0 {
		body = body[:i]
	}
	return body, ts
}

func BenchmarkAppend(b *testing.B) {
	head, ts := sampleHead(b)
	var dst []byte
	b.ReportAllocs()
	b.SetBytes(int64(len(head)))
	for b.Loop() {
		var err error
		if dst, err = dicomjson.Append(dst[:0], dataset.NewReader(bytes.NewReader(head), ts), dicomjson.Options{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendSet(b *testing.B) {
	set := sampleSet(b)
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		dst = dicomjson.AppendSet(dst[:0], set, dicomjson.Options{})
	}
}

// BenchmarkEncodingJSON is the same document by way of maps and encoding/json.
func BenchmarkEncodingJSON(b *testing.B) {
	set := sampleSet(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := stdjson.Marshal(model(set)); err != nil {
			b.Fatal(err)
		}
	}
}

func sampleSet(b *testing.B) *dataset.Set {
	b.Helper()
	head, ts := sampleHead(b)
	set, err := dataset.Parse(head, ts, dataset.Limits{})
	if err != nil {
		b.Fatal(err)
	}
	return set
}

type member struct {
	VR           string `json:"vr"`
	Value        []any  `json:",omitempty"`
	InlineBinary string `json:",omitempty"`
}

func model(s *dataset.Set) map[string]member {
	m := make(map[string]member, len(s.Elements))
	for _, e := range s.Elements {
		v := member{VR: e.VR.String()}
		switch {
		case e.VR == dicom.SQ:
			for _, item := range e.Items {
				v.Value = append(v.Value, model(item))
			}
		case e.VR.IsBulk():
			v.InlineBinary = base64.StdEncoding.EncodeToString(e.Value)
		case e.VR == dicom.PN:
			for _, name := range s.Strings(e.Tag) {
				v.Value = append(v.Value, map[string]string{"Alphabetic": name})
			}
		case e.VR.WordSize() > 1 && e.VR != dicom.AT:
			for _, n := range s.Ints(e.Tag) {
				v.Value = append(v.Value, n)
			}
		default:
			for _, text := range s.Strings(e.Tag) {
				v.Value = append(v.Value, text)
			}
		}
		m[fmt.Sprintf("%08X", uint32(e.Tag))] = v
	}
	return m
}

func BenchmarkDecode(b *testing.B) {
	text := dicomjson.AppendSet(nil, sampleSet(b), dicomjson.Options{})
	b.ReportAllocs()
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, _, err := dicomjson.Decode(text, dataset.Limits{}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDecodeHostile shows that memory and time follow the length of the
// input: 10^6 empty items are refused, 100,000 sequences inside one another too, and the
// VR at the end of each of 60 levels costs no more than 60 passes.
func BenchmarkDecodeHostile(b *testing.B) {
	for name, text := range map[string]string{
		"items": `{"00081115":{"vr":"SQ","Value":[{}` + strings.Repeat(",{}", 1_000_000) + "]}}",
		"depth": strings.Repeat(`{"00081115":{"vr":"SQ","Value":[`, 100_000),
		"vr-last": strings.Repeat(`{"00081115":{"Value":[`, 60) + "{}" + strings.Repeat(",{}", 100_000) +
			strings.Repeat(`],"vr":"SQ"}}`, 60),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				if _, _, err := dicomjson.Decode([]byte(text), dataset.Limits{}); err == nil && name != "vr-last" {
					b.Fatal("accepted")
				}
			}
		})
	}
}
