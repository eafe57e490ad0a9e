package transfer

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
)

// classDirectory is Media Storage Directory Storage (PS3.4 I.4), the SOP Class of a DICOMDIR.
const classDirectory dicom.UID = "1.2.840.10008.1.3.10"

// maxDirectory bounds the size in bytes of a DICOMDIR that is read.
const maxDirectory = 256 << 20

// isDirectory tells whether a file is a DICOMDIR, by the Media Storage SOP Class UID in its File
// Meta Information (PS3.10 7.1). Nothing is consumed.
func isDirectory(p *peeked) bool {
	head, _ := p.Peek(4 << 10) // an error only says that the file is shorter
	if len(head) < 132 || string(head[128:132]) != "DICM" {
		return false
	}
	h, _, _ := dataset.ReadFileHeader(bytes.NewReader(head), dataset.Limits{})
	return h != nil && h.SOPClass == classDirectory
}

// fileIDs reads the File IDs of all directory records (PS3.3 F.3.2.2), whether
// their offsets link them into the tree or not.
func fileIDs(r io.Reader) ([]string, error) {
	h, body, err := dataset.ReadFileHeader(io.LimitReader(r, maxDirectory+1), dataset.Limits{})
	if err != nil {
		return nil, err
	}
	ts, ok := dicom.LookupTransferSyntax(h.TransferSyntax)
	if !ok {
		return nil, fmt.Errorf("transfer syntax %s is unknown", h.TransferSyntax)
	}
	b, err := io.ReadAll(body)
	if err != nil {
		return nil, err
	}
	if len(b) > maxDirectory {
		return nil, errors.New("the directory is too large")
	}
	set, err := dataset.Parse(b, ts, dataset.Limits{})
	if err != nil {
		return nil, err
	}
	e := set.Get(tag.DirectoryRecordSequence)
	if e == nil {
		return nil, errors.New("no Directory Record Sequence (0004,1220)")
	}
	var out []string
	for _, item := range e.Items {
		if parts := item.Strings(tag.ReferencedFileID); len(parts) > 0 {
			out = append(out, strings.Join(parts, "/"))
		}
	}
	return out, nil
}

// follow reads a DICOMDIR of the volume: files its records name are marked to
// be stored whatever they look like, and names without a file are noted.
func (v *volume) follow(dir file) {
	r, err := dir.open()
	if err != nil {
		v.note(dir.name, Failed, err)
		return
	}
	ids, err := fileIDs(r)
	if cerr := r.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		v.note(dir.name, Directory, fmt.Errorf("cannot be followed, all files are looked at instead: %w", err))
		return
	}
	at := make(map[string]int, len(v.files))
	for i := range v.files {
		at[v.files[i].media] = i
	}
	for _, id := range ids {
		i, ok := at[mediaPath(path.Join(path.Dir(dir.media), id))]
		if !ok {
			v.note(dir.name, Missing, fmt.Errorf("no file %q", id))
			continue
		}
		v.files[i].always = true
	}
	v.note(dir.name, Directory, nil)
}
