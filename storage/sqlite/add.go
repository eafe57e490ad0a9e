package sqlite

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/storage"
)

// exec runs a statement of the committer's own.
func (db *DB) exec(query string, args ...any) error {
	_, err := db.writer.exec(query, args...)
	return err
}

// version is a stored version of a SOP Instance.
type version struct {
	id      int64
	version int
	served  bool
	kept    bool // see storage.Instance.Kept
	digest  []byte
}

// AddInstance adds a version of a SOP Instance unless the same digest is there;
// then nothing is written. See storage.InstanceIndex.
func (db *DB) AddInstance(t halong.Tx, n *storage.NewInstance, policy storage.VersionPolicy) (storage.Added, error) {
	const op = "sqlite.AddInstance"
	tx, err := db.tx(op, t)
	if err != nil {
		return storage.Added{}, err
	}
	if policy != storage.ServeFirst && policy != storage.ServeLast && policy != "" {
		return storage.Added{}, halong.E(op, halong.Invalid, string(n.SOP), fmt.Errorf("version policy %q", policy))
	}
	if more := len(n.BulkInfo) - len(n.Manifest.Bulk); more != 0 && more != 1 {
		return storage.Added{}, halong.E(op, halong.Internal, string(n.SOP), errors.New("BulkInfo does not go with Manifest.Bulk"))
	}
	added, err := tx.add(n, policy)
	return added, fail(op, string(n.SOP), err)
}

func (tx *Tx) add(n *storage.NewInstance, policy storage.VersionPolicy) (storage.Added, error) {
	facility, err := tx.Facility(n.Facility)
	if err != nil {
		return storage.Added{}, err
	}
	about, err := tx.removedStudy(facility, n.Study)
	if err != nil {
		return storage.Added{}, err
	}
	if about != 0 {
		if added, done, err := tx.arrives(about, n, policy); done || err != nil {
			return added, err
		}
	}
	st, se, versions, err := tx.find(facility, n.Identity)
	if err != nil {
		return storage.Added{}, err
	}
	for _, v := range versions {
		if bytes.Equal(v.digest, n.Digest[:]) {
			return storage.Added{Outcome: storage.Duplicate, ID: v.id, Version: v.version, Served: v.served}, nil
		}
	}
	if st, err = tx.studyFor(st, facility, n); err != nil {
		return storage.Added{}, err
	}
	if se, err = tx.seriesFor(se, st.id, n); err != nil {
		return storage.Added{}, err
	}
	added := storage.Added{Outcome: storage.Stored, Version: 1, Served: !n.Kept}
	if len(versions) > 0 {
		added.Version = versions[len(versions)-1].version + 1
	}
	first := servable(versions) == nil
	switch {
	case n.Kept:
		tx.counts = append(tx.counts, change{study: st.id, series: se.id})
	case first:
		tx.counts = append(tx.counts, change{study: st.id, series: se.id, addInstances: 1})
	default:
		tx.counts = append(tx.counts, change{study: st.id, series: se.id})
		added.Outcome = storage.Version
		added.Served = policy == storage.ServeLast
	}
	if !first && added.Served {
		if _, err := tx.Exec(`UPDATE instance SET served = 0 WHERE series = ? AND sop = ? AND served = 1`, se.id, string(n.SOP)); err != nil {
			return storage.Added{}, err
		}
	}
	if added.ID, err = tx.insert(se.id, n, &added); err == nil && about != 0 {
		err = tx.cameBack(about, n)
	}
	return added, err
}

// servable gives the versions that can be served.
func servable(all []version) []version {
	var out []version
	for _, v := range all {
		if !v.kept {
			out = append(out, v)
		}
	}
	return out
}

// find finds the rows an identity names; nil where there are none.
func (tx *Tx) find(facility int64, id storage.Identity) (st *knownStudy, se *knownSeries, all []version, err error) {
	if st, err = tx.study(facility, id.Study); st == nil || err != nil {
		return nil, nil, nil, err
	}
	if se, err = tx.seriesOf(st.id, id.Series); se == nil || err != nil {
		return st, nil, nil, err
	}
	all, err = tx.versions(se.id, string(id.SOP))
	return st, se, all, err
}

// versions gives the stored versions of a SOP Instance, oldest first.
func (tx *Tx) versions(series int64, sop string) ([]version, error) {
	rows, err := tx.Query(`SELECT id, version, served, kept, digest FROM instance WHERE series = ? AND sop = ? ORDER BY version`, series, sop)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []version
	for rows.Next() {
		var v version
		if err := rows.Scan(&v.id, &v.version, &v.served, &v.kept, &v.digest); err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, rows.Err()
}

func (tx *Tx) insert(series int64, n *storage.NewInstance, a *storage.Added) (int64, error) {
	parts := make([]halong.Digest, len(n.BulkInfo))
	for i := range n.BulkInfo {
		parts[i] = n.BulkInfo[i].Digest
	}
	first, err := tx.reference(parts)
	if err != nil {
		return 0, err
	}
	var blob any // null if there is no bulk value
	if len(n.Manifest.Bulk) > 0 {
		blob = first
	}
	source, err := tx.Source(n.Source)
	if err != nil {
		return 0, err
	}
	r, err := tx.Exec(`INSERT INTO instance (series, sop, version, served, number, digest, attributes, manifest, blob,
			head_segment, head_offset, head_length, env_segment, env_offset, env_length, env_tail, received, source, seq, torn, kept, frames)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		series, string(n.SOP), a.Version, a.Served, number(n.InstanceAttributes, tag.InstanceNumber), n.Digest[:],
		encode(n.InstanceAttributes), n.Manifest.Append(nil), blob,
		n.Head.Segment, n.Head.Offset, n.Head.Length, n.Envelope.Segment, n.Envelope.Offset, n.Envelope.Length, n.EnvelopeTail,
		n.Received.UnixMicro(), source, int64(n.Seq), n.Torn, n.Kept, n.Frames)
	if err != nil {
		return 0, err
	}
	return r.LastInsertId()
}

// HasInstance tells whether a version with the digest is stored, served or not, or is hidden and will stay so.
func (db *DB) HasInstance(ctx context.Context, id storage.Identity, d halong.Digest) (bool, error) {
	facility, ok := db.facilities.get(id.Facility)
	if !ok {
		return false, nil
	}
	var n int
	err := db.reader.QueryRow(ctx, `SELECT count(*) FROM study s CROSS JOIN series e CROSS JOIN instance i
		WHERE s.uid = ? AND s.facility = ? AND e.uid = ? AND e.study = s.id AND i.series = e.id AND i.sop = ? AND i.digest = ?`,
		string(id.Study), facility, string(id.Series), string(id.SOP), d[:]).Scan(&n)
	if n > 0 || err != nil {
		return n > 0, fail("sqlite.HasInstance", string(id.SOP), err)
	}
	return db.staysHidden(ctx, id, d)
}
