package sqlite

import (
	"context"
	"iter"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/storage"
)

// Instances gives what ref names, in the order of Find. With several facilities in
// scope every SOP Instance comes once, from the preferred one; with
// ref.AllVersions nothing is merged: every version of every visible facility.
func (db *DB) Instances(ctx context.Context, scope halong.Scope, ref storage.Ref) iter.Seq2[*storage.Instance, error] {
	const op = "sqlite.Instances"
	return func(yield func(*storage.Instance, error) bool) {
		if ref.Facility != "" {
			if !scope.Sees(ref.Facility) {
				return
			}
			scope = halong.Scope{Own: ref.Facility}
		}
		s := db.newSearch(ctx, scope, storage.LevelInstance)
		s.retrieve, s.all = true, ref.AllVersions
		s.studies, s.series, s.sops = only(ref.Study), only(ref.Series), only(ref.SOP)
		if len(s.seen) == 0 {
			return
		}
		s.give(op, s.instances(), yield)
	}
}

// give yields instances whole, until an error or until no more are wanted; it tells whether there may be more.
func (s *search) give(op string, rows iter.Seq2[*instanceRow, error], yield func(*storage.Instance, error) bool) bool {
	for in, err := range rows {
		if err == nil && len(in.instance.Manifest.Bulk) > 1 {
			err = s.db.fillPlaces(s.ctx, in.instance.Manifest.Bulk[1:])
		}
		if err != nil {
			yield(nil, fail(op, "", err))
			return false
		}
		if !yield(in.instance, nil) {
			return false
		}
	}
	return true
}

func only(uid dicom.UID) []string {
	if uid == "" {
		return nil
	}
	return []string{string(uid)}
}

func (s *search) instances() iter.Seq2[*instanceRow, error] {
	return func(yield func(*instanceRow, error) bool) {
		if s.named() {
			found, err := s.one()
			if err != nil {
				yield(nil, err)
			}
			for _, in := range found {
				yield(in, nil)
			}
			return
		}
		for studies, err := range s.eachStudy(0) {
			if err != nil {
				yield(nil, err)
				return
			}
			for series, err := range s.eachSeries(studies) {
				if err != nil {
					yield(nil, err)
					return
				}
				for in, err := range s.eachInstance(series) {
					if !yield(in, err) || err != nil {
						return
					}
				}
			}
		}
	}
}
