package dimse

import (
	"bytes"
	"context"
	"io"
	"net"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/pdu"
)

// FuzzCommandSet: whatever arrives is decoded or refused; what was decoded,
// encoded and decoded again is the same.
func FuzzCommandSet(f *testing.F) {
	f.Add(unhex(f, storeHex))
	f.Add((&Command{Field: CFindRQ.Response(), RespondedTo: 1, Status: Pending, HasDataSet: true, ErrorComment: "c", OffendingElements: []dicom.Tag{1}, Remaining: ptr(1)}).Append(nil))
	f.Add((&Command{Field: CCancelRQ, RespondedTo: 1}).Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := ParseCommand(b)
		if err != nil {
			return
		}
		enc := c.Append(nil)
		if len(enc) > MaxCommandLength {
			return // padding and elements that were absent made it longer
		}
		d, err := ParseCommand(enc)
		if err != nil {
			t.Fatalf("encoded: %v", err)
		}
		if diff := cmp.Diff(c, d, cmpopts.IgnoreUnexported(Command{}), cmpopts.EquateEmpty()); diff != "" {
			t.Fatal(diff)
		}
	})
}

// canned is a connection on which everything was said already.
type canned struct {
	r io.Reader
	w bytes.Buffer
}

func (c *canned) Read(p []byte) (int, error)     { return c.r.Read(p) }
func (c *canned) Write(p []byte) (int, error)    { return c.w.Write(p) }
func (*canned) Close() error                     { return nil }
func (*canned) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (*canned) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (*canned) SetDeadline(time.Time) error      { return nil }
func (*canned) SetReadDeadline(time.Time) error  { return nil }
func (*canned) SetWriteDeadline(time.Time) error { return nil }

// FuzzAssociation: a server survives any stream of bytes, answers with whole
// PDUs, and comes to an end.
func FuzzAssociation(f *testing.F) {
	rq := (&pdu.AssociateRQ{
		ProtocolVersion: 1, CalledAE: "A", CallingAE: "B", ApplicationContext: pdu.ApplicationContext,
		Contexts: []pdu.ProposedContext{{ID: 1, AbstractSyntax: "1.2", TransferSyntaxes: []dicom.UID{dicom.ImplicitVRLittleEndian}}},
	}).Append(nil)
	fragment := func(command, last bool, b []byte) []byte {
		return append(pdu.AppendData(nil, pdu.PDV{Context: 1, Command: command, Last: last, Length: uint32(len(b))}), b...)
	}
	store := unhex(f, storeHex)
	echo := (&Command{Field: CEchoRQ, AffectedSOPClass: "1.2", MessageID: 3}).Append(nil)
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	f.Add(join(rq, fragment(true, true, echo), pdu.AppendReleaseRQ(nil)), byte(0))
	f.Add(join(rq, fragment(true, false, store[:9]), fragment(true, true, store[9:]), fragment(false, false, []byte("data")), fragment(false, true, []byte("set")), pdu.AppendReleaseRQ(nil)), byte(1))
	f.Add(join(rq, fragment(true, true, store), fragment(false, false, []byte("data")), (&pdu.Abort{}).Append(nil)), byte(2))
	f.Add(join(rq, fragment(true, true, (&Command{Field: CCancelRQ, RespondedTo: 1}).Append(nil)), rq), byte(3))
	async := pdu.AssociateRQ{
		ProtocolVersion: 1, CalledAE: "A", CallingAE: "B", ApplicationContext: pdu.ApplicationContext,
		Contexts: []pdu.ProposedContext{{ID: 1, AbstractSyntax: "1.2", TransferSyntaxes: []dicom.UID{dicom.ImplicitVRLittleEndian}}},
		User:     pdu.UserInformation{Async: &pdu.AsyncOperations{}},
	}
	two := append(fragment(true, true, store), fragment(false, true, []byte("data"))...)
	f.Add(join(async.Append(nil), two, fragment(true, true, echo), pdu.AppendReleaseRQ(nil)), byte(128))
	f.Add(join(async.Append(nil), two, two, pdu.AppendReleaseRQ(nil)), byte(129))
	f.Fuzz(func(t *testing.T, b []byte, chunk byte) {
		conn := &canned{r: &chunked{bytes.NewReader(b), int(chunk)}}
		m := &Mux{}
		m.HandleFunc(func(dicom.UID) bool { return true }, Offer{Concurrent: chunk >= 128, Accepts: func(dicom.UID) bool { return true }, Service: serviceFunc(func(_ context.Context, rq *Request) Response {
			if rq.Data != nil && chunk%2 == 0 {
				_, _ = io.Copy(io.Discard, rq.Data) // a failure ends the association
			}
			return Answer(Success)
		})})
		s := &Server{Mux: m, AsyncOperations: 4}
		s.init()
		s.serveConn(conn, "peer")
		for out := conn.w.Bytes(); len(out) > 0; {
			if len(out) < pdu.HeaderLength {
				t.Fatalf("half a PDU: % x", out)
			}
			h := pdu.ParseHeader(out)
			if err := h.Check(); err != nil || int(h.Length) > len(out)-pdu.HeaderLength {
				t.Fatalf("answer % x: %v", out, err)
			}
			out = out[pdu.HeaderLength+int(h.Length):]
		}
	})
}

// FuzzRequestor: whatever an acceptor sends after its A-ASSOCIATE-AC, a requestor comes to an end, and each of its requests has one outcome.
func FuzzRequestor(f *testing.F) {
	answer := func(id uint16, s Status, dataSet bool) []byte {
		return fragment(1, true, true, (&Command{Field: CStoreRQ.Response(), RespondedTo: id, Status: s, HasDataSet: dataSet}).Append(nil))
	}
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	echo := fragment(1, true, true, (&Command{Field: CEchoRQ, AffectedSOPClass: "1.2", MessageID: 3}).Append(nil))
	f.Add(join(answer(2, Success, false), answer(1, Success, false), answer(3, Success, false), answer(4, Success, false), pdu.AppendReleaseRP(nil)), byte(0))
	f.Add(join(answer(1, Pending, true), fragment(1, false, true, []byte("data")), echo, answer(1, CannotUnderstand, false), answer(1, Success, false)), byte(1))
	f.Add(join(echo, echo, answer(1, Success, false), pdu.AppendReleaseRQ(nil)), byte(2))
	f.Add((&pdu.Abort{}).Append(nil), byte(3))
	f.Fuzz(func(t *testing.T, b []byte, chunk byte) {
		ac := (&pdu.AssociateAC{
			ProtocolVersion: 1, ApplicationContext: pdu.ApplicationContext,
			Contexts: []pdu.ContextResult{{ID: 1, TransferSyntax: explicit}},
			User:     pdu.UserInformation{Async: &pdu.AsyncOperations{Invoked: uint16(chunk % 4), Performed: uint16(chunk % 3)}},
		}).Append(nil)
		conn := &canned{r: &chunked{bytes.NewReader(append(ac, b...)), int(chunk)}}
		a, err := Dial(t.Context(), "", Options{
			Dial:     func(context.Context, string, string) (net.Conn, error) { return conn, nil },
			Mux:      concurrentMux(serviceFunc(func(context.Context, *Request) Response { return Answer(Success) })),
			Contexts: []pdu.ProposedContext{{AbstractSyntax: ctStorage, TransferSyntaxes: []dicom.UID{explicit}}},
			User:     pdu.UserInformation{Async: &pdu.AsyncOperations{}},
		})
		if err != nil {
			t.Fatal(err)
		}
		sent, told := 0, 0
		for range 3 {
			err := a.Go(t.Context(), 1, &Command{Field: CStoreRQ}, bytes.NewReader([]byte("ab")), func(*Response, error) { told++ })
			if err == nil {
				sent++
			}
		}
		if _, err := a.Call(t.Context(), 1, &Command{Field: CStoreRQ}, nil, nil); err == nil {
			_ = a.Release() // it may fail as well as not
		}
		if err := a.Close(); err != nil {
			t.Error(err)
		}
		if told != sent {
			t.Errorf("%d sent, %d told", sent, told)
		}
	})
}

type chunked struct {
	r io.Reader
	n int
}

func (c *chunked) Read(p []byte) (int, error) {
	if c.n > 0 {
		p = p[:min(len(p), c.n)]
	}
	return c.r.Read(p)
}

// serviceFunc makes a Service of a function.
type serviceFunc func(context.Context, *Request) Response

func (f serviceFunc) Serve(ctx context.Context, rq *Request) Response { return f(ctx, rq) }
