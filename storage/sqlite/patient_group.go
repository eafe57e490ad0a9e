package sqlite

import (
	"context"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/patient"
)

// PatientByIdentity gives the patient with an identity, outside of a transaction. The error is of kind NotExist if there is none.
func (db *DB) PatientByIdentity(ctx context.Context, id patient.Identity) (*patient.Patient, error) {
	const op = "sqlite.PatientByIdentity"
	facility, ok := db.facilities.get(id.Facility)
	if !ok {
		return nil, halong.E(op, halong.NotExist, "", nil)
	}
	return onePatient(op, db.reader.QueryRow(ctx, selectPatients+` WHERE p.identifier = ? AND p.facility = ? AND p.authority = ?`, id.ID, facility, id.Authority))
}

// PatientGroup gives who survives of a patient, with everybody who was merged into that one and those that are linked with any of them.
func (db *DB) PatientGroup(ctx context.Context, key int64) (*patient.Group, error) {
	g, err := groupOf(readerAsker{ctx, db.reader}, key)
	return g, fail("sqlite.PatientGroup", "", err)
}

// PatientGroupIn does so within a transaction.
func (db *DB) PatientGroupIn(t halong.Tx, key int64) (*patient.Group, error) {
	const op = "sqlite.PatientGroup"
	tx, err := db.tx(op, t)
	if err != nil {
		return nil, err
	}
	g, err := groupOf(tx, key)
	return g, fail(op, "", err)
}

// HasAuthority tells whether a patient of a facility has an identifier of an assigning authority.
func (db *DB) HasAuthority(t halong.Tx, f halong.Facility, authority string) (found bool, err error) {
	const op = "sqlite.HasAuthority"
	tx, err := db.tx(op, t)
	if err != nil {
		return false, err
	}
	facility, err := tx.Facility(f)
	if err == nil {
		err = tx.QueryRow(`SELECT EXISTS (SELECT 1 FROM patient_authority WHERE facility = ? AND authority = ?)`, facility, authority).Scan(&found)
	}
	return found, fail(op, "", err)
}

// maxGroup bounds how many patients are looked at for one group.
const maxGroup = 1000

func groupOf(a asker, key int64) (*patient.Group, error) {
	found, err := patientBy(a, key)
	if err != nil {
		return nil, err
	}
	one, err := survivors(a, []*patient.Patient{found})
	if err != nil {
		return nil, err
	}
	g := &patient.Group{Survivor: one[0]}
	if g.Merged, err = allMerged(a, one[0].Key); err != nil {
		return nil, err
	}
	// Links join whole persons: all that a linked patient stands for is linked too.
	open := append([]*patient.Patient{one[0]}, g.Merged...)
	known := map[int64]bool{one[0].Key: true}
	for i := 0; i < len(open) && len(open) < maxGroup; i++ {
		linked, err := patientsBy(a, selectPatients+` WHERE p.id IN (SELECT other FROM patient_link WHERE patient = ?) ORDER BY p.id`, open[i].Key)
		if err != nil {
			return nil, err
		}
		if linked, err = survivors(a, linked); err != nil {
			return nil, err
		}
		for _, p := range linked {
			if known[p.Key] {
				continue
			}
			known[p.Key] = true
			below, err := allMerged(a, p.Key)
			if err != nil {
				return nil, err
			}
			g.Linked = append(g.Linked, p)
			open = append(append(open, p), below...)
		}
	}
	return g, nil
}

func allMerged(a asker, key int64) (all []*patient.Patient, err error) {
	retired, err := mergedInto(a, key, maxGroup)
	for _, r := range retired {
		all = append(all, r.Patient)
	}
	return all, err
}

// mergedInto gives those who were merged into a patient, over others too, the nearest first. A circle has an end too.
func mergedInto(a asker, key int64, limit int) (all []patient.Retired, err error) {
	rows, err := a.ask(`WITH RECURSIVE below (id, depth) AS (
			SELECT id, 1 FROM patient INDEXED BY patient_survivor WHERE survivor = ? AND survivor <> 0
			UNION SELECT p.id, b.depth + 1 FROM below b CROSS JOIN patient p INDEXED BY patient_survivor ON p.survivor = b.id AND p.survivor <> 0
			WHERE b.depth < ? LIMIT ?+0)
		SELECT `+patientColumns+`, f.name, w.depth FROM below w CROSS JOIN patient p ON p.id = w.id CROSS JOIN facility f ON f.id = p.facility`,
		key, deepest, limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		r := patient.Retired{Patient: &patient.Patient{}}
		if err := scanPatient(rows, r.Patient, &r.Facility, &r.Depth); err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, rows.Err()
}

// PatientChanges gives the history of a patient, in order: what was done to it, and with it; at most limit changes after the one with an ID.
func (db *DB) PatientChanges(ctx context.Context, key, after int64, limit int) ([]patient.Change, error) {
	const op = "sqlite.PatientChanges"
	rows, err := db.reader.Query(ctx, `SELECT c.id, c.action, c.patient, c.other, c.at, c.record, c.reason, c.before, o.protocol, o.peer, o.address
		FROM (SELECT id FROM (SELECT id FROM patient_change INDEXED BY patient_change_patient WHERE patient = ?1 AND id > ?2 ORDER BY id LIMIT ?3+0)
			UNION SELECT id FROM (SELECT id FROM patient_change INDEXED BY patient_change_other WHERE other = ?1 AND other <> 0 AND id > ?2 ORDER BY id LIMIT ?3+0)) x
		CROSS JOIN patient_change c ON c.id = x.id CROSS JOIN source o ON o.id = c.source ORDER BY c.id LIMIT ?3+0`, key, after, limit)
	if err != nil {
		return nil, fail(op, "", err)
	}
	defer rows.Close()
	var all []patient.Change
	for rows.Next() {
		var c patient.Change
		var at, record int64
		if err := rows.Scan(&c.ID, &c.Action, &c.Patient, &c.Other, &at, &record, &c.Reason, &c.Before, &c.By.Protocol, &c.By.Peer, &c.By.Address); err != nil {
			return nil, fail(op, "", err)
		}
		c.At, c.Record = fromMicro(at), uint64(record)
		all = append(all, c)
	}
	return all, fail(op, "", rows.Err())
}
