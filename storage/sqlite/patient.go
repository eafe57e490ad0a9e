package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/internal/fold"
	"github.com/halong-gateway/halong/patient"
)

var _ patient.Store = (*DB)(nil)

// AddPatient adds a patient unless one with its identity is there.
func (db *DB) AddPatient(t halong.Tx, p *patient.Patient) (bool, error) {
	const op = "sqlite.AddPatient"
	tx, err := db.tx(op, t)
	if err != nil {
		return false, err
	}
	added, err := tx.addPatient(p)
	return added, fail(op, "", err)
}

func (tx *Tx) addPatient(p *patient.Patient) (bool, error) {
	id, _ := p.Identity()
	facility, err := tx.Facility(p.Facility)
	if err != nil {
		return false, err
	}
	key := patientKey{facility, id.Authority, id.ID}
	if _, known := tx.db.patients.known.get(key); known {
		return false, nil
	}
	identifiers, err := json.Marshal(p.Identifiers)
	if err != nil {
		return false, err
	}
	folded := fold.Name(p.Name)
	r, err := tx.Exec(`INSERT INTO patient (facility, identifier, authority, name, folded, birth, sex, sent, identifiers, registered, current, survivor, since)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (identifier, facility, authority) DO NOTHING`,
		facility, id.ID, id.Authority, p.Name, folded, p.Birth, p.Sex, p.Sent, string(identifiers), p.Registered, p.Current, p.Survivor, micro(p.Since))
	if err != nil {
		return false, err
	}
	if n, err := r.RowsAffected(); n == 0 || err != nil {
		return false, err
	}
	if p.Key, err = r.LastInsertId(); err != nil {
		return false, err
	}
	tx.db.patients.keep(key, p)
	tx.db.patients.keepReports(reportsKey{facility, p.Key}, &reports{all: true})
	tx.putWords(p.Key, nil, wordsOf(folded, p.Birth))
	if err := tx.putAuthority(authorityKey{facility, id.Authority}); err != nil {
		return true, err
	}
	return true, tx.addOthers(facility, p)
}

// putAuthority notes that a patient of the facility has an identifier of the authority.
func (tx *Tx) putAuthority(key authorityKey) error {
	if _, known := tx.db.patients.authorities.get(key); known {
		return nil
	}
	_, err := tx.Exec(`INSERT INTO patient_authority (facility, authority) VALUES (?, ?) ON CONFLICT DO NOTHING`, key.facility, key.authority)
	if err == nil {
		tx.db.patients.keepAuthority(key)
	}
	return err
}

// addOthers makes the patient findable by the identifiers after the first.
func (tx *Tx) addOthers(facility int64, p *patient.Patient) error {
	for _, id := range p.Identifiers[1:] {
		if err := tx.putAuthority(authorityKey{facility, id.Authority}); err != nil {
			return err
		}
		if _, err := tx.Exec(`INSERT INTO patient_other (identifier, patient) VALUES (?, ?) ON CONFLICT DO NOTHING`, id.ID, p.Key); err != nil {
			return err
		}
	}
	return nil
}

const (
	patientColumns = `p.id, p.name, p.birth, p.sex, p.sent, p.identifiers, p.registered, p.current, p.survivor, p.since`
	selectPatients = `SELECT ` + patientColumns + `, f.name FROM patient p JOIN facility f ON f.id = p.facility`
)

// LookupPatient gives the patient with an identity.
func (db *DB) LookupPatient(t halong.Tx, id patient.Identity) (*patient.Patient, error) {
	const op = "sqlite.LookupPatient"
	tx, facility, err := db.txOf(op, t, id.Facility)
	if err != nil {
		return nil, err
	}
	key := patientKey{facility, id.Authority, id.ID}
	if p := db.patients.patient(key); p != nil {
		return p, nil
	}
	p := &patient.Patient{Facility: id.Facility}
	err = scanPatient(tx.QueryRow(`SELECT `+patientColumns+` FROM patient p WHERE p.identifier = ? AND p.facility = ? AND p.authority = ?`,
		id.ID, facility, id.Authority), p)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, halong.E(op, halong.NotExist, "", nil)
	}
	if err != nil {
		return nil, fail(op, "", err)
	}
	db.patients.keep(key, p)
	return p, nil
}

// UpdatePatient replaces a patient's row.
func (db *DB) UpdatePatient(t halong.Tx, p *patient.Patient) error {
	const op = "sqlite.UpdatePatient"
	tx, err := db.tx(op, t)
	if err != nil {
		return err
	}
	identifiers, err := json.Marshal(p.Identifiers)
	if err != nil {
		return halong.E(op, halong.Internal, "", err)
	}
	var folded, birth string
	var key patientKey
	if err := tx.QueryRow(`SELECT folded, birth, facility, authority, identifier FROM patient WHERE id = ?`, p.Key).
		Scan(&folded, &birth, &key.facility, &key.authority, &key.id); err != nil {
		return fail(op, "", err)
	}
	db.patients.known.remove(key)
	if p.Survivor != 0 {
		db.merged.Store(true)
	}
	before := wordsOf(folded, birth)
	folded = fold.Name(p.Name)
	_, err = tx.Exec(`UPDATE patient SET name = ?, folded = ?, birth = ?, sex = ?, sent = ?, identifiers = ?, registered = ?, current = ?,
		survivor = ?, since = ? WHERE id = ?`, p.Name, folded, p.Birth, p.Sex, p.Sent, string(identifiers), p.Registered, p.Current,
		p.Survivor, micro(p.Since), p.Key)
	if err == nil {
		tx.putWords(p.Key, before, wordsOf(folded, p.Birth))
		err = tx.addOthers(key.facility, p)
	}
	return fail(op, "", err)
}

// PatientsByIdentifier gives the patients that the scope sees and that bear an identifier, in order of their
// facility, authority and arrival: those whose identity it is first. The error is of kind Conflict, with patient.ErrBearers, if those are more than patient.MaxBearers.
func (db *DB) PatientsByIdentifier(ctx context.Context, scope halong.Scope, id string) ([]*patient.Patient, error) {
	return db.bearersOf(ctx, scope, id, `SELECT id FROM patient INDEXED BY patient_identity WHERE identifier = ?1 AND facility IN (SELECT value FROM json_each(?2))
		UNION SELECT o.patient FROM patient_other o CROSS JOIN patient q ON q.id = o.patient WHERE o.identifier = ?1 AND q.facility IN (SELECT value FROM json_each(?2))`)
}

// PatientsByID gives those whose identity it is, and fails likewise.
func (db *DB) PatientsByID(ctx context.Context, scope halong.Scope, id string) ([]*patient.Patient, error) {
	return db.bearersOf(ctx, scope, id, `SELECT id FROM patient INDEXED BY patient_identity WHERE identifier = ?1 AND facility IN (SELECT value FROM json_each(?2))`)
}

// bearersOf bounds a list of patients before it is read.
func (db *DB) bearersOf(ctx context.Context, scope halong.Scope, id, keys string) ([]*patient.Patient, error) {
	const op = "sqlite.PatientsByIdentifier"
	all, err := patientsBy(readerAsker{ctx, db.reader}, `SELECT `+patientColumns+`, f.name FROM (`+keys+` LIMIT ?3+0) w
		CROSS JOIN patient p ON p.id = w.id CROSS JOIN facility f ON f.id = p.facility ORDER BY p.identifier <> ?1, f.name, p.authority, p.id`,
		id, list(db.seen(scope)), patient.MaxBearers+1)
	if err != nil {
		return nil, fail(op, "", err)
	}
	if len(all) > patient.MaxBearers {
		return nil, halong.E(op, halong.Conflict, "", patient.ErrBearers)
	}
	return all, nil
}

func scanPatient(row scanner, p *patient.Patient, more ...any) error {
	var identifiers []byte
	var since int64
	if err := row.Scan(append([]any{
		&p.Key, &p.Name, &p.Birth, &p.Sex, &p.Sent, &identifiers, &p.Registered, &p.Current, &p.Survivor, &since,
	}, more...)...); err != nil {
		return err
	}
	p.Since = fromMicro(since)
	return json.Unmarshal(identifiers, &p.Identifiers)
}
