package disk

import (
	"errors"
	"io"

	"github.com/halong-gateway/halong"
)

// SendRange implements storage.RangeSender. The file is opened once more, since it is read from
// where it stands, and others read it too.
func (r *reader) SendRange(w io.ReaderFrom, off, n int64) (sent int64, err error) {
	const op = "disk.SendRange"
	if off < 0 || n < 0 || n > r.size-off {
		return 0, halong.E(op, halong.Invalid, r.ref.String(), errors.New("range outside the blob"))
	}
	f, err := r.fs.Open(r.name, false)
	if isNotExist(err) { // dropped, and readable only through what is open already
		return 0, errors.ErrUnsupported
	}
	if err != nil {
		return 0, fail(op, r.ref.String(), err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	from, ok := f.(osFile)
	if !ok {
		return 0, errors.ErrUnsupported
	}
	if _, err := from.Seek(r.base+off, io.SeekStart); err != nil {
		return 0, fail(op, r.ref.String(), err)
	}
	sent, err = w.ReadFrom(&io.LimitedReader{R: from.File, N: n})
	if err == nil && sent < n {
		err = corrupt(op, r.ref.String(), io.ErrUnexpectedEOF)
	}
	return sent, err
}
