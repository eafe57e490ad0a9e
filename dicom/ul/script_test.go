package ul

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/pdu"
)

// peer is the scripted other end of a connection: it writes bytes and checks
// which come.
type peer struct {
	t    testing.TB
	conn net.Conn
}

// pipe gives both ends of a TCP connection.
func pipe(t testing.TB) (local net.Conn, p *peer) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	got := make(chan net.Conn, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			close(got)
			return
		}
		got <- c
	}()
	remote, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	local = <-got
	if local == nil {
		t.Fatal("no connection")
	}
	t.Cleanup(func() { local.Close(); remote.Close() })
	if err := remote.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	return local, &peer{t, remote}
}

func (p *peer) send(b []byte) {
	p.t.Helper()
	if _, err := p.conn.Write(b); err != nil {
		p.t.Fatal("peer:", err)
	}
}

// read gives the next PDU.
func (p *peer) read() (pdu.Type, []byte) {
	p.t.Helper()
	head := make([]byte, pdu.HeaderLength)
	if _, err := io.ReadFull(p.conn, head); err != nil {
		p.t.Fatal("peer:", err)
	}
	h := pdu.ParseHeader(head)
	body := make([]byte, h.Length)
	if _, err := io.ReadFull(p.conn, body); err != nil {
		p.t.Fatal("peer:", err)
	}
	return h.Type, body
}

func (p *peer) expect(want pdu.Type) []byte {
	p.t.Helper()
	got, body := p.read()
	if got != want {
		p.t.Fatalf("peer got %v (% x), want %v", got, body, want)
	}
	return body
}

// expectAbort checks source and reason.
func (p *peer) expectAbort(want pdu.Abort) {
	p.t.Helper()
	if got, err := pdu.ParseAbort(p.expect(pdu.TypeAbort)); err != nil || *got != want {
		p.t.Fatalf("peer got %+v (%v), want %+v", got, err, want)
	}
}

// expectClosed checks that nothing more comes and the connection ends.
func (p *peer) expectClosed() {
	p.t.Helper()
	b, err := io.ReadAll(p.conn)
	var op *net.OpError // a reset is an end as well
	if len(b) > 0 || err != nil && !errors.As(err, &op) {
		p.t.Fatalf("peer got % x, %v, want the end", b, err)
	}
}

// exampleRQ is a request for Verification as context 1 and CT Storage as context 3.
func exampleRQ() *pdu.AssociateRQ {
	return &pdu.AssociateRQ{
		ProtocolVersion: pdu.ProtocolVersion1, CalledAE: "HALONG", CallingAE: "CT1", ApplicationContext: pdu.ApplicationContext,
		Contexts: []pdu.ProposedContext{
			{ID: 1, AbstractSyntax: dicom.VerificationSOPClass, TransferSyntaxes: []dicom.UID{dicom.ImplicitVRLittleEndian}},
			{ID: 3, AbstractSyntax: "1.2.840.10008.5.1.4.1.1.2", TransferSyntaxes: []dicom.UID{dicom.ExplicitVRLittleEndian}},
		},
		User: pdu.UserInformation{HasMaxLength: true, MaxLength: 16384},
	}
}

// acceptAll accepts every context with its first transfer syntax.
func acceptAll(rq *pdu.AssociateRQ) (*pdu.AssociateAC, *pdu.Reject) {
	ac := &pdu.AssociateAC{
		ProtocolVersion: pdu.ProtocolVersion1, CalledAE: rq.CalledAE, CallingAE: rq.CallingAE,
		ApplicationContext: rq.ApplicationContext, User: pdu.UserInformation{HasMaxLength: true, MaxLength: 16384},
	}
	for _, c := range rq.Contexts {
		ac.Contexts = append(ac.Contexts, pdu.ContextResult{ID: c.ID, TransferSyntax: c.TransferSyntaxes[0]})
	}
	return ac, nil
}

func exampleAC() []byte {
	ac, _ := acceptAll(exampleRQ())
	return ac.Append(nil)
}

// data is a P-DATA-TF PDU of one fragment.
func data(context uint8, command, last bool, b string) []byte {
	return append(pdu.AppendData(nil, pdu.PDV{Context: context, Command: command, Last: last, Length: uint32(len(b))}), b...)
}

// patient are time-outs that no test waits for: one that passes shows that something did not happen that must.
var patient = Options{ARTIM: time.Minute, Timeout: time.Minute}

// accepted gives an acceptor in Sta6 and its peer.
func accepted(t testing.TB, o Options, rq *pdu.AssociateRQ) (*Association, *peer) {
	t.Helper()
	conn, p := pipe(t)
	p.send(rq.Append(nil))
	a, err := Accept(conn, o, acceptAll)
	if err != nil {
		t.Fatal(err)
	}
	p.expect(pdu.TypeAssociateAC)
	return a, p
}

// requested gives a requestor in Sta6 and its peer.
func requested(t testing.TB, o Options, ac []byte) (*Association, *peer) {
	t.Helper()
	conn, p := pipe(t)
	p.send(ac)
	a, err := Request(context.Background(), func(context.Context) (net.Conn, error) { return conn, nil }, exampleRQ(), o)
	if err != nil {
		t.Fatal(err)
	}
	p.expect(pdu.TypeAssociateRQ)
	return a, p
}
