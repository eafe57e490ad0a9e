package scp

import (
	"context"
	"errors"
	"io"
	"slices"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/dimse"
	"github.com/halong-gateway/halong/dicom/query"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/storage"
)

// maxField is the longest value in bytes that an answer takes from an object.
const maxField = 64 << 10

// head is what an object of a row says of attributes that the index does not keep.
type head struct {
	set *dataset.Set // nil when nothing was looked for, or it could not be read
	out bool         // the row is no answer: it does not match, or its objects were deleted meanwhile
}

// unindexed lists the attributes that only objects have: those wanted and those matched by.
func (f *find) unindexed() (list []dicom.Tag) {
	for _, w := range f.wanted {
		if _, kept := levelOf(w.tag); !kept && inHeads(f.level, w.tag) {
			list = append(list, w.tag)
		}
	}
	if f.rules.Zone == "" {
		return list
	}
	for _, t := range slices.Clone(list) { // a date and its time go into another zone together
		if other, _, ok := query.Partner(t); ok && !slices.Contains(list, other) {
			list = append(list, other)
		}
	}
	return list
}

// errHeads says that a query by attributes that are not indexed would have to open too many objects.
var errHeads = &refused{dimse.OutOfResources, "too many objects to look into: give more indexed keys", 0}

// look reads the attributes that the index does not keep from an object of the row, the first one of a study. Of a series it is the first that
// matches: many such attributes are those of the instances.
func (f *find) look(ctx context.Context, row storage.Row) (h head, err error) {
	if len(f.extra) == 0 || f.heads >= maxHeads && len(f.headKeys) == 0 {
		return h, nil
	}
	h.out = true
	ref := storage.Ref{Study: row.Study, Series: row.Series, SOP: row.SOP, Facility: row.Facility}
	for in, err := range f.service.archive.Instances(ctx, f.scope, ref) {
		if err != nil {
			return h, err
		}
		if f.heads++; f.heads > maxHeads {
			return h, errHeads
		}
		set, err := f.fields(ctx, in)
		switch {
		case ctx.Err() != nil:
			return h, ctx.Err()
		case err != nil: // an entity must not be hidden by damage: whether it matches is not known
			f.service.log.Warn("object not read for a query", "sop", string(in.SOP), "error", err)
			h.out = false
		case f.rules.MatchAll(f.headKeys, set):
			return head{set: set}, nil
		}
		if f.level != seriesLevel {
			break
		}
	}
	return h, nil
}

func (f *find) fields(ctx context.Context, in *storage.Instance) (_ *dataset.Set, err error) {
	obj, err := f.service.archive.Open(ctx, in)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, obj.Close()) }()
	s := &dataset.Set{}
	r := obj.Reader()
	last := max(slices.Max(f.extra), tag.TimezoneOffsetFromUTC)
	for {
		t, err := r.Next()
		begins := err == nil && t.Depth == 0 && (t.Kind == dataset.DataElement || t.Kind == dataset.SequenceStart)
		if err == io.EOF || begins && t.Tag > last {
			s.DecodeUTF8()
			return s, nil
		}
		if begins && (t.Tag == tag.SpecificCharacterSet || t.Tag == tag.TimezoneOffsetFromUTC || slices.Contains(f.extra, t.Tag)) {
			err = take(r, t, s)
		}
		if err != nil {
			return nil, halong.E("scp.find", halong.Corrupt, string(in.SOP), err)
		}
	}
}

// take adds the element that begins with a token, unless it is too long. One that was sent as UN gets the VR that the
// dictionary has for it (PS3.5 6.2.2 note 2).
func take(r *dataset.Reader, t dataset.Token, s *dataset.Set) error {
	if vr := dicom.VROf(t.Tag); t.Kind == dataset.DataElement && t.VR == dicom.UN && vr != dicom.SQ && !vr.IsBulk() {
		t.VR = vr
	}
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
