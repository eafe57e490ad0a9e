package multipart

import (
	"io"
	"strings"
)

// Writer writes a multipart body to W. Parts' bodies are written to W directly,
// so that W's own ReadFrom can be used.
type Writer struct {
	W        io.Writer
	boundary string
	started  bool
	buf      []byte
}

// NewWriter writes to w. Boundary must be 1 to 70 characters of RFC 2046 5.1.1 and must not
// occur in any part.
func NewWriter(w io.Writer, boundary string) *Writer {
	return &Writer{W: w, boundary: boundary}
}

// ContentType gives the value of Content-Type for a body whose parts (or first
// part) are of the media type given. The type is quoted (RFC 2387 3.4), the boundary is not.
func ContentType(partType, boundary string) string {
	var b strings.Builder
	b.WriteString(`multipart/related; type="`)
	b.WriteString(partType)
	b.WriteString(`"; boundary=`)
	b.WriteString(boundary)
	return b.String()
}

// Part ends the part before, if any, and writes a delimiter and the header of a
// new one in one Write. Names and values must not hold line ends.
func (w *Writer) Part(fields ...Field) error {
	b := w.buf[:0]
	if w.started {
		b = append(b, "\r\n"...)
	}
	w.started = true
	b = append(b, "--"...)
	b = append(b, w.boundary...)
	for _, f := range fields {
		b = append(b, "\r\n"...)
		b = append(b, f.Name...)
		b = append(b, ": "...)
		b = append(b, f.Value...)
	}
	b = append(b, "\r\n\r\n"...)
	w.buf = b
	_, err := w.W.Write(b)
	return err
}

// Close writes the close delimiter.
func (w *Writer) Close() error {
	b := w.buf[:0]
	if w.started {
		b = append(b, "\r\n"...)
	}
	b = append(b, "--"...)
	b = append(b, w.boundary...)
	b = append(b, "--\r\n"...)
	_, err := w.W.Write(b)
	return err
}
