package sqlite

import (
	"bytes"
	"context"
	"database/sql"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/patient"
	"github.com/halong-gateway/halong/storage"
)

// A study row holds the attributes that are served. Where those are of another identity than was received, the received ones
// are in column received, the received Patient ID in former, and what is to be put into headers in identity; all three are null in other
// rows. So reading costs nothing more where nobody was merged.

// identities tells in which facilities anything may be served under another identity. It is the committer's; a facility stays in it
// once it is there, also if what put it there was taken back: that costs one look-up for each new study.
type identities struct {
	in map[int64]bool
}

// loadIdentities reads which facilities those are.
func (db *DB) loadIdentities(ctx context.Context) error {
	rows, err := db.conn.QueryContext(ctx, `SELECT id FROM facility f WHERE ? OR EXISTS (SELECT 1 FROM patient p INDEXED BY patient_served
		WHERE p.facility = f.id AND (p.survivor <> 0 OR p.current <> 0))`, db.options.Policy.Demographics == patient.DemographicsRegistered)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return err
		}
		db.identities.add(id)
	}
	return rows.Err()
}

func (i *identities) add(facility int64) {
	if i.in == nil {
		i.in = map[int64]bool{}
	}
	i.in[facility] = true
}

// Reidentify finds out anew which identity the studies are served under that were received with a Patient ID.
func (db *DB) Reidentify(t halong.Tx, f halong.Facility, id string) error {
	const op = "sqlite.Reidentify"
	tx, err := db.tx(op, t)
	if err != nil {
		return err
	}
	facility, err := tx.Facility(f)
	if err != nil {
		return fail(op, "", err)
	}
	return fail(op, "", tx.reidentify(facility, f, id))
}

func (tx *Tx) reidentify(facility int64, f halong.Facility, id string) error {
	bearers, err := tx.bearers(facility, id)
	if err != nil {
		return err
	}
	for _, b := range bearers {
		if tx.db.options.Policy.Served(b.Patient) {
			tx.db.identities.add(facility)
		}
	}
	studies, err := tx.receivedWith(facility, id)
	for i := 0; i < len(studies) && err == nil; i++ {
		err = tx.identify(&studies[i], f, bearers)
	}
	return err
}

// bearer is a registered patient with the one who survives of it.
type bearer struct {
	*patient.Patient
	survivor *patient.Patient
	merged   []*patient.Patient // from the patient to the survivor
}

// bearers gives the registered patients of a facility whose identity has the identifier.
func (tx *Tx) bearers(facility int64, id string) ([]bearer, error) {
	all, err := tx.patients(selectPatients+` WHERE p.identifier = ? AND p.facility = ? AND p.registered = 1 ORDER BY p.authority`, id, facility)
	if err != nil {
		return nil, err
	}
	out := make([]bearer, len(all))
	for i, p := range all {
		out[i] = bearer{Patient: p, survivor: p}
		for b := &out[i]; b.survivor.Survivor != 0; {
			if b.survivor, err = onePatient("sqlite.bearers", tx.QueryRow(selectPatients+` WHERE p.id = ?`, b.survivor.Survivor)); err != nil {
				return nil, err
			}
			b.merged = append(b.merged, b.survivor)
		}
	}
	return out, nil
}

// studyIdentity is what identifies the patient of a study row.
type studyIdentity struct {
	id       int64
	former   sql.NullString
	received []byte // attributes as received
	identity []byte // null: served as received
}

// receivedWith gives the studies that were received with a Patient ID.
func (tx *Tx) receivedWith(facility int64, id string) ([]studyIdentity, error) {
	rows, err := tx.Query(`SELECT id, former, attributes, identity FROM study INDEXED BY study_patient WHERE patient = ?1 AND facility = ?2 AND former IS NULL
		UNION ALL SELECT id, former, received, identity FROM study INDEXED BY study_former WHERE former = ?1 AND facility = ?2`, id, facility)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []studyIdentity
	for rows.Next() {
		var st studyIdentity
		if err := rows.Scan(&st.id, &st.former, &st.received, &st.identity); err != nil {
			return nil, err
		}
		all = append(all, st)
	}
	return all, rows.Err()
}

// identify makes a study be served under the identity it is to be served under.
func (tx *Tx) identify(st *studyIdentity, f halong.Facility, among []bearer) error {
	s, err := decode(st.received)
	if err != nil {
		return err
	}
	h := headerOf(s)
	list := make([]*patient.Patient, len(among))
	for i := range among {
		list[i] = among[i].Patient
	}
	whose := tx.db.options.Policy.Whose(f, h, list)
	for i := range among {
		if b := &among[i]; b.Patient == whose {
			return tx.serve(st, s, tx.db.replacement(h, b))
		}
	}
	return tx.serve(st, s, nil)
}

// headerOf gives what attributes of a study say of its patient.
func headerOf(s *dataset.Set) patient.Header {
	return patient.Header{
		ID: text(s, tag.PatientID), Issuer: text(s, tag.IssuerOfPatientID), Name: s.String(tag.PatientName),
		Birth: s.String(tag.PatientBirthDate), Sex: s.String(tag.PatientSex),
	}
}

// replacement gives what is served of a patient in the place of a header; nil if that is the header itself.
func (db *DB) replacement(h patient.Header, b *bearer) *storage.PatientIdentity {
	p := &db.options.Policy
	to := p.Serve(h, b.Patient, b.survivor)
	out := &storage.PatientIdentity{FormerID: h.ID, FormerIssuer: h.Issuer, At: b.Since, System: p.System}
	for _, x := range b.merged {
		if x.Since.After(out.At) {
			out.At = x.Since
		}
	}
	for _, v := range []struct {
		tag      dicom.Tag
		was, now string
	}{
		{tag.PatientName, h.Name, to.Name},
		{tag.PatientID, h.ID, to.ID},
		{tag.IssuerOfPatientID, h.Issuer, to.Issuer},
		{tag.PatientBirthDate, h.Birth, to.Birth},
		{tag.PatientSex, h.Sex, to.Sex},
	} {
		if v.was != v.now {
			out.Changes = append(out.Changes, storage.PatientValue{Tag: v.tag, Value: v.now})
		}
	}
	if len(out.Changes) == 0 {
		return nil
	}
	return out
}

// serve makes a study, of which s are the attributes received, be served under an identity, or, if that is nil, under the one received.
func (tx *Tx) serve(st *studyIdentity, s *dataset.Set, as *storage.PatientIdentity) error {
	var former, received, identity any
	switch {
	case as == nil && st.identity == nil:
		return nil
	case as != nil:
		encoded := as.Append(nil)
		if bytes.Equal(encoded, st.identity) {
			return nil
		}
		former, received, identity = as.FormerID, st.received, encoded
		as.Row(s)
	}
	c := columnsOf(s)
	_, err := tx.Exec(`UPDATE study SET date = ?, patient = ?, name = ?, birth = ?, accession = ?, study_id = ?, referring = ?,
		description = ?, attributes = ?, former = ?, received = ?, identity = ? WHERE id = ?`, append(c.values(), former, received, identity, st.id)...)
	if err != nil {
		return err
	}
	tx.touchStudy(st.id)
	return tx.putGroups(st.id, c.name)
}

// putGroups replaces the rows of a name's further component groups.
func (tx *Tx) putGroups(study int64, name string) error {
	if _, err := tx.Exec(`DELETE FROM study_group WHERE study = ?`, study); err != nil {
		return err
	}
	return tx.addGroups(study, name)
}

// identifyNew gives a study that is new the identity it is to be served under. It costs nothing while no patient of the facility is
// served under another one than was received.
func (tx *Tx) identifyNew(study, facility int64, n *storage.NewInstance) error {
	id := text(n.StudyAttributes, tag.PatientID)
	if id == "" || !tx.db.identities.in[facility] {
		return nil
	}
	bearers, err := tx.bearers(facility, id)
	if err != nil || len(bearers) == 0 {
		return err
	}
	return tx.identify(&studyIdentity{id: study, received: encode(n.StudyAttributes)}, n.Facility, bearers)
}

// received gives the attributes that a study was received with, for filling in what was absent.
func (tx *Tx) received(study int64) (*dataset.Set, error) {
	return tx.attributes(`SELECT coalesce(received, attributes) FROM study WHERE id = ?`, study)
}

// refill writes the attributes of a study that were filled in, and finds out anew which identity it is served under.
func (tx *Tx) refill(study, facility int64, f halong.Facility, s *dataset.Set) error {
	c := columnsOf(s)
	_, err := tx.Exec(`UPDATE study SET date = ?, patient = ?, name = ?, birth = ?, accession = ?, study_id = ?, referring = ?,
		description = ?, attributes = ?, former = NULL, received = NULL, identity = NULL WHERE id = ?`, append(c.values(), study)...)
	if err != nil {
		return err
	}
	if err := tx.putGroups(study, c.name); err != nil {
		return err
	}
	return tx.identifyNew(study, facility, &storage.NewInstance{Instance: storage.Instance{Identity: storage.Identity{Facility: f}}, StudyAttributes: s})
}
