package ul

import (
	"time"

	"github.com/halong-gateway/halong/dicom/pdu"
)

// indication is what the machine tells the local user: the indication and
// confirmation primitives of PS3.8 7.
type indication uint8

const (
	silent indication = iota
	associateIndication
	associateAccepted
	associateRejected
	dataIndication
	releaseIndication
	releaseConfirmation
	abortIndication         // A-ABORT
	providerAbortIndication // A-P-ABORT
)

// input is what comes with an event.
type input struct {
	send   []byte          // the encoded PDU, for actions that send one of the user's making
	reject *pdu.Reject     // Evt6: why the service provider does not accept; nil if it does
	abort  *pdu.Abort      // Evt16: the PDU
	reason pdu.AbortReason // Evt19: what an A-ABORT by the provider gives as reason
	cause  error           // what the Association is reported to have ended with
}

// fire lets the machine react to one event. A blank cell of the table gives a
// *StateError and changes nothing. It is called by the goroutine that receives, which alone changes the state, and so
// may read it without the lock.
func (a *Association) fire(e Event, in input) (indication, error) {
	act := table[e][a.state]
	switch act {
	case none:
		return silent, &StateError{e, a.state}
	case dt2:
		return dataIndication, nil // nothing changes, and a goroutine that is busy sending need not be waited for
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if in.cause != nil && a.cause == nil {
		a.cause = in.cause
	}
	next, ind := a.perform(act, e, &in)
	a.state = next
	return ind, nil
}

// perform is PS3.8 tables 9-6 to 9-9.
func (a *Association) perform(act action, e Event, in *input) (next State, ind indication) {
	switch act {
	case ae1: // issue TRANSPORT CONNECT request primitive: the caller dials
		return Sta4, silent
	case ae2:
		a.send(in.send) // A-ASSOCIATE-RQ
		return Sta5, silent
	case ae3:
		return Sta6, associateAccepted
	case ae4:
		a.closeTransport()
		return Sta1, associateRejected
	case ae5:
		a.startARTIM()
		return Sta2, silent
	case ae6:
		a.stopARTIM()
		if in.reject == nil {
			return Sta3, associateIndication
		}
		a.send(in.reject.Append(nil))
		a.startARTIM()
		return Sta13, silent
	case ae7:
		a.send(in.send) // A-ASSOCIATE-AC
		return Sta6, silent
	case ae8:
		a.send(in.send) // A-ASSOCIATE-RJ
		a.startARTIM()
		return Sta13, silent
	case dt1:
		a.send(in.send) // P-DATA-TF
		return Sta6, silent
	}
	if act < aa1 {
		return a.release(act, in)
	}
	return a.abort(act, e, in)
}

// release is PS3.8 table 9-8.
func (a *Association) release(act action, in *input) (next State, ind indication) {
	switch act {
	case ar1:
		a.send(pdu.AppendReleaseRQ(nil))
		return Sta7, silent
	case ar2:
		return Sta8, releaseIndication
	case ar3:
		a.closeTransport()
		return Sta1, releaseConfirmation
	case ar4:
		a.send(pdu.AppendReleaseRP(nil))
		a.startARTIM()
		return Sta13, silent
	case ar5:
		a.stopARTIM()
		a.closeTransport()
		return Sta1, silent
	case ar6:
		return Sta7, dataIndication
	case ar7:
		a.send(in.send) // P-DATA-TF
		return Sta8, silent
	case ar8:
		if a.requestor {
			return Sta9, releaseIndication
		}
		return Sta10, releaseIndication
	case ar9:
		a.send(pdu.AppendReleaseRP(nil))
		return Sta11, silent
	default: // ar10
		return Sta12, releaseConfirmation
	}
}

// abort is PS3.8 table 9-9.
func (a *Association) abort(act action, e Event, in *input) (next State, ind indication) {
	switch act {
	case aa1:
		a.send((&pdu.Abort{Source: pdu.AbortByUser}).Append(nil))
		a.startARTIM()
		return Sta13, silent
	case aa2:
		a.stopARTIM()
		a.closeTransport()
		return Sta1, silent
	case aa3:
		a.closeTransport()
		if in.abort != nil && in.abort.Source == pdu.AbortByUser {
			return Sta1, abortIndication
		}
		return Sta1, providerAbortIndication
	case aa4:
		a.closeTransport()
		return Sta1, providerAbortIndication
	case aa5:
		a.stopARTIM()
		a.closeTransport()
		return Sta1, silent
	case aa6: // ignore PDU
		return Sta13, silent
	case aa7:
		a.send((&pdu.Abort{Source: pdu.AbortByProvider, Reason: abortReason(e, in)}).Append(nil))
		return Sta13, silent
	default: // aa8
		a.send((&pdu.Abort{Source: pdu.AbortByProvider, Reason: abortReason(e, in)}).Append(nil))
		a.startARTIM()
		return Sta13, providerAbortIndication
	}
}

// abortReason is what the provider gives as reason: what is wrong with a PDU
// that cannot be read, or that it was not expected.
func abortReason(e Event, in *input) pdu.AbortReason {
	if e == Evt19 {
		return in.reason
	}
	return pdu.UnexpectedPDU
}

func (a *Association) startARTIM() { a.wire.deadline = time.Now().Add(a.o.ARTIM) }
func (a *Association) stopARTIM()  { a.wire.deadline = time.Time{} }

// send writes one or more encoded PDUs in one piece. A failure is not told
// here: the transport service reports the closed connection at the next read.
func (a *Association) send(b []byte) {
	if err := a.wire.write(b); err != nil && a.sendErr == nil {
		a.sendErr = err
	}
}

func (a *Association) closeTransport() { a.wire.close() }
