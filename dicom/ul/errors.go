package ul

import (
	"errors"
	"fmt"
)

// What an Association can end with, besides *pdu.Abort and *pdu.Reject from the
// peer and *pdu.SyntaxError when a PDU was not to be read.
var (
	// ErrReleaseRequested: the peer wants to release the Association. Answer with RespondRelease.
	ErrReleaseRequested = errors.New("ul: peer requests release")
	// ErrReleased: the Association was released in order.
	ErrReleased = errors.New("ul: association released")
	// ErrTransportClosed: the connection closed without release or abort.
	ErrTransportClosed = errors.New("ul: transport connection closed")
	// ErrTimeout: the peer was silent for too long; the Association was aborted.
	ErrTimeout = errors.New("ul: timeout")
	// ErrInterrupted: Interrupt was called; the Association was aborted.
	ErrInterrupted = errors.New("ul: interrupted")
	// ErrAborted: the local user aborted the Association.
	ErrAborted = errors.New("ul: aborted by local user")
)

// StateError says that an event has no place in a state: a blank cell of PS3.8 table 9-10.
type StateError struct {
	Event Event
	State State
}

// Error names event and state.
func (e *StateError) Error() string {
	return fmt.Sprintf("ul: %v not possible in %v", e.Event, e.State)
}

// UnexpectedError says that a PDU came in a state where the standard allows none of its kind.
type UnexpectedError struct {
	Event Event
	State State
}

// Error names event and state.
func (e *UnexpectedError) Error() string {
	return fmt.Sprintf("ul: unexpected PDU (%v in %v)", e.Event, e.State)
}
