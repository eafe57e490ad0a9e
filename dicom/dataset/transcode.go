package dataset

import (
	"io"

	"github.com/halong-gateway/halong/dicom"
)

// Transcode writes what is left in r to w, encoded in to. Values are streamed.
// Sequences become sequences of undefined length, group lengths are left out.
func Transcode(w io.Writer, r *Reader, to *dicom.TransferSyntax) error { return errSoon }
