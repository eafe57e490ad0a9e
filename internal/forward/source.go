package forward

import (
	"context"
	"io"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
)

// Edit changes elements of a data set before it is sent; bulk values are not in it.
type Edit func(*dataset.Set) error

// Facts are what rules ask of an object beyond its event.
type Facts struct {
	CallingAE         string // who sent it here: AE title, token
	Modality          string
	StudyDescription  string
	SeriesDescription string
}

// Source gives stored objects. Errors are of kind NotExist when the object was deleted.
type Source interface {
	Facts(ctx context.Context, it *Item) (Facts, error)
	Open(ctx context.Context, it *Item, edit Edit) (Object, error)
}

// Object is one version of a SOP Instance opened for sending.
type Object interface {
	TransferSyntax() dicom.UID // that it is stored in
	Size() int64               // of the stored data set, in bytes
	// Encode gives the data set in a transfer syntax, the stored bytes if it is the stored one
	// and nothing is edited. One is open at a time.
	Encode(to dicom.UID) (Encoded, error)
	io.Closer
}

// Encoded is a data set on its way out.
type Encoded struct {
	SOPInstance dicom.UID // that it bears
	Body        io.ReadCloser
}
