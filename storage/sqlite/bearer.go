package sqlite

import (
	"context"
	"errors"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/patient"
)

// bearer is a registered patient with the one who survives of it.
type bearer struct {
	*patient.Patient
	survivor *patient.Patient
	merged   []*patient.Patient // from the patient to the survivor
}

// bearers finds whose the Patient IDs of one facility are.
type bearers struct {
	ask      asker
	policy   *patient.Policy
	facility int64
	name     halong.Facility
	known    map[string][]bearer
}

// of gives the registered patients of the facility whose identity has an identifier.
func (x *bearers) of(id string) ([]bearer, error) {
	if known, ok := x.known[id]; ok {
		return known, nil
	}
	all, err := patientsBy(x.ask, selectPatients+` WHERE p.identifier = ? AND p.facility = ? AND p.registered = 1 ORDER BY p.authority`, id, x.facility)
	if err != nil {
		return nil, err
	}
	out := make([]bearer, len(all))
	for i, p := range all {
		out[i] = bearer{Patient: p, survivor: p}
		if out[i].merged, err = above(x.ask, p); err != nil {
			return nil, err
		}
		if n := len(out[i].merged); n > 0 {
			out[i].survivor = out[i].merged[n-1]
		}
	}
	if x.known == nil {
		x.known = map[string][]bearer{}
	}
	x.known[id] = out
	return out, nil
}

// whose finds the patient that a header names; nil if there is none, or it is not certain which.
func (x *bearers) whose(h patient.Header) (*bearer, error) {
	among, err := x.of(h.ID)
	if err != nil || len(among) == 0 {
		return nil, err
	}
	list := make([]*patient.Patient, len(among))
	for i := range among {
		list[i] = among[i].Patient
	}
	whose := x.policy.Whose(x.name, h, list)
	for i := range among {
		if among[i].Patient == whose {
			return &among[i], nil
		}
	}
	return nil, nil
}

// deepest bounds how far merges are followed: there are no longer chains (see patient.Service.Merge), so that what is longer is a circle.
const deepest = 100

var errCircle = errors.New("merges of patients form a circle")

// above gives those a patient was merged into, the direct one first: the last one survives.
func above(a asker, p *patient.Patient) (all []*patient.Patient, err error) {
	for p.Survivor != 0 {
		if len(all) == deepest {
			return nil, halong.E("sqlite.above", halong.Corrupt, "", errCircle)
		}
		if p, err = patientBy(a, p.Survivor); err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

// loadMerged reads whether any patient is merged.
func (db *DB) loadMerged(ctx context.Context) error {
	var merged bool
	err := db.conn.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM patient INDEXED BY patient_survivor WHERE survivor <> 0)`).Scan(&merged)
	db.merged.Store(merged)
	return err
}
