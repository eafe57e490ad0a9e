package ups

import (
	"context"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/query"
)

// Journal keeps the records from which the index can be made again.
type Journal interface {
	// AppendWorkitem adds a record; it exists if and only if the transaction commits.
	AppendWorkitem(tx halong.Tx, parts ...[]byte) error
}

// Events takes what other programs are told.
type Events interface {
	Emit(tx halong.Tx, e halong.Event) error
}

// Store keeps workitems, subscriptions and the reports that wait.
type Store interface {
	ItemStore
	SubscriptionStore
	ReportStore
}

// ItemStore keeps workitems. Those that are deleted are found with State Deleted and without attributes.
type ItemStore interface {
	// ItemTx gives a workitem inside a transaction; nil if there is none.
	ItemTx(tx halong.Tx, f halong.Facility, uid dicom.UID) (*Item, error)
	// SaveItem adds a workitem or takes the place of one.
	SaveItem(tx halong.Tx, it *Item) error
	// ForgetItem removes a workitem that was deleted.
	ForgetItem(tx halong.Tx, f halong.Facility, uid dicom.UID) error
	// CountItems counts the workitems of a facility that are not deleted.
	CountItems(tx halong.Tx, f halong.Facility) (int, error)
	// ItemsAfter gives the workitems that are not deleted in the order of their UIDs, beginning after one, at most limit.
	ItemsAfter(tx halong.Tx, f halong.Facility, after dicom.UID, limit int) ([]*Item, error)
	// Item gives a committed workitem; nil if there is none.
	Item(ctx context.Context, f halong.Facility, uid dicom.UID) (*Item, error)
	// Items gives a page of committed workitems that may match, in the order of Position, beginning after one.
	Items(ctx context.Context, f halong.Facility, n Narrow, after Position, limit int) ([]*Item, error)
	// Old gives workitems in one of two states that did not change since a time: final ones without a deletion
	// lock, or deleted ones.
	Old(ctx context.Context, deleted bool, before time.Time, limit int) ([]Ref, error)
	// Facilities gives the facilities that a scope sees, the preferred ones first.
	Facilities(scope halong.Scope) []halong.Facility
}

// Ref names a workitem.
type Ref struct {
	Facility halong.Facility
	UID      dicom.UID
}

// Position is the place of a workitem in the order of answers: by start, then by UID.
type Position struct {
	Starts string // as query.NormalizeDateTime gives it
	UID    dicom.UID
}

// Narrow says which workitems may match, as far as the index can tell. Zero fields say nothing.
type Narrow struct {
	UIDs     []dicom.UID
	States   []State
	Patient  string // Patient ID
	From, To string // of Starts, both included
}

// Subscription is one AE's to one workitem (PS3.4 CC.2.3).
type Subscription struct {
	AE   dicom.AETitle
	Lock bool // the workitem is not deleted as long as it stands
	By   By
}

// By says what a Subscription came from. The numbers are in the index.
type By uint8

// The ways to subscribe.
const (
	ByItem   By = iota // to this workitem
	ByGlobal           // to the Worklist
	ByFilter           // to the Filtered Worklist
)

// Global is an AE's subscription to the Worklist or the Filtered Worklist.
type Global struct {
	AE        dicom.AETitle
	By        By // ByGlobal or ByFilter
	Lock      bool
	Suspended bool        // new workitems do not come under it
	Keys      []query.Key // that workitems must match, of ByFilter
}

// SubscriptionStore keeps subscriptions.
type SubscriptionStore interface {
	// Subscriptions gives those to a workitem, in the order of AE titles.
	Subscriptions(tx halong.Tx, f halong.Facility, uid dicom.UID) ([]Subscription, error)
	Subscribe(tx halong.Tx, f halong.Facility, uid dicom.UID, s Subscription) error
	// Unsubscribe removes an AE's subscription to a workitem; of all AEs if the title is empty. It tells whether there was one.
	Unsubscribe(tx halong.Tx, f halong.Facility, uid dicom.UID, ae dicom.AETitle) (bool, error)
	// UnsubscribeAll removes at most limit of an AE's subscriptions; of those that came from its Filtered Worklist alone if filtered. It tells how many.
	UnsubscribeAll(tx halong.Tx, f halong.Facility, ae dicom.AETitle, filtered bool, limit int) (int, error)
	// HasSubscriptions tells whether an AE has subscriptions that came from there.
	HasSubscriptions(tx halong.Tx, f halong.Facility, ae dicom.AETitle, by By) (bool, error)
	// Globals gives a facility's subscriptions to many workitems, in the order of AE titles.
	Globals(tx halong.Tx, f halong.Facility) ([]Global, error)
	SaveGlobal(tx halong.Tx, f halong.Facility, g Global) error
	RemoveGlobal(tx halong.Tx, f halong.Facility, ae dicom.AETitle, by By) (bool, error)
	// Subscribers gives the AEs of a facility that are subscribed to anything, or, if waiting is set, have reports waiting.
	Subscribers(tx halong.Tx, f halong.Facility, waiting bool) ([]dicom.AETitle, error)
	// Subscribed tells whether an AE is subscribed to anything.
	Subscribed(ctx context.Context, f halong.Facility, ae dicom.AETitle) (bool, error)
}

// ReportStore keeps the reports that wait for subscribers.
type ReportStore interface {
	// Queue adds a report for each AE, and drops the oldest of an AE's beyond the bounds; it tells how many.
	Queue(tx halong.Tx, r Report, aes []dicom.AETitle, limit Limit) (dropped int, err error)
	// WaitingReports gives an AE's committed reports with an ID greater than after, the oldest first.
	WaitingReports(ctx context.Context, f halong.Facility, ae dicom.AETitle, after int64, limit int) ([]Report, error)
	// Delivered removes an AE's reports with the keys; all of them if there are no keys.
	Delivered(tx halong.Tx, f halong.Facility, ae dicom.AETitle, keys []uint64) error
}

// Limit bounds the reports that wait for one AE.
type Limit struct {
	Reports int
	Bytes   int64
}
