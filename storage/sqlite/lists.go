package sqlite

import "database/sql"

// Lists of UIDs that are longer than this are looked up once for all studies, or series, of a search. A statement for each of those would go
// through the whole list each time: lists of 5,000 that name as many series would cost the square of that.
const longList = 32

// seriesIn gives the UIDs of a search that can be in a study; nil for any.
func (s *search) seriesIn(study int64) ([]string, error) {
	if len(s.series) <= longList {
		return s.series, nil
	}
	if s.seriesBy == nil {
		var err error
		s.seriesBy, err = s.resolve(`SELECT study, uid FROM series INDEXED BY series_uid WHERE uid IN (SELECT value FROM json_each(?))`, s.series)
		if err != nil {
			return nil, err
		}
	}
	return append([]string{}, s.seriesBy[study]...), nil
}

// sopsIn gives the UIDs of a search that can be in a series; nil for any.
func (s *search) sopsIn(series int64) ([]string, error) {
	if len(s.sops) <= longList {
		return s.sops, nil
	}
	if s.sopsBy == nil {
		var err error
		s.sopsBy, err = s.resolve(`SELECT DISTINCT series, sop FROM instance INDEXED BY instance_uid WHERE sop IN (SELECT value FROM json_each(?))`, s.sops)
		if err != nil {
			return nil, err
		}
	}
	return append([]string{}, s.sopsBy[series]...), nil
}

// resolve tells of UIDs in what they are.
func (s *search) resolve(query string, uids []string) (map[int64][]string, error) {
	type one struct {
		in  int64
		uid string
	}
	found, err := collect(s.ctx, s.db.reader, func(r *sql.Rows) (x one, err error) { return x, r.Scan(&x.in, &x.uid) }, query, list(uids))
	if err != nil {
		return nil, err
	}
	by := make(map[int64][]string)
	for _, x := range found {
		by[x.in] = append(by[x.in], x.uid)
	}
	return by, nil
}
