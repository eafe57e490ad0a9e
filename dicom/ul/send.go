package ul

import (
	"io"
	"sync"

	"github.com/halong-gateway/halong/dicom/pdu"
)

// fragmentMax is the largest fragment sent to a peer that sets no limit, or a
// larger one; in bytes.
const fragmentMax = 128<<10 - pdu.DataOverhead

// sendBuffer is what is gathered, in bytes, before it is written: a Command Set and two of the largest fragments.
const sendBuffer = 4<<10 + 2*(fragmentHeader+fragmentMax)

// FragmentLength gives the longest fragment, an even number of bytes, that the
// peer takes in a P-DATA-TF PDU.
func (a *Association) FragmentLength() int {
	n := uint32(fragmentMax)
	if a.peerMax != 0 {
		n = min(n, a.peerMax-pdu.DataOverhead)
	}
	return int(n &^ 1)
}

// AppendFragments adds b to dst as P-DATA-TF PDUs of one fragment each, the last
// one marked so. An empty b gives one empty fragment.
func (a *Association) AppendFragments(dst []byte, context uint8, command bool, b []byte) []byte {
	most := a.FragmentLength()
	for {
		n := min(len(b), most)
		dst = pdu.AppendData(dst, pdu.PDV{Context: context, Command: command, Last: n == len(b), Length: uint32(n)})
		dst = append(dst, b[:n]...)
		if b = b[n:]; len(b) == 0 {
			return dst
		}
	}
}

// Send writes PDUs made by AppendFragments in one piece. Any goroutine may call it, also while another receives. When it fails the
// connection is lost, and the one that receives is told.
func (a *Association) Send(pdus []byte) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	act := table[Evt9][a.state]
	switch {
	case act == none && (a.state == Sta1 || a.state == Sta13):
		return a.endedWith()
	case act == none:
		return &StateError{Evt9, a.state}
	}
	a.perform(act, Evt9, &input{send: pdus}) // DT-1 and AR-7 leave the state as it is
	if a.sendErr == nil {
		return nil
	}
	if a.cause == nil {
		a.cause = a.sendErr
	}
	a.wire.interrupt()
	return a.sendErr
}

// unsent tells why writing failed; nil if it did not.
func (a *Association) unsent() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.sendErr
}

var sendBuffers = sync.Pool{New: func() any { b := make([]byte, sendBuffer); return &b }}

// SendData writes what r holds as fragments of one Data Set, after the PDUs in
// prefix (the Command Set, so that a small message is one write). It gives the
// number of bytes of r sent. readErr is r's failure: the Data Set is then cut
// short on the wire and the Association must be aborted. No other Send may come in between.
func (a *Association) SendData(prefix []byte, context uint8, r io.Reader) (n int64, readErr, err error) {
	p := sendBuffers.Get().(*[]byte)
	defer sendBuffers.Put(p)
	f := fragmenter{a: a, buf: append((*p)[:0], prefix...), context: context, most: a.FragmentLength()}
	return f.run(r)
}

// fragmenter cuts a stream into P-DATA-TF PDUs, several of them to a write.
type fragmenter struct {
	a       *Association
	buf     []byte
	context uint8
	most    int
	carry   [1]byte // read ahead, to know whether a fragment is the last
	carried int
}

const fragmentHeader = pdu.HeaderLength + pdu.PDVHeaderLength

func (f *fragmenter) run(r io.Reader) (n int64, readErr, err error) {
	for last := false; !last; {
		var k int
		k, last, readErr = f.fragment(r)
		if readErr != nil {
			return n, readErr, nil
		}
		n += int64(k)
		if last || len(f.buf)+fragmentHeader+f.most > sendBuffer {
			if err := f.a.Send(f.buf); err != nil {
				return n, nil, err
			}
			f.buf = f.buf[:0]
		}
	}
	return n, nil, nil
}

// fragment adds one PDU to the buffer.
func (f *fragmenter) fragment(r io.Reader) (n int, last bool, err error) {
	start := len(f.buf)
	body := start + fragmentHeader
	if need := body + f.most; need > cap(f.buf) {
		f.buf = append(make([]byte, 0, need), f.buf...)
	}
	b := f.buf[body : body+f.most]
	n = copy(b, f.carry[:f.carried])
	f.carried = 0
	k, err := io.ReadFull(r, b[n:])
	n += k
	if err == nil {
		f.carried, err = io.ReadFull(r, f.carry[:])
	}
	if last = err == io.EOF || err == io.ErrUnexpectedEOF; err != nil && !last {
		return 0, false, err
	}
	pdu.AppendData(f.buf[start:start:body], pdu.PDV{Context: f.context, Last: last, Length: uint32(n)})
	f.buf = f.buf[:body+n]
	return n, last, nil
}
