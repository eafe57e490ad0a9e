package dataset

import (
	"io"
	"sync"
)

// windowSize is how many bytes a Reader holds of its source.
const windowSize = 32 << 10

// directFrom is the rest of a value in bytes from which on it goes past the window.
const directFrom = windowSize / 2

var windows = sync.Pool{New: func() any { return new([windowSize]byte) }}

// window is the stretch of the source in memory: buf[rd:wr] is still to be
// consumed, buf[sent:rd] is consumed but not yet passed to the tee.
type window struct {
	src          io.Reader
	array        *[windowSize]byte
	buf          []byte
	sent, rd, wr int
	base         int64 // offset of buf[0] in the stream
	tee          io.Writer
	err          error // of the source, io.EOF at its end; sticky
	teeErr       error // of the tee; sticky
	edges        edges
	direct       direct
}

func (w *window) open(src io.Reader) {
	w.src = src
	w.array = windows.Get().(*[windowSize]byte)
	w.buf = w.array[:]
}

// close passes on what is pending and gives the buffer back.
func (w *window) close() {
	w.flush()
	if w.array == nil {
		return
	}
	w.base += int64(w.rd)
	windows.Put(w.array)
	w.array, w.buf, w.sent, w.rd, w.wr = nil, nil, 0, 0, 0
	if w.err == nil {
		w.err = io.EOF
	}
}

// pos is the offset of the next byte to consume.
func (w *window) pos() int64 { return w.base + int64(w.rd) }

// fill reads until n bytes (at most windowSize) can be consumed or the source
// ends, and tells how many there are.
func (w *window) fill(n int) int {
	for idle := 0; w.wr-w.rd < n && w.err == nil; {
		if w.rd == w.wr || w.wr == len(w.buf) || len(w.buf)-w.rd < n {
			w.compact()
		}
		m, err := w.src.Read(w.buf[w.wr:])
		w.wr += m
		w.err = err
		if idle++; m > 0 {
			idle = 0
		} else if idle == 100 && err == nil {
			w.err = io.ErrNoProgress
		}
	}
	return w.wr - w.rd
}

func (w *window) compact() {
	w.flush()
	copy(w.buf, w.buf[w.rd:w.wr])
	w.base += int64(w.rd)
	w.wr -= w.rd
	w.rd, w.sent = 0, 0
}

// flush passes consumed bytes to the tee.
func (w *window) flush() {
	if w.sent < w.rd {
		w.toTee(w.buf[w.sent:w.rd])
		w.sent = w.rd
	}
}

func (w *window) toTee(p []byte) {
	if w.tee == nil || w.teeErr != nil {
		return
	}
	_, w.teeErr = w.tee.Write(p)
}

func (w *window) setTee(t io.Writer) {
	w.flush()
	w.tee = t
}

// pass consumes up to n bytes, gives them to to as well if it is not nil, and
// tells how many there were. The error is that of writing to to.
func (w *window) pass(n int64, to io.Writer) (done int64, err error) {
	w.edges.reset()
	for done < n && err == nil {
		if sink := w.directSink(n-done, to); sink != nil {
			m, err := w.passDirect(n-done, sink, to != nil)
			return done + m, err
		}
		if w.fill(1) == 0 {
			return done, nil
		}
		p := w.buf[w.rd:min(int64(w.wr), int64(w.rd)+n-done)]
		w.edges.add(p)
		w.rd += len(p)
		done += int64(len(p))
		if to != nil {
			_, err = to.Write(p)
		}
	}
	return done, err
}

// directSink gives the sink that can take the n bytes left straight from the
// source; nil if the window must be used.
func (w *window) directSink(n int64, to io.Writer) io.ReaderFrom {
	if n < directFrom || w.rd < w.wr || w.err != nil || w.teeErr != nil {
		return nil
	}
	sink := to
	if sink == nil {
		sink = w.tee
	} else if w.tee != nil {
		return nil
	}
	rf, _ := sink.(io.ReaderFrom)
	return rf
}

func (w *window) passDirect(n int64, sink io.ReaderFrom, copying bool) (int64, error) {
	w.compact()
	w.direct = direct{w: w, left: n}
	_, err := sink.ReadFrom(&w.direct)
	done := n - w.direct.left
	w.base += done
	switch {
	case w.err != nil && w.err != io.EOF:
		return done, nil // the source's, seen by the caller as a short value
	case err == nil && w.err == nil && done < n:
		err = io.ErrShortWrite
	}
	if copying {
		return done, err
	}
	w.teeErr = err
	return done, nil
}

// direct reads the rest of a value from the source.
type direct struct {
	w    *window
	left int64
}

func (d *direct) Read(p []byte) (int, error) {
	if d.w.err != nil {
		return 0, d.w.err
	}
	if d.left == 0 {
		return 0, io.EOF
	}
	p = p[:min(int64(len(p)), d.left)]
	n, err := d.w.src.Read(p)
	d.w.err = err
	d.left -= int64(n)
	d.w.edges.add(p[:n])
	if err == io.EOF && n > 0 {
		err = nil
	}
	return n, err
}

// read fills p, which lies outside the window, and tells how many bytes there were.
func (w *window) read(p []byte) (done int) {
	for done < len(p) {
		if w.rd == w.wr && len(p)-done >= directFrom {
			n := w.readDirect(p[done:])
			done += n
			if n == 0 && w.err != nil {
				return done
			}
			continue
		}
		if w.fill(1) == 0 {
			return done
		}
		n := copy(p[done:], w.buf[w.rd:w.wr])
		w.rd += n
		done += n
	}
	return done
}

func (w *window) readDirect(p []byte) int {
	if w.err != nil {
		return 0
	}
	w.compact()
	n, err := w.src.Read(p)
	w.err = err
	w.toTee(p[:n])
	w.base += int64(n)
	return n
}

// Read and ReadByte let a window be the source of another.
func (w *window) Read(p []byte) (int, error) {
	if w.fill(1) == 0 {
		return 0, w.err
	}
	n := copy(p, w.buf[w.rd:w.wr])
	w.rd += n
	return n, nil
}

func (w *window) ReadByte() (byte, error) {
	if w.rd == w.wr && w.fill(1) == 0 {
		return 0, w.err
	}
	c := w.buf[w.rd]
	w.rd++
	return c, nil
}

// edges are the first and last bytes of a value.
type edges struct {
	first, last   [4]byte
	nFirst, nLast int
}

func (e *edges) reset() { e.nFirst, e.nLast = 0, 0 }

func (e *edges) add(p []byte) {
	if e.nFirst < 4 {
		e.nFirst += copy(e.first[e.nFirst:], p)
	}
	if len(p) >= 4 {
		e.nLast = copy(e.last[:], p[len(p)-4:])
		return
	}
	for _, c := range p {
		if e.nLast == 4 {
			copy(e.last[:], e.last[1:])
			e.nLast--
		}
		e.last[e.nLast] = c
		e.nLast++
	}
}
