package dimse

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/halong-gateway/halong/dicom/pdu"
	"github.com/halong-gateway/halong/dicom/ul"
)

// TestMessageIDReuse: the second of two outstanding requests with one Message ID ends the Association; after its answer an ID may come again.
func TestMessageIDReuse(t *testing.T) {
	hold := make(chan struct{})
	closed := make(chan error, 1)
	k := serviceFunc(func(_ context.Context, rq *Request) Response {
		if rq.Command.AffectedSOPInstance != "" {
			<-hold
		}
		return Answer(Success)
	})
	addr := start(t, &Server{Mux: concurrentMux(k), AsyncOperations: 4, Observe: &watcher{closed: closed}, Timeouts: Timeouts{ARTIM: time.Minute}})
	conn := rawAsync(t, addr, 4)
	echo := fragment(1, true, true, (&Command{Field: CEchoRQ, MessageID: 7, AffectedSOPClass: ctStorage}).Append(nil))
	for range 3 {
		if _, err := conn.Write(echo); err != nil {
			t.Fatal(err)
		}
		if typ, _ := readPDU(t, conn); typ != pdu.TypeData {
			t.Fatal(typ)
		}
	}
	wait := fragment(1, true, true, (&Command{Field: CEchoRQ, MessageID: 8, AffectedSOPClass: ctStorage, AffectedSOPInstance: "1.2"}).Append(nil))
	if _, err := conn.Write(append(wait, wait...)); err != nil {
		t.Fatal(err)
	}
	if typ, body := readPDU(t, conn); typ != pdu.TypeAbort || body[2] != byte(pdu.AbortByUser) {
		t.Errorf("%v % x", typ, body)
	}
	close(hold)
	conn.Close()
	var broken *ProtocolError
	if err := <-closed; !errors.As(err, &broken) || !strings.Contains(err.Error(), "Message ID 8") {
		t.Error(err)
	}
}

// TestReleaseOutstanding: a peer that asks for release while requests of its own are outstanding gets their responses, then the release.
func TestReleaseOutstanding(t *testing.T) {
	c := &crowd{want: 3, all: make(chan struct{})}
	closed := make(chan error, 1)
	conn := rawAsync(t, start(t, &Server{Mux: concurrentMux(c), AsyncOperations: 4, Observe: &watcher{closed: closed}}), 4)
	var out []byte
	for id := range uint16(2) {
		out = append(out, fragment(1, true, true, (&Command{Field: CEchoRQ, MessageID: id, AffectedSOPClass: ctStorage}).Append(nil))...)
	}
	if _, err := conn.Write(append(out, pdu.AppendReleaseRQ(nil)...)); err != nil {
		t.Fatal(err)
	}
	c.Serve(t.Context(), &Request{}) // the third lets them go
	for range 2 {
		if typ, _ := readPDU(t, conn); typ != pdu.TypeData {
			t.Fatal(typ)
		}
	}
	if typ, _ := readPDU(t, conn); typ != pdu.TypeReleaseRP {
		t.Fatal(typ)
	}
	conn.Close()
	if err := <-closed; err != nil {
		t.Error(err)
	}
}

// TestAbortOutstanding: a peer that aborts while requests are outstanding: what can be cancelled is, what cannot finishes, and the
// Association is told closed after that.
func TestAbortOutstanding(t *testing.T) {
	begun, stored := make(chan struct{}, 2), make(chan struct{})
	cause := make(chan error, 1)
	var finished atomic.Bool
	s := serviceFunc(func(ctx context.Context, rq *Request) Response {
		defer rq.Watch()()
		begun <- struct{}{}
		if rq.Command.Field == CFindRQ {
			<-ctx.Done()
			cause <- context.Cause(ctx)
			return Answer(Cancelled)
		}
		<-stored
		if ctx.Err() != nil {
			t.Error("the context of a C-STORE ended")
		}
		finished.Store(true)
		return Answer(Success)
	})
	closed := make(chan error, 1)
	conn := rawAsync(t, start(t, &Server{Mux: concurrentMux(s), AsyncOperations: 4, Observe: &watcher{closed: closed}}), 4)
	out := fragment(1, true, true, (&Command{Field: CFindRQ, MessageID: 1, AffectedSOPClass: ctStorage}).Append(nil))
	out = append(out, fragment(1, true, true, (&Command{Field: CStoreRQ, MessageID: 2, AffectedSOPClass: ctStorage}).Append(nil))...)
	if _, err := conn.Write(out); err != nil {
		t.Fatal(err)
	}
	<-begun
	<-begun
	if _, err := conn.Write((&pdu.Abort{}).Append(nil)); err != nil {
		t.Fatal(err)
	}
	conn.Close()
	var ab *pdu.Abort
	if err := <-cause; !errors.As(err, &ab) {
		t.Errorf("the C-FIND ended with %v", err)
	}
	close(stored)
	if err := <-closed; !errors.As(err, &ab) || !finished.Load() {
		t.Errorf("%v; finished %t", err, finished.Load())
	}
}

// TestN14CancelAsync: a C-CANCEL-RQ reaches the one of several outstanding requests that it is for.
func TestN14CancelAsync(t *testing.T) {
	s := serviceFunc(func(ctx context.Context, rq *Request) Response {
		defer rq.Watch()()
		<-ctx.Done()
		if !errors.Is(context.Cause(ctx), ErrCancelled) {
			t.Error(context.Cause(ctx))
		}
		return Answer(Cancelled)
	})
	conn := rawAsync(t, start(t, &Server{Mux: concurrentMux(s), AsyncOperations: 3}), 3)
	for id := range uint16(3) {
		if _, err := conn.Write(fragment(1, true, true, (&Command{Field: CFindRQ, MessageID: id, AffectedSOPClass: ctStorage}).Append(nil))); err != nil {
			t.Fatal(err)
		}
	}
	for _, id := range []uint16{1, 2, 0} {
		if _, err := conn.Write(fragment(1, true, true, (&Command{Field: CCancelRQ, RespondedTo: id}).Append(nil))); err != nil {
			t.Fatal(err)
		}
		_, body := readPDU(t, conn)
		if c, err := ParseCommand(body[pdu.PDVHeaderLength:]); err != nil || c.RespondedTo != id || c.Status != Cancelled {
			t.Errorf("%+v, %v", c, err)
		}
	}
}

// TestShutdownOutstanding: a drain lets what is outstanding be answered, also when the peer is silent for longer than the grace.
func TestShutdownOutstanding(t *testing.T) {
	t.Parallel()
	begun, hold := make(chan struct{}, 2), make(chan struct{})
	s := &Server{AsyncOperations: 4}
	s.Mux = concurrentMux(serviceFunc(func(context.Context, *Request) Response {
		begun <- struct{}{}
		<-hold
		return Answer(Success)
	}))
	a := dial(t, start(t, s), proposing(4, 1))
	pc, _ := a.Find(ctStorage, "")
	answered := 0
	for range 2 {
		err := a.Go(t.Context(), pc.ID, &Command{Field: CEchoRQ}, nil, func(r *Response, err error) {
			if err != nil || r.Status != Success {
				t.Errorf("%+v, %v", r, err)
			}
			answered++
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	<-begun
	<-begun
	down := make(chan error, 1)
	go func() { down <- s.Shutdown(context.Background()) }()
	time.AfterFunc(idleGrace+10*shutdownTick, func() { close(hold) })
	if err := a.Release(); err != nil || answered != 2 {
		t.Errorf("%v, %d answered", err, answered)
	}
	if err := <-down; err != nil {
		t.Error(err)
	}
}

// TestWindowExceeded: a peer that sends more than was agreed is answered, but not faster than was agreed.
func TestWindowExceeded(t *testing.T) {
	c := &crowd{want: 2, all: make(chan struct{})}
	conn := rawAsync(t, start(t, &Server{Mux: concurrentMux(c), AsyncOperations: 2}), 2)
	var out []byte
	for id := range uint16(12) {
		out = append(out, fragment(1, true, true, (&Command{Field: CStoreRQ, MessageID: id, HasDataSet: true}).Append(nil))...)
		out = append(out, fragment(1, false, true, make([]byte, 1000))...)
	}
	if _, err := conn.Write(append(out, pdu.AppendReleaseRQ(nil)...)); err != nil {
		t.Fatal(err)
	}
	for range 12 {
		if typ, _ := readPDU(t, conn); typ != pdu.TypeData {
			t.Fatal(typ)
		}
	}
	if typ, _ := readPDU(t, conn); typ != pdu.TypeReleaseRP || c.most > 2 {
		t.Errorf("%v, %d at once", typ, c.most)
	}
}

// TestN13StalledBeside: a sender that stops within a data set loses its association also where that is received beside others, and while one
// of them is still being worked on.
func TestN13StalledBeside(t *testing.T) {
	for _, others := range []int{0, 1} {
		ended, hold, closed := make(chan error, 1), make(chan struct{}), make(chan error, 1)
		s := serviceFunc(func(_ context.Context, rq *Request) Response {
			if rq.Data == nil {
				<-hold
				return Answer(Success)
			}
			_, err := io.Copy(io.Discard, rq.Data)
			ended <- err
			return Answer(OutOfResources)
		})
		addr := start(t, &Server{Mux: concurrentMux(s), AsyncOperations: 4, Timeouts: Timeouts{Network: 300 * time.Millisecond}, Observe: &watcher{closed: closed}})
		conn := rawAsync(t, addr, 4)
		var out []byte
		for id := range others {
			out = append(out, fragment(1, true, true, (&Command{Field: CStoreRQ, MessageID: uint16(id + 10), AffectedSOPClass: ctStorage}).Append(nil))...)
		}
		out = append(out, fragment(1, true, true, (&Command{Field: CStoreRQ, MessageID: 1, AffectedSOPClass: ctStorage, HasDataSet: true}).Append(nil))...)
		if _, err := conn.Write(append(out, fragment(1, false, false, []byte("half"))...)); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-ended:
			if !errors.Is(err, ul.ErrTimeout) {
				t.Error(err)
			}
		case <-time.After(30 * time.Second):
			t.Errorf("beside %d others it is borne", others)
			conn.Close()
			<-ended
		}
		close(hold)
		conn.Close()
		if err := <-closed; err == nil {
			t.Error("closed in order")
		}
	}
}
