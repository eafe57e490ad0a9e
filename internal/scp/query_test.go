package scp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/dimse"
	"github.com/halong-gateway/halong/dicom/pdu"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/internal/access"
	"github.com/halong-gateway/halong/internal/scu"
	"github.com/halong-gateway/halong/storage"
	"github.com/halong-gateway/halong/storage/disk"
	"github.com/halong-gateway/halong/storage/sqlite"
)

// realArchive is the archive that the program runs, in a folder of the test.
func realArchive(t testing.TB) *storage.Archive {
	t.Helper()
	dir := t.TempDir()
	store, err := disk.Open(filepath.Join(dir, "store"), disk.Options{})
	if err != nil {
		t.Fatal(err)
	}
	index, err := sqlite.Open(context.Background(), filepath.Join(dir, "index.db"), store, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(index.Close(), store.Close()); err != nil {
			t.Error(err)
		}
	})
	return storage.NewArchive(storage.Config{Index: index, Blobs: store, Journal: store})
}

func explicitVR() *dicom.TransferSyntax {
	ts, _ := dicom.LookupTransferSyntax(dicom.ExplicitVRLittleEndian)
	return ts
}

// put stores an object of a facility.
func put(t *testing.T, a *storage.Archive, f halong.Facility, study, instance int, name string) dicom.UID {
	t.Helper()
	sop := dicom.UID(fmt.Sprintf("1.2.%d.3.%d", study, instance))
	var s dataset.Set
	s.PutString(tag.SpecificCharacterSet, dicom.CS, "ISO_IR 192")
	s.PutString(tag.SOPClassUID, dicom.UI, string(ctStorage))
	s.PutString(tag.SOPInstanceUID, dicom.UI, string(sop))
	s.PutString(tag.StudyDate, dicom.DA, "20261121")
	s.PutString(tag.Modality, dicom.CS, "CT")
	s.PutString(tag.PatientName, dicom.PN, name)
	s.PutString(tag.PatientID, dicom.LO, "P"+name[:1])
	s.PutString(tag.KVP, dicom.DS, "120")
	s.PutString(tag.StudyInstanceUID, dicom.UI, fmt.Sprintf("1.2.%d", study))
	s.PutString(tag.SeriesInstanceUID, dicom.UI, fmt.Sprintf("1.2.%d.3", study))
	s.PutString(tag.InstanceNumber, dicom.IS, fmt.Sprint(instance))
	b := s.Append(nil, explicitVR())
	_, err := a.Store(t.Context(), storage.Inbound{
		Facility: f, Source: halong.Source{Protocol: "test"}, TransferSyntax: dicom.ExplicitVRLittleEndian, SOPClass: ctStorage, SOPInstance: sop, Body: bytes.NewReader(b),
	})
	if err != nil {
		t.Fatal(err)
	}
	return sop
}

// keys makes an identifier of keyword, value pairs.
func keys(pairs ...string) *dataset.Set {
	s := &dataset.Set{}
	for i := 0; i < len(pairs); i += 2 {
		e, _ := dicom.LookupKeyword(pairs[i])
		if pairs[i+1] == "" {
			s.Put(dataset.Element{Tag: e.Tag, VR: e.VR})
		} else {
			s.PutString(e.Tag, e.VR, pairs[i+1])
		}
	}
	return s
}

func ask(t *testing.T, addr, calling string, q scu.Query) (list []*dataset.Set, err error) {
	t.Helper()
	_, err = scu.Find(t.Context(), scu.Target{Address: addr, CallingAE: calling, CalledAE: "HALONG"}, q, func(s *dataset.Set) error {
		list = append(list, s)
		return nil
	})
	return list, err
}

// TestFindRules: hierarchy, relational queries, matching and what answers hold.
func TestFindRules(t *testing.T) {
	a := realArchive(t)
	put(t, a, "default", 1, 1, "NGUYỄN^AN")
	put(t, a, "default", 1, 2, "NGUYỄN^AN")
	put(t, a, "default", 2, 1, "MÜLLER^EVA")
	put(t, a, "default", 3, 1, "MÜLLER^EVA")
	addr := start(t, Config{Storer: a, Archive: a, AE: "HALONG"})
	for _, c := range []struct {
		name   string
		q      scu.Query
		want   int
		status dimse.Status
		check  string // keyword of the first answer
		value  string
	}{
		{"all studies", scu.Query{Level: "STUDY", Keys: keys("PatientID", "")}, 3, 0, "", ""},
		{"patients without diacritics", scu.Query{PatientRoot: true, Level: "PATIENT", Keys: keys("PatientName", "mul*", "NumberOfPatientRelatedStudies", "")}, 1, 0, "NumberOfPatientRelatedStudies", "2"},
		{"patient level in study root", scu.Query{Level: "PATIENT", Keys: keys("PatientID", "")}, 0, 0xA900, "", ""},
		{"no level", scu.Query{Level: "ANYTHING", Keys: keys()}, 0, 0xA900, "", ""},
		{"series without study", scu.Query{Level: "SERIES", Keys: keys("Modality", "CT")}, 0, 0xA900, "", ""},
		{"series without study, relational", scu.Query{Level: "SERIES", Relational: true, Keys: keys("Modality", "CT")}, 3, 0, "Modality", "CT"},
		{"study without patient in patient root", scu.Query{PatientRoot: true, Level: "STUDY", Keys: keys("StudyInstanceUID", "1.2.1")}, 0, 0xA900, "", ""},
		{"study of another patient", scu.Query{PatientRoot: true, Level: "STUDY", Keys: keys("PatientID", "PM", "StudyInstanceUID", "1.2.1")}, 0, 0, "", ""},
		{"bad date", scu.Query{Level: "STUDY", Keys: keys("StudyDate", "yesterday")}, 0, 0xA900, "", ""},
		{"date range", scu.Query{Level: "STUDY", Keys: keys("StudyDate", "20261101-")}, 3, 0, "StudyDate", "20261121"},
		{"uid list", scu.Query{Level: "STUDY", Keys: keys("StudyInstanceUID", `1.2.1\1.2.3`)}, 2, 0, "", ""},
		{"counts", scu.Query{Level: "STUDY", Keys: keys("StudyInstanceUID", "1.2.1", "NumberOfStudyRelatedInstances", "")}, 1, 0, "NumberOfStudyRelatedInstances", "2"},
		{"from the head", scu.Query{Level: "IMAGE", Keys: keys("StudyInstanceUID", "1.2.2", "SeriesInstanceUID", "1.2.2.3", "KVP", "")}, 1, 0, "KVP", "120"},
		{"query in another character set", scu.Query{Level: "STUDY", Keys: func() *dataset.Set {
			s := keys("SpecificCharacterSet", "ISO_IR 100")
			s.Put(dataset.Element{Tag: tag.PatientName, VR: dicom.PN, Value: []byte("M\xDCLLER^EVA ")})
			return s
		}()}, 2, 0, "PatientName", "MÜLLER^EVA"},
	} {
		t.Run(c.name, func(t *testing.T) {
			list, err := ask(t, addr, "ANY", c.q)
			var status *dimse.StatusError
			if errors.As(err, &status) != (c.status != 0) || status != nil && status.Status != c.status || err != nil && status == nil {
				t.Fatalf("%v, want %v", err, c.status)
			}
			if len(list) != c.want {
				t.Fatalf("%d answers, want %d", len(list), c.want)
			}
			if e, ok := dicom.LookupKeyword(c.check); ok && list[0].String(e.Tag) != c.value {
				t.Errorf("%s is %q, want %q", c.check, list[0].String(e.Tag), c.value)
			}
			for _, s := range list {
				if s.String(tag.RetrieveAETitle) != "HALONG" || s.String(tag.QueryRetrieveLevel) != c.q.Level {
					t.Errorf("answer without Retrieve AE Title or level")
				}
			}
		})
	}
}

// TestFindFacilities: a peer of one facility sees and gets nothing of another's.
func TestFindFacilities(t *testing.T) {
	a := realArchive(t)
	put(t, a, "BV1", 1, 1, "A")
	put(t, a, "BV2", 2, 1, "B")
	addr := start(t, Config{Storer: a, Archive: a, AE: "HALONG", Facility: "BV9", Peers: access.Peers{{AE: "ONE", Facility: "BV1"}, {AE: "TWO", Facility: "BV2"}, {AE: "NONE"}}})
	got := map[string][]string{}
	for _, ae := range []string{"ONE", "TWO", "NONE"} {
		list, err := ask(t, addr, ae, scu.Query{Level: "STUDY", Keys: keys("StudyInstanceUID", "")})
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range list {
			got[ae] = append(got[ae], s.String(tag.StudyInstanceUID))
		}
		r, err := scu.Get(t.Context(), scu.Target{Address: addr, CallingAE: ae, CalledAE: "HALONG"}, scu.Query{Level: "STUDY", Keys: keys("StudyInstanceUID", "1.2.1")}, nil, t.TempDir(), nil)
		if want := map[string]int{"ONE": 1}[ae]; err != nil || r.Completed != want {
			t.Errorf("%s gets %d, want %d: %v", ae, r.Completed, want, err)
		}
	}
	if d := cmp.Diff(map[string][]string{"ONE": {"1.2.1"}, "TWO": {"1.2.2"}}, got); d != "" {
		t.Error(d)
	}
}

// TestN11Roles: objects of SOP Classes that the peer did not take the SCP role for, or has no context for, are failed and listed.
func TestN11Roles(t *testing.T) {
	a := realArchive(t)
	sop := put(t, a, "default", 1, 1, "A")
	addr := start(t, Config{Storer: a, Archive: a, AE: "HALONG"})
	const class = dicom.UID("1.2.840.10008.5.1.4.1.2.2.3")
	for name, contexts := range map[string][]pdu.ProposedContext{
		"no role":    {{AbstractSyntax: class, TransferSyntaxes: []dicom.UID{dicom.ExplicitVRLittleEndian}}, {AbstractSyntax: ctStorage, TransferSyntaxes: []dicom.UID{dicom.ExplicitVRLittleEndian}}},
		"no context": {{AbstractSyntax: class, TransferSyntaxes: []dicom.UID{dicom.ExplicitVRLittleEndian}}},
	} {
		c, err := associate(addr, "ANY", "HALONG", contexts...)
		if err != nil {
			t.Fatal(err)
		}
		id := keys("QueryRetrieveLevel", "STUDY", "StudyInstanceUID", "1.2.1").Append(nil, explicitVR())
		resp, err := c.Call(t.Context(), 1, &dimse.Command{Field: dimse.CGetRQ, AffectedSOPClass: class}, bytes.NewReader(id), nil)
		if err != nil {
			t.Fatal(err)
		}
		s, err := dataset.Parse(resp.Data, explicitVR(), dataset.Limits{})
		if err != nil || resp.Status != dimse.UnableToPerformSubOperations || s.UID(tag.FailedSOPInstanceUIDList) != sop || *resp.Failed != 1 || resp.Remaining != nil {
			t.Errorf("%s: %+v, %v", name, resp.Command, err)
		}
		if err := c.Release(); err != nil {
			t.Error(err)
		}
	}
}

// destination is a Storage SCP that C-MOVE sends to.
type destination struct {
	mu       sync.Mutex
	commands []dimse.Command
	calling  map[*dimse.Association]bool
	answer   func(n int) dimse.Status
}

func (d *destination) Serve(_ context.Context, rq *dimse.Request) dimse.Response {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.commands = append(d.commands, *rq.Command)
	d.calling[rq.Association] = true
	return dimse.Answer(d.answer(len(d.commands)))
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// TestN15Move: counts, Move Originator, one association, statuses of the whole.
func TestN15Move(t *testing.T) {
	a := realArchive(t)
	for i := range 4 {
		put(t, a, "default", 1, i+1, "A")
	}
	for _, c := range []struct {
		name   string
		answer func(n int) dimse.Status
		status dimse.Status
		counts scu.Counts
		listed int
	}{
		{"all", func(int) dimse.Status { return 0 }, 0, scu.Counts{Completed: 4}, 0},
		{"one failed", func(n int) dimse.Status { return map[bool]dimse.Status{true: 0xA700}[n == 2] }, 0xB000, scu.Counts{Completed: 3, Failed: 1}, 1},
		{"warnings", func(int) dimse.Status { return 0xB000 }, 0xB000, scu.Counts{Warning: 4}, 0},
		{"all failed", func(int) dimse.Status { return 0xC000 }, 0xA702, scu.Counts{Failed: 4}, 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := &destination{calling: map[*dimse.Association]bool{}, answer: c.answer}
			m := &dimse.Mux{}
			m.Handle(ctStorage, dimse.Offer{Service: d, Accepts: nativeSyntax})
			to := &dimse.Server{Mux: m}
			l := listen(t)
			go func() { _ = to.Serve(l) }() // until the test ends
			t.Cleanup(func() {
				ctx, cancel := context.WithTimeout(context.Background(), time.Second)
				defer cancel()
				_ = to.Shutdown(ctx) // nothing depends on it
			})
			addr := start(t, Config{Storer: a, Archive: a, AE: "HALONG", Destinations: []Destination{{AE: "DEST", Address: l.Addr().String()}}})
			pending := 0
			r, err := scu.Move(t.Context(), scu.Target{Address: addr, CallingAE: "ASKER", CalledAE: "HALONG"},
				scu.Query{Level: "STUDY", Keys: keys("StudyInstanceUID", "1.2.1")}, "DEST", func(n scu.Counts) {
					if pending++; n.Remaining+n.Completed+n.Failed+n.Warning != 4 {
						t.Errorf("counts %+v", n)
					}
				})
			if r.Status != c.status || r.Counts != c.counts || len(r.Instances) != c.listed || pending < 1 || pending > 3 {
				t.Errorf("%+v, %d pending, %v", r, pending, err)
			}
			d.mu.Lock()
			defer d.mu.Unlock()
			if len(d.calling) != 1 || len(d.commands) != 4 {
				t.Errorf("%d associations, %d objects", len(d.calling), len(d.commands))
			}
			for _, x := range d.commands {
				if x.MoveOriginator != "ASKER" || x.MoveOriginatorID == nil || *x.MoveOriginatorID != 1 {
					t.Errorf("Move Originator %q %v", x.MoveOriginator, x.MoveOriginatorID)
				}
			}
		})
	}
}

// TestN14Retrieve: C-CANCEL ends C-MOVE and C-GET between sub-operations, with what remains.
func TestN14Retrieve(t *testing.T) {
	a := realArchive(t)
	for i := range 60 {
		put(t, a, "default", 1, i+1, "A")
	}
	d := &destination{calling: map[*dimse.Association]bool{}, answer: func(int) dimse.Status { time.Sleep(5 * time.Millisecond); return 0 }}
	m := &dimse.Mux{}
	m.Handle(ctStorage, dimse.Offer{Service: d, Accepts: nativeSyntax})
	to := &dimse.Server{Mux: m}
	l := listen(t)
	go func() { _ = to.Serve(l) }() // until the test ends
	t.Cleanup(func() { _ = to.Shutdown(t.Context()) })
	addr := start(t, Config{Storer: a, Archive: a, AE: "HALONG", Destinations: []Destination{{AE: "DEST", Address: l.Addr().String()}}})
	for _, rq := range []*dimse.Command{
		{Field: dimse.CMoveRQ, AffectedSOPClass: models[1].move, MoveDestination: "DEST"},
		{Field: dimse.CGetRQ, AffectedSOPClass: models[1].get},
	} {
		explicit := []dicom.UID{dicom.ExplicitVRLittleEndian}
		c, err := dimse.Dial(t.Context(), addr, dimse.Options{
			CallingAE: "ASKER", CalledAE: "HALONG", Mux: m,
			Contexts: []pdu.ProposedContext{{AbstractSyntax: rq.AffectedSOPClass, TransferSyntaxes: explicit}, {AbstractSyntax: ctStorage, TransferSyntaxes: explicit}},
			User:     pdu.UserInformation{Roles: []pdu.RoleSelection{{SOPClass: ctStorage, SCP: true}}},
		})
		if err != nil {
			t.Fatal(err)
		}
		id := keys("QueryRetrieveLevel", "STUDY", "StudyInstanceUID", "1.2.1").Append(nil, explicitVR())
		pending := 0
		resp, err := c.Call(t.Context(), 1, rq, bytes.NewReader(id), func(*dimse.Response) error {
			if pending++; pending == 2 {
				return c.Cancel(1, rq)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if resp.Status != dimse.Cancelled || resp.Remaining == nil || *resp.Completed < 2 || *resp.Remaining+*resp.Completed != 60 {
			t.Errorf("%v: %+v", rq.Field, resp.Command)
		}
		if err := c.Release(); err != nil {
			t.Error(err)
		}
	}
}
