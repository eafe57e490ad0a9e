package storage

import (
	"os"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom/dataset"
)

// inflate spools the inflated bytes of a deflated data set to a temporary file
// that has no name any more, bounded by the limits of the reader.
func (o *Object) inflate() (*os.File, int64, error) {
	o.spool.Do(func() { o.inflated, o.inflatedErr = spoolInflated(o) })
	if o.inflatedErr != nil {
		return nil, 0, o.inflatedErr
	}
	info, err := o.inflated.Stat()
	if err != nil {
		return nil, 0, halong.E("storage.inflate", halong.Transient, "", err)
	}
	return o.inflated, info.Size(), nil
}

func spoolInflated(o *Object) (f *os.File, err error) {
	fail := func(err error) (*os.File, error) {
		return nil, halong.E("storage.inflate", halong.Transient, string(o.manifest.SOPInstance), err)
	}
	if f, err = os.CreateTemp("", "halong-inflate-*"); err != nil {
		return fail(err)
	}
	defer func() {
		if err != nil {
			_ = f.Close() // the first error is the one to tell
		}
	}()
	if err = os.Remove(f.Name()); err != nil {
		return fail(err)
	}
	if _, err = dataset.Inflate(f, o.DataSet(), dataset.Limits{}); err != nil {
		return fail(err)
	}
	return f, nil
}
