package storage

import (
	"errors"
	"maps"
	"slices"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
)

// describers is how many heads are read at most for the rows of each level that a change of what is visible concerns, but that each row is given one.
const describers = 16

// redescribe makes the rows of studies and series say what their visible objects say, after some were hidden, shown again or lost: a row is
// made of the object that came first, and that may be one of those. It is the same in a replay, where heads that were collected since
// belong to objects that a later record hides.
func (a *Archive) redescribe(tx halong.Tx, f halong.Facility, touched []HiddenVersion) error {
	rows, series := map[dicom.UID]map[dicom.UID]bool{}, 0
	for i := range touched {
		v := &touched[i]
		if rows[v.Study] == nil {
			rows[v.Study] = map[dicom.UID]bool{}
		}
		if !rows[v.Study][v.Series] {
			rows[v.Study][v.Series] = true
			series++
		}
	}
	d := description{archive: a, heads: map[int64][]*dataset.Set{}}
	for _, study := range slices.Sorted(maps.Keys(rows)) {
		for _, uid := range slices.Sorted(maps.Keys(rows[study])) {
			err := a.index.Describe(tx, Identity{Facility: f, Study: study, Series: uid}, max(1, describers/series), d.level(LevelSeries))
			if err != nil {
				return err
			}
		}
		if err := a.index.Describe(tx, Identity{Facility: f, Study: study}, max(1, describers/len(rows)), d.level(LevelStudy)); err != nil {
			return err
		}
	}
	return nil
}

// description reads what objects say of the levels above them, each once.
type description struct {
	archive *Archive
	heads   map[int64][]*dataset.Set // by Instance.ID; nil: cannot be read
}

// level gives a function that reads what an instance says of a level.
func (d *description) level(l Level) func(*Instance) (*dataset.Set, error) {
	return func(in *Instance) (*dataset.Set, error) {
		sets, known := d.heads[in.ID]
		if !known {
			var err error
			if sets, err = d.archive.describedBy(in); err != nil {
				return nil, err
			}
			d.heads[in.ID] = sets
		}
		if sets == nil {
			return nil, nil
		}
		return sets[l], nil
	}
}

// describedBy gives the attributes of each level that the head of a stored instance has, by Level; nil when it is damaged or gone.
func (a *Archive) describedBy(in *Instance) ([]*dataset.Set, error) {
	o := &Object{blobs: a.blobs, manifest: &in.Manifest, torn: in.Torn, head: &joined{}}
	if in.Manifest.HeadLength > 0 {
		r, err := o.blob(in.Manifest.Head, in.Head)
		if halong.KindOf(err) == halong.Corrupt {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		o.head.add(r, 0, in.Manifest.HeadLength)
	}
	var attrs attributes
	err := attrs.readAll(o.Reader())
	if in.Torn > 0 && isSyntax(err) {
		err = nil
	}
	if cerr := o.Close(); cerr != nil {
		return nil, errors.Join(err, cerr)
	}
	if isSyntax(err) || halong.KindOf(err) == halong.Corrupt {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	study, series, instance := attrs.finish(in.Manifest.TransferSyntax)
	return []*dataset.Set{LevelStudy: study, LevelSeries: series, LevelInstance: instance}, nil
}
