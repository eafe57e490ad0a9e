package storage

import (
	"testing"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/internal/sample"
)

// FuzzEvidence: whatever a note holds, what it is said to reject are UIDs that can be filed, in bounded number.
func FuzzEvidence(f *testing.F) {
	p := sample.New(sample.Options{Seed: "evidence", Slices: 3})
	f.Add(p.RejectionNote("1", "113001", "Rejected for Quality Reasons", p.CT()...).DataSet)
	f.Add(p.RejectionNote("2", "113037", "Rejected for Patient Safety Reasons").DataSet)
	f.Fuzz(func(t *testing.T, b []byte) {
		o := &Object{manifest: &Manifest{TransferSyntax: dicom.ExplicitVRLittleEndian}, head: &joined{}}
		o.head.add(readerAt(b), 0, int64(len(b)))
		items, err := readEvidence(o)
		if err != nil && !isSyntax(err) {
			t.Fatal(err)
		}
		if len(items) > maxRejected {
			t.Errorf("%d items", len(items))
		}
		for _, it := range items {
			if !usable(it.Study) || !usable(it.Series) || !usable(it.SOP) {
				t.Errorf("%+v", it)
			}
		}
		if ts, ok := dicom.LookupTransferSyntax(dicom.ExplicitVRLittleEndian); ok {
			if s, err := dataset.Parse(b, ts, dataset.Limits{}); err == nil {
				_ = titleOf(s)
			}
		}
	})
}
