package dimse

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/pdu"
	"github.com/halong-gateway/halong/dicom/ul"
)

// dribble sends b a byte at a time, until the other end has had enough.
func dribble(conn net.Conn, b []byte) {
	for i := range b {
		if _, err := conn.Write(b[i : i+1]); err != nil {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// tlsRecord is the beginning of a handshake record that says it is long.
var tlsRecord = []byte{22, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3}

// TestN23SlowLoris: connections that say too little, or say it too slowly, are left after ARTIM, with and without TLS. Meanwhile
// others are served.
func TestN23SlowLoris(t *testing.T) {
	t.Parallel()
	const artim = 10 * time.Second // enough for those who mean it, also on a busy machine
	rq := (&pdu.AssociateRQ{
		ProtocolVersion: 1, CalledAE: "A", CallingAE: "B", ApplicationContext: pdu.ApplicationContext,
		Contexts: []pdu.ProposedContext{{ID: 1, AbstractSyntax: ctStorage, TransferSyntaxes: []dicom.UID{explicit}}},
	}).Append(nil)
	server, client := secured(t)
	write := func(b []byte) func(net.Conn) { return func(c net.Conn) { _, _ = c.Write(b) } } // a closed connection is what is tested
	shake := func(then func(net.Conn)) func(net.Conn) {
		return func(c net.Conn) {
			then(tls.Client(c, &tls.Config{RootCAs: client.RootCAs, Certificates: client.Certificates, ServerName: "127.0.0.1"}))
		}
	}
	refused := make(chan error, 100)
	s := &Server{Mux: testMux(&keeper{}), Timeouts: Timeouts{ARTIM: artim}, Observe: &watcher{refused: refused}}
	secure := &Server{Mux: testMux(&keeper{}), Timeouts: Timeouts{ARTIM: artim}, Observe: &watcher{refused: refused}}
	plainAddr, tlsAddr := start(t, s), startTLS(t, secure, server)
	cases := []struct {
		name, addr string
		do         func(net.Conn)
	}{
		{"nothing", plainAddr, write(nil)},
		{"half a PDU header", plainAddr, write(rq[:3])},
		{"half an A-ASSOCIATE-RQ", plainAddr, write(rq[:len(rq)/2])},
		{"a byte now and then", plainAddr, func(c net.Conn) { dribble(c, rq[:len(rq)-1]) }},
		{"TLS: nothing", tlsAddr, write(nil)},
		{"TLS: half a record header", tlsAddr, write(tlsRecord[:3])},
		{"TLS: half a record", tlsAddr, write(tlsRecord)},
		{"TLS: a byte now and then", tlsAddr, func(c net.Conn) { dribble(c, append(tlsRecord, make([]byte, 500)...)) }},
		{"TLS: handshake, then nothing", tlsAddr, shake(func(c net.Conn) { _ = c.(*tls.Conn).Handshake() })}, // the same
		{"TLS: handshake, then half a PDU", tlsAddr, shake(write(rq[:20]))},
		{"TLS: handshake, then a byte now and then", tlsAddr, shake(func(c net.Conn) { dribble(c, rq[:len(rq)-1]) })},
	}
	for _, c := range cases {
		conn, err := net.Dial("tcp", c.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		go c.do(conn)
	}
	if err := dial(t, plainAddr, nil).Echo(t.Context()); err != nil {
		t.Error(err)
	}
	if err := dial(t, tlsAddr, func(o *Options) { o.Dial = over(client) }).Echo(t.Context()); err != nil {
		t.Error(err)
	}
	for range cases {
		select {
		case err := <-refused:
			if !errors.Is(err, ul.ErrTimeout) && !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("refused for %v", err)
			}
		case <-time.After(time.Minute):
			t.Fatal("somebody is still waited for")
		}
	}
}

// TestTwiceTheLimit: connections that ask for nothing are borne up to twice the limit of Associations, of one peer and in all; more are
// closed at once. When some have gone there is room again.
func TestTwiceTheLimit(t *testing.T) {
	for _, limits := range []struct{ all, peer int }{{3, 100}, {100, 3}} {
		refused := make(chan error, 100)
		s := &Server{Mux: testMux(&keeper{}), MaxAssociations: limits.all, MaxPerPeer: limits.peer, Observe: &watcher{refused: refused}}
		addr := start(t, s)
		var silent []net.Conn
		for range 6 {
			conn, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			silent = append(silent, conn)
		}
		eventually(t, func() bool { s.mu.Lock(); defer s.mu.Unlock(); return len(s.conns) == 6 })
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		closedSoon(t, conn)
		var rj *pdu.Reject
		if err := <-refused; !errors.As(err, &rj) || rj.Result != pdu.RejectedTransient {
			t.Error(err)
		}
		silent[0].Close()
		eventually(t, func() bool {
			a, err := tryDial(addr, nil)
			if err != nil {
				return false
			}
			return a.Release() == nil
		})
	}
}

// TestHalfOpen: a peer that takes no responses does not hold a service for ever, and one that closed its end while it is served is noticed.
func TestHalfOpen(t *testing.T) {
	closed, gone := make(chan error, 1), make(chan error, 1)
	s := serviceFunc(func(ctx context.Context, rq *Request) Response {
		for {
			if err := rq.Pending(Response{Command: Command{Status: Pending}, Data: make([]byte, 100_000)}); err != nil {
				gone <- err
				return Answer(ProcessingFailure)
			}
		}
	})
	find := fragment(1, true, true, (&Command{Field: CFindRQ, MessageID: 1, AffectedSOPClass: ctStorage}).Append(nil))
	for _, m := range []*Mux{testMux(s), concurrentMux(s)} {
		addr := start(t, &Server{Mux: m, AsyncOperations: 4, Timeouts: Timeouts{Network: 100 * time.Millisecond, ARTIM: time.Minute}, Observe: &watcher{closed: closed}})
		conn := rawAsync(t, addr, 4)
		if _, err := conn.Write(find); err != nil {
			t.Fatal(err)
		}
		var timeout net.Error
		if err := <-gone; !errors.As(err, &timeout) || !timeout.Timeout() {
			t.Error(err)
		}
		if err := <-closed; err == nil {
			t.Error("closed in order")
		}
		conn = rawAsync(t, addr, 4)
		if _, err := conn.Write(find); err != nil {
			t.Fatal(err)
		}
		readPDU(t, conn)
		conn.Close()
		<-gone
		if err := <-closed; err == nil {
			t.Error("closed in order")
		}
	}
}

// eventually waits until something holds.
func eventually(t *testing.T, holds func() bool) {
	t.Helper()
	for begin := time.Now(); !holds(); time.Sleep(time.Millisecond) {
		if time.Since(begin) > time.Minute {
			t.Fatal("it does not come to hold")
		}
	}
}
