package ups

import (
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
)

// Put makes the workitem that an order stands for: it creates it, or replaces its attributes while it is SCHEDULED. What
// N-CREATE demands and attrs lacks is filled in (PS3.4 table CC.2.5-3, the values that the SCP may give). One that is in
// progress, completed or canceled is left as it is, which is no error. The error is of kind Invalid when the attributes break the
// standard, and Exhausted when there are too many workitems.
func (s *Service) Put(tx halong.Tx, f halong.Facility, uid dicom.UID, attrs *dataset.Set, at time.Time) error {
	return halong.E("ups.Put", halong.Unsupported, string(uid), nil)
}

// Withdraw cancels a workitem that is SCHEDULED, with the reason as its Reason For Cancellation (0074,1238). It does nothing to
// one in another state, or to one that is not there.
func (s *Service) Withdraw(tx halong.Tx, f halong.Facility, uid dicom.UID, reason string, at time.Time) error {
	return halong.E("ups.Withdraw", halong.Unsupported, string(uid), nil)
}
