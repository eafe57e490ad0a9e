package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/negotiate"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/internal/forward"
	"github.com/halong-gateway/halong/storage"
	"github.com/halong-gateway/halong/storage/sqlite"
)

// forwardSource is the archive as the forwarder sees it.
type forwardSource struct {
	archive *storage.Archive
	index   *sqlite.DB
}

var _ forward.Source = forwardSource{}

// open opens a version; of kind NotExist when it was deleted. Its bytes may be moved between finding and opening, so what is not
// there is looked for once more.
func (s forwardSource) open(ctx context.Context, it *forward.Item) (*storage.Object, error) {
	id := storage.Identity{Facility: it.Facility, Study: it.Study, Series: it.Series, SOP: it.SOP}
	for again := false; ; again = true {
		in, err := s.index.Version(ctx, id, it.Digest)
		if err != nil {
			return nil, err
		}
		o, err := s.archive.Open(ctx, in)
		if err == nil || again || halong.KindOf(err) != halong.Corrupt {
			return o, err
		}
	}
}

// maxVersions is how many versions of one SOP Instance may come within a day and be sent on. A destination that sends back what it
// gets, be it this gateway itself, and a rule that changes it each time would make new ones for ever.
const maxVersions = 32

var errCircle = fmt.Errorf("more than %d versions of the SOP instance came within a day: is it forwarded in a circle", maxVersions)

// circles tells, with an error, whether a version is one of too many.
func (s forwardSource) circles(ctx context.Context, in *storage.Instance) error {
	if in.Version <= maxVersions {
		return nil
	}
	n, err := s.index.VersionsBetween(ctx, in, in.Received.Add(-24*time.Hour), maxVersions+1)
	if err == nil && n > maxVersions {
		err = halong.E("app.forward", halong.Invalid, in.SOP.Loggable(), errCircle)
	}
	return err
}

// Open implements forward.Source.
func (s forwardSource) Open(ctx context.Context, it *forward.Item, edit forward.Edit) (forward.Object, error) {
	o, err := s.open(ctx, it)
	if err != nil {
		return nil, err
	}
	if err := s.circles(ctx, o.Instance); err != nil {
		return nil, errors.Join(err, o.Close())
	}
	return &forwardObject{o, it.SOP, edit}, nil
}

// forwardObject is a stored object on its way out.
type forwardObject struct {
	*storage.Object
	sop  dicom.UID
	edit forward.Edit
}

// TransferSyntax implements forward.Object.
func (o *forwardObject) TransferSyntax() dicom.UID { return o.Object.TransferSyntax().UID }

// Encode implements forward.Object.
func (o *forwardObject) Encode(to dicom.UID) (forward.Encoded, error) {
	from := o.Object.TransferSyntax()
	ts := from
	if to != from.UID {
		known, ok := dicom.LookupTransferSyntax(to)
		if !ok {
			return forward.Encoded{}, halong.E("app.forward", halong.Unsupported, o.sop.Loggable(), nil)
		}
		ts = known
	}
	out := forward.Encoded{SOPInstance: o.sop}
	var err error
	switch {
	case o.edit != nil:
		out.Body, err = o.Edited(func(s *dataset.Set) error {
			err := o.edit(s)
			if u := s.UID(tag.SOPInstanceUID); u != "" {
				out.SOPInstance = u
			}
			return err
		}, ts)
	case ts == from:
		out.Body = io.NopCloser(o.Readable())
	default:
		out.Body = negotiate.Converted(o.Readable(), from, ts)
	}
	return out, err
}

// factTags are what rules ask of an object's head, in order.
var factTags = []dicom.Tag{tag.SpecificCharacterSet, tag.Modality, tag.StudyDescription, tag.SeriesDescription}

// maxFact is the longest value in bytes that rules look at.
const maxFact = 1 << 10

// Facts implements forward.Source. They are read from the very version, not from what the index shows of the study.
func (s forwardSource) Facts(ctx context.Context, it *forward.Item) (f forward.Facts, err error) {
	o, err := s.open(ctx, it)
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, o.Close()) }()
	f.CallingAE = o.Instance.Source.Peer
	set := &dataset.Set{}
	r := o.Reader()
	for {
		t, err := r.Next()
		begins := err == nil && t.Depth == 0 && (t.Kind == dataset.DataElement || t.Kind == dataset.SequenceStart)
		if err == io.EOF || begins && t.Tag > factTags[len(factTags)-1] {
			break
		}
		if begins && t.Kind == dataset.DataElement && !t.External && t.Length <= maxFact && slices.Contains(factTags, t.Tag) {
			var v []byte
			if v, err = r.ValueLE(); err == nil {
				set.Put(dataset.Element{Tag: t.Tag, VR: dicom.VROf(t.Tag), Value: slices.Clone(v)})
			}
		}
		if err != nil {
			return f, halong.E("app.forward", halong.Corrupt, it.SOP.Loggable(), err)
		}
	}
	set.DecodeUTF8()
	f.Modality, f.StudyDescription, f.SeriesDescription = set.String(tag.Modality), set.String(tag.StudyDescription), set.String(tag.SeriesDescription)
	return f, nil
}
