package dimse

import (
	"io"
	"net"
	"testing"
	"time"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/pdu"
)

// watcher is an Observer that hands on what it is told. Its channels may be nil.
type watcher struct {
	closed  chan error
	refused chan error
}

func (*watcher) Opened(*Association) {}

func (w *watcher) Closed(_ *Association, err error) {
	if w.closed != nil {
		w.closed <- err
	}
}

func (w *watcher) Refused(_ net.Addr, _ *pdu.AssociateRQ, err error) {
	if w.refused != nil {
		w.refused <- err
	}
}

func (*watcher) Answered(*Association, CommandField, Status, time.Duration) {}

// rawAsync is raw with an Asynchronous Operations Window.
func rawAsync(t *testing.T, addr string, window uint16) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	rq := pdu.AssociateRQ{
		ProtocolVersion: 1, CalledAE: "A", CallingAE: "B", ApplicationContext: pdu.ApplicationContext,
		Contexts: []pdu.ProposedContext{{ID: 1, AbstractSyntax: ctStorage, TransferSyntaxes: []dicom.UID{explicit}}},
		User:     pdu.UserInformation{Async: &pdu.AsyncOperations{Invoked: window, Performed: 1}},
	}
	if _, err := conn.Write(rq.Append(nil)); err != nil {
		t.Fatal(err)
	}
	if typ, _ := readPDU(t, conn); typ != pdu.TypeAssociateAC {
		t.Fatal(typ)
	}
	return conn
}

// closedSoon reads until the other end closes the connection.
func closedSoon(t *testing.T, conn net.Conn) {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	_, err := io.Copy(io.Discard, conn)
	if e, ok := err.(net.Error); ok && e.Timeout() {
		t.Fatal("the connection is still open")
	}
}
