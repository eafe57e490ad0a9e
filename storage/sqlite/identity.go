package sqlite

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"unicode"

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

// identifier finds out which identities studies of one facility are to be served under.
type identifier struct {
	tx *Tx
	bearers
}

func (tx *Tx) identifier(facility int64, f halong.Facility) *identifier {
	return &identifier{tx, bearers{ask: tx, policy: &tx.db.options.Policy, facility: facility, name: f}}
}

// studyIdentity is what identifies the patients of a study.
type studyIdentity struct {
	id       int64
	received []byte // attributes of the row as received
	identity []byte // null: served as received
	fresh    bool   // all of its objects have one Patient ID
}

// study makes a study be served under the identities it is to be served under.
func (x *identifier) study(st *studyIdentity) error {
	s, err := decode(st.received)
	if err != nil {
		return err
	}
	h := headerOf(s)
	as, err := x.replacement(h)
	if err != nil {
		return err
	}
	others, err := x.others(st)
	if err != nil {
		return err
	}
	if len(others) > 0 && as == nil {
		as = &storage.PatientIdentity{FormerID: h.ID, FormerIssuer: h.Issuer}
	}
	if as != nil {
		as.Others = others
	}
	return x.tx.serve(st, s, as)
}

// others gives what is for objects of a study that bear other Patient IDs than its row.
func (x *identifier) others(st *studyIdentity) (out []storage.PatientIdentity, err error) {
	if st.fresh {
		return nil, nil
	}
	rows, err := x.tx.Query(`SELECT patient, issuer FROM study_bearer WHERE study = ? ORDER BY patient, issuer`, st.id)
	if err != nil {
		return nil, err
	}
	var all []patient.Header
	for rows.Next() {
		var h patient.Header
		if err = rows.Scan(&h.ID, &h.Issuer); err != nil {
			break
		}
		all = append(all, h)
	}
	if err = errors.Join(err, rows.Err(), rows.Close()); err != nil {
		return nil, err
	}
	for _, h := range all {
		as, err := x.replacement(h)
		if err != nil {
			return nil, err
		}
		if as != nil {
			out = append(out, *as)
		}
	}
	return out, nil
}

// replacement gives what is served in the place of a header; nil if that is the header itself.
func (x *identifier) replacement(h patient.Header) (*storage.PatientIdentity, error) {
	b, err := x.whose(h)
	if b == nil || err != nil {
		return nil, err
	}
	return x.tx.db.replacement(h, b), nil
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
			out.Changes = append(out.Changes, storage.PatientValue{Tag: v.tag, Value: oneValue(v.now)})
		}
	}
	if len(out.Changes) == 0 {
		return nil
	}
	return out
}

// oneValue makes a text that HL7 allows one that is a single value in DICOM: without backslashes and control characters (PS3.5 6.2).
func oneValue(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r == '\\' || unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s))
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
	if !tx.db.identities.in[facility] {
		return nil
	}
	x := tx.identifier(facility, n.Facility)
	return x.study(&studyIdentity{id: study, received: encode(n.StudyAttributes), fresh: true})
}

// encodedPatient gives the value of Patient ID for a quick comparison.
func encodedPatient(s *dataset.Set) string {
	if e := s.Get(tag.PatientID); e != nil {
		return string(e.Value)
	}
	return ""
}

// addBearer notes that an object of a study has another Patient ID than the study's row.
func (tx *Tx) addBearer(st *knownStudy, facility int64, n *storage.NewInstance) error {
	h := headerOf(n.StudyAttributes)
	if h.ID == "" {
		return nil
	}
	r, err := tx.Exec(`INSERT INTO study_bearer (patient, study, issuer) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`, h.ID, st.id, h.Issuer)
	if err != nil {
		return err
	}
	if added, err := r.RowsAffected(); added == 0 || err != nil || !tx.db.identities.in[facility] {
		return err
	}
	row := studyIdentity{id: st.id}
	if err := tx.QueryRow(`SELECT coalesce(received, attributes), identity FROM study WHERE id = ?`, st.id).Scan(&row.received, &row.identity); err != nil {
		return err
	}
	x := tx.identifier(facility, n.Facility)
	return x.study(&row)
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
	if err := tx.putGroups(study, c.name); err != nil || !tx.db.identities.in[facility] {
		return err
	}
	tx.touchStudy(study) // an identity may be gone that the row had
	x := tx.identifier(facility, f)
	return x.study(&studyIdentity{id: study, received: encode(s)})
}
