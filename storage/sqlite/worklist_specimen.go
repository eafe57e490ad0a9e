package sqlite

import (
	"github.com/halong-gateway/halong/lab"
	"github.com/halong-gateway/halong/worklist"
)

// putSpecimens lets an order be found by the specimens that it names.
func (tx *Tx) putSpecimens(o *worklist.Order, facility int64) error {
	if len(o.Specimens) == 0 {
		return nil
	}
	_, err := tx.Exec(`INSERT INTO worklist_specimen (facility, specimen, ord, patient) SELECT ?1, value, ?2, ?3 FROM json_each(?4) WHERE true
		ON CONFLICT (facility, specimen, ord) DO UPDATE SET patient = excluded.patient WHERE patient <> excluded.patient`,
		facility, o.ID, o.Patient, list(o.Specimens))
	return err
}

// A row counts as long as its order names the specimen: rows are not taken back when an order comes to name others.
const (
	namedBy = `SELECT id, status FROM worklist_order WHERE id = (SELECT max((SELECT s.ord FROM worklist_specimen s `
	namesIt = ` AND EXISTS (SELECT 1 FROM json_each(CAST(o.content AS TEXT), '$.specimens') named WHERE named.value = s.specimen) ORDER BY s.ord DESC LIMIT 1))
		FROM json_each(?2) n`

	ofAnybody = namedBy + `CROSS JOIN worklist_order o ON o.id = s.ord WHERE s.facility = ?1 AND s.specimen = n.value` + namesIt + `)`
	ofPersons = namedBy + `INDEXED BY worklist_specimen_patient CROSS JOIN worklist_order o ON o.id = s.ord
		WHERE s.facility = ?1 AND s.specimen = n.value AND s.patient = p.value` + namesIt + ` CROSS JOIN json_each(?3) p)`
)

// naming finds the newest order that names one of the specimens. The error is sql.ErrNoRows if there is none.
func (l *orderLook) naming(specimens []string, ref *lab.OrderRef) error {
	if l.numbers.Patient == 0 {
		return l.db.reader.QueryRow(l.ctx, ofAnybody, l.facility, list(specimens)).Scan(&ref.ID, &ref.Status)
	}
	keys, err := l.ones()
	if err != nil {
		return err
	}
	return l.db.reader.QueryRow(l.ctx, ofPersons, l.facility, list(specimens), list(keys)).Scan(&ref.ID, &ref.Status)
}
