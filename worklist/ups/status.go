package ups

import (
	"fmt"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
)

// Status is the status of an operation on a workitem (PS3.7 annex C; PS3.4 tables CC.2.1-2, CC.2.2-2, CC.2.3-3, CC.2.5-2 and
// CC.2.6-1), as a DIMSE-N service would answer it.
type Status uint16

// The statuses.
const (
	Success           Status = 0x0000
	InvalidValue      Status = 0x0106 // invalid attribute value
	DuplicateInstance Status = 0x0111 // there is a workitem with this UID
	MissingAttribute  Status = 0x0120
	MissingValue      Status = 0x0121
	NotAuthorized     Status = 0x0124

	AlreadyCanceled  Status = 0xB304 // warning: it is CANCELED, as asked for
	CoercedValues    Status = 0xB305 // warning: attributes were changed or added
	AlreadyCompleted Status = 0xB306 // warning: it is COMPLETED, as asked for

	NoLongerUpdated   Status = 0xC300 // it is in a final state
	WrongTransaction  Status = 0xC301 // the correct Transaction UID was not provided
	AlreadyInProgress Status = 0xC302
	OnlyByCreate      Status = 0xC303 // it becomes SCHEDULED only by being created
	NotFinal          Status = 0xC304 // it does not meet the final state requirements
	NoSuchWorkitem    Status = 0xC307
	NotScheduled      Status = 0xC309 // a workitem is created SCHEDULED
	NotInProgress     Status = 0xC310 // it is not yet IN PROGRESS
	IsCompleted       Status = 0xC311 // a COMPLETED workitem cannot be canceled
	NoPerformer       Status = 0xC312 // the performer cannot be contacted
)

// Refusal says why an operation is refused. It is the cause in a *halong.Error.
type Refusal struct {
	Status Status
	Reason string    // for the peer: holds no values
	Tag    dicom.Tag // of the attribute concerned; zero if there is none
	Gone   bool      // the workitem was there, and was deleted
}

// Error gives status and reason.
func (r *Refusal) Error() string {
	if r.Tag != 0 {
		return fmt.Sprintf("%s: %s (status %04XH)", attributeName(r.Tag), r.Reason, uint16(r.Status))
	}
	return fmt.Sprintf("%s (status %04XH)", r.Reason, uint16(r.Status))
}

func attributeName(t dicom.Tag) string {
	if e, ok := dicom.Lookup(t); ok {
		return e.Keyword + " " + t.String()
	}
	return t.String()
}

// kinds tells the kind of each refusal; what is not here is a conflict with the workitem's state.
var kinds = map[Status]halong.Kind{
	InvalidValue: halong.Invalid, MissingAttribute: halong.Invalid, MissingValue: halong.Invalid, NotScheduled: halong.Invalid,
	NoSuchWorkitem: halong.NotExist, NotAuthorized: halong.Permission,
}

func refuse(op string, uid dicom.UID, r Refusal) error {
	kind, ok := kinds[r.Status]
	if !ok {
		kind = halong.Conflict
	}
	return halong.E(op, kind, string(uid), &r)
}

func notThere(op string, uid dicom.UID, gone bool) error {
	return refuse(op, uid, Refusal{Status: NoSuchWorkitem, Reason: "there is no such workitem", Gone: gone})
}
