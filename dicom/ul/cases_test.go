package ul

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/pdu"
)

// readMessage reads fragments to the last one and gives their bytes joined.
func readMessage(a *Association) (string, error) {
	var b bytes.Buffer
	for {
		v, err := a.NextPDV()
		if err != nil {
			return b.String(), err
		}
		if _, err := io.Copy(&b, struct{ io.Reader }{a}); err != nil {
			return b.String(), err
		}
		if v.Last {
			return b.String(), nil
		}
	}
}

// TestN1MaxLength: fragments fit the peer's Maximum Length Received, whatever it
// is, and are even.
func TestN1MaxLength(t *testing.T) {
	text := strings.Repeat("0123456789", 100_000)[:900_001]
	for _, c := range []struct {
		max      uint32
		fragment int
	}{
		{0, fragmentMax}, {8, 2}, {9, 2}, {128, 122}, {131, 124}, {16384, 16378}, {16383, 16376}, {1 << 20, fragmentMax}, {0xffffffff, fragmentMax},
	} {
		rq := exampleRQ()
		rq.User.MaxLength = c.max
		a, p := accepted(t, patient, rq)
		if got := a.FragmentLength(); got != c.fragment {
			t.Errorf("max %d: fragments of %d, want %d", c.max, got, c.fragment)
		}
		send := text[:min(len(text), 2000*c.fragment)]
		go func() {
			if _, rerr, err := a.SendData(a.AppendFragments(nil, 3, true, []byte("command")), 3, iotest.HalfReader(strings.NewReader(send))); rerr != nil || err != nil {
				t.Errorf("max %d: %v, %v", c.max, rerr, err)
			}
		}()
		command, got := receiveAll(t, p, c.max)
		if command != "command" || got != send {
			t.Errorf("max %d: command %q and %d bytes, want %d", c.max, command, len(got), len(send))
		}
	}
}

// receiveAll takes a Command Set and a Data Set as a strict peer does.
func receiveAll(t *testing.T, p *peer, max uint32) (command, dataSet string) {
	t.Helper()
	var b [2]bytes.Buffer
	for {
		body := p.expect(pdu.TypeData)
		if max != 0 && len(body) > int(max) {
			t.Fatalf("PDU of %d bytes, at most %d allowed", len(body), max)
		}
		v, err := pdu.ParsePDV(body, uint32(len(body)), 0)
		if err != nil {
			t.Fatal(err)
		}
		if v.Length%2 == 1 && !v.Last {
			t.Fatalf("odd fragment of %d bytes", v.Length)
		}
		i := 1
		if v.Command {
			i = 0
		}
		b[i].Write(body[pdu.PDVHeaderLength:])
		if v.Last && !v.Command {
			return b[0].String(), b[1].String()
		}
	}
}

// TestN1TooSmall: a Maximum Length Received that leaves no room is refused.
func TestN1TooSmall(t *testing.T) {
	conn, p := pipe(t)
	rq := exampleRQ()
	rq.User.MaxLength = 7
	p.send(rq.Append(nil))
	go func() { p.expect(pdu.TypeAssociateRJ); p.conn.Close() }()
	_, err := Accept(conn, patient, acceptAll)
	if rj := (*pdu.Reject)(nil); !errors.As(err, &rj) || *rj != pdu.RejectPermanentLocalLimits {
		t.Error(err)
	}
}

// TestFragments: several PDVs in a PDU, empty ones, ones of odd length, and
// the connection delivering one byte at a time.
func TestFragments(t *testing.T) {
	pdv := func(last bool, s string) []byte {
		return append(pdu.PDV{Context: 3, Last: last, Length: uint32(len(s))}.Append(nil), s...)
	}
	body := bytes.Join([][]byte{pdv(false, "abc"), pdv(false, ""), pdv(false, "defg")}, nil)
	stream := append(pdu.Header{Type: pdu.TypeData, Length: uint32(len(body))}.Append(nil), body...)
	stream = append(stream, data(3, false, true, "hij")...)
	for _, dribble := range []bool{false, true} {
		a, p := accepted(t, patient, exampleRQ())
		go func(rest []byte) {
			for len(rest) > 0 && dribble {
				_, _ = p.conn.Write(rest[:1]) // the reader notices
				rest = rest[1:]
				time.Sleep(100 * time.Microsecond)
			}
			_, _ = p.conn.Write(rest)
		}(stream)
		if got, err := readMessage(a); err != nil || got != "abcdefghij" {
			t.Errorf("%q, %v", got, err)
		}
	}
}

// TestInvalidData: what cannot be a P-DATA-TF PDU is answered by A-ABORT of the
// provider with the reason that PS3.8 table 9-26 has for it.
func TestInvalidData(t *testing.T) {
	for _, c := range []struct {
		name string
		send []byte
		want pdu.AbortReason
	}{
		{"unknown type", []byte{0x99, 0, 0, 0, 0, 4, 1, 2, 3, 4}, pdu.UnrecognizedPDU},
		{"HTTP", []byte("GET / HTTP/1.1\r\n\r\n"), pdu.UnrecognizedPDU},
		{"no room for a PDV", []byte{4, 0, 0, 0, 0, 3, 0, 0, 0}, pdu.InvalidParameterValue},
		{"PDV beyond its PDU", []byte{4, 0, 0, 0, 0, 8, 0, 0, 0, 9, 1, 3, 1, 2}, pdu.InvalidParameterValue},
		{"rest of the PDU is no PDV", append(append([]byte{4, 0, 0, 0, 0, 9}, data(1, true, false, "")[6:]...), 0, 0, 0), pdu.InvalidParameterValue},
		{"context not accepted", data(5, true, true, "ab"), pdu.InvalidParameterValue},
		{"even context", data(2, true, true, "ab"), pdu.InvalidParameterValue},
		{"second A-ASSOCIATE-RQ", exampleRQ().Append(nil), pdu.UnexpectedPDU},
		{"A-ASSOCIATE-AC", exampleAC(), pdu.UnexpectedPDU},
		{"A-RELEASE-RP", pdu.AppendReleaseRP(nil), pdu.UnexpectedPDU},
		{"A-RELEASE-RQ of the wrong length", []byte{5, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0}, pdu.InvalidParameterValue},
	} {
		a, p := accepted(t, patient, exampleRQ())
		go p.send(c.send)
		if _, err := readMessage(a); err == nil {
			t.Errorf("%s: no error", c.name)
		}
		p.expectAbort(pdu.Abort{Source: pdu.AbortByProvider, Reason: c.want})
		p.conn.Close()
		if err := a.Close(); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// TestN3Contexts: 128 contexts are fine; an even, a repeated or a 129th ID is not.
func TestN3Contexts(t *testing.T) {
	rq := exampleRQ()
	rq.Contexts = nil
	for i := range pdu.MaxContexts {
		rq.Contexts = append(rq.Contexts, pdu.ProposedContext{ID: uint8(2*i + 1), AbstractSyntax: "1.2.3", TransferSyntaxes: []dicom.UID{"1.2.840.10008.1.2"}})
	}
	a, _ := accepted(t, patient, rq)
	if n := len(a.Contexts()); n != 128 {
		t.Errorf("%d contexts", n)
	}
	for _, id := range []uint8{1, 127, 255} {
		if c, ok := a.Context(id); !ok || c.ID != id {
			t.Errorf("context %d: %+v, %v", id, c, ok)
		}
	}
	if _, ok := a.Context(2); ok {
		t.Error("context 2 found")
	}
	for _, id := range []uint8{2, 0, 5} { // even, zero, repeated: with 128 others every 129th is
		bad := *rq
		bad.Contexts = append(bad.Contexts[:128:128], pdu.ProposedContext{ID: id, AbstractSyntax: "1.2.3"})
		conn, p := pipe(t)
		p.send(bad.Append(nil))
		go func(p *peer) { p.expectAbort(pdu.Abort{Source: pdu.AbortByUser}); p.conn.Close() }(p) // AA-1 in Sta2
		_, err := Accept(conn, patient, acceptAll)
		var s *pdu.SyntaxError
		if !errors.As(err, &s) {
			t.Errorf("ID %d: %v", id, err)
		}
	}
}

// TestN7Abort: an abort is told with its source, also the reserved one, before and after acceptance.
func TestN7Abort(t *testing.T) {
	for _, ab := range []pdu.Abort{{Source: pdu.AbortByUser}, {Source: 1, Reason: 3}, {Source: pdu.AbortByProvider, Reason: pdu.UnexpectedPDU}, {Source: 77, Reason: 99}} {
		conn, p := pipe(t)
		p.send(ab.Append(nil))
		_, err := Request(context.Background(), func(context.Context) (net.Conn, error) { return conn, nil }, exampleRQ(), patient)
		var got *pdu.Abort
		if !errors.As(err, &got) || *got != ab {
			t.Errorf("before A-ASSOCIATE-AC: %v", err)
		}
		a, p := requested(t, patient, exampleAC())
		p.send(ab.Append(nil))
		if _, err := a.NextPDV(); !errors.As(err, &got) || *got != ab {
			t.Errorf("after: %v", err)
		}
		b, p := accepted(t, patient, exampleRQ())
		p.send(append(data(3, false, false, "half a data set"), ab.Append(nil)...))
		if s, err := readMessage(b); !errors.As(err, &got) || *got != ab || s != "half a data set" {
			t.Errorf("while busy: %q, %v", s, err)
		}
	}
}

// TestN8Reject: every rejection comes with the right three bytes.
func TestN8Reject(t *testing.T) {
	for _, c := range []struct {
		name string
		edit func(*pdu.AssociateRQ)
		say  *pdu.Reject
		want pdu.Reject
	}{
		{"protocol version", func(rq *pdu.AssociateRQ) { rq.ProtocolVersion = 2 }, nil, pdu.Reject{Result: 1, Source: 2, Reason: 2}},
		{"application context", func(rq *pdu.AssociateRQ) { rq.ApplicationContext = "1.2.3" }, nil, pdu.Reject{Result: 1, Source: 1, Reason: 2}},
		{"calling AE", nil, &pdu.RejectCallingAE, pdu.Reject{Result: 1, Source: 1, Reason: 3}},
		{"called AE", nil, &pdu.RejectCalledAE, pdu.Reject{Result: 1, Source: 1, Reason: 7}},
		{"congestion", nil, &pdu.RejectTemporaryCongestion, pdu.Reject{Result: 2, Source: 3, Reason: 1}},
		{"limit", nil, &pdu.RejectLocalLimitExceeded, pdu.Reject{Result: 2, Source: 3, Reason: 2}},
	} {
		conn, p := pipe(t)
		rq := exampleRQ()
		if c.edit != nil {
			c.edit(rq)
		}
		p.send(rq.Append(nil))
		done := make(chan error, 1)
		go func() {
			_, err := Accept(conn, patient, func(rq *pdu.AssociateRQ) (*pdu.AssociateAC, *pdu.Reject) {
				if c.say != nil {
					return nil, c.say
				}
				return acceptAll(rq)
			})
			done <- err
		}()
		got, err := pdu.ParseReject(p.expect(pdu.TypeAssociateRJ))
		if err != nil || *got != c.want {
			t.Errorf("%s: %+v, %v", c.name, got, err)
		}
		p.conn.Close()
		var rj *pdu.Reject
		if err := <-done; !errors.As(err, &rj) || *rj != c.want {
			t.Errorf("%s: acceptor says %v", c.name, err)
		}
	}
	conn, p := pipe(t) // and the requestor's side
	p.send(pdu.RejectCalledAE.Append(nil))
	_, err := Request(context.Background(), func(context.Context) (net.Conn, error) { return conn, nil }, exampleRQ(), patient)
	if rj := (*pdu.Reject)(nil); !errors.As(err, &rj) || *rj != pdu.RejectCalledAE {
		t.Error(err)
	}
}

// TestN9Release: in order, with fragments still under way, and collisions on both sides.
func TestN9Release(t *testing.T) {
	a, p := accepted(t, patient, exampleRQ())
	p.send(append(data(1, true, true, "ab"), pdu.AppendReleaseRQ(nil)...))
	if s, err := readMessage(a); err != nil || s != "ab" {
		t.Errorf("%q, %v", s, err)
	}
	if _, err := a.NextPDV(); !errors.Is(err, ErrReleaseRequested) {
		t.Error(err)
	}
	if err := a.Send(data(1, true, true, "late")); err != nil { // AR-7: a response may still go out
		t.Error(err)
	}
	go func(p *peer) {
		p.expect(pdu.TypeData)
		p.expect(pdu.TypeReleaseRP)
		p.conn.Close()
	}(p)
	if err := a.RespondRelease(); err != nil {
		t.Error(err)
	}

	a, p = requested(t, patient, exampleAC())
	p.send(append(data(1, true, true, "an N-EVENT-REPORT that crosses"), pdu.AppendReleaseRP(nil)...))
	if err := a.Release(); err != nil {
		t.Error("data before release is confirmed:", err)
	}

	a, p = requested(t, patient, exampleAC()) // collision, requestor: AR-8, AR-9, AR-3
	p.send(pdu.AppendReleaseRQ(nil))
	go func(p *peer) {
		p.expect(pdu.TypeReleaseRQ)
		p.expect(pdu.TypeReleaseRP)
		p.send(pdu.AppendReleaseRP(nil))
	}(p)
	if err := a.Release(); err != nil {
		t.Error("collision, requestor:", err)
	}

	a, p = accepted(t, patient, exampleRQ()) // collision, acceptor: AR-8, AR-10, AR-4
	p.send(append(pdu.AppendReleaseRQ(nil), pdu.AppendReleaseRP(nil)...))
	go func(p *peer) {
		p.expect(pdu.TypeReleaseRQ)
		p.expect(pdu.TypeReleaseRP)
		p.conn.Close()
	}(p)
	if err := a.Release(); err != nil {
		t.Error("collision, acceptor:", err)
	}
}

// TestN13Timeout: an Association whose peer falls silent within a PDU is aborted
// and not used again.
func TestN13Timeout(t *testing.T) {
	o := patient
	o.Timeout = 300 * time.Millisecond
	for name, sent := range map[string][]byte{"header": {4, 0, 0}, "fragment": data(3, false, true, "abcdefgh")[:15], "nothing": nil} {
		a, p := accepted(t, o, exampleRQ())
		p.send(sent)
		if _, err := readMessage(a); !errors.Is(err, ErrTimeout) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := a.NextPDV(); !errors.Is(err, ErrTimeout) {
			t.Errorf("%s: used again: %v", name, err)
		}
		if err := a.Send(data(1, true, true, "ab")); !errors.Is(err, ErrTimeout) {
			t.Errorf("%s: sent on it: %v", name, err)
		}
		p.expectAbort(pdu.Abort{Source: pdu.AbortByUser})
		p.conn.Close()
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestARTIM: who asks for nothing, or does not hang up, is left after ARTIM.
func TestARTIM(t *testing.T) {
	t.Parallel()
	conn, p := pipe(t)
	p.send(exampleRQ().Append(nil)[:50])
	if _, err := Accept(conn, Options{ARTIM: 30 * time.Millisecond}, acceptAll); !errors.Is(err, ErrTimeout) {
		t.Error(err)
	}
	p.expectClosed()
	const artim = 2 * time.Second // also what it may take to be read
	conn, p = pipe(t)
	p.send(exampleRQ().Append(nil))
	begin := time.Now()
	if _, err := Accept(conn, Options{ARTIM: artim}, func(*pdu.AssociateRQ) (*pdu.AssociateAC, *pdu.Reject) { return nil, &pdu.RejectCallingAE }); err == nil {
		t.Error("no error")
	}
	if d := time.Since(begin); d < artim {
		t.Errorf("waited %v", d)
	}
	p.expect(pdu.TypeAssociateRJ)
	p.expectClosed()
}

// TestInterrupt: from another goroutine, while waiting and before.
func TestInterrupt(t *testing.T) {
	for _, early := range []bool{true, false} {
		a, p := accepted(t, patient, exampleRQ())
		if early {
			a.Interrupt()
		} else {
			time.AfterFunc(20*time.Millisecond, a.Interrupt)
		}
		if _, err := a.NextPDV(); !errors.Is(err, ErrInterrupted) {
			t.Error(err)
		}
		p.expectAbort(pdu.Abort{Source: pdu.AbortByUser})
		if err := a.Close(); err != nil {
			t.Error(err)
		}
		p.expectClosed()
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	conn, _ := pipe(t)
	if _, err := Request(ctx, func(context.Context) (net.Conn, error) { return conn, nil }, exampleRQ(), patient); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	failed := errors.New("no route")
	if _, err := Request(context.Background(), func(context.Context) (net.Conn, error) { return nil, failed }, exampleRQ(), patient); !errors.Is(err, failed) {
		t.Error(err)
	}
}

// TestUnproposed: what the acceptor accepts without having been asked is not used.
func TestUnproposed(t *testing.T) {
	ac, _ := acceptAll(exampleRQ())
	ac.Contexts[1].TransferSyntax = "1.2.840.10008.1.2.4.70"
	ac.Contexts = append(ac.Contexts, pdu.ContextResult{ID: 9, TransferSyntax: "1.2.840.10008.1.2"})
	a, _ := requested(t, patient, ac.Append(nil))
	if c := a.Contexts(); len(c) != 1 || c[0].ID != 1 {
		t.Errorf("%+v", c)
	}
}
