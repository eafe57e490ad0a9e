package storage

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
)

// Lost gathers, while an index is made again from the whole journal, objects whose
// blobs are gone. Most of them were deleted, and their blobs collected: their rows come and go in the replay as they
// did before, and leave the same traces (attributes of the study, numbers of versions, events).
// What is left of them at the end was really lost: see Bury.
type Lost struct {
	objects map[uint64][]lostObject    // by record
	blobs   map[halong.Digest]struct{} // that are gone
}

type lostObject struct {
	identity Identity
	digest   halong.Digest
	err      error
}

// locate finds the places of the blobs of a replayed record. The error, of kind Corrupt, tells that some
// are gone; their places are then those of files of their own. l may be nil.
func (l *Lost) locate(arr *arrival, locate Locator) (missing error) {
	for _, info := range arr.rec.Parts {
		p := &bulkPart{info: info}
		at, ok := Place{Length: info.Size}, false
		if !l.has(info.Digest) {
			var found Place
			if found, ok = locate(info.Digest); ok {
				at = found
			}
		}
		if !ok {
			missing = halong.E("storage.Replay", halong.Corrupt, info.Digest.String(), errors.New("a blob of the record is missing"))
			p.gone = true
		}
		p.placed = &at
		arr.parts = append(arr.parts, p)
	}
	return missing
}

func (l *Lost) has(d halong.Digest) bool {
	if l == nil {
		return false
	}
	_, gone := l.blobs[d]
	return gone
}

func (l *Lost) add(seq uint64, arr *arrival, missing error) {
	if l.objects == nil {
		l.objects, l.blobs = map[uint64][]lostObject{}, map[halong.Digest]struct{}{}
	}
	l.objects[seq] = append(l.objects[seq], lostObject{arr.identity, arr.rec.Manifest.Digest(), missing})
	for _, p := range arr.parts {
		if p.gone {
			l.blobs[p.info.Digest] = struct{}{}
		}
	}
}

// describeBriefly fills in what the record itself tells of an object whose head is gone.
func (arr *arrival) describeBriefly() {
	arr.study, arr.series, arr.instance = &dataset.Set{}, &dataset.Set{}, &dataset.Set{}
	arr.study.PutString(tag.StudyInstanceUID, dicom.UI, string(arr.rec.Study))
	arr.series.PutString(tag.SeriesInstanceUID, dicom.UI, string(arr.rec.Series))
	arr.instance.PutString(tag.SOPClassUID, dicom.UI, string(arr.rec.Manifest.SOPClass))
	arr.instance.PutString(tag.SOPInstanceUID, dicom.UI, string(arr.rec.Manifest.SOPInstance))
}

// buryBatch is how many rows one transaction of Bury removes.
const buryBatch = 500

// Bury ends a replay: it removes the rows of blobs that are gone, so that nobody takes
// their bytes for stored, and those of objects that still need them. It gives one error for each such object.
func (a *Archive) Bury(ctx context.Context, l *Lost) (lost []error, err error) {
	for seqs := range slices.Chunk(slices.Sorted(maps.Keys(l.objects)), buryBatch) {
		var left []lostObject
		for _, seq := range seqs {
			told := false
			for _, o := range l.objects[seq] {
				there, err := a.index.HasInstance(ctx, o.identity, o.digest)
				if err == nil && !there {
					there, err = a.index.IsHidden(ctx, o.identity, o.digest)
				}
				if err != nil {
					return lost, err
				}
				if !there {
					continue
				}
				left = append(left, o)
				if !told { // once for the record, of which a coerced object has two versions
					told, lost = true, append(lost, o.err)
				}
			}
		}
		if err := a.buryObjects(ctx, left); err != nil {
			return lost, err
		}
	}
	for digests := range slices.Chunk(slices.Collect(maps.Keys(l.blobs)), buryBatch) {
		if err := a.buryBlobs(ctx, digests); err != nil {
			return lost, err
		}
	}
	return lost, nil
}

func (a *Archive) buryObjects(ctx context.Context, objects []lostObject) error {
	if len(objects) == 0 {
		return nil
	}
	return a.index.Update(ctx, func(tx halong.Tx) error {
		for _, o := range objects {
			err := a.index.DeleteInstance(tx, o.identity, o.digest)
			if halong.KindOf(err) == halong.NotExist { // it was recorded twice
				continue
			}
			if err == nil {
				err = a.redescribe(tx, o.identity.Facility, []HiddenVersion{{Identity: o.identity}})
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func (a *Archive) buryBlobs(ctx context.Context, digests []halong.Digest) error {
	return a.index.Update(ctx, func(tx halong.Tx) error {
		for _, d := range digests {
			marked, err := a.index.MarkDeleting(tx, d, Place{})
			if err != nil {
				return err
			}
			if !marked {
				if state, err := a.index.BlobAt(ctx, d, Place{}); err != nil {
					return err
				} else if state == BlobUnknown {
					continue // its record could not be applied
				}
				return halong.E("storage.Bury", halong.Internal, d.String(), errors.New("a blob that is gone has references"))
			}
			if err := a.index.ForgetBlob(tx, d, Place{}); err != nil {
				return err
			}
		}
		return nil
	})
}
