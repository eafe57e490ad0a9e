package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/storage"
)

// edited writes an instance that Edit changes to OUT/study/series/instance.dcm, by the UIDs that it has then. Whatever it
// had before, the facility's name too, appears neither in file names nor in errors: objects are told by their number, and
// errors of the store by their kind.
func (x *Export) edited(ctx context.Context, in *storage.Instance, i int) (name string, size int64, err error) {
	name = fmt.Sprintf("object %d", i+1)
	o, err := x.Archive.Open(ctx, in)
	if err != nil {
		return name, 0, nameless(err)
	}
	defer func() { err = errors.Join(err, o.Close()) }()
	var study, series, sop, class dicom.UID
	body, err := o.Edited(func(s *dataset.Set) error {
		err := x.Edit(s)
		study, series, sop, class = s.UID(tag.StudyInstanceUID), s.UID(tag.SeriesInstanceUID), s.UID(tag.SOPInstanceUID), s.UID(tag.SOPClassUID)
		return err
	}, nil)
	if err != nil {
		return name, 0, nameless(err)
	}
	defer func() { err = errors.Join(err, body.Close()) }()
	for _, u := range []dicom.UID{study, series, sop} {
		if !u.Valid() {
			return name, 0, halong.E("transfer.Export", halong.Invalid, "", errors.New("a UID that cannot be a file's name"))
		}
	}
	name = filepath.Join(string(study), string(series), string(sop)+".dcm")
	size, err = write(filepath.Join(x.Out, name), func(w io.Writer) error {
		if _, err := w.Write(dataset.AppendFileHeader(nil, class, sop, in.Manifest.TransferSyntax, "")); err != nil {
			return err
		}
		_, err := io.Copy(w, body)
		return nameless(err)
	})
	return name, size, err
}

// nameless takes the reference to the object out of an error of the store.
func nameless(err error) error {
	var e *halong.Error
	if errors.As(err, &e) && e.Ref != "" {
		return halong.E(e.Op, e.Kind, "", nil)
	}
	return err
}
