package dataset

import (
	"bytes"

	"github.com/halong-gateway/halong/dicom"
)

// Parse reads a whole data set in ts into memory.
func Parse(b []byte, ts *dicom.TransferSyntax, lim Limits) (*Set, error) {
	return NewReader(bytes.NewReader(b), ts, WithLimits(lim)).ReadSet()
}
