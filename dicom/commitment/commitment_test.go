package commitment

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/dimse"
	"github.com/halong-gateway/halong/dicom/tag"
)

const ct dicom.UID = "1.2.840.10008.5.1.4.1.1.2"

var syntaxes = []dicom.UID{dicom.ImplicitVRLittleEndian, dicom.ExplicitVRLittleEndian, dicom.ExplicitVRBigEndian}

func syntax(t testing.TB, u dicom.UID) *dicom.TransferSyntax {
	t.Helper()
	ts, ok := dicom.LookupTransferSyntax(u)
	if !ok {
		t.Fatal(u)
	}
	return ts
}

// TestRoundTrip: what is encoded is parsed again, in each syntax.
func TestRoundTrip(t *testing.T) {
	request := &Request{"2.25.1", []Reference{{ct, "1.2"}, {ct, "1.3"}}}
	reports := []*Report{
		{Transaction: "2.25.1", RetrieveAE: "HALONG", Committed: request.References},
		{Transaction: "2.25.1", Failed: []Failure{{Reference{ct, "1.2"}, NoSuchObjectInstance}}},
		{Transaction: "2.25.1", RetrieveAE: "HALONG", Committed: request.References[1:], Failed: []Failure{{Reference{ct, "1.2"}, ClassInstanceConflict}}},
	}
	for _, u := range syntaxes {
		ts := syntax(t, u)
		got, err := ParseRequest(request.Append(nil, ts), ts)
		if d := cmp.Diff(request, got); d != "" || err != nil {
			t.Errorf("%s: %v\n%s", u, err, d)
		}
		for i, r := range reports {
			got, err := ParseReport(r.Append(nil, ts), ts)
			if d := cmp.Diff(r, got); d != "" || err != nil {
				t.Errorf("%s, report %d: %v\n%s", u, i, err, d)
			}
		}
	}
	for i, want := range []uint16{1, 2, 2} {
		if got := reports[i].event(); got != want {
			t.Errorf("report %d: event type %d", i, got)
		}
	}
}

// TestUnsafe: only what a report names as committed, of the class asked for, is safe.
func TestUnsafe(t *testing.T) {
	rq := &Request{"2.25.1", []Reference{{ct, "1"}, {ct, "2"}, {ct, "3"}, {ct, "4"}}}
	got := rq.Unsafe(&Report{
		Committed: []Reference{{ct, "1"}, {"1.9", "3"}, {ct, "5"}},
		Failed:    []Failure{{Reference{ct, "2"}, ProcessingFailure}},
	})
	want := []Failure{{Reference{ct, "2"}, ProcessingFailure}, {Reference{ct, "3"}, 0}, {Reference{ct, "4"}, 0}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// TestRefused: what is answered to Data Sets that are none of this service.
func TestRefused(t *testing.T) {
	ts := syntax(t, dicom.ImplicitVRLittleEndian)
	edit := func(f func(*dataset.Set)) []byte {
		r := Request{"2.25.1", []Reference{{ct, "1.2"}, {ct, "1.2"}}}
		s, err := dataset.Parse(r.Append(nil, ts), ts, dataset.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		f(s)
		return s.Append(nil, ts)
	}
	many := Request{"2.25.1", make([]Reference, MaxReferences+1)}
	for i := range many.References {
		many.References[i] = Reference{ct, "1"}
	}
	for name, c := range map[string]struct {
		data []byte
		want dimse.Status
	}{
		"nothing":           {nil, dimse.InvalidArgumentValue},
		"no data set":       {[]byte("hello world"), dimse.ProcessingFailure},
		"no transaction":    {edit(func(s *dataset.Set) { s.Delete(tag.TransactionUID) }), dimse.InvalidArgumentValue},
		"bad transaction":   {edit(func(s *dataset.Set) { s.PutString(tag.TransactionUID, dicom.UI, "abc") }), dimse.InvalidArgumentValue},
		"no sequence":       {edit(func(s *dataset.Set) { s.Delete(tag.ReferencedSOPSequence) }), dimse.InvalidArgumentValue},
		"empty sequence":    {edit(func(s *dataset.Set) { s.Get(tag.ReferencedSOPSequence).Items = nil }), dimse.InvalidArgumentValue},
		"no class":          {edit(func(s *dataset.Set) { s.Get(tag.ReferencedSOPSequence).Items[1].Delete(tag.ReferencedSOPClassUID) }), dimse.InvalidArgumentValue},
		"no instance":       {edit(func(s *dataset.Set) { s.Get(tag.ReferencedSOPSequence).Items[1].Delete(tag.ReferencedSOPInstanceUID) }), dimse.InvalidArgumentValue},
		"too many":          {many.Append(nil, ts), dimse.ResourceLimitation},
		"too long":          {make([]byte, MaxLength+1), dimse.ResourceLimitation},
		"twice counts once": {edit(func(*dataset.Set) {}), dimse.Success},
	} {
		r, err := ParseRequest(c.data, ts)
		var e *Error
		switch {
		case c.want == dimse.Success:
			if err != nil || len(r.References) != 1 {
				t.Errorf("%s: %+v, %v", name, r, err)
			}
		case !errors.As(err, &e) || e.Status != c.want:
			t.Errorf("%s: %v", name, err)
		default:
			if resp := e.Response(); resp.Status != c.want || len(resp.ErrorComment) > 64 || resp.ErrorComment == "" {
				t.Errorf("%s: %+v", name, resp)
			}
		}
	}
	if s := Reason(0x0112).String(); !strings.Contains(s, "no such object instance") || Reason(0xABCD).String() != "ABCD" {
		t.Error(s)
	}
}

// TestContradiction: what a report lists on both sides has failed.
func TestContradiction(t *testing.T) {
	ts := syntax(t, dicom.ExplicitVRLittleEndian)
	r := Report{Transaction: "2.25.1", Committed: []Reference{{ct, "1"}, {ct, "2"}}, Failed: []Failure{{Reference{ct, "2"}, 0}}}
	got, err := ParseReport(r.Append(nil, ts), ts)
	if err != nil || len(got.Committed) != 1 || got.Committed[0].SOPInstance != "1" {
		t.Errorf("%+v, %v", got, err)
	}
}

// FuzzParse: any bytes are refused with a status, or give what can be encoded and parsed again.
func FuzzParse(f *testing.F) {
	r := Report{Transaction: "2.25.1", RetrieveAE: "A", Committed: []Reference{{ct, "1"}}, Failed: []Failure{{Reference{ct, "2"}, ProcessingFailure}}}
	rq := Request{"2.25.1", []Reference{{ct, "1"}, {ct, "2"}}}
	for i := range syntaxes {
		f.Add(i, r.Append(nil, syntax(f, syntaxes[i])))
		f.Add(i, rq.Append(nil, syntax(f, syntaxes[i])))
	}
	f.Add(0, []byte{0x08, 0, 0x95, 0x11, 0xfe, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, which int, b []byte) {
		ts := syntax(t, syntaxes[uint(which)%uint(len(syntaxes))])
		var e *Error
		if r, err := ParseRequest(b, ts); err == nil {
			again, err := ParseRequest(r.Append(nil, ts), ts)
			if d := cmp.Diff(r, again); d != "" || err != nil {
				t.Errorf("%v\n%s", err, d)
			}
		} else if !errors.As(err, &e) || e.Status.OK() {
			t.Error(err)
		}
		if r, err := ParseReport(b, ts); err == nil {
			if len(r.Committed) == 0 {
				r.RetrieveAE = "" // it says where committed instances are
			}
			again, err := ParseReport(r.Append(nil, ts), ts)
			if err != nil || again.Transaction != r.Transaction || !cmp.Equal(again.Committed, r.Committed) || !cmp.Equal(again.Failed, r.Failed) {
				t.Errorf("%v\n%s", err, cmp.Diff(r, again))
			}
		} else if !errors.As(err, &e) || e.Status.OK() {
			t.Error(err)
		}
	})
}
