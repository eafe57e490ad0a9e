package sqlite

import (
	"bytes"
	"slices"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/storage"
)

// Describe makes a row say what its served instances say. See storage.RemovalIndex.
func (db *DB) Describe(t halong.Tx, of storage.Identity, n int, read func(*storage.Instance) (*dataset.Set, error)) error {
	const op = "sqlite.Describe"
	tx, err := db.tx(op, t)
	if err != nil {
		return err
	}
	facility, err := tx.Facility(of.Facility)
	if err != nil {
		return fail(op, string(of.Study), err)
	}
	st, err := tx.study(facility, of.Study)
	if st == nil || err != nil {
		return fail(op, string(of.Study), err)
	}
	if of.Series == "" {
		return fail(op, string(of.Study), tx.describeStudy(st, facility, of.Facility, n, read))
	}
	se, err := tx.seriesOf(st.id, of.Series)
	if se == nil || err != nil {
		return fail(op, string(of.Series), err)
	}
	return fail(op, string(of.Series), tx.describeSeries(se, st.id, n, read))
}

func (tx *Tx) describeStudy(st *knownStudy, facility int64, f halong.Facility, n int, read func(*storage.Instance) (*dataset.Set, error)) error {
	was, err := tx.received(st.id)
	if err != nil {
		return err
	}
	first, err := tx.firstOfStudy(st.id, n)
	if err != nil {
		return err
	}
	s, err := tx.described(first, was, read)
	if s == nil || err != nil {
		return err
	}
	if err := tx.exchangeBearer(st.id, was, s); err != nil {
		return err
	}
	st.filled, st.patient = filled(s), encodedPatient(s)
	return tx.refill(st.id, facility, f, s)
}

func (tx *Tx) describeSeries(se *knownSeries, study int64, n int, read func(*storage.Instance) (*dataset.Set, error)) error {
	was, err := tx.attributes(`SELECT attributes FROM series WHERE id = ?`, se.id)
	if err != nil {
		return err
	}
	first, err := tx.firstOfSeries(se.id, n)
	if err != nil {
		return err
	}
	s, err := tx.described(first, was, read)
	if s == nil || err != nil {
		return err
	}
	return tx.putSeries(se, study, s)
}

// firstOfSeries gives the n versions of instances of a series that came first.
func (tx *Tx) firstOfSeries(series int64, n int) ([]int64, error) {
	return gather(tx, scanID, `SELECT id FROM instance INDEXED BY instance_order WHERE series = ? ORDER BY id LIMIT ?+0`, series, n)
}

// firstOfStudy gives about n of a study: as many of each of its series, which differ more in what they say than one does in itself.
func (tx *Tx) firstOfStudy(study int64, n int) (first []int64, err error) {
	series, err := gather(tx, scanID, `SELECT id FROM series INDEXED BY series_order WHERE study = ? LIMIT ?+0`, study, n+1)
	if len(series) > n { // then it matters which: those that have what came first
		series, err = gather(tx, scanID, `SELECT id FROM series e INDEXED BY series_order WHERE study = ?
			ORDER BY (SELECT min(id) FROM instance INDEXED BY instance_order WHERE series = e.id) LIMIT ?+0`, study, n)
	}
	for _, id := range series {
		some, err := tx.firstOfSeries(id, n/len(series))
		if err != nil {
			return nil, err
		}
		first = append(first, some...)
	}
	slices.Sort(first)
	return first, err
}

// described gives what instances say, in their order, or nil when that is what the row says already, or none can be read.
func (tx *Tx) described(instances []int64, was *dataset.Set, read func(*storage.Instance) (*dataset.Set, error)) (*dataset.Set, error) {
	now, row := (*dataset.Set)(nil), encode(was)
	for _, id := range instances {
		in, err := tx.servedOf(id)
		if err != nil {
			return nil, err
		}
		more, err := read(in)
		if err != nil {
			return nil, err
		}
		switch {
		case more == nil:
			continue
		case now == nil:
			now = &dataset.Set{Elements: append([]dataset.Element(nil), more.Elements...)}
		default:
			fill(now, notOfOther(more, encodedPatient(now)))
		}
		if bytes.Equal(encode(now), row) {
			return nil, nil
		}
	}
	return now, nil
}

// servedOf gives the version that is served of the instance that a version is of, with what its head is read by.
func (tx *Tx) servedOf(id int64) (*storage.Instance, error) {
	in := &storage.Instance{}
	var manifest []byte
	err := tx.QueryRow(`SELECT i.id, i.sop, i.manifest, i.head_segment, i.head_offset, i.head_length, i.torn
		FROM instance v CROSS JOIN instance i INDEXED BY instance_sop WHERE v.id = ? AND i.series = v.series AND i.sop = v.sop ORDER BY i.served DESC LIMIT 1`,
		id).Scan(&in.ID, &in.SOP, &manifest, &in.Head.Segment, &in.Head.Offset, &in.Head.Length, &in.Torn)
	if err != nil {
		return nil, err
	}
	in.Manifest, err = storage.ParseManifest(manifest)
	return in, err
}

// exchangeBearer keeps the rows for other Patient IDs in a study right whose own changes: objects with the one that it had may be left.
func (tx *Tx) exchangeBearer(study int64, was, now *dataset.Set) error {
	a, b := headerOf(was), headerOf(now)
	if a.ID == b.ID {
		return nil
	}
	if _, err := tx.Exec(`DELETE FROM study_bearer WHERE study = ? AND patient = ? AND issuer = ?`, study, b.ID, b.Issuer); err != nil || a.ID == "" {
		return err
	}
	_, err := tx.Exec(`INSERT INTO study_bearer (patient, study, issuer) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`, a.ID, study, a.Issuer)
	return err
}
