package ul

import (
	"io"

	"github.com/halong-gateway/halong/dicom/pdu"
)

// NextPDV waits for the next fragment, whose bytes Read then gives. What was
// not read of the one before is passed over. The error is ErrReleaseRequested
// when the peer wants to release, or what the Association ended with.
func (a *Association) NextPDV() (pdu.PDV, error) {
	if err := a.SkipFragment(); err != nil {
		return pdu.PDV{}, err
	}
	for a.pduLeft == 0 {
		if err := a.nextPDU(); err != nil {
			return pdu.PDV{}, err
		}
	}
	return a.pdv()
}

func (a *Association) nextPDU() error {
	if a.state != Sta6 {
		return a.failed()
	}
	ind, err := a.step(nil)
	switch {
	case err != nil:
		return err
	case ind == dataIndication:
		return nil
	case ind == releaseIndication:
		return ErrReleaseRequested
	}
	return a.failed()
}

// failed gives why there is nothing more to read.
func (a *Association) failed() error {
	if a.state == Sta8 {
		return ErrReleaseRequested
	}
	return a.ended()
}

// pdv reads the header of a Presentation Data Value.
func (a *Association) pdv() (pdu.PDV, error) {
	if a.pduLeft < pdu.PDVHeaderLength {
		_, err := pdu.ParsePDV(nil, a.pduLeft, a.offset())
		return pdu.PDV{}, a.end(a.invalid(err))
	}
	b, err := a.wire.r.Peek(pdu.PDVHeaderLength)
	if err != nil {
		return pdu.PDV{}, a.end(a.transportEvent(err))
	}
	v, err := pdu.ParsePDV(b, a.pduLeft, a.offset())
	if err == nil {
		if _, ok := a.Context(v.Context); !ok {
			err = &pdu.SyntaxError{PDU: pdu.TypeData, Offset: a.offset(), AbortReason: pdu.InvalidParameterValue, Reason: "presentation context was not accepted"}
		}
	}
	if err != nil {
		return pdu.PDV{}, a.end(a.invalid(err))
	}
	if _, err := a.wire.r.Discard(pdu.PDVHeaderLength); err != nil {
		return pdu.PDV{}, a.end(a.transportEvent(err))
	}
	a.pduLeft -= pdu.PDVHeaderLength + v.Length
	a.pdvLeft = v.Length
	return v, nil
}

// offset tells where in its PDU the next byte lies.
func (a *Association) offset() int { return pdu.HeaderLength + int(a.pduSize-a.pduLeft) }

// end gives what the Association ended with after an event that ended it.
func (a *Association) end(_ indication, err error) error {
	if err != nil {
		return err
	}
	return a.ended()
}

// Read gives bytes of the current fragment, io.EOF at its end. Large reads go
// straight from the connection into p.
func (a *Association) Read(p []byte) (int, error) {
	if a.pdvLeft == 0 {
		return 0, io.EOF
	}
	n, err := a.wire.r.Read(p[:min(len(p), int(a.pdvLeft))])
	a.pdvLeft -= uint32(n)
	if err != nil && n == 0 {
		return 0, a.end(a.transportEvent(err))
	}
	return n, nil
}

// skipPDV passes over bytes of the current fragment.
func (a *Association) skipPDV() error {
	n, err := a.wire.r.Discard(int(min(a.pdvLeft, 1<<20)))
	a.pdvLeft -= uint32(n)
	if err != nil {
		return a.end(a.transportEvent(err))
	}
	return nil
}

// skip passes over the current P-DATA-TF PDU. A failure shows at the next step.
func (a *Association) skip() {
	n := int64(a.pduLeft) + int64(a.pdvLeft)
	a.pduLeft, a.pdvLeft = 0, 0
	_, _ = io.CopyN(io.Discard, a.wire.r, n) // the next read tells the same failure
}

// Remaining tells how many bytes of the current fragment were not read yet.
func (a *Association) Remaining() uint32 { return a.pdvLeft }

// SkipFragment passes over what is left of the current fragment.
func (a *Association) SkipFragment() error {
	for a.pdvLeft > 0 {
		if err := a.skipPDV(); err != nil {
			return err
		}
	}
	return nil
}

// Partial tells whether a part of the last PDU is still unread: then Watch would do nothing.
func (a *Association) Partial() bool { return a.pduLeft > 0 || a.pdvLeft > 0 }
