package ul

import (
	"errors"
	"io"
)

// lingerPDUs is how many PDUs are looked at after the Association has ended;
// what comes beyond is passed over unread.
const lingerPDUs = 16

// linger waits, for an Association that no longer exists, until the peer closes
// the connection or ARTIM expires, so that the last PDU sent is not lost in a
// reset connection. It leaves the connection closed.
func (a *Association) linger() {
	defer a.closeTransport()
	for i := 0; a.state == Sta13 && i < lingerPDUs; i++ {
		if _, err := a.step(nil); err != nil {
			return
		}
	}
	if a.state != Sta13 {
		return
	}
	_, err := io.Copy(io.Discard, a.wire.r)
	if err == nil {
		err = io.EOF
	}
	if _, err := a.transportEvent(err); err != nil {
		return
	}
}

// Release ends the Association in order. Fragments that still arrive are
// discarded; a release collision is resolved (PS3.8 7.2.2.6). It gives nil when released.
func (a *Association) Release() error {
	if _, err := a.fire(Evt11, input{}); err != nil {
		return err
	}
	return a.finishRelease()
}

func (a *Association) finishRelease() error {
	for {
		ind, err := a.step(nil)
		switch {
		case err != nil:
		case ind == dataIndication:
			a.skip()
			continue
		case ind == releaseIndication && a.state == Sta9:
			_, err = a.fire(Evt14, input{}) // AR-9, then the peer's answer comes
		case ind == releaseConfirmation && a.state == Sta12:
			_, err = a.fire(Evt14, input{cause: ErrReleased}) // AR-4
		}
		switch {
		case err != nil:
			a.closeTransport()
			return err
		case ind == releaseConfirmation:
			a.linger()
			return nil
		case a.state == Sta1 || a.state == Sta13:
			a.linger()
			return a.ended()
		}
	}
}

// RespondRelease answers ErrReleaseRequested and waits for the peer to close
// the connection.
func (a *Association) RespondRelease() error {
	if _, err := a.fire(Evt14, input{cause: ErrReleased}); err != nil {
		return err
	}
	a.linger()
	return nil
}

// Abort ends the Association at once with an A-ABORT of the service user, and
// waits a little for the peer to close the connection.
func (a *Association) Abort() error {
	_, err := a.fire(Evt15, input{cause: ErrAborted})
	a.linger()
	return err
}

// Close ends what is left of the Association; one that is not released is aborted.
func (a *Association) Close() error {
	var state *StateError
	if err := a.Abort(); err != nil && !errors.As(err, &state) {
		return err
	}
	return nil
}
