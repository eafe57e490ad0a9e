package ul

import (
	"bytes"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/halong-gateway/halong/dicom/pdu"
)

// TestSendBeside: many goroutines send while another receives; PDUs come whole, and also after the peer has asked for release.
func TestSendBeside(t *testing.T) {
	a, p := accepted(t, patient, exampleRQ())
	const senders, each = 8, 50
	var sending sync.WaitGroup
	for i := range senders {
		sending.Add(1)
		go func() {
			defer sending.Done()
			for range each {
				if err := a.Send(data(1, true, true, strings.Repeat(string(rune('a'+i)), 1000))); err != nil {
					t.Error(err)
				}
			}
		}()
	}
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		for range 100 {
			p.send(data(3, false, true, "abc"))
		}
		p.send(pdu.AppendReleaseRQ(nil))
	}()
	received := make(chan error, 1)
	go func() {
		for range 100 {
			if s, err := readMessage(a); err != nil || s != "abc" {
				t.Errorf("%q, %v", s, err)
			}
		}
		_, err := a.NextPDV()
		sending.Wait()
		received <- errors.Join(err, a.RespondRelease())
	}()
	for range senders * each {
		body := p.expect(pdu.TypeData)[pdu.PDVHeaderLength:]
		if !bytes.Equal(body, bytes.Repeat(body[:1], 1000)) {
			t.Fatal("PDUs are mixed")
		}
	}
	p.expect(pdu.TypeReleaseRP)
	<-sent
	p.conn.Close()
	if err := <-received; !errors.Is(err, ErrReleaseRequested) {
		t.Error(err)
	}
	var state *StateError
	if err := a.Send(data(1, true, true, "late")); !errors.Is(err, ErrReleased) && !errors.As(err, &state) {
		t.Errorf("sent after release: %v", err)
	}
}

// TestSendFails: whoever receives is told when another cannot send.
func TestSendFails(t *testing.T) {
	o := patient
	o.Timeout = 100 * time.Millisecond // for writing
	a, _ := accepted(t, o, exampleRQ())
	a.SetTimeout(time.Minute)
	received := make(chan error, 1)
	go func() { _, err := a.NextPDV(); received <- err }()
	var err error
	for err == nil { // until the peer, who takes nothing, has room for no more
		err = a.Send(data(1, true, true, strings.Repeat("x", 100_000)))
	}
	var timeout net.Error
	if !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Error(err)
	}
	if got := <-received; !errors.Is(got, err) {
		t.Errorf("received %v, sent %v", got, err)
	}
	if again := a.Send(data(1, true, true, "x")); !errors.Is(again, err) {
		t.Errorf("sent again: %v", again)
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
}

// TestPatience: silence is borne as long as there is a reason to.
func TestPatience(t *testing.T) {
	a, p := accepted(t, patient, exampleRQ())
	a.SetTimeout(time.Millisecond)
	asked := 0
	a.SetPatience(func() bool { asked++; return asked < 5 })
	if _, err := a.NextPDV(); !errors.Is(err, ErrTimeout) || asked != 5 {
		t.Errorf("%v after %d", err, asked)
	}
	p.expectAbort(pdu.Abort{Source: pdu.AbortByUser})
}
