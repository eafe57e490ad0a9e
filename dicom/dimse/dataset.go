package dimse

import (
	"errors"
	"io"
	"sync"

	"github.com/halong-gateway/halong/dicom/ul"
)

// DataSet is the Data Set of a message as it arrives: an io.Reader over the
// fragments. Large reads go straight from the connection into the caller's
// memory. An error of the Association, or of the order of fragments, is final.
type DataSet struct {
	a       *Association
	context uint8
	last    bool // the current fragment is the last
	begun   bool
	n       int64
	err     error  // io.EOF as soon as all was read
	ended   func() // called when all was read, by the goroutine that did; may be nil
}

// errFragments says that fragments of another message came in between.
var errFragments = errors.New("dimse: fragment of another message within a data set")

// Read gives the next bytes, io.EOF after the last.
func (d *DataSet) Read(p []byte) (int, error) {
	if d.err != nil || len(p) == 0 {
		return 0, d.err
	}
	for {
		n, err := d.a.ul.Read(p)
		if n > 0 || err == nil {
			d.n += int64(n)
			if d.begun && d.last && d.a.ul.Remaining() == 0 {
				d.end()
			}
			return n, nil
		}
		if err == io.EOF {
			err = d.next()
		}
		switch {
		case err == io.EOF:
			d.end()
			return 0, io.EOF
		case err != nil:
			d.err = err
			return 0, err
		}
	}
}

// end notes that all was read: from now on the connection belongs to whoever receives the next message.
func (d *DataSet) end() {
	d.err = io.EOF
	if d.ended != nil {
		d.ended()
	}
}

// next goes to the next fragment; io.EOF after the last.
func (d *DataSet) next() error {
	if d.last && d.begun {
		return io.EOF
	}
	v, err := d.a.ul.NextPDV()
	switch {
	case errors.Is(err, ul.ErrReleaseRequested):
		return d.a.protocolError(errReleaseWithin)
	case err != nil:
		return err
	case v.Command || v.Context != d.context:
		return d.a.protocolError(errFragments)
	}
	d.begun, d.last = true, v.Last
	return nil
}

var copyBuffers = sync.Pool{New: func() any { b := make([]byte, 128<<10); return &b }}

// WriteTo copies what is left to w.
func (d *DataSet) WriteTo(w io.Writer) (n int64, err error) {
	p := copyBuffers.Get().(*[]byte)
	defer copyBuffers.Put(p)
	for {
		k, err := d.Read(*p)
		if k > 0 {
			m, werr := w.Write((*p)[:k])
			n += int64(m)
			if werr != nil {
				return n, werr
			}
		}
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
}

// unread tells whether bytes of the Data Set are still to come.
func (d *DataSet) unread() bool { return d != nil && d.err == nil }

// Count tells how many bytes were read.
func (d *DataSet) Count() int64 { return d.n }

// drainLimit bounds in bytes what is passed over to keep an Association in step.
const drainLimit = 64 << 30

// errDrain says that a peer does not come to an end.
var errDrain = errors.New("dimse: data set does not end")

// drain passes over what is left, so that the Association stays in step.
func (d *DataSet) drain() error {
	for n := int64(0); d.err == nil; {
		err := d.next()
		if err == io.EOF {
			if err = d.a.ul.SkipFragment(); err == nil {
				d.end()
				return nil
			}
		}
		if n += int64(d.a.ul.Remaining()); err == nil && n > drainLimit {
			err = d.a.protocolError(errDrain)
		}
		d.err = err
	}
	if d.err == io.EOF {
		return nil
	}
	return d.err
}
