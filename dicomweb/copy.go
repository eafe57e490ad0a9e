package dicomweb

import (
	"bufio"
	"io"
	"sync"
)

// Sizes of the buffers that answers go through: few large writes cost less than many small ones.
const (
	copyBuffer = 128 << 10
	bodyBuffer = 64 << 10 // how much of an answer is gathered before it is written
)

// buffers are used again by later requests.
type buffers struct {
	copying   sync.Pool // of *[copyBuffer]byte
	gathering sync.Pool // of *bufio.Writer
}

// copyExactly copies what was announced; less is an error.
func (b *buffers) copyExactly(w io.Writer, r io.Reader, size int64) error {
	n, err := b.copyAll(w, r, size)
	if err == nil && n != size {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// copyAll copies what r gives, about so many bytes.
func (b *buffers) copyAll(w io.Writer, r io.Reader, about int64) (int64, error) {
	buf, _ := b.copying.Get().(*[copyBuffer]byte)
	if buf == nil {
		buf = new([copyBuffer]byte)
	}
	defer b.copying.Put(buf)
	// The wrappers hide other ways to copy, which know only small buffers.
	return io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{r}, buf[:max(512, min(about, copyBuffer))])
}

// gather gives a writer that gathers what is written to w. Call done when nothing more is.
func (b *buffers) gather(w io.Writer) (out *bufio.Writer, done func()) {
	out, _ = b.gathering.Get().(*bufio.Writer)
	if out == nil {
		out = bufio.NewWriterSize(w, bodyBuffer)
	} else {
		out.Reset(w)
	}
	return out, func() {
		out.Reset(nil)
		b.gathering.Put(out)
	}
}
