package scu

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/negotiate"
	"github.com/halong-gateway/halong/dicom/tag"
)

// file is what must be known of a file to send it.
type file struct {
	name           string
	offset, size   int64 // where the Data Set lies in it, in bytes
	class          dicom.UID
	instance       dicom.UID
	transferSyntax dicom.UID

	sentIn   dicom.UID // the Transfer Syntax of the last attempt
	attempts int       // that ended with the Association
}

// describe reads the beginning of a file. What the Data Set says of itself
// goes before the File Meta Information: the receiver will compare with it.
func describe(name string) (f file, err error) {
	f.name = name
	r, err := os.Open(name)
	if err != nil {
		return f, err
	}
	defer func() { _ = r.Close() }() // only read from
	info, err := r.Stat()
	if err != nil {
		return f, err
	}
	h, body, err := dataset.ReadFileHeader(r, dataset.Limits{})
	if err != nil {
		return f, err
	}
	f.offset = int64(len(h.Raw))
	f.size = info.Size() - f.offset
	f.class, f.instance, f.transferSyntax = h.SOPClass, h.SOPInstance, h.TransferSyntax
	if ts, ok := dicom.LookupTransferSyntax(f.transferSyntax); ok {
		err = f.identify(dataset.NewReader(body, ts))
	}
	if err == nil && (f.class == "" || f.instance == "" || f.transferSyntax == "") {
		err = fmt.Errorf("no SOP Class UID, SOP Instance UID or Transfer Syntax UID")
	}
	return f, err
}

// identify takes SOP Class and Instance UID from the Data Set.
func (f *file) identify(r *dataset.Reader) error {
	for {
		t, err := r.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if t.Depth > 0 {
			continue
		}
		if t.Tag > tag.SOPInstanceUID {
			return nil
		}
		if t.Kind != dataset.DataElement || t.Tag != tag.SOPClassUID && t.Tag != tag.SOPInstanceUID {
			continue
		}
		v, err := r.Value()
		if err != nil {
			return err
		}
		if u := trim(v); u != "" && t.Tag == tag.SOPClassUID {
			f.class = u
		} else if u != "" {
			f.instance = u
		}
	}
}

func trim(v []byte) dicom.UID {
	for len(v) > 0 && (v[len(v)-1] == 0 || v[len(v)-1] == ' ') {
		v = v[:len(v)-1]
	}
	return dicom.UID(v)
}

// open gives the Data Set in a Transfer Syntax: the bytes as they are if it is the file's own.
func (f *file) open(syntax dicom.UID) (io.ReadCloser, error) {
	r, err := os.Open(f.name)
	if err != nil {
		return nil, err
	}
	section := struct {
		io.Reader
		io.Closer
	}{io.NewSectionReader(r, f.offset, f.size), r}
	if syntax == f.transferSyntax {
		return section, nil
	}
	from, known := dicom.LookupTransferSyntax(f.transferSyntax)
	to, ok := dicom.LookupTransferSyntax(syntax)
	if !known || !ok {
		return nil, errors.Join(fmt.Errorf("cannot convert from %s to %s", f.transferSyntax, syntax), r.Close())
	}
	c := negotiate.Converted(section, from, to)
	return struct {
		io.Reader
		io.Closer
	}{c, closers{c, r}}, nil
}

// closers are closed in order.
type closers []io.Closer

// Close closes all.
func (c closers) Close() (err error) {
	for _, x := range c {
		err = errors.Join(err, x.Close())
	}
	return err
}
