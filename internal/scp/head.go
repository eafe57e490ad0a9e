package scp

import (
	"context"
	"errors"
	"io"
	"slices"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/storage"
)

// maxField is the longest value in bytes that an answer takes from an object.
const maxField = 64 << 10

// head looks for the attributes that the index does not keep in an object of the row, the first one of a study or series.
func (f *find) head(ctx context.Context, row storage.Row) (*dataset.Set, error) {
	ref := storage.Ref{Study: row.Study, Series: row.Series, SOP: row.SOP, Facility: row.Facility}
	for in, err := range f.service.archive.Instances(ctx, f.scope, ref) {
		if err != nil {
			return nil, err
		}
		return f.fields(ctx, in)
	}
	return nil, nil // deleted meanwhile
}

func (f *find) fields(ctx context.Context, in *storage.Instance) (_ *dataset.Set, err error) {
	obj, err := f.service.archive.Open(ctx, in)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, obj.Close()) }()
	s := &dataset.Set{}
	r := obj.Reader()
	last := slices.Max(f.extra)
	for {
		t, err := r.Next()
		begins := err == nil && t.Depth == 0 && (t.Kind == dataset.DataElement || t.Kind == dataset.SequenceStart)
		if err == io.EOF || begins && t.Tag > last {
			s.DecodeUTF8()
			return s, nil
		}
		if begins && (t.Tag == tag.SpecificCharacterSet || slices.Contains(f.extra, t.Tag)) {
			err = take(r, t, s)
		}
		if err != nil {
			return nil, halong.E("scp.find", halong.Corrupt, string(in.SOP), err)
		}
	}
}

// take adds the element that begins with a token, unless it is too long.
func take(r *dataset.Reader, t dataset.Token, s *dataset.Set) error {
	switch {
	case t.Kind == dataset.SequenceStart:
		e, err := r.ReadSequence(t)
		if err == nil {
			s.Put(e)
		}
		return err
	case t.Kind == dataset.DataElement && !t.External && t.Length <= maxField:
		v, err := r.ValueLE()
		if err == nil {
			s.Put(dataset.Element{Tag: t.Tag, VR: t.VR, Value: slices.Clone(v)})
		}
		return err
	}
	return nil
}
