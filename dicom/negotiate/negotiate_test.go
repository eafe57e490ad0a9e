package negotiate

import (
	"bytes"
	"fmt"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/pdu"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/dicom/ul"
)

const (
	ct   dicom.UID = "1.2.840.10008.5.1.4.1.1.2"
	jpeg dicom.UID = "1.2.840.10008.1.2.4.70"
)

// accepted is what a peer took.
type accepted []ul.Context

func (a accepted) Find(class, syntax dicom.UID) (ul.Context, bool) {
	for _, c := range a {
		if c.AbstractSyntax == class && c.TransferSyntax == syntax {
			return c, true
		}
	}
	return ul.Context{}, false
}

// TestContexts: the stored transfer syntax stands alone, what an object can be converted to beside it.
func TestContexts(t *testing.T) {
	for stored, others := range map[dicom.UID][]dicom.UID{
		dicom.ExplicitVRLittleEndian:         {dicom.ImplicitVRLittleEndian},
		dicom.ImplicitVRLittleEndian:         {dicom.ExplicitVRLittleEndian},
		dicom.ExplicitVRBigEndian:            {dicom.ExplicitVRLittleEndian, dicom.ImplicitVRLittleEndian},
		dicom.DeflatedExplicitVRLittleEndian: {dicom.ExplicitVRLittleEndian, dicom.ImplicitVRLittleEndian},
		jpeg:                                 nil,
		"1.2.3.private":                      nil,
		"1.2.840.10008.1.2.1.98":             nil, // encapsulated, though not compressed
		"1.2.840.10008.1.2.4.95":             nil, // JPIP Referenced Deflate
	} {
		want := []pdu.ProposedContext{{AbstractSyntax: ct, TransferSyntaxes: []dicom.UID{stored}}}
		if others != nil {
			want = append(want, pdu.ProposedContext{AbstractSyntax: ct, TransferSyntaxes: others})
		}
		if d := cmp.Diff(want, Contexts(Pair{ct, stored})); d != "" {
			t.Errorf("%s:\n%s", stored, d)
		}
	}
}

// TestChoose: the stored transfer syntax before all others, and nothing that loses anything.
func TestChoose(t *testing.T) {
	all := accepted{
		{ID: 1, AbstractSyntax: ct, TransferSyntax: dicom.ImplicitVRLittleEndian},
		{ID: 3, AbstractSyntax: ct, TransferSyntax: dicom.ExplicitVRLittleEndian},
		{ID: 5, AbstractSyntax: ct, TransferSyntax: jpeg},
		{ID: 7, AbstractSyntax: "1.2", TransferSyntax: dicom.ExplicitVRBigEndian},
	}
	for _, c := range []struct {
		pair Pair
		want uint8 // 0: none
	}{
		{Pair{ct, dicom.ImplicitVRLittleEndian}, 1},
		{Pair{ct, dicom.ExplicitVRLittleEndian}, 3},
		{Pair{ct, dicom.ExplicitVRBigEndian}, 3},
		{Pair{ct, dicom.DeflatedExplicitVRLittleEndian}, 3},
		{Pair{ct, jpeg}, 5},
		{Pair{ct, "1.2.840.10008.1.2.4.90"}, 0},
		{Pair{"1.2", dicom.ImplicitVRLittleEndian}, 7},
		{Pair{"1.3", dicom.ImplicitVRLittleEndian}, 0},
	} {
		got, ok := Choose(all, c.pair)
		if got.ID != c.want || ok != (c.want != 0) {
			t.Errorf("%+v: %+v, %v", c.pair, got, ok)
		}
	}
}

// TestProposal: as much as fits, each once.
func TestProposal(t *testing.T) {
	var p Proposal
	added := 0
	for i := range 200 {
		x := Pair{dicom.UID(fmt.Sprintf("1.2.%d", i)), dicom.ExplicitVRLittleEndian}
		if p.Add(x) {
			added++
		}
		if p.Has(x) != p.Add(x) {
			t.Errorf("%d: a pair that is there is added again, or one without room is there", i)
		}
	}
	if added != 64 || len(p.Contexts()) != pdu.MaxContexts {
		t.Errorf("%d pairs, %d contexts", added, len(p.Contexts()))
	}
	if p.AddContext(pdu.ProposedContext{AbstractSyntax: "1.2"}) {
		t.Error("one too many")
	}
}

// TestConverted: the same as converting in one go; ended early, nothing hangs.
func TestConverted(t *testing.T) {
	var s dataset.Set
	s.PutString(tag.SOPInstanceUID, dicom.UI, "1.2.3")
	s.Put(dataset.Element{Tag: tag.PixelData, VR: dicom.OW, Value: bytes.Repeat([]byte{1, 2, 3, 4}, 100_000)})
	from, _ := dicom.LookupTransferSyntax(dicom.ExplicitVRLittleEndian)
	to, _ := dicom.LookupTransferSyntax(dicom.ImplicitVRLittleEndian)
	data := s.Append(nil, from)
	r := Converted(bytes.NewReader(data), from, to)
	got, err := io.ReadAll(r)
	if err != nil || !bytes.Equal(got, s.Append(nil, to)) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	r = Converted(bytes.NewReader(data), from, to)
	if _, err := r.Read(make([]byte, 10)); err != nil {
		t.Error(err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}
