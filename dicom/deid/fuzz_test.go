package deid

import (
	"bytes"
	"testing"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
)

// Whatever comes: no panic, the result can be written and read, holds no private attribute, and twice is once.
func FuzzApply(f *testing.F) {
	ts := explicit()
	s := patient("P1")
	item := &dataset.Set{}
	item.PutString(tag.PersonName, dicom.PN, "Doe^John")
	s.Put(dataset.Element{Tag: tag.ContentSequence, VR: dicom.SQ, Items: []*dataset.Set{item}})
	s.Put(dataset.Element{Tag: tag.OperatorsName, VR: dicom.UN, Value: []byte("Doe^Jane")})
	s.PutString(0x00291001, dicom.LO, "private")
	f.Add(s.Append(nil, ts))
	s.PutString(tag.SpecificCharacterSet, dicom.CS, `\ISO 2022 IR 149`)
	f.Add(s.Append(nil, ts))
	all := newDeidentifier(f, 1, CleanDescriptors, CleanStructuredContent, CleanGraphics, RetainModifiedDates)
	basic := newDeidentifier(f, 1)
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, d := range []*Deidentifier{basic, all} {
			s, err := dataset.Parse(b, ts, dataset.Limits{Depth: 8, Elements: 2000})
			if err != nil {
				return
			}
			apply(t, d, s)
			once := s.Append(nil, ts)
			again, err := dataset.Parse(once, ts, dataset.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			for i := range again.Elements {
				if again.Elements[i].Tag.IsPrivate() {
					t.Errorf("%v is left", again.Elements[i].Tag)
				}
			}
			if twice := apply(t, d, again).Append(nil, ts); !bytes.Equal(once, twice) {
				t.Errorf("twice is not once:\n%q\n%q", once, twice)
			}
		}
	})
}
