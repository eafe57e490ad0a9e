package ups

import "github.com/halong-gateway/halong/dicom"

// State is the Procedure Step State (0074,1000) of a workitem (PS3.4 CC.1.1). The numbers are in the index.
type State uint8

// The states.
const (
	Scheduled State = iota
	InProgress
	Completed
	Canceled
	Deleted // not of the standard: the workitem was deleted, and its UID is remembered for a time
)

var stateNames = [...]string{"SCHEDULED", "IN PROGRESS", "COMPLETED", "CANCELED", "DELETED"}

// String gives the state as the attribute holds it.
func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return "UNKNOWN"
}

// Final tells whether the state cannot change any more.
func (s State) Final() bool { return s == Completed || s == Canceled }

// ParseState reads a value of Procedure Step State; false when it is none.
func ParseState(v string) (State, bool) {
	for i, name := range stateNames[:Deleted] {
		if v == name {
			return State(i), true
		}
	}
	return 0, false
}

// transition looks a Change UPS State action up in the state table (PS3.4 table CC.1.1-2). Success means
// that the change is to be made, provided that the final state requirements are met; a status B3xx that nothing is to be done. The
// transaction is correct when it is that of the workitem, or, to claim one, when there is one.
func (it *Item) transition(to State, transaction dicom.UID) Status {
	if to == Scheduled {
		return OnlyByCreate
	}
	if transaction == "" || it.State != Scheduled && it.Transaction != "" && transaction != it.Transaction {
		return WrongTransaction
	}
	switch {
	case to == InProgress && it.State == Scheduled:
		return Success
	case to == InProgress && it.State == InProgress:
		return AlreadyInProgress
	case it.State == Scheduled:
		return NotInProgress
	case it.State == InProgress:
		return Success
	case to == Canceled && it.State == Canceled:
		return AlreadyCanceled
	case to == Completed && it.State == Completed:
		return AlreadyCompleted
	}
	return NoLongerUpdated
}

// editable tells whether attributes may be set (PS3.4 CC.2.6.3): of a SCHEDULED workitem by anybody, who has no Transaction UID
// then; of one in progress by who has it.
func (it *Item) editable(transaction dicom.UID) Status {
	switch {
	case it.State.Final():
		return NoLongerUpdated
	case it.State == Scheduled && transaction != "":
		return NotInProgress
	case it.State == InProgress && transaction != it.Transaction:
		return WrongTransaction
	}
	return Success
}

// reasons are what a peer is told of statuses that come from the state table.
var reasons = map[Status]string{
	NoLongerUpdated:   "the workitem is in a final state",
	WrongTransaction:  "the Transaction UID is missing or incorrect",
	AlreadyInProgress: "the workitem is already IN PROGRESS",
	OnlyByCreate:      "a workitem becomes SCHEDULED only by being created",
	NotFinal:          "the final state requirements are not met",
	NotInProgress:     "the workitem is not yet IN PROGRESS",
	IsCompleted:       "the workitem is already COMPLETED",
	NoPerformer:       "the performer cannot be contacted",
}
