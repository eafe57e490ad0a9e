package dicomweb

import (
	"errors"
	"io"
	"slices"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/storage"
)

// Bounds in bytes of what a search takes from objects: of one element, of all of one object, and of all objects of one answer.
const (
	maxField  = 64 << 10
	maxFields = 256 << 10
	maxAnswer = 64 << 20
)

// fromObject looks for the attributes that the index does not keep in an object
// of the result, the first one of a study or series. It gives nil beyond MaxHeads objects.
func (a *searchAnswer) fromObject(row storage.Row) (*dataset.Set, error) {
	if len(a.extra) == 0 {
		return nil, nil
	}
	if a.heads++; a.heads > a.q.MaxHeads || a.fetched > maxAnswer {
		a.heads = max(a.heads, a.q.MaxHeads+1)
		return nil, nil
	}
	ref := storage.Ref{Study: row.Study, Series: row.Series, SOP: row.SOP, Facility: a.q.facility}
	for in, err := range a.q.Archive.Instances(a.q.ctx, a.q.scope, ref) {
		if err != nil {
			return nil, err
		}
		return a.fields(in)
	}
	return nil, nil // deleted meanwhile
}

func (a *searchAnswer) fields(in *storage.Instance) (_ *dataset.Set, err error) {
	obj, err := a.q.Archive.Open(a.q.ctx, in)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, obj.Close()) }()
	raw, ts, left, err := elements(obj, a.extra)
	if err != nil {
		return nil, err
	}
	a.left = a.left || left
	a.fetched += len(raw)
	set, err := dataset.Parse(raw, ts, dataset.Limits{})
	if err != nil {
		return nil, halong.E("dicomweb.search", halong.Corrupt, string(in.SOP), err)
	}
	set.DecodeUTF8()
	return set, nil
}

// elements gives the encoded top-level elements with the tags wanted and the
// Specific Character Set, and how they are encoded; left tells that some were too long. Wanted is sorted.
func elements(obj Object, wanted []dicom.Tag) (raw []byte, ts *dicom.TransferSyntax, left bool, err error) {
	r := obj.Reader()
	c := cutter{obj: obj}
	var end int64 // of what has been read
	for {
		t, err := r.Next()
		if err == io.EOF {
			err = c.cut(end)
			return c.out, plain(r.SyntaxUsed()), c.left, err
		}
		if err != nil {
			return nil, nil, false, halong.E("dicomweb.search", halong.Corrupt, "", err)
		}
		if t.Depth > 0 {
			continue
		}
		switch t.Kind {
		case dataset.SequenceEnd, dataset.FragmentsEnd:
			end = t.ValueOffset
			continue
		case dataset.DataElement:
			end = t.ValueOffset + int64(t.Length)
		case dataset.SequenceStart, dataset.FragmentsStart:
		default:
			continue
		}
		if err := c.cut(t.Offset); err != nil || t.Tag > wanted[len(wanted)-1] {
			return c.out, plain(r.SyntaxUsed()), c.left, err
		}
		if t.Tag == tag.SpecificCharacterSet || slices.Contains(wanted, t.Tag) && !t.External {
			c.from, c.open = t.Offset, true
		}
	}
}

// cutter copies ranges of an object's data set.
type cutter struct {
	obj  Object
	out  []byte
	from int64
	open bool // a range has begun at from
	left bool // a range was too long
}

// cut ends the range, if one is open; ranges that are too long are left out.
func (c *cutter) cut(to int64) error {
	n := to - c.from
	if !c.open {
		return nil
	}
	if n > maxField || int64(len(c.out))+n > maxFields {
		c.open, c.left = false, true
		return nil
	}
	c.open = false
	src, err := c.obj.Bulk(c.from, n)
	if err != nil {
		return err
	}
	at := len(c.out)
	c.out = append(c.out, make([]byte, n)...)
	_, err = io.ReadFull(src, c.out[at:])
	return err
}

// plain gives the syntax of the inflated bytes of a deflated data set.
func plain(ts *dicom.TransferSyntax) *dicom.TransferSyntax {
	if ts.Deflated {
		ts, _ = dicom.LookupTransferSyntax(explicitLE)
	}
	return ts
}
