package worklist

import (
	"context"
	"iter"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
)

// Orders is where orders and their steps are kept.
type Orders interface {
	// PutOrder adds an order with its steps, or replaces the one with its ID.
	PutOrder(tx halong.Tx, o *Order) error
	// Order gives an order with its steps. The error is of kind NotExist if there is none.
	Order(tx halong.Tx, id int64) (*Order, error)
	// OrdersBy gives the IDs of the facility's orders with a number, the newest first; at most MaxFound.
	OrdersBy(tx halong.Tx, f halong.Facility, by NumberKind, number string) ([]int64, error)
	// OrdersOf gives the IDs of the orders of a patient that are not final, oldest first.
	OrdersOf(tx halong.Tx, f halong.Facility, patient int64) ([]int64, error)
	// AllowOrders tells how many of n orders the transaction may bring in step with their patients, of at most so many in all, and counts them.
	AllowOrders(tx halong.Tx, n, most int) (int, error)
	// DeferOrders notes durably that the patient of orders changed, at a time, and that they are not in step with that yet.
	DeferOrders(tx halong.Tx, ids []int64, at time.Time) error
	// TakeDeferred takes some of them from the list, the newest first, at most limit.
	TakeDeferred(tx halong.Tx, limit int) ([]Deferred, error)
}

// Deferred is an order whose patient changed at a time.
type Deferred struct {
	ID int64
	At time.Time // UTC, microseconds
}

// NumberKind says which number an order is looked for by.
type NumberKind uint8

// The numbers.
const (
	ByPlacer NumberKind = iota
	ByFiller
	ByAccession
	ByStudy     // Study Instance UID of a step
	ByStep      // Scheduled Procedure Step ID of a step
	ByProcedure // Requested Procedure ID of a step
	ByGroup     // ORC-4
)

// MaxFound is how many orders with one number are looked at.
const MaxFound = 64

// Reader answers queries, outside of transactions.
type Reader interface {
	// Steps gives steps that may match, in order of their start; it may give others too.
	Steps(ctx context.Context, scope halong.Scope, n Narrow) iter.Seq2[*Step, error]
	// FindOrderID gives an order with its steps. The error is of kind NotExist if the scope sees none.
	FindOrderID(ctx context.Context, scope halong.Scope, id int64) (*Order, error)
	// List gives orders, the last changed first.
	List(ctx context.Context, scope halong.Scope, l Listing) ([]*Order, error)
}

// Narrow is what the store can tell from its rows. Empty fields are no condition.
type Narrow struct {
	Open       bool // only steps that are not final
	Accessions []string
	Studies    []dicom.UID
	StepIDs    []string
	Procedures []string
	PatientIDs []string
	From, To   string // of Start, both included, as far as they go
}

// MismatchListing says which mismatches to list, the newest first.
type MismatchListing struct {
	Unmatched bool // those of studies that no order is for; else the others
	Resolved  bool // those that were dealt with; else those that are open
	Limit     int
}

// Listing says which orders to list.
type Listing struct {
	Number    string // placer, filler or accession
	PatientID string
	Status    Status
	Limit     int
	// Before and BeforeID are the last order of the page before: when it was changed, in microseconds since 1970, and its ID; 0 for the first page.
	Before, BeforeID int64
}
