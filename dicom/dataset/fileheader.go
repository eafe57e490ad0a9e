package dataset

import (
	"io"

	"github.com/halong-gateway/halong/dicom"
)

// FileHeader is what comes before the data set in a file (PS3.10 7.1).
type FileHeader struct {
	Raw            []byte // every byte before the data set
	Preamble       bool   // whether there are the preamble and its prefix "DICM"
	MetaPresent    bool   // whether there is File Meta Information
	TransferSyntax dicom.UID
	SOPClass       dicom.UID
	SOPInstance    dicom.UID
	Meta           *Set // nil when there is none
}

// ReadFileHeader reads the header of a file, tolerating that preamble, File Meta Information or its group
// length are absent or wrong; a missing Transfer Syntax UID is guessed from the data set. The reader
// given back continues with the data set. They are given also with an error:
// Raw and what the reader gives are always the whole file.
func ReadFileHeader(r io.Reader, lim Limits) (*FileHeader, io.Reader, error) {
	return &FileHeader{}, r, errSoon
}

// AppendFileHeader appends a preamble and File Meta Information for an object
// whose data set is encoded in ts. The source AE title may be empty.
func AppendFileHeader(dst []byte, class, instance, ts dicom.UID, sourceAE string) []byte { return dst }
