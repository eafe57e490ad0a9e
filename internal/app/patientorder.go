package app

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/patient"
	"github.com/halong-gateway/halong/storage"
)

// PatientRef names a patient: by one identifier, with its assigning authority.
type PatientRef struct {
	Facility  halong.Facility `json:"facility"`
	ID        string          `json:"id"`
	Authority string          `json:"authority"`
}

func (r PatientRef) identity() patient.Identity {
	return patient.Identity{Facility: r.Facility, Authority: r.Authority, ID: r.ID}
}

// bare gives a patient of whom nothing but the identity is told.
func (r PatientRef) bare() *patient.Patient {
	return &patient.Patient{Facility: r.Facility, Identifiers: []patient.Identifier{{ID: r.ID, Authority: r.Authority}}}
}

// identityRecord is the payload of RecordIdentity, as JSON: what an operator decided about patients.
type identityRecord struct {
	Version int            `json:"v"`
	Action  patient.Action `json:"action"` // merged, unmerged, linked, unlinked
	Patient PatientRef     `json:"patient"`
	Other   PatientRef     `json:"other"` // the survivor, or the other one of a link
	Reason  string         `json:"reason,omitempty"`
	By      halong.Source  `json:"by"`
	At      time.Time      `json:"at"` // UTC, microseconds
}

var errIdentityRecord = errors.New("a decision on patients of an unknown kind")

// decidePatients carries out what an operator decided; the journal holds it in the same transaction.
func (d *Data) decidePatients(ctx context.Context, r identityRecord) (record uint64, err error) {
	r.Version = 1
	payload, err := json.Marshal(r)
	if err != nil {
		return 0, halong.E("app.patients", halong.Internal, "", err)
	}
	err = d.Index.Update(ctx, func(tx halong.Tx) error {
		var err error
		if record, _, err = d.Store.Append(tx, storage.RecordIdentity, payload); err != nil {
			return err
		}
		return d.applyIdentity(tx, record, &r)
	})
	if err == nil {
		err = d.people.Finish(context.WithoutCancel(ctx), d.Index)
	}
	return record, err
}

// replayIdentity applies a record as it was applied when it was written.
func (d *Data) replayIdentity(tx halong.Tx, rec storage.Record) error {
	var r identityRecord
	if err := json.Unmarshal(rec.Payload, &r); err != nil {
		return halong.E("app.recover", halong.Corrupt, "", err)
	}
	err := d.applyIdentity(tx, rec.Seq, &r)
	switch halong.KindOf(err) {
	case halong.Conflict, halong.NotExist: // what it was about was lost before
		return nil
	}
	return err
}

func (d *Data) applyIdentity(tx halong.Tx, seq uint64, r *identityRecord) error {
	if r.Version != 1 {
		return halong.E("app.patients", halong.Unsupported, "", errIdentityRecord)
	}
	why := patient.Cause{At: r.At, Record: seq, By: r.By, Reason: r.Reason}
	event := halong.EventPatientMerged
	changed := true
	var err error
	switch s := d.people; r.Action {
	case patient.Merged:
		changed, err = s.Merge(tx, r.Other.bare(), r.Patient.bare(), why)
	case patient.Unmerged:
		event = halong.EventPatientUnmerged
		_, err = s.Unmerge(tx, r.Patient.identity(), why)
	case patient.Linked:
		event = halong.EventPatientLinked
		changed, err = s.Link(tx, r.Patient.bare(), r.Other.bare(), why)
	case patient.Unlinked:
		event = halong.EventPatientUnlinked
		err = s.Unlink(tx, r.Patient.bare(), r.Other.bare(), why)
	default:
		err = halong.E("app.patients", halong.Unsupported, "", errIdentityRecord)
	}
	if err != nil || !changed {
		return err
	}
	payload, err := json.Marshal(map[string]uint64{"record": seq})
	if err != nil {
		return halong.E("app.patients", halong.Internal, "", err)
	}
	return d.Index.Emit(tx, halong.Event{Type: event, Facility: r.Patient.Facility, Time: r.At, Payload: payload})
}
