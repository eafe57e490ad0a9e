package negotiate

import (
	"io"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
)

// Converted gives a Data Set in another Transfer Syntax, converted while it is read. The error of reading is
// dataset.ErrEncapsulated where the object cannot be given in it. Close it when done, read to its end or not; r is not read any more then.
func Converted(r io.Reader, from, to *dicom.TransferSyntax) io.ReadCloser {
	pr, pw := io.Pipe()
	c := &converted{PipeReader: pr, done: make(chan struct{})}
	go func() {
		defer close(c.done)
		_ = pw.CloseWithError(dataset.Transcode(pw, dataset.NewReader(r, from), to)) // never fails
	}()
	return c
}

type converted struct {
	*io.PipeReader
	done chan struct{} // closed when r is not read any more
}

// Close ends the conversion.
func (c *converted) Close() error {
	err := c.PipeReader.Close()
	<-c.done
	return err
}
