package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"slices"
	"strconv"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/storage"
)

// stampRow is one facility's copy of what a stamp is asked for.
type stampRow struct {
	facility, study, studyChanged int64
	series, seriesChanged         sql.NullInt64
	rank                          int
}

// Stamp tells what state a study, and a series of it, are in: one look into two indexes. Both are made of the
// keys, which are never used again, and the change numbers of all visible copies, the preferred first.
func (db *DB) Stamp(ctx context.Context, scope halong.Scope, ref storage.Ref) (storage.Stamp, error) {
	const op = "sqlite.Stamp"
	if ref.Facility != "" {
		if !scope.Sees(ref.Facility) {
			return storage.Stamp{}, halong.E(op, halong.NotExist, string(ref.Study), nil)
		}
		scope = halong.Scope{Own: ref.Facility}
	}
	s := db.newSearch(ctx, scope, storage.LevelSeries)
	rows, err := collect(ctx, db.reader, func(r *sql.Rows) (st stampRow, err error) {
		err = r.Scan(&st.facility, &st.study, &st.studyChanged, &st.series, &st.seriesChanged)
		st.rank = s.rankOf(st.facility)
		return st, err
	}, `SELECT s.facility, s.id, s.changed, e.id, e.changed FROM study s INDEXED BY study_uid
		LEFT JOIN series e INDEXED BY series_uid ON e.uid = ? AND e.study = s.id WHERE s.uid = ?`, string(ref.Series), string(ref.Study))
	if err != nil {
		return storage.Stamp{}, fail(op, string(ref.Study), err)
	}
	rows = slices.DeleteFunc(rows, func(r stampRow) bool { return r.rank < 0 })
	slices.SortFunc(rows, func(a, b stampRow) int { return cmp.Compare(a.rank, b.rank) })
	stamp := stampOf(rows)
	if stamp.Study == "" || ref.Series != "" && stamp.Series == "" {
		return storage.Stamp{}, halong.E(op, halong.NotExist, string(ref.Study), nil)
	}
	return stamp, nil
}

func stampOf(rows []stampRow) storage.Stamp {
	var study, series []byte
	for _, r := range rows {
		study = appendStamp(study, r.study, r.studyChanged)
		if r.series.Valid {
			series = appendStamp(series, r.series.Int64, r.seriesChanged.Int64)
		}
	}
	return storage.Stamp{Study: string(study), Series: string(series)}
}

func appendStamp(b []byte, id, changed int64) []byte {
	b = append(strconv.AppendInt(b, id, 10), '.')
	return append(strconv.AppendInt(b, changed, 10), ' ')
}

// Whoever changes what is served of a study, by whatever protocol, calls touchStudy, or appends a change of one series to tx.counts, in the transaction that does so:
// the change numbers are raised once when the group of transactions ends, before it is committed, so that no
// document made before is ever given out for what is served after. AddInstance and DeleteInstance do so themselves. What is
// touched may be gone by the end of the transaction: keys are never used again, so that does no harm. A number that was raised in vain
// costs one more making of a document; one that was not raised is a wrong answer.

// touchStudy says that something changed in all of a study, as a patient's identity does: every series of it that there is then
// gets a new change number, and the study itself. study is the key of the row.
func (tx *Tx) touchStudy(study int64) {
	tx.counts = append(tx.counts, change{study: study, all: true})
}

// ChainEnd gives the number and the chain of the last event that was committed; zero if there is none.
func (db *DB) ChainEnd(ctx context.Context) (seq uint64, chain halong.Digest, err error) {
	var b []byte
	err = db.reader.QueryRow(ctx, `SELECT seq, chain FROM event ORDER BY seq DESC LIMIT 1`).Scan(&seq, &b)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, chain, nil
	}
	copy(chain[:], b)
	return seq, chain, fail("sqlite.ChainEnd", "", err)
}
