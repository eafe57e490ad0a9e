package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"iter"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/lab"
)

// AddDocument adds a document of a report, with a reference to its blob if there is a live one.
func (db *DB) AddDocument(t halong.Tx, d *lab.StoredDocument) error {
	const op = "sqlite.AddDocument"
	tx, err := db.tx(op, t)
	if err != nil {
		return err
	}
	if d.Kept, err = tx.refer(d.Digest); err != nil {
		return fail(op, d.Report.String(), err)
	}
	_, err = tx.Exec(`INSERT INTO lab_document (report, n, version, ordinal, digest, size, media, kept) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
		int64(d.Report), d.Number, int64(d.Version), d.Ordinal, d.Digest[:], d.Size, d.MediaType, d.Kept)
	return fail(op, d.Report.String(), err)
}

// refer counts a reference to a blob if it is live.
func (tx *Tx) refer(d halong.Digest) (bool, error) {
	b, _, err := tx.lookUp(d)
	if b == nil || err != nil {
		return false, err
	}
	_, err = tx.reference([]halong.Digest{d})
	return err == nil, err
}

// KeepDocument refers a document to its blob, which was stored again; false if there is none.
func (db *DB) KeepDocument(t halong.Tx, d *lab.StoredDocument) (bool, error) {
	const op = "sqlite.KeepDocument"
	tx, err := db.tx(op, t)
	if err != nil {
		return false, err
	}
	r, err := tx.Exec(`UPDATE lab_document SET kept = 1 WHERE report = ? AND n = ? AND kept = 0`, int64(d.Report), d.Number)
	if err != nil {
		return false, fail(op, d.Report.String(), err)
	}
	if n, err := r.RowsAffected(); n == 0 || err != nil {
		return err == nil, fail(op, d.Report.String(), err)
	}
	ok, err := tx.refer(d.Digest)
	if err == nil && !ok {
		err = errNoBlob
	}
	return ok, fail(op, d.Report.String(), err)
}

const selectDocument = `SELECT d.report, d.n, d.version, d.ordinal, d.digest, d.size, d.media, d.kept`

// Documents gives the documents of a report in the order of their numbers.
func (db *DB) Documents(t halong.Tx, report lab.ID) ([]lab.StoredDocument, error) {
	const op = "sqlite.Documents"
	tx, err := db.tx(op, t)
	if err != nil {
		return nil, err
	}
	rows, err := tx.Query(selectDocument+` FROM lab_document d WHERE d.report = ? ORDER BY d.n`, int64(report))
	if err != nil {
		return nil, fail(op, "", err)
	}
	defer rows.Close()
	var all []lab.StoredDocument
	for rows.Next() {
		var d lab.StoredDocument
		if err := scanDocument(rows, &d); err != nil {
			return nil, fail(op, "", err)
		}
		all = append(all, d)
	}
	return all, fail(op, "", rows.Err())
}

// Document gives one document of a report that the scope sees. The error is of kind NotExist if there is none.
func (db *DB) Document(ctx context.Context, scope halong.Scope, report lab.ID, n int) (*lab.StoredDocument, error) {
	const op = "sqlite.Document"
	var d lab.StoredDocument
	var f halong.Facility
	err := scanDocument(db.reader.QueryRow(ctx, selectDocument+`, f.name FROM lab_document d
		JOIN lab_version v ON v.id = d.report JOIN facility f ON f.id = v.facility WHERE d.report = ? AND d.n = ?`, int64(report), n), &d, &f)
	if errors.Is(err, sql.ErrNoRows) || err == nil && !scope.Sees(f) {
		return nil, halong.E(op, halong.NotExist, report.String(), nil)
	}
	return &d, fail(op, report.String(), err)
}

func scanDocument(row scanner, d *lab.StoredDocument, more ...any) error {
	var digest []byte
	dst := append([]any{&d.Report, &d.Number, &d.Version, &d.Ordinal, &digest, &d.Size, &d.MediaType, &d.Kept}, more...)
	err := row.Scan(dst...)
	copy(d.Digest[:], digest)
	return err
}

// documentsPage is how many documents are read at a time.
const documentsPage = 500

// AllDocuments gives the documents of all reports whose bytes are kept, in order of their reports.
func (db *DB) AllDocuments(ctx context.Context) iter.Seq2[*lab.StoredDocument, error] {
	return func(yield func(*lab.StoredDocument, error) bool) {
		var report lab.ID
		n := 0
		for {
			page, err := collect(ctx, db.reader, func(rows *sql.Rows) (*lab.StoredDocument, error) {
				d := &lab.StoredDocument{}
				return d, scanDocument(rows, d)
			}, selectDocument+` FROM lab_document d WHERE (d.report, d.n) > (?, ?) ORDER BY d.report, d.n LIMIT ?+0`, int64(report), n, documentsPage)
			if err != nil {
				yield(nil, fail("sqlite.AllDocuments", "", err))
				return
			}
			for _, d := range page {
				if d.Kept && !yield(d, nil) {
					return
				}
				report, n = d.Report, d.Number
			}
			if len(page) < documentsPage {
				return
			}
		}
	}
}
