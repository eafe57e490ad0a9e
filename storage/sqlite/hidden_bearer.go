package sqlite

import (
	"database/sql"
	"strings"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/storage"
)

// keepBearers remembers the Patient IDs that objects of a study bear, beside the one of its row, for when they are shown again.
func (tx *Tx) keepBearers(about, study int64) error {
	_, err := tx.Exec(`INSERT INTO hidden_bearer (study, patient, issuer) SELECT ?, patient, issuer FROM study_bearer WHERE study = ? ON CONFLICT DO NOTHING`, about, study)
	return err
}

// keepBearer remembers the Patient ID of an object that arrived hidden.
func (tx *Tx) keepBearer(about int64, s *dataset.Set) error {
	h := headerOf(s)
	if h.ID == "" {
		return nil
	}
	_, err := tx.Exec(`INSERT INTO hidden_bearer (study, patient, issuer) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`, about, h.ID, h.Issuer)
	return err
}

// showBearers gives a study that is shown again the Patient IDs of its objects back.
func (tx *Tx) showBearers(about, facility int64, st *knownStudy, n *storage.NewInstance) error {
	all, err := gather(tx, func(r *sql.Rows) (*dataset.Set, error) {
		var id, issuer string
		if err := r.Scan(&id, &issuer); err != nil {
			return nil, err
		}
		s := &dataset.Set{}
		s.PutString(tag.PatientID, dicom.LO, id)
		if issuer != "" {
			s.PutString(tag.IssuerOfPatientID, dicom.LO, issuer)
		}
		return s, nil
	}, `SELECT patient, issuer FROM hidden_bearer WHERE study = ? ORDER BY patient, issuer`, about)
	if err != nil {
		return err
	}
	for _, s := range all {
		if s.String(tag.PatientID) == strings.TrimSpace(st.patient) {
			continue
		}
		bearer := *n
		bearer.StudyAttributes = s
		if err := tx.addBearer(st, facility, &bearer); err != nil {
			return err
		}
	}
	return nil
}
