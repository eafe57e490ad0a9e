package dicomweb

import (
	"context"
	"io"
	"iter"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/storage"
)

// Catalog takes objects in and finds them again. *storage.Archive has these
// methods; see there for what they do.
type Catalog interface {
	Store(ctx context.Context, in storage.Inbound) (storage.Receipt, error)
	Quarantine(ctx context.Context, in storage.Inbound, reason string) (storage.Receipt, error)
	Find(ctx context.Context, scope halong.Scope, q storage.Query) iter.Seq2[storage.Row, error]
	Instances(ctx context.Context, scope halong.Scope, ref storage.Ref) iter.Seq2[*storage.Instance, error]
	Stamp(ctx context.Context, scope halong.Scope, ref storage.Ref) (storage.Stamp, error)
}

// Archive is what the package needs: a Catalog whose objects can be opened.
type Archive interface {
	Catalog
	Open(ctx context.Context, i *storage.Instance) (Object, error)
}

// Object is one stored object opened for reading.
type Object interface {
	// DataSet gives the received bytes of the data set.
	DataSet() *io.SectionReader
	Readable() *io.SectionReader
	// Size is the length of DataSet in bytes.
	Size() int64
	// Reader reads the data set without its bulk values, whose tokens are External.
	Reader(o ...dataset.Option) *dataset.Reader
	FrameTable() (*dataset.FrameTable, error)
	// Frame gives the bytes of a frame counted from 0, fragments joined, as
	// stored; a frame of 1-bit data that begins inside a byte with the whole byte.
	Frame(i int) (io.Reader, int64, error)
	// Bulk gives any range of the data set; of the inflated one when it is deflated.
	Bulk(offset, length int64) (*io.SectionReader, error)
	TransferSyntax() *dicom.TransferSyntax
	Close() error
}

// FromStorage makes an Archive of a *storage.Archive.
func FromStorage[O Object](a interface {
	Catalog
	Open(ctx context.Context, i *storage.Instance) (O, error)
},
) Archive {
	return opener[O]{a, a.Open}
}

type opener[O Object] struct {
	Catalog
	open func(context.Context, *storage.Instance) (O, error)
}

func (a opener[O]) Open(ctx context.Context, i *storage.Instance) (Object, error) {
	o, err := a.open(ctx, i)
	if err != nil {
		return nil, err
	}
	return o, nil
}
