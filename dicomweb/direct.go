package dicomweb

import (
	"bufio"
	"io"
	"net/http"
	"os"

	"github.com/labstack/echo/v4"
)

// directAtLeast is the length in bytes from which on it pays to send from a file instead of copying.
const directAtLeast = 32 << 10

// rangeSender is what an object's bytes lie in: see storage.RangeSender.
type rangeSender interface {
	SendRange(w io.ReaderFrom, off, n int64) (int64, error)
}

// copyOut copies to the answer what was announced; less is an error. w is the answer, or what writes to it. Where nothing
// lies between the file and the connection, neither TLS, nor frames of HTTP/2, nor chunks, the operating system sends the file.
func (q *request) copyOut(w io.Writer, r io.Reader, size int64) error {
	from, off := ranged(r)
	if from == nil || size < directAtLeast || !q.sendsFiles(w) {
		return q.copyExactly(w, r, size)
	}
	n, err := from.SendRange(&direct{q, w}, off, size)
	if err == nil && n != size {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// ranged gives what r reads, and from where on, if it can be sent.
func ranged(r io.Reader) (rangeSender, int64) {
	if l, ok := r.(*io.LimitedReader); ok {
		r = l.R
	}
	s, ok := r.(*io.SectionReader)
	if !ok {
		return nil, 0
	}
	outer, off, _ := s.Outer()
	from, ok := outer.(rangeSender)
	if !ok {
		return nil, 0
	}
	at, err := s.Seek(0, io.SeekCurrent)
	if err != nil {
		return nil, 0
	}
	return from, off + at
}

// sendsFiles tells whether what is written to w goes to the connection as it is, and the connection can read files itself.
func (q *request) sendsFiles(w io.Writer) bool {
	switch w.(type) {
	case *bufio.Writer, *echo.Response:
	default:
		return false
	}
	_, ok := q.Response().Writer.(io.ReaderFrom)
	return ok && q.Request().ProtoMajor == 1 && q.Request().TLS == nil && q.Request().Method != http.MethodHead &&
		q.Response().Header().Get("Content-Length") != ""
}

// direct is an answer that reads what it sends.
type direct struct {
	q *request
	w io.Writer
}

// ReadFrom implements io.ReaderFrom.
func (d *direct) ReadFrom(r io.Reader) (n int64, err error) {
	if l, ok := r.(*io.LimitedReader); !ok || !isFile(l.R) {
		return d.q.copyAll(d.w, r, copyBuffer)
	}
	if b, ok := d.w.(*bufio.Writer); ok {
		if err := b.Flush(); err != nil {
			return 0, err
		}
	}
	res := d.q.Response()
	if err := http.NewResponseController(res.Writer).Flush(); err != nil { // else net/http reads the first bytes itself
		return 0, err
	}
	n, err = res.Writer.(io.ReaderFrom).ReadFrom(r)
	res.Size += n
	return n, err
}

func isFile(r io.Reader) bool {
	_, ok := r.(*os.File)
	return ok
}
