package ul

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/halong-gateway/halong/dicom/pdu"
)

// standard is PS3.8 table 9-10, typed in apart from table.go: event, then what it does in
// Sta1 to Sta13. "-" is a blank cell.
const standard = `
Evt1  AE-1 -    -    -    -    -    -    -    -    -     -    -    -
Evt2  -    -    -    AE-2 -    -    -    -    -    -     -    -    -
Evt3  -    AA-1 AA-8 -    AE-3 AA-8 AA-8 AA-8 AA-8 AA-8  AA-8 AA-8 AA-6
Evt4  -    AA-1 AA-8 -    AE-4 AA-8 AA-8 AA-8 AA-8 AA-8  AA-8 AA-8 AA-6
Evt5  AE-5 -    -    -    -    -    -    -    -    -     -    -    -
Evt6  -    AE-6 AA-8 -    AA-8 AA-8 AA-8 AA-8 AA-8 AA-8  AA-8 AA-8 AA-7
Evt7  -    -    AE-7 -    -    -    -    -    -    -     -    -    -
Evt8  -    -    AE-8 -    -    -    -    -    -    -     -    -    -
Evt9  -    -    -    -    -    DT-1 -    AR-7 -    -     -    -    -
Evt10 -    AA-1 AA-8 -    AA-8 DT-2 AR-6 AA-8 AA-8 AA-8  AA-8 AA-8 AA-6
Evt11 -    -    -    -    -    AR-1 -    -    -    -     -    -    -
Evt12 -    AA-1 AA-8 -    AA-8 AR-2 AR-8 AA-8 AA-8 AA-8  AA-8 AA-8 AA-6
Evt13 -    AA-1 AA-8 -    AA-8 AA-8 AR-3 AA-8 AA-8 AR-10 AR-3 AA-8 AA-6
Evt14 -    -    -    -    -    -    -    AR-4 AR-9 -     -    AR-4 -
Evt15 -    -    AA-1 AA-2 AA-1 AA-1 AA-1 AA-1 AA-1 AA-1  AA-1 AA-1 -
Evt16 -    AA-2 AA-3 -    AA-3 AA-3 AA-3 AA-3 AA-3 AA-3  AA-3 AA-3 AA-2
Evt17 -    AA-5 AA-4 AA-4 AA-4 AA-4 AA-4 AA-4 AA-4 AA-4  AA-4 AA-4 AR-5
Evt18 -    AA-2 -    -    -    -    -    -    -    -     -    -    AA-2
Evt19 -    AA-1 AA-8 -    AA-8 AA-8 AA-8 AA-8 AA-8 AA-8  AA-8 AA-8 AA-7
`

// effect is what tables 9-6 to 9-9 say of an action: the next state, the PDU that the peer
// sees, whether the connection is closed and the ARTIM timer runs.
type effect struct {
	next   State
	sends  pdu.Type
	closes bool
	artim  bool
}

var effects = map[string]effect{
	"AE-1": {next: Sta4}, "AE-2": {next: Sta5, sends: pdu.TypeAssociateRQ}, "AE-3": {next: Sta6},
	"AE-4": {next: Sta1, closes: true}, "AE-5": {next: Sta2, artim: true}, "AE-6": {next: Sta3},
	"AE-7": {next: Sta6, sends: pdu.TypeAssociateAC}, "AE-8": {next: Sta13, sends: pdu.TypeAssociateRJ, artim: true},
	"DT-1": {next: Sta6, sends: pdu.TypeData}, "DT-2": {next: Sta6},
	"AR-1": {next: Sta7, sends: pdu.TypeReleaseRQ}, "AR-2": {next: Sta8}, "AR-3": {next: Sta1, closes: true},
	"AR-4": {next: Sta13, sends: pdu.TypeReleaseRP, artim: true}, "AR-5": {next: Sta1, closes: true}, "AR-6": {next: Sta7},
	"AR-7": {next: Sta8, sends: pdu.TypeData}, "AR-8": {next: Sta9}, "AR-9": {next: Sta11, sends: pdu.TypeReleaseRP},
	"AR-10": {next: Sta12}, "AA-1": {next: Sta13, sends: pdu.TypeAbort, artim: true}, "AA-2": {next: Sta1, closes: true},
	"AA-3": {next: Sta1, closes: true}, "AA-4": {next: Sta1, closes: true}, "AA-5": {next: Sta1, closes: true},
	"AA-6": {next: Sta13, artim: true}, "AA-7": {next: Sta13, sends: pdu.TypeAbort, artim: true}, "AA-8": {next: Sta13, sends: pdu.TypeAbort, artim: true},
}

// into brings a fresh machine into each state by events of real life: PDUs come
// from the peer, primitives from the local user.
var into = map[State]struct {
	requestor bool
	events    []Event
}{
	Sta1: {}, Sta2: {false, []Event{Evt5}}, Sta3: {false, []Event{Evt5, Evt6}},
	Sta4: {true, []Event{Evt1}}, Sta5: {true, []Event{Evt1, Evt2}}, Sta6: {false, []Event{Evt5, Evt6, Evt7}},
	Sta7: {true, []Event{Evt1, Evt2, Evt3, Evt11}}, Sta8: {false, []Event{Evt5, Evt6, Evt7, Evt12}},
	Sta9:  {true, []Event{Evt1, Evt2, Evt3, Evt11, Evt12}},
	Sta10: {false, []Event{Evt5, Evt6, Evt7, Evt11, Evt12}},
	Sta11: {true, []Event{Evt1, Evt2, Evt3, Evt11, Evt12, Evt14}},
	Sta12: {false, []Event{Evt5, Evt6, Evt7, Evt11, Evt12, Evt13}},
	Sta13: {false, []Event{Evt5, Evt6, Evt8}},
}

// bytesOf is what the peer sends for an event.
func bytesOf(e Event) []byte {
	switch e {
	case Evt3:
		return exampleAC()
	case Evt4:
		return pdu.RejectCalledAE.Append(nil)
	case Evt6:
		return exampleRQ().Append(nil)
	case Evt10:
		return data(1, true, true, "ab")
	case Evt12:
		return pdu.AppendReleaseRQ(nil)
	case Evt13:
		return pdu.AppendReleaseRP(nil)
	case Evt16:
		return (&pdu.Abort{Source: pdu.AbortByUser}).Append(nil)
	case Evt19:
		return []byte{0x42, 0, 0, 0, 0, 0}
	}
	return nil
}

// sentBy is what the local user hands to the machine with a primitive.
func sentBy(e Event) []byte {
	switch e {
	case Evt2:
		return exampleRQ().Append(nil)
	case Evt7:
		return exampleAC()
	case Evt8:
		return pdu.RejectCalledAE.Append(nil)
	case Evt9:
		return data(1, true, true, "ab")
	}
	return nil
}

// happen lets an event happen: through the connection where the standard says so.
func happen(t *testing.T, a *Association, p *peer, e Event) error {
	t.Helper()
	var err error
	switch b := bytesOf(e); {
	case b != nil:
		p.send(b)
		_, err = a.step(func(*pdu.AssociateRQ) *pdu.Reject { return nil })
	case e == Evt17:
		p.conn.(*net.TCPConn).CloseWrite()
		_, err = a.step(nil)
	case e == Evt18:
		a.wire.deadline = time.Now().Add(time.Millisecond)
		_, err = a.step(nil)
	default:
		_, err = a.fire(e, input{send: sentBy(e)})
	}
	return err
}

func TestEveryRowOfTable910(t *testing.T) {
	rows := 0
	for line := range strings.Lines(strings.TrimSpace(standard)) {
		cells := strings.Fields(line)
		e := Event(rows + 1)
		if cells[0] != e.String() || len(cells) != states+1 {
			t.Fatalf("row %d of the standard is %q", rows+1, line)
		}
		rows++
		for s := Sta1; s <= Sta13; s++ {
			want := cells[s]
			if got := table[e][s].String(); got != strings.Replace(want, "-", "none", btoi(want == "-")) {
				t.Errorf("%v in %v: %s, the standard says %s", e, s, got, want)
				continue
			}
			t.Run(e.String()+"/"+s.String(), func(t *testing.T) { testCell(t, e, s, want) })
		}
	}
	if rows != events {
		t.Errorf("%d rows", rows)
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func testCell(t *testing.T, e Event, s State, want string) {
	conn, p := pipe(t)
	a := &Association{o: patient.withDefaults(), state: Sta1, requestor: into[s].requestor, wire: newWire(conn)}
	a.wire.timeout = time.Minute
	for _, e := range into[s].events {
		if err := happen(t, a, p, e); err != nil {
			t.Fatalf("on the way to %v: %v", s, err)
		}
		a.pduLeft, a.pdvLeft = 0, 0
	}
	if a.state != s {
		t.Fatalf("script leads to %v, not %v", a.state, s)
	}
	drainPeer(p, into[s].events)
	if want == "-" {
		if bytesOf(e) == nil && e != Evt17 && e != Evt18 {
			if _, err := a.fire(e, input{}); err == nil || a.state != s {
				t.Errorf("blank cell: %v, state %v", err, a.state)
			}
		}
		return
	}
	if err := happen(t, a, p, e); err != nil {
		t.Fatal(err)
	}
	w := effects[want]
	if a.state != w.next {
		t.Errorf("next state %v, want %v", a.state, w.next)
	}
	if a.wire.closed != w.closes {
		t.Errorf("closed %v, want %v", a.wire.closed, w.closes)
	}
	if got := !a.wire.deadline.IsZero(); a.state != Sta1 && got != w.artim {
		t.Errorf("ARTIM runs: %v, want %v", got, w.artim)
	}
	checkSent(t, p, want, w)
	if w.closes {
		p.expectClosed()
	}
}

// checkSent checks what the peer sees of an action.
func checkSent(t *testing.T, p *peer, action string, w effect) {
	if w.sends == 0 {
		return
	}
	body := p.expect(w.sends)
	if w.sends != pdu.TypeAbort {
		return
	}
	ab, err := pdu.ParseAbort(body)
	if err != nil {
		t.Fatal(err)
	}
	wantSource := pdu.AbortByProvider
	if action == "AA-1" {
		wantSource = pdu.AbortByUser
	}
	if ab.Source != wantSource {
		t.Errorf("abort source %d, want %d", ab.Source, wantSource)
	}
}

// drainPeer reads what the machine sent on its way.
func drainPeer(p *peer, events []Event) {
	for _, e := range events {
		switch e {
		case Evt2:
			p.expect(pdu.TypeAssociateRQ)
		case Evt7:
			p.expect(pdu.TypeAssociateAC)
		case Evt8:
			p.expect(pdu.TypeAssociateRJ)
		case Evt11:
			p.expect(pdu.TypeReleaseRQ)
		case Evt14:
			p.expect(pdu.TypeReleaseRP)
		}
	}
}

// TestOtherwise: the second halves of AE-6 and AR-8.
func TestOtherwise(t *testing.T) {
	conn, p := pipe(t)
	a := &Association{o: patient.withDefaults(), state: Sta1, wire: newWire(conn)}
	if err := happen(t, a, p, Evt5); err != nil {
		t.Fatal(err)
	}
	p.send(exampleRQ().Append(nil))
	if _, err := a.step(func(*pdu.AssociateRQ) *pdu.Reject { return &pdu.RejectTemporaryCongestion }); err != nil {
		t.Fatal(err)
	}
	p.expect(pdu.TypeAssociateRJ)
	if a.state != Sta13 || a.wire.deadline.IsZero() {
		t.Errorf("AE-6, not acceptable: %v", a.state)
	}
	b, p := accepted(t, patient, exampleRQ())
	for _, e := range []Event{Evt11, Evt12} {
		if err := happen(t, b, p, e); err != nil {
			t.Fatal(err)
		}
	}
	if b.state != Sta10 {
		t.Errorf("AR-8 of the acceptor: %v, want Sta10", b.state)
	}
}
