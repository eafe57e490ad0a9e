package dimse

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/pdu"
	"github.com/halong-gateway/halong/dicom/ul"
)

// start runs a server on a free port; it gives its address.
func start(t testing.TB, s *Server) string {
	t.Helper()
	return startOn(t, s, func(l net.Listener) net.Listener { return l })
}

// startOn is start with something around the listener.
func startOn(t testing.TB, s *Server, wrap func(net.Listener) net.Listener) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l = wrap(l)
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
		defer cancel()
		_ = s.Shutdown(ctx) // some tests leave associations open on purpose
		if err := <-done; !errors.Is(err, ErrServerClosed) {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

// keeper is a Service that remembers digests of what it gets.
type keeper struct {
	mu     sync.Mutex
	sums   map[dicom.UID][32]byte
	before func(rq *Request) *Response
}

func (k *keeper) Serve(_ context.Context, rq *Request) Response {
	if k.before != nil {
		if r := k.before(rq); r != nil {
			return *r
		}
	}
	if rq.Data == nil {
		return Answer(Success)
	}
	h := sha256.New()
	if _, err := io.Copy(h, rq.Data); err != nil {
		return Answer(OutOfResources)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.sums == nil {
		k.sums = map[dicom.UID][32]byte{}
	}
	k.sums[rq.Command.AffectedSOPInstance] = [32]byte(h.Sum(nil))
	return Answer(Success)
}

func (k *keeper) sum(u dicom.UID) [32]byte {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.sums[u]
}

func dial(t testing.TB, addr string, edit func(*Options)) *Association {
	t.Helper()
	a, err := tryDial(addr, edit)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	return a
}

func tryDial(addr string, edit func(*Options)) (*Association, error) {
	o := Options{CallingAE: "TEST", CalledAE: "HALONG", Timeouts: Timeouts{ARTIM: time.Minute, Response: time.Minute}, Contexts: []pdu.ProposedContext{
		{AbstractSyntax: dicom.VerificationSOPClass, TransferSyntaxes: []dicom.UID{implicit}},
		{AbstractSyntax: ctStorage, TransferSyntaxes: []dicom.UID{explicit}},
		{AbstractSyntax: getStorage, TransferSyntaxes: []dicom.UID{explicit}},
	}}
	if edit != nil {
		edit(&o)
	}
	return Dial(context.Background(), addr, o)
}

// TestStore: data sets of many sizes through both sides, whatever the largest PDU.
func TestStore(t *testing.T) {
	ctx := context.Background()
	for _, max := range []uint32{0, 128, 4097, 16384, 1 << 20} {
		k := &keeper{}
		addr := start(t, &Server{Mux: testMux(k), MaxLength: max})
		a := dial(t, addr, func(o *Options) { o.MaxLength = max })
		if err := a.Echo(ctx); err != nil {
			t.Fatal(err)
		}
		for _, n := range []int{1, 2, 121, 122, 123, 124, 5000, 131060, 131066, 131067, 400_001} {
			b := bytes.Repeat([]byte{byte(n), 7}, n)[:n]
			id := dicom.UID(strings.Repeat("1", 1+n%60))
			resp, err := a.Store(ctx, ctStorage, id, explicit, bytes.NewReader(b))
			if err != nil {
				t.Fatalf("max %d, %d bytes: %v", max, n, err)
			}
			if resp.AffectedSOPClass != ctStorage || resp.AffectedSOPInstance != id || resp.Field != CStoreRQ.Response() {
				t.Errorf("response %+v", resp.Command)
			}
			if k.sum(id) != sha256.Sum256(b) {
				t.Errorf("max %d, %d bytes arrived differently", max, n)
			}
		}
		if err := a.Release(); err != nil {
			t.Error(err)
		}
	}
}

// TestDrain: after an error, wherever it comes, the rest of the data set is passed over and the
// association stays in step.
func TestDrain(t *testing.T) {
	k := &keeper{}
	read := 0
	k.before = func(rq *Request) *Response {
		if rq.Data != nil {
			_, _ = io.ReadFull(rq.Data, make([]byte, read)) // shorter data sets end sooner
		}
		r := Answer(OutOfResources)
		r.ErrorComment = "disk full"
		return &r
	}
	a := dial(t, start(t, &Server{Mux: testMux(k)}), nil)
	for _, read = range []int{0, 1, 1000, 131066, 131067, 300_000} {
		resp, err := a.Store(context.Background(), ctStorage, "1.2", explicit, strings.NewReader(strings.Repeat("x", 300_000)))
		var s *StatusError
		if !errors.As(err, &s) || s.Status != OutOfResources || s.Comment != "disk full" || resp == nil {
			t.Fatalf("read %d: %v", read, err)
		}
	}
	k.before = nil
	if _, err := a.Store(context.Background(), ctStorage, "1.3", explicit, strings.NewReader("ab")); err != nil {
		t.Error(err)
	}
}

// TestN6NoContext: with every context rejected there is an association on which
// nothing can be asked; both sides stay calm.
func TestN6NoContext(t *testing.T) {
	a := dial(t, start(t, &Server{Mux: testMux(&keeper{})}), func(o *Options) {
		o.Contexts = []pdu.ProposedContext{{AbstractSyntax: notServed, TransferSyntaxes: []dicom.UID{implicit}}}
	})
	if _, err := a.Store(context.Background(), ctStorage, "1.2", explicit, strings.NewReader("ab")); !errors.Is(err, ErrNoContext) {
		t.Error(err)
	}
	if err := a.Echo(context.Background()); !errors.Is(err, ErrNoContext) {
		t.Error(err)
	}
	if err := a.Release(); err != nil {
		t.Error(err)
	}
}

// TestN8Limits: too many associations are rejected as transient, of one peer and
// in all; when one ends there is room again.
func TestN8Limits(t *testing.T) {
	for _, c := range []struct {
		all, peer int
		want      pdu.Reject
	}{{2, 10, pdu.RejectTemporaryCongestion}, {10, 2, pdu.RejectLocalLimitExceeded}} {
		addr := start(t, &Server{Mux: testMux(&keeper{}), MaxAssociations: c.all, MaxPerPeer: c.peer})
		a := dial(t, addr, nil)
		b := dial(t, addr, nil)
		_, err := tryDial(addr, nil)
		if rj := (*pdu.Reject)(nil); !errors.As(err, &rj) || *rj != c.want {
			t.Fatal(err)
		}
		if err := a.Release(); err != nil {
			t.Fatal(err)
		}
		for begin := time.Now(); ; time.Sleep(time.Millisecond) {
			if a, err = tryDial(addr, nil); err == nil {
				_ = a.Close() // it was only to see
				break
			}
			if time.Since(begin) > time.Minute {
				t.Fatal("no room after a release:", err)
			}
		}
		if err := b.Echo(context.Background()); err != nil {
			t.Error(err)
		}
	}
}

// raw opens a connection and an association by hand.
func raw(t *testing.T, addr string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	rq := pdu.AssociateRQ{ProtocolVersion: 1, CalledAE: "A", CallingAE: "B", ApplicationContext: pdu.ApplicationContext, Contexts: []pdu.ProposedContext{
		{ID: 1, AbstractSyntax: ctStorage, TransferSyntaxes: []dicom.UID{explicit}}, {ID: 3, AbstractSyntax: getStorage, TransferSyntaxes: []dicom.UID{explicit}},
	}}
	if _, err := conn.Write(rq.Append(nil)); err != nil {
		t.Fatal(err)
	}
	if typ, _ := readPDU(t, conn); typ != pdu.TypeAssociateAC {
		t.Fatal(typ)
	}
	return conn
}

func readPDU(t *testing.T, conn net.Conn) (pdu.Type, []byte) {
	t.Helper()
	head := make([]byte, pdu.HeaderLength)
	if _, err := io.ReadFull(conn, head); err != nil {
		t.Fatal(err)
	}
	body := make([]byte, pdu.ParseHeader(head).Length)
	if _, err := io.ReadFull(conn, body); err != nil {
		t.Fatal(err)
	}
	return pdu.ParseHeader(head).Type, body
}

func fragment(pc uint8, command, last bool, b []byte) []byte {
	return append(pdu.AppendData(nil, pdu.PDV{Context: pc, Command: command, Last: last, Length: uint32(len(b))}), b...)
}

// TestBrokenMessages: what is no message ends the association with an A-ABORT of the service user.
func TestBrokenMessages(t *testing.T) {
	addr := start(t, &Server{Mux: testMux(&keeper{}), Timeouts: Timeouts{ARTIM: time.Minute}})
	store := (&Command{Field: CStoreRQ, MessageID: 1, AffectedSOPClass: ctStorage, HasDataSet: true}).Append(nil)
	noID := append([]byte(nil), store...)
	noID = bytes.Replace(noID, []byte{0, 0, 0x10, 1}, []byte{0, 0, 0x11, 1}, 1)
	for name, send := range map[string][]byte{
		"data set first":            fragment(1, false, true, []byte("ab")),
		"command within data set":   append(append(fragment(1, true, true, store), fragment(1, false, false, []byte("ab"))...), fragment(1, true, true, store)...),
		"other context within":      append(fragment(1, true, true, store), fragment(3, false, true, []byte("ab"))...),
		"command of two contexts":   append(fragment(1, true, false, store[:20]), fragment(3, true, true, store[20:])...),
		"broken command set":        fragment(1, true, true, store[:21]),
		"no Message ID":             fragment(1, true, true, noID),
		"response to nothing":       fragment(1, true, true, (&Command{Field: CEchoRQ.Response()}).Append(nil)),
		"long command set":          append(fragment(1, true, false, make([]byte, MaxCommandLength)), fragment(1, true, true, []byte("ab"))...),
		"release within a message":  append(fragment(1, true, true, store), pdu.AppendReleaseRQ(nil)...),
		"release within a command":  append(fragment(1, true, false, store[:20]), pdu.AppendReleaseRQ(nil)...),
		"empty command set":         fragment(1, true, true, nil),
		"command without last, EOF": nil,
	} {
		if send == nil {
			continue
		}
		conn := raw(t, addr)
		if _, err := conn.Write(send); err != nil {
			t.Fatal(err)
		}
		typ, body := readPDU(t, conn)
		if typ != pdu.TypeAbort || body[2] != byte(pdu.AbortByUser) {
			t.Errorf("%s: answered by %v % x", name, typ, body)
		}
		conn.Close()
	}
}

// TestUnknownOperation: an operation that nobody serves is answered, with its data set drained; a
// C-CANCEL to nothing is passed over.
func TestUnknownOperation(t *testing.T) {
	k := &keeper{before: func(rq *Request) *Response {
		if rq.Command.Field == CStoreRQ {
			return nil
		}
		r := Answer(UnrecognizedOperation)
		return &r
	}}
	conn := raw(t, start(t, &Server{Mux: testMux(k)}))
	send := fragment(1, true, true, (&Command{Field: CCancelRQ, RespondedTo: 5}).Append(nil))
	send = append(send, fragment(1, true, true, (&Command{Field: 0x0999, MessageID: 9, AffectedSOPClass: "1.2", HasDataSet: true}).Append(nil))...)
	send = append(send, fragment(1, false, true, []byte("data set"))...)
	if _, err := conn.Write(send); err != nil {
		t.Fatal(err)
	}
	typ, body := readPDU(t, conn)
	if typ != pdu.TypeData {
		t.Fatal(typ)
	}
	c, err := ParseCommand(body[pdu.PDVHeaderLength:])
	if err != nil || c.Field != 0x8999 || c.RespondedTo != 9 || c.Status != UnrecognizedOperation {
		t.Errorf("%+v, %v", c, err)
	}
}

// TestN13Stalled: a sender that stops within a data set loses its association;
// what was received of it was never answered.
func TestN13Stalled(t *testing.T) {
	ended := make(chan error, 1)
	k := &keeper{before: func(rq *Request) *Response {
		_, err := io.Copy(io.Discard, rq.Data)
		ended <- err
		r := Answer(OutOfResources)
		return &r
	}}
	conn := raw(t, start(t, &Server{Mux: testMux(k), Timeouts: Timeouts{Network: 300 * time.Millisecond, ARTIM: time.Minute}}))
	store := fragment(1, true, true, (&Command{Field: CStoreRQ, MessageID: 1, AffectedSOPClass: ctStorage, HasDataSet: true}).Append(nil))
	if _, err := conn.Write(append(store, fragment(1, false, false, []byte("half"))...)); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, ul.ErrTimeout) {
		t.Error(err)
	}
	if typ, _ := readPDU(t, conn); typ != pdu.TypeAbort {
		t.Error(typ)
	}
}

// TestIdle: an association on which nothing is asked is aborted.
func TestIdle(t *testing.T) {
	conn := raw(t, start(t, &Server{Mux: testMux(&keeper{}), Timeouts: Timeouts{Idle: 50 * time.Millisecond, ARTIM: time.Minute}}))
	if typ, _ := readPDU(t, conn); typ != pdu.TypeAbort {
		t.Error(typ)
	}
}

// TestShutdown: a running exchange finishes, new associations are refused, a
// silent one is aborted.
func TestShutdown(t *testing.T) {
	begun, goOn := make(chan bool), make(chan bool)
	k := &keeper{before: func(*Request) *Response { begun <- true; <-goOn; return nil }}
	s := &Server{Mux: testMux(k)}
	addr := start(t, s)
	a := dial(t, addr, nil)
	stored := make(chan error, 1)
	go func() {
		_, err := a.Store(context.Background(), ctStorage, "1.2", explicit, strings.NewReader("ab"))
		stored <- err
		if err == nil {
			stored <- a.Release()
		}
	}()
	<-begun
	down := make(chan error, 1)
	go func() { down <- s.Shutdown(context.Background()) }()
	for !s.isDraining() {
		time.Sleep(time.Millisecond)
	}
	if _, err := tryDial(addr, nil); err == nil {
		t.Error("associated while shutting down")
	}
	goOn <- true
	for range 2 {
		if err := <-stored; err != nil {
			t.Error(err)
		}
	}
	if err := <-down; err != nil {
		t.Error(err)
	}
}

// TestShutdownBound: what does not end in time is aborted.
func TestShutdownBound(t *testing.T) {
	k := &keeper{before: func(rq *Request) *Response { return nil }}
	s := &Server{Mux: testMux(k)}
	addr := start(t, s)
	conn := raw(t, addr)
	store := fragment(1, true, true, (&Command{Field: CStoreRQ, MessageID: 1, AffectedSOPClass: ctStorage, HasDataSet: true}).Append(nil))
	if _, err := conn.Write(store); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { // what is no Association yet is closed, not aborted
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, a := range s.conns {
			return a != nil
		}
		return false
	})
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if err := s.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	if typ, _ := readPDU(t, conn); typ != pdu.TypeAbort {
		t.Error(typ)
	}
}

// TestBothWays: while it waits for its own response, a requestor serves the acceptor's requests
// on the same association, as C-GET needs it.
func TestBothWays(t *testing.T) {
	ctx := context.Background()
	server := &keeper{before: func(rq *Request) *Response {
		if rq.Command.Field != CGetRQ {
			return nil
		}
		var r Response
		if _, err := rq.Association.Store(ctx, getStorage, "1.2.3", explicit, strings.NewReader("too soon")); !errors.Is(err, ErrUnread) {
			t.Error(err)
		}
		if b, err := io.ReadAll(rq.Data); err != nil || string(b) != "identifier" {
			t.Errorf("%q, %v", b, err)
		}
		if err := rq.Pending(Answer(Pending)); err != nil {
			t.Error(err)
		}
		_, err := rq.Association.Store(ctx, getStorage, "1.2.3", explicit, strings.NewReader("an instance"))
		if err != nil {
			t.Error(err)
			r.Status = ProcessingFailure
		}
		r.Completed = ptr(1)
		return &r
	}}
	client := &keeper{}
	a := dial(t, start(t, &Server{Mux: testMux(server)}), func(o *Options) {
		o.Mux = testMux(client)
		o.User.Roles = []pdu.RoleSelection{{SOPClass: getStorage, SCU: true, SCP: true}}
	})
	if r := a.Peer().Roles; len(r) != 1 || !r[0].SCP {
		t.Errorf("roles %+v", r)
	}
	pc, _ := a.Find(getStorage, "")
	pending := 0
	resp, err := a.Call(ctx, pc.ID, &Command{Field: CGetRQ, AffectedSOPClass: getStorage}, strings.NewReader("identifier"), func(*Response) error { pending++; return nil })
	if err != nil || resp.Status != Success || *resp.Completed != 1 || pending != 1 {
		t.Errorf("%+v, %v, %d pending", resp, err, pending)
	}
	if client.sum("1.2.3") != sha256.Sum256([]byte("an instance")) {
		t.Error("the instance did not arrive")
	}
}

// TestCallFailures: the data set cannot be read, or the context ends while waiting.
func TestCallFailures(t *testing.T) {
	block := make(chan bool)
	k := &keeper{before: func(rq *Request) *Response {
		if rq.Command.Field == CEchoRQ {
			<-block
		}
		return nil
	}}
	addr := start(t, &Server{Mux: testMux(k)})
	broken := errors.New("bad sector")
	a := dial(t, addr, nil)
	_, err := a.Store(context.Background(), ctStorage, "1.2", explicit, io.MultiReader(strings.NewReader(strings.Repeat("x", 1<<20)), errReader{broken}))
	var de *DataError
	if !errors.As(err, &de) || !errors.Is(err, broken) {
		t.Error(err)
	}
	b := dial(t, addr, nil)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Millisecond)
	defer cancel()
	if err := b.Echo(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	close(block)
}

type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) { return 0, r.err }

// TestOnePDU: Command Set and Data Set as several PDVs of one PDU, then cut anywhere.
func TestOnePDU(t *testing.T) {
	k := &keeper{}
	addr := start(t, &Server{Mux: testMux(k)})
	command := (&Command{Field: CStoreRQ, MessageID: 1, AffectedSOPClass: ctStorage, AffectedSOPInstance: "1.2", HasDataSet: true}).Append(nil)
	pdv := func(command, last bool, b []byte) []byte {
		return append(pdu.PDV{Context: 1, Command: command, Last: last, Length: uint32(len(b))}.Append(nil), b...)
	}
	text := []byte("0123456789")
	for cut := range text {
		body := bytes.Join([][]byte{pdv(true, false, command[:9]), pdv(true, true, command[9:]), pdv(false, false, text[:cut]), pdv(false, true, text[cut:])}, nil)
		one := append(pdu.Header{Type: pdu.TypeData, Length: uint32(len(body))}.Append(nil), body...)
		conn := raw(t, addr)
		for _, part := range [][]byte{one[:7+cut], one[7+cut : len(one)-3], one[len(one)-3:]} {
			if _, err := conn.Write(part); err != nil {
				t.Fatal(err)
			}
		}
		if typ, _ := readPDU(t, conn); typ != pdu.TypeData {
			t.Fatal(typ)
		}
		if k.sum("1.2") != sha256.Sum256(text) {
			t.Errorf("cut at %d: arrived differently", cut)
		}
		delete(k.sums, "1.2")
		conn.Close()
	}
}
