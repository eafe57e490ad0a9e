package scp

import (
	"context"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/dimse"
	"github.com/halong-gateway/halong/dicom/pdu"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/internal/scu"
	"github.com/halong-gateway/halong/storage"
)

// sink is a move destination that tells what happens to it.
type sink struct {
	addr   string
	server *dimse.Server
	stop   func()

	mu        sync.Mutex
	opened    int
	closed    []error
	instances []dicom.UID // of the command sets
	sets      []*dataset.Set
	hold      func() // called before a C-STORE is answered
}

func (s *sink) Serve(_ context.Context, rq *dimse.Request) dimse.Response {
	b, err := io.ReadAll(rq.Data)
	ts, _ := dicom.LookupTransferSyntax(rq.Context.TransferSyntax)
	var set *dataset.Set
	if err == nil {
		set, err = dataset.Parse(b, ts, dataset.Limits{})
	}
	if err != nil {
		return dimse.Answer(dimse.CannotUnderstand)
	}
	s.mu.Lock()
	s.instances, s.sets = append(s.instances, rq.Command.AffectedSOPInstance), append(s.sets, set)
	s.mu.Unlock()
	if s.hold != nil {
		s.hold()
	}
	return dimse.Answer(dimse.Success)
}

func (s *sink) Opened(*dimse.Association) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opened++
}

func (s *sink) Closed(_ *dimse.Association, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = append(s.closed, err)
}

func (*sink) Refused(net.Addr, *pdu.AssociateRQ, error)                                    {}
func (*sink) Answered(*dimse.Association, dimse.CommandField, dimse.Status, time.Duration) {}

// counts gives the Associations opened and closed, and the objects received.
func (s *sink) counts() [3]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return [3]int{s.opened, len(s.closed), len(s.instances)}
}

// newSink starts a destination at an address; "" is any.
func newSink(t *testing.T, s *sink, addr string, window uint16) *sink {
	t.Helper()
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	var l net.Listener
	eventually(t, "the port is free", func() bool { // a connection of another test may have it for a while
		var err error
		l, err = net.Listen("tcp", addr)
		return err == nil
	})
	m := &dimse.Mux{}
	m.HandleFunc(func(dicom.UID) bool { return true }, dimse.Offer{Service: s, Accepts: nativeSyntax, Concurrent: window > 1})
	s.addr, s.server = l.Addr().String(), &dimse.Server{Mux: m, Observe: s, AsyncOperations: window}
	ended := make(chan struct{})
	go func() { defer close(ended); _ = s.server.Serve(l) }() // until Shutdown
	s.stop = sync.OnceFunc(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel() // what is open is aborted
		_ = s.server.Shutdown(ctx)
		<-ended
	})
	t.Cleanup(s.stop)
	return s
}

// eventually waits for a state that must come.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("after a minute still not: " + what)
		}
	}
}

func moveStudy(t *testing.T, addr string, study string, want scu.Counts) {
	t.Helper()
	r, err := scu.Move(t.Context(), scu.Target{Address: addr, CallingAE: "ASKER", CalledAE: "HALONG"}, scu.Query{Level: "STUDY", Keys: keys("StudyInstanceUID", study)}, "DEST", nil)
	if r.Counts != want {
		t.Errorf("%+v, want %+v; %v", r.Counts, want, err)
	}
}

// TestMoveReuse: C-MOVEs that follow one another share an Association, which is released in order when no more come.
func TestMoveReuse(t *testing.T) {
	a := realArchive(t)
	for i := range 4 {
		put(t, a, "default", 1, i+1, "A")
	}
	putSet(t, a, 2, 1, keys("SOPClassUID", "1.2.840.10008.5.1.4.1.1.4"))
	d := newSink(t, &sink{}, "", 1)
	c := Config{Storer: a, Archive: a, AE: "HALONG", Destinations: []Destination{{AE: "DEST", Address: d.addr}}}
	patient := New(c)
	patient.pool.idle = time.Hour // however long it takes from one to the next
	addr := startServer(t, patient)
	moveStudy(t, addr, "1.2.1", scu.Counts{Completed: 4})
	moveStudy(t, addr, "1.2.1", scu.Counts{Completed: 4})
	if got := d.counts(); got != [3]int{1, 0, 8} {
		t.Errorf("associations opened, closed, objects: %v", got)
	}
	moveStudy(t, addr, "1.2.2", scu.Counts{Completed: 1}) // of another SOP Class: not proposed on the first
	eventually(t, "the first association released", func() bool { return d.counts() == [3]int{2, 1, 9} })
	moveStudy(t, start(t, c), "1.2.1", scu.Counts{Completed: 4})
	eventually(t, "that of a server that keeps it no longer released", func() bool { return d.counts() == [3]int{3, 2, 13} })
	for _, err := range d.closed {
		if err != nil {
			t.Error(err)
		}
	}
}

// TestMoveStale: an Association that was lost while it was kept costs nothing but a new one.
func TestMoveStale(t *testing.T) {
	a := realArchive(t)
	for i := range 4 {
		put(t, a, "default", 1, i+1, "A")
	}
	first := newSink(t, &sink{}, "", 1)
	addr := start(t, Config{Storer: a, Archive: a, AE: "HALONG", Destinations: []Destination{{AE: "DEST", Address: first.addr}}})
	moveStudy(t, addr, "1.2.1", scu.Counts{Completed: 4})
	first.stop()
	moveStudy(t, addr, "1.2.1", scu.Counts{Failed: 4}) // nobody there
	second := newSink(t, &sink{}, first.addr, 1)
	moveStudy(t, addr, "1.2.1", scu.Counts{Completed: 4})
	if got := second.counts(); got[0] != 1 || got[2] != 4 {
		t.Errorf("associations and objects: %v", got)
	}
	second.stop()
	third := newSink(t, &sink{}, first.addr, 1)
	moveStudy(t, addr, "1.2.1", scu.Counts{Completed: 4})
	if got := third.counts(); got[0] != 1 || got[2] != 4 {
		t.Errorf("associations and objects: %v", got)
	}
}

// TestMoveWindow: as many C-STOREs are outstanding as the destination allows.
func TestMoveWindow(t *testing.T) {
	const window = 4
	a := realArchive(t)
	for i := range 12 {
		put(t, a, "default", 1, i+1, "A")
	}
	var mu sync.Mutex
	waiting, together := 0, make(chan struct{})
	d := newSink(t, &sink{hold: func() { // the first few are answered when all of them are there
		mu.Lock()
		if waiting++; waiting == window {
			close(together)
		}
		mu.Unlock()
		select {
		case <-together:
		case <-time.After(time.Minute):
			t.Error("requests do not come together")
		}
	}}, "", window)
	addr := start(t, Config{Storer: a, Archive: a, AE: "HALONG", Destinations: []Destination{{AE: "DEST", Address: d.addr, AsyncOperations: window + 1}}})
	moveStudy(t, addr, "1.2.1", scu.Counts{Completed: 12})
	if got := d.counts(); got[0] != 1 || got[2] != 12 {
		t.Errorf("associations and objects: %v", got)
	}
}

// TestMoveEdited: what is sent is changed on the way, and the command set says what the data set does.
func TestMoveEdited(t *testing.T) {
	a := realArchive(t)
	sop := put(t, a, "default", 1, 1, "A")
	d := newSink(t, &sink{}, "", 1)
	var edit storage.Edit = func(s *dataset.Set) error {
		s.PutString(tag.PatientID, dicom.LO, "ANOTHER")
		s.PutString(tag.SOPInstanceUID, dicom.UI, string(sop)+".1")
		return nil
	}
	addr := start(t, Config{Storer: a, Archive: a, AE: "HALONG", Destinations: []Destination{{AE: "DEST", Address: d.addr, Edit: edit}}})
	moveStudy(t, addr, "1.2.1", scu.Counts{Completed: 1})
	got := []string{string(d.instances[0]), d.sets[0].String(tag.SOPInstanceUID), d.sets[0].String(tag.PatientID), d.sets[0].String(tag.KVP)}
	if diff := cmp.Diff([]string{string(sop) + ".1", string(sop) + ".1", "ANOTHER", "120"}, got); diff != "" {
		t.Error(diff)
	}
}

// TestMoveSome: some instances of a series.
func TestMoveSome(t *testing.T) {
	a := realArchive(t)
	for i := range 40 {
		put(t, a, "default", 1, i+1, "A")
	}
	d := newSink(t, &sink{}, "", 1)
	addr := start(t, Config{Storer: a, Archive: a, AE: "HALONG", Destinations: []Destination{{AE: "DEST", Address: d.addr}}})
	r, err := scu.Move(t.Context(), scu.Target{Address: addr, CallingAE: "ASKER", CalledAE: "HALONG"},
		scu.Query{Level: "IMAGE", Keys: keys("StudyInstanceUID", "1.2.1", "SeriesInstanceUID", "1.2.1.3", "SOPInstanceUID", `1.2.1.3.30\1.2.1.3.2\1.2.1.3.3\1.2.1.3.7\1.2.9`)}, "DEST", nil)
	if err != nil || r.Counts != (scu.Counts{Completed: 4}) {
		t.Errorf("%+v, %v", r.Counts, err)
	}
	if diff := cmp.Diff([]dicom.UID{"1.2.1.3.2", "1.2.1.3.3", "1.2.1.3.7", "1.2.1.3.30"}, d.instances); diff != "" {
		t.Error(diff)
	}
}
