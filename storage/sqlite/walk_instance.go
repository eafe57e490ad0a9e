package sqlite

import (
	"cmp"
	"database/sql"
	"iter"
	"slices"
	"strings"

	"github.com/halong-gateway/halong/storage"
)

// eachInstance gives the matching instances of a series in order, each from the
// first facility that has a matching copy.
func (s *search) eachInstance(of []*seriesRow) iter.Seq2[*instanceRow, error] {
	from := make([]iter.Seq2[*instanceRow, error], len(of))
	for i := range of {
		from[i] = s.instanceRows(of[i : i+1])
	}
	return func(yield func(*instanceRow, error) bool) {
		for in, err := range merge(compareInstances, from) {
			shown := err != nil
			if !shown {
				shown, err = s.shows(of, in)
			}
			if (shown || err != nil) && !yield(in, err) || err != nil {
				return
			}
		}
	}
}

func compareInstances(a, b *instanceRow) int {
	return cmp.Or(cmp.Compare(a.number, b.number), strings.Compare(a.sop, b.sop),
		cmp.Compare(a.version, b.version), compareRank(a.series, b.series))
}

// instanceRows reads the instances of one series in order.
func (s *search) instanceRows(of []*seriesRow) iter.Seq2[*instanceRow, error] {
	w := where{}
	w.and("i.series = ?", of[0].id)
	if !s.all {
		w.and("i.served = 1")
	}
	index := "instance_order"
	uids, err := s.sopsIn(of[0].id)
	if err != nil || uids != nil && len(uids) == 0 {
		return none[*instanceRow](err)
	}
	if uids != nil {
		w.in("i.sop", uids)
		index = "instance_sop"
	}
	begin := s.selectInstance(index) + w.text.String()
	const (
		after = " AND i.number >= ? AND (i.number, i.sop, i.version) > (?, ?, ?)"
		order = " ORDER BY i.number, i.sop, i.version LIMIT ?+0"
	)
	return pages(firstPage, s.instanceBefore(of[0]), func(last **instanceRow, limit int) ([]*instanceRow, error) {
		text, args := begin+order, append(slices.Clone(w.args), limit)
		if last != nil {
			l := *last
			text, args = begin+after+order, append(slices.Clone(w.args), l.number, l.number, l.sop, l.version, limit)
		}
		return collect(s.ctx, s.db.reader, s.scanInstance(of), text, args...)
	})
}

func (s *search) selectInstance(index string) string {
	if s.retrieve {
		return "SELECT " + retrieveResult + " FROM instance i INDEXED BY " + index + retrieveJoin + " WHERE "
	}
	return "SELECT " + instanceResult + " FROM instance i INDEXED BY " + index + " WHERE "
}

func (s *search) scanInstance(of []*seriesRow) func(*sql.Rows) (*instanceRow, error) {
	return func(rows *sql.Rows) (*instanceRow, error) {
		in := &instanceRow{}
		if s.retrieve {
			return in, in.scanRetrieve(rows, of)
		}
		return in, in.scan(rows, of)
	}
}

// shows tells whether an instance matches and no preferred facility has a copy that does too.
func (s *search) shows(of []*seriesRow, in *instanceRow) (bool, error) {
	if ok, err := s.instanceMatches(in); !ok || err != nil {
		return false, err
	}
	at := slices.Index(of, in.series)
	if at <= 0 {
		return true, nil
	}
	copies, err := collect(s.ctx, s.db.reader, s.scanInstance(of), s.selectInstance("instance_sop")+
		"i.series IN (SELECT value FROM json_each(?)) AND i.sop = ? AND i.served = 1", seriesList(of[:at]), in.sop)
	if err != nil {
		return false, err
	}
	copies, err = keep(copies, s.instanceMatches)
	return len(copies) == 0, err
}

func (s *search) instanceMatches(in *instanceRow) (bool, error) {
	if len(s.keys[storage.LevelInstance]) == 0 {
		return true, nil
	}
	a, err := in.joined()
	return err == nil && s.matches(storage.LevelInstance, a), err
}
