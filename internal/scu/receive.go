package scu

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/dimse"
)

// receiver writes objects into files.
type receiver struct {
	dir     string
	got     map[dicom.UID]bool
	failure error // the first of this side
}

// Serve implements dimse.Service.
func (r *receiver) Serve(_ context.Context, rq *dimse.Request) dimse.Response {
	c := rq.Command
	if c.Field != dimse.CStoreRQ || rq.Data == nil || !nameable(c.AffectedSOPInstance) {
		return dimse.Answer(dimse.CannotUnderstand)
	}
	if err := r.write(rq); err != nil {
		if r.failure == nil {
			r.failure = err
		}
		return dimse.Answer(dimse.OutOfResources)
	}
	r.got[c.AffectedSOPInstance] = true
	return dimse.Answer(dimse.Success)
}

// nameable tells whether a UID can be a file's name: real ones break PS3.5 9.1, and are taken as long as they lead nowhere else.
func nameable(u dicom.UID) bool {
	return u != "" && len(u) <= 64 && u[0] != '.' && !strings.ContainsFunc(string(u), func(r rune) bool {
		return r != '.' && r != '-' && r != '_' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	})
}

// write writes beside and renames, so that a file that is there is whole.
func (r *receiver) write(rq *dimse.Request) (err error) {
	c := rq.Command
	f, err := os.CreateTemp(r.dir, ".part-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	_, err = f.Write(dataset.AppendFileHeader(nil, c.AffectedSOPClass, c.AffectedSOPInstance, rq.Context.TransferSyntax, rq.Association.CalledAE()))
	if err == nil {
		_, err = rq.Data.WriteTo(f)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), filepath.Join(r.dir, string(c.AffectedSOPInstance)+".dcm"))
}
