package dicomweb

import (
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/query"
	"github.com/halong-gateway/halong/storage"
)

// candidates is how many rows are looked at before the index is asked for further ones.
const candidates = 256

// runFiltered does what run does for keys of attributes that the index does not keep (private ones, for example): candidates
// are compared with an object of theirs, at most MaxHeads of them. Attributes above the instance are taken
// from the first object; inHeads lets only those through that are the same in all.
func (a *searchAnswer) runFiltered(limit int) error {
	skip := a.s.Offset
	q := a.s.Query
	q.Offset, q.Limit = 0, candidates
	for {
		rows, err := a.page(q)
		if err != nil {
			return err
		}
		for _, row := range rows {
			found, err := a.fromObject(row)
			if err != nil {
				return err
			}
			if a.heads > a.q.MaxHeads {
				a.partial = true
				return nil
			}
			if !a.matchesObject(found) {
				continue
			}
			if skip > 0 {
				skip--
				continue
			}
			if a.rows == limit {
				a.more = true
				return nil
			}
			a.rows++
			a.last = row.Position
			if err := a.add(row, found); err != nil {
				return err
			}
		}
		if len(rows) < candidates {
			return nil
		}
		q.After = &rows[len(rows)-1].Position
	}
}

// page reads candidates to the end, so that no cursor is open while objects are.
func (a *searchAnswer) page(q storage.Query) (rows []storage.Row, err error) {
	for row, err := range a.q.Archive.Find(a.q.ctx, a.q.scope, q) {
		if err != nil {
			return nil, asSearchError(err)
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// matchesObject compares with what was found in an object. The value representation of private attributes
// is the object's.
func (a *searchAnswer) matchesObject(found *dataset.Set) bool {
	if found == nil {
		found = &dataset.Set{}
	}
	keys := make([]query.Key, len(a.s.inHeads))
	for i, k := range a.s.inHeads {
		if e := found.Get(k.Path[0]); e != nil && len(k.Path) == 1 && k.VR == dicom.UN {
			k.VR = e.VR
		}
		keys[i] = k
	}
	return a.s.MatchAll(keys, found)
}
