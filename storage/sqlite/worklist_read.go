package sqlite

import (
	"context"
	"encoding/json"
	"iter"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/worklist"
)

var _ worklist.Reader = (*DB)(nil)

// stepsPage is how many steps are read at a time: nothing is held while an answer goes out.
const stepsPage = 100

// Steps gives steps that may match, facility by facility in order of their start.
func (db *DB) Steps(ctx context.Context, scope halong.Scope, n worklist.Narrow) iter.Seq2[*worklist.Step, error] {
	return func(yield func(*worklist.Step, error) bool) {
		for _, f := range db.facilities.visible(scope) {
			if !db.stepsOf(ctx, f, &n, yield) {
				return
			}
		}
	}
}

// stepsOf gives those of one facility; false when nobody wants more.
func (db *DB) stepsOf(ctx context.Context, f facility, n *worklist.Narrow, yield func(*worklist.Step, error) bool) bool {
	after := ""
	for {
		page, last, err := db.stepsAfter(ctx, f, n, after)
		if err != nil {
			return yield(nil, fail("sqlite.Steps", "", err))
		}
		for _, s := range page {
			if !yield(s, nil) {
				return false
			}
		}
		if len(page) < stepsPage {
			return true
		}
		after = last
	}
}

// narrowed chooses the index: what names few orders comes first.
func narrowed(n *worklist.Narrow) (index string, w *where) {
	w = &where{}
	use := func(name, column string, values []string) {
		if len(values) == 0 {
			return
		}
		w.in("s."+column, values)
		if index == "" {
			index = name
		}
	}
	studies := make([]string, len(n.Studies))
	for i, u := range n.Studies {
		studies[i] = string(u)
	}
	use("worklist_step_study", "study", studies)
	use("worklist_step_sps", "sps", n.StepIDs)
	use("worklist_step_procedure", "procedure", n.Procedures)
	use("worklist_step_accession", "accession", n.Accessions)
	use("worklist_step_patient", "patient_id", n.PatientIDs)
	if index == "" {
		index = "worklist_step_open"
	}
	return index, w
}

func (db *DB) stepsAfter(ctx context.Context, f facility, n *worklist.Narrow, after string) (page []*worklist.Step, last string, err error) {
	index, w := narrowed(n)
	w.and("s.facility = ?", f.id)
	if n.Open {
		w.and("s.final = 0")
	} else if index == "worklist_step_open" {
		w.and("s.final IN (0, 1)")
	}
	if n.From != "" {
		w.and("s.sort >= ?", n.From)
	}
	if n.To != "" {
		w.and("s.sort < ?", n.To+"\U0010ffff")
	}
	if after != "" {
		w.and("s.sort > ?", after)
	}
	rows, err := db.reader.Query(ctx, `SELECT s.ord, s.idx, s.sort, s.step, s.item FROM worklist_step s INDEXED BY `+index+
		` WHERE `+w.text.String()+` ORDER BY s.sort LIMIT ?+0`, append(w.args, stepsPage)...)
	if err != nil {
		return nil, "", err
	}
	defer rows.Close()
	for rows.Next() {
		var c stepContent
		var content, packed []byte
		var order int64
		var i int
		if err := rows.Scan(&order, &i, &last, &content, &packed); err != nil {
			return nil, "", err
		}
		if err := json.Unmarshal(content, &c); err != nil {
			return nil, "", err
		}
		s := &c.Step
		s.Order, s.Index, s.Facility, s.Accession, s.Patient = order, i, f.name, c.Accession, c.PatientKey
		if s.Attributes, err = unpackItem(packed); err != nil {
			return nil, "", err
		}
		page = append(page, s)
	}
	return page, last, rows.Err()
}
