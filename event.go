package halong

import (
	"context"
	"time"
)

// EventType names a change. The list grows; consumers skip what they do not know.
type EventType string

// The events of this version.
const (
	EventInstanceStored     EventType = "instance.stored"  // first version of a SOP Instance
	EventInstanceVersion    EventType = "instance.version" // same SOP Instance UID, other bytes: kept as a version
	EventInstanceDeleted    EventType = "instance.deleted" // one version of one instance
	EventInstanceHidden     EventType = "instance.hidden"  // stored, and hidden at once: it was rejected or deleted before
	EventRemovalPurged      EventType = "removal.purged"   // what a deletion or rejection hid was given up
	EventQuarantined        EventType = "object.quarantined"
	EventMessageStored      EventType = "message.stored"
	EventMessageReprocessed EventType = "message.reprocessed" // one that was only kept before was processed
	EventReportStored       EventType = "report.stored"       // new report or new version of one
	EventPatientUpdated     EventType = "patient.updated"
	EventPatientMerged      EventType = "patient.merged" // one patient's studies are served as another's from now on
	EventPatientUnmerged    EventType = "patient.unmerged"
	EventPatientLinked      EventType = "patient.linked" // one person under two identities; both stay
	EventPatientUnlinked    EventType = "patient.unlinked"
	EventOrderStored        EventType = "order.stored"     // new order or change of one; its payload is worklist.StatusPayload
	EventOrderStatus        EventType = "order.status"     // an order's status changed, to be told to its placer; its payload is worklist.StatusPayload
	EventOrderMismatch      EventType = "order.mismatch"   // images came that contradict an order
	EventOrderUnmatched     EventType = "order.unmatched"  // images came with an accession number that no order has
	EventWorkitem           EventType = "workitem.changed" // of a Unified Procedure Step; its payload is ups.Change
	EventProcedureStep      EventType = "procedure.step"   // a Modality Performed Procedure Step was created or set
)

// Event is one committed change. Seq is dense, starting at 1, and gives the
// order of commit; Chain is SHA-256(previous chain, Seq, Type, Facility, Time, PayloadDigest).
type Event struct {
	Seq      uint64
	Time     time.Time // UTC, microseconds
	Type     EventType
	Facility Facility
	Payload  []byte // JSON object; may be erased later, the chain covers only its salted digest
	Chain    Digest
}

// Tx is an opaque handle of one open transaction. Only the adapter that made it
// knows what is inside; services hand it on to the stores they write to. It is
// valid until the function it was given to returns.
type Tx interface{ HalongTx() }

// Updater runs transactions. Everything fn writes through the stores of the
// same adapter, index rows and journal records alike, is committed as a whole:
// when Update returns nil it is durable and visible to readers; when it returns
// an error nothing of it is. Transactions of several callers may share one
// commit; a failing one never spoils the others. fn may be run again, must
// have no effect besides its writes, and must not block on I/O of its own.
type Updater interface {
	Update(ctx context.Context, fn func(Tx) error) error
}

// JournalUpdater is an Updater that takes transactions cheaper which write nothing but what their own journal records say: rows
// that a replay of the records makes the same. Once UpdateJournaled returns, the records are durable, and the rows visible to readers; a crash
// may take the rows, and the next start makes them again. fn reads through the stores' functions that take its Tx, and through no others:
// a reader would wait for fn.
type JournalUpdater interface {
	Updater
	UpdateJournaled(ctx context.Context, fn func(Tx) error) error
}

// UpdateJournaled runs such a transaction with an Updater, cheaper if it can.
func UpdateJournaled(ctx context.Context, u Updater, fn func(Tx) error) error {
	if j, ok := u.(JournalUpdater); ok {
		return j.UpdateJournaled(ctx, fn)
	}
	return u.Update(ctx, fn)
}
