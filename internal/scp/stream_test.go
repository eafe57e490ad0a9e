package scp

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"runtime"
	"strings"
	"testing"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/dimse"
	"github.com/halong-gateway/halong/dicom/pdu"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/storage"
)

// endless is an archive whose every query has so many matches, without objects.
type endless struct {
	matches int // 0: no end but the context's
}

func (e *endless) Find(ctx context.Context, _ halong.Scope, _ storage.Query) iter.Seq2[storage.Row, error] {
	return func(yield func(storage.Row, error) bool) {
		for i := 0; i < e.matches || e.matches == 0; i++ {
			if ctx.Err() != nil {
				yield(storage.Row{}, ctx.Err())
				return
			}
			s := &dataset.Set{}
			s.PutString(tag.PatientName, dicom.PN, fmt.Sprintf("NGUYỄN^VĂN^%d", i))
			s.PutString(tag.PatientID, dicom.LO, fmt.Sprintf("VN%09d", i))
			s.PutString(tag.StudyInstanceUID, dicom.UI, fmt.Sprintf("1.2.840.99999.%d", i))
			if !yield(storage.Row{Identity: storage.Identity{Study: s.UID(tag.StudyInstanceUID)}, Attributes: s}, nil) {
				return
			}
		}
	}
}

func (*endless) Instances(context.Context, halong.Scope, storage.Ref) iter.Seq2[*storage.Instance, error] {
	return func(yield func(*storage.Instance, error) bool) { yield(&storage.Instance{}, nil) }
}

func (*endless) Open(context.Context, *storage.Instance) (*storage.Object, error) {
	return nil, errors.New("no objects")
}

func (*endless) Check(context.Context, *storage.Instance) error { return errors.New("no objects") }

// heap gives the bytes of live objects. What others allocate while it looks is garbage to it: the least of several looks counts, since a
// server whose answers nobody reads stands still before long.
func heap() uint64 {
	least := uint64(math.MaxUint64)
	for range 5 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		least = min(least, m.HeapAlloc)
	}
	return least
}

func studyRoot(t *testing.T, addr string) *dimse.Association {
	t.Helper()
	a, err := associate(addr, "ANY", "HALONG", pdu.ProposedContext{AbstractSyntax: models[1].find, TransferSyntaxes: []dicom.UID{dicom.ExplicitVRLittleEndian}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() }) // released already, as a rule
	return a
}

func studyLevelQuery(pairs ...string) *strings.Reader {
	s := keys(append([]string{"QueryRetrieveLevel", "STUDY", "StudyInstanceUID", ""}, pairs...)...)
	return strings.NewReader(string(s.Append(nil, explicitVR())))
}

// TestFind100000: 100,000 answers take no more memory than a few.
func TestFind100000(t *testing.T) {
	const matches, room = 100_000, 8 << 20
	a := studyRoot(t, start(t, Config{Storer: &hasher{}, Archive: &endless{matches: matches}, AE: "HALONG"}))
	n, first, most := 0, uint64(0), uint64(0)
	resp, err := a.Call(t.Context(), 1, &dimse.Command{Field: dimse.CFindRQ, AffectedSOPClass: models[1].find}, studyLevelQuery("PatientName", "", "PatientID", ""), func(*dimse.Response) error {
		switch n++; {
		case n == 100:
			first = heap()
		case n%10_000 == 0:
			most = max(most, heap())
		}
		return nil
	})
	if err != nil || resp.Status != dimse.Success || n != matches {
		t.Fatalf("%d answers, %v, %v", n, resp, err)
	}
	t.Logf("heap %d KiB after 100 answers, at most %d KiB later", first>>10, most>>10)
	if most > first+room {
		t.Errorf("heap grew from %d to %d bytes", first, most)
	}
	if err := a.Release(); err != nil {
		t.Error(err)
	}
}

// TestN14Find: C-CANCEL ends a query that has no end by itself.
func TestN14Find(t *testing.T) {
	a := studyRoot(t, start(t, Config{Storer: &hasher{}, Archive: &endless{}, AE: "HALONG"}))
	n := 0
	rq := &dimse.Command{Field: dimse.CFindRQ, AffectedSOPClass: models[1].find}
	resp, err := a.Call(t.Context(), 1, rq, studyLevelQuery(), func(*dimse.Response) error {
		if n++; n == 10 {
			return a.Cancel(1, rq)
		}
		return nil
	})
	if err != nil || resp.Status != dimse.Cancelled || resp.Data != nil {
		t.Fatalf("%v, %v", resp, err)
	}
	t.Logf("%d answers were under way", n)
	if err := a.Release(); err != nil {
		t.Error(err)
	}
}

// TestFindInHeadsBounded: a query that would have to open too many objects fails and says why; one that only wants
// something from them goes on without. These objects cannot be read, so nobody knows whether they match: they are given, as FF01.
func TestFindInHeadsBounded(t *testing.T) {
	addr := start(t, Config{Storer: &hasher{}, Archive: &endless{matches: maxHeads + 1}, AE: "HALONG"})
	for _, c := range []struct {
		allergies string
		answers   int
		status    dimse.Status
		comment   string
	}{
		{"PENICILLIN", maxHeads, dimse.OutOfResources, errHeads.comment},
		{"", maxHeads + 1, dimse.Success, ""},
	} {
		a := studyRoot(t, addr)
		n := 0
		var last dimse.Status
		resp, err := a.Call(t.Context(), 1, &dimse.Command{Field: dimse.CFindRQ, AffectedSOPClass: models[1].find}, studyLevelQuery("Allergies", c.allergies), func(r *dimse.Response) error {
			n++
			last = r.Status
			return nil
		})
		if err != nil || resp.Status != c.status || resp.ErrorComment != c.comment || n != c.answers {
			t.Errorf("%q: %d answers, %+v, %v", c.allergies, n, resp, err)
		}
		if n > 0 && last != dimse.PendingOptionalMissing {
			t.Errorf("the last answer has status %v", last)
		}
		if err := a.Release(); err != nil {
			t.Error(err)
		}
	}
}
