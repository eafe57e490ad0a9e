package scp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/commitment"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/dimse"
	"github.com/halong-gateway/halong/dicom/pdu"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/storage"
	"github.com/halong-gateway/halong/storage/disk"
	"github.com/halong-gateway/halong/storage/sqlite"
)

// commitWorld is an archive with its index, and where its bytes lie.
type commitWorld struct {
	archive *storage.Archive
	index   *sqlite.DB
	dir     string
}

func newCommitWorld(t *testing.T) commitWorld {
	t.Helper()
	w := commitWorld{dir: t.TempDir()}
	store, err := disk.Open(filepath.Join(w.dir, "store"), disk.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if w.index, err = sqlite.Open(context.Background(), filepath.Join(w.dir, "index.db"), store, sqlite.Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(w.index.Close(), store.Close()); err != nil {
			t.Error(err)
		}
	})
	w.archive = storage.NewArchive(storage.Config{Index: w.index, Blobs: store, Journal: store})
	return w
}

func (w commitWorld) config(more ...Destination) Config {
	return Config{Storer: w.archive, Archive: w.archive, Commitments: w.index, AE: "HALONG", Destinations: more}
}

// reported is an N-EVENT-REPORT as a modality got it.
type reported struct {
	event       uint16
	instance    dicom.UID
	transaction dicom.UID
	good        []dicom.UID
	bad         map[dicom.UID]int64
}

// modality takes N-EVENT-REPORTs.
type modality struct {
	got    chan reported
	status dimse.Status
}

func newModality() *modality { return &modality{got: make(chan reported, 16)} }

func (m *modality) mux() *dimse.Mux {
	x := &dimse.Mux{}
	x.Handle(commitment.SOPClass, dimse.Offer{Service: m, Accepts: nativeSyntax, PeerSCP: true})
	return x
}

func (m *modality) Serve(_ context.Context, rq *dimse.Request) dimse.Response {
	if rq.Command.Field != dimse.NEventReportRQ || rq.Command.EventTypeID == nil {
		return dimse.Answer(dimse.UnrecognizedOperation)
	}
	var b bytes.Buffer
	if _, err := b.ReadFrom(rq.Data); err != nil {
		return dimse.Answer(dimse.ProcessingFailure)
	}
	ts, _ := dicom.LookupTransferSyntax(rq.Context.TransferSyntax)
	s, err := dataset.Parse(b.Bytes(), ts, dataset.Limits{})
	if err != nil {
		return dimse.Answer(dimse.ProcessingFailure)
	}
	r := reported{event: *rq.Command.EventTypeID, instance: rq.Command.AffectedSOPInstance, transaction: s.UID(tag.TransactionUID)}
	if e := s.Get(tag.ReferencedSOPSequence); e != nil {
		for _, item := range e.Items {
			r.good = append(r.good, item.UID(tag.ReferencedSOPInstanceUID))
		}
	}
	if e := s.Get(tag.FailedSOPSequence); e != nil {
		r.bad = map[dicom.UID]int64{}
		for _, item := range e.Items {
			r.bad[item.UID(tag.ReferencedSOPInstanceUID)], _ = item.Int(tag.FailureReason)
		}
	}
	m.got <- r
	return dimse.Answer(m.status)
}

func (m *modality) next(t *testing.T) reported {
	t.Helper()
	select {
	case r := <-m.got:
		return r
	case <-time.After(time.Minute):
		t.Fatal("no N-EVENT-REPORT")
		return reported{}
	}
}

func (m *modality) associate(t *testing.T, addr string) *dimse.Association {
	t.Helper()
	a, err := dimse.Dial(t.Context(), addr, dimse.Options{
		CallingAE: "MODALITY", CalledAE: "HALONG", Mux: m.mux(),
		Contexts: []pdu.ProposedContext{
			{AbstractSyntax: commitment.SOPClass, TransferSyntaxes: []dicom.UID{dicom.ImplicitVRLittleEndian}},
			{AbstractSyntax: dicom.VerificationSOPClass, TransferSyntaxes: []dicom.UID{dicom.ImplicitVRLittleEndian}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// listen takes Associations for reports.
func (m *modality) listen(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &dimse.Server{Mux: m.mux()}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		<-ended
	})
	return l.Addr().String()
}

// action asks for commitment of class, instance pairs.
func action(t *testing.T, a *dimse.Association, transaction dicom.UID, pairs ...dicom.UID) dimse.Status {
	t.Helper()
	return act(t, a, &dimse.Command{RequestedSOPClass: commitment.SOPClass, RequestedSOPInstance: commitment.SOPInstance}, 1, references(transaction, pairs...))
}

func references(transaction dicom.UID, pairs ...dicom.UID) *dataset.Set {
	s := &dataset.Set{}
	s.PutString(tag.TransactionUID, dicom.UI, string(transaction))
	var items []*dataset.Set
	for i := 0; i < len(pairs); i += 2 {
		item := &dataset.Set{}
		item.PutString(tag.ReferencedSOPClassUID, dicom.UI, string(pairs[i]))
		item.PutString(tag.ReferencedSOPInstanceUID, dicom.UI, string(pairs[i+1]))
		items = append(items, item)
	}
	s.Put(dataset.Element{Tag: tag.ReferencedSOPSequence, VR: dicom.SQ, Items: items})
	return s
}

func act(t *testing.T, a *dimse.Association, c *dimse.Command, id uint16, s *dataset.Set) dimse.Status {
	t.Helper()
	implicit, _ := dicom.LookupTransferSyntax(dicom.ImplicitVRLittleEndian)
	c.Field, c.ActionTypeID = dimse.NActionRQ, &id
	var resp *dimse.Response
	var err error
	if s == nil {
		resp, err = a.Call(t.Context(), 1, c, nil, nil)
	} else {
		resp, err = a.Call(t.Context(), 1, c, bytes.NewReader(s.Append(nil, implicit)), nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	return resp.Status
}

// listenFor lets the other end's requests in until a report has come.
func listenFor(t *testing.T, a *dimse.Association, m *modality) reported {
	t.Helper()
	for range 3000 { // each C-ECHO lets requests of the peer in
		select {
		case r := <-m.got:
			return r
		case <-time.After(20 * time.Millisecond):
		}
		resp, err := a.Call(t.Context(), 3, &dimse.Command{Field: dimse.CEchoRQ, AffectedSOPClass: dicom.VerificationSOPClass}, nil, nil)
		if err != nil || resp.Status != dimse.Success {
			t.Fatal(resp, err)
		}
	}
	t.Fatal("no N-EVENT-REPORT on the association")
	return reported{}
}

func diff(t *testing.T, got, want reported) {
	t.Helper()
	if d := cmp.Diff(want, got, cmp.AllowUnexported(reported{})); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

// TestN18Action: what an N-ACTION is answered.
func TestN18Action(t *testing.T) {
	w := newCommitWorld(t)
	addr := start(t, w.config())
	m := newModality()
	a := m.associate(t, addr)
	defer release(a)
	proper := func() *dimse.Command {
		return &dimse.Command{RequestedSOPClass: commitment.SOPClass, RequestedSOPInstance: commitment.SOPInstance}
	}
	missing := references("1.9", ctStorage, "1.2.3")
	missing.Delete(tag.ReferencedSOPSequence)
	for _, c := range []struct {
		name    string
		command *dimse.Command
		id      uint16
		set     *dataset.Set
		want    dimse.Status
	}{
		{"taken", proper(), 1, references("1.1", ctStorage, "1.2.3"), dimse.Success},
		{"the same again", proper(), 1, references("1.1", ctStorage, "1.2.3"), dimse.Success},
		{"duplicate transaction", proper(), 1, references("1.1", ctStorage, "1.2.4"), dimse.InvalidArgumentValue},
		{"empty list", proper(), 1, references("1.2"), dimse.InvalidArgumentValue},
		{"no list", proper(), 1, missing, dimse.InvalidArgumentValue},
		{"no data set", proper(), 1, nil, dimse.InvalidArgumentValue},
		{"no transaction UID", proper(), 1, references("", ctStorage, "1.2.3"), dimse.InvalidArgumentValue},
		{"no SOP Instance UID", proper(), 1, references("1.3", ctStorage, ""), dimse.InvalidArgumentValue},
		{"action type", proper(), 2, references("1.4", ctStorage, "1.2.3"), dimse.NoSuchActionType},
		{"instance", &dimse.Command{RequestedSOPClass: commitment.SOPClass, RequestedSOPInstance: "1.2"}, 1, references("1.5", ctStorage, "1.2.3"), dimse.NoSuchSOPInstance},
		{"class", &dimse.Command{RequestedSOPClass: ctStorage, RequestedSOPInstance: commitment.SOPInstance}, 1, references("1.6", ctStorage, "1.2.3"), dimse.NoSuchSOPClass},
	} {
		if got := act(t, a, c.command, c.id, c.set); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// TestN18SameAssociation: success and every failure, on the Association that asked.
func TestN18SameAssociation(t *testing.T) {
	w := newCommitWorld(t)
	good, other := put(t, w.archive, "default", 1, 1, "AN"), put(t, w.archive, "default", 2, 1, "AN")
	elsewhere := put(t, w.archive, "BV9", 3, 1, "AN")
	addr := start(t, w.config())
	m := newModality()
	a := m.associate(t, addr)
	defer release(a)
	if s := action(t, a, "1.1", ctStorage, good, ctStorage, other); s != dimse.Success {
		t.Fatal(s)
	}
	diff(t, listenFor(t, a, m), reported{event: 1, instance: commitment.SOPInstance, transaction: "1.1", good: []dicom.UID{good, other}})
	const mrStorage = "1.2.840.10008.5.1.4.1.1.4"
	if s := action(t, a, "1.2", ctStorage, good, mrStorage, other, ctStorage, "9.9", ctStorage, elsewhere); s != dimse.Success {
		t.Fatal(s)
	}
	diff(t, listenFor(t, a, m), reported{
		event: 2, instance: commitment.SOPInstance, transaction: "1.2", good: []dicom.UID{good},
		bad: map[dicom.UID]int64{other: 0x0119, "9.9": 0x0112, elsewhere: 0x0112},
	})
	if s := action(t, a, "1.1", ctStorage, good, ctStorage, other); s != dimse.Success { // asked again
		t.Fatal(s)
	}
	diff(t, listenFor(t, a, m), reported{event: 1, instance: commitment.SOPInstance, transaction: "1.1", good: []dicom.UID{good, other}})
}

// TestN18Corrupt: bytes that are not what they were are no success, and the others of the transaction are.
func TestN18Corrupt(t *testing.T) {
	w := newCommitWorld(t)
	good, bad := put(t, w.archive, "default", 1, 1, "AN"), put(t, w.archive, "default", 2, 1, "BINH^DAMAGED")
	damage(t, w.dir, "BINH^DAMAGED")
	addr := start(t, w.config())
	m := newModality()
	a := m.associate(t, addr)
	defer release(a)
	if s := action(t, a, "1.1", ctStorage, good, ctStorage, bad); s != dimse.Success {
		t.Fatal(s)
	}
	diff(t, listenFor(t, a, m), reported{
		event: 2, instance: commitment.SOPInstance, transaction: "1.1", good: []dicom.UID{good}, bad: map[dicom.UID]int64{bad: 0x0110},
	})
}

// damage changes a byte of a text wherever it lies in the store.
func damage(t *testing.T, dir, text string) {
	t.Helper()
	n := 0
	err := filepath.WalkDir(filepath.Join(dir, "store"), func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		at := bytes.Index(b, []byte(text))
		if err != nil || at < 0 {
			return err
		}
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		n++
		_, err = f.WriteAt([]byte("X"), int64(at))
		return errors.Join(err, f.Close())
	})
	if err != nil || n == 0 {
		t.Fatalf("%d files damaged, %v", n, err)
	}
}

// TestN18NewAssociation: a peer that has released is told on a new Association, once, after it could not be reached or
// refused at first.
func TestN18NewAssociation(t *testing.T) {
	w := newCommitWorld(t)
	good := put(t, w.archive, "default", 1, 1, "AN")
	refusing := newModality()
	refusing.status = dimse.ProcessingFailure
	m := newModality()
	var dialled atomic.Int32
	to := m.listen(t)
	c := w.config(Destination{AE: "MODALITY", Address: to, Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		if dialled.Add(1) == 1 {
			return nil, errors.New("out of reach")
		}
		return new(net.Dialer).DialContext(ctx, network, address)
	}})
	addr := startQuick(t, c)
	a := refusing.associate(t, addr)
	if s := action(t, a, "1.1", ctStorage, good); s != dimse.Success {
		t.Fatal(s)
	}
	listenFor(t, a, refusing) // refused by status 0110: it is tried again
	release(a)
	diff(t, m.next(t), reported{event: 1, instance: commitment.SOPInstance, transaction: "1.1", good: []dicom.UID{good}})
	waitDone(t, w)
	if len(m.got) > 0 || dialled.Load() != 2 {
		t.Errorf("%d more reports, dialled %d times", len(m.got), dialled.Load())
	}
}

// startQuick serves with a short back-off.
func startQuick(t *testing.T, c Config) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := New(c)
	s.commit.first = 50 * time.Millisecond
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		<-ended
	})
	return l.Addr().String()
}

func waitDone(t *testing.T, w commitWorld) {
	t.Helper()
	for range 3000 {
		open, err := w.index.OpenCommitments(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(open) == 0 {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatal("commitments stay open")
}

// TestN18NextAssociation: a peer that cannot be called is told on the next Association that it opens for that, also
// when the request was made before a restart.
func TestN18NextAssociation(t *testing.T) {
	w := newCommitWorld(t)
	good := put(t, w.archive, "default", 1, 1, "AN")
	now := time.Now()
	for i, peer := range []string{"MODALITY", "ANOTHER"} {
		c := storage.Commitment{Facility: "default", Peer: peer, Transaction: dicom.UID(fmt.Sprintf("1.%d", i)), Received: now, Due: now, Items: []storage.CommitmentItem{{SOPClass: ctStorage, SOPInstance: good}}}
		if err := w.index.AddCommitment(t.Context(), &c); err != nil {
			t.Fatal(err)
		}
	}
	addr := start(t, w.config())
	for range 3000 { // until they were checked
		open, err := w.index.OpenCommitments(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if open[0].State == storage.CommitmentChecked && open[1].State == storage.CommitmentChecked {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	m := newModality()
	a := m.associate(t, addr)
	defer release(a)
	time.Sleep(commitQuiet + commitQuiet/2) // the modality only waits
	diff(t, listenFor(t, a, m), reported{event: 1, instance: commitment.SOPInstance, transaction: "1.0", good: []dicom.UID{good}})
	open, err := w.index.OpenCommitments(t.Context())
	for err == nil && len(open) == 2 { // the answer is being saved
		open, err = w.index.OpenCommitments(t.Context())
	}
	if err != nil || len(open) != 1 || open[0].Peer != "ANOTHER" {
		t.Error(open, err)
	}
}

// TestCommitmentRefusal: the kinds of errors and their statuses.
func TestCommitmentRefusal(t *testing.T) {
	for k, want := range map[halong.Kind]dimse.Status{
		halong.Conflict: 0x0115, halong.Exhausted: 0x0213, halong.Transient: 0x0110, halong.Internal: 0x0110, halong.Corrupt: 0x0110,
	} {
		if got := commitmentRefusal(halong.E("x", k, "", nil)).Status; got != want {
			t.Errorf("%v: %v, want %v", k, got, want)
		}
	}
}
