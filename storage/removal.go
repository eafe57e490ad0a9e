package storage

import (
	"context"
	"iter"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
)

// Removal is one decision that hides SOP Instances from everybody: a deletion, or a rejection note (IHE RAD TF, Imaging Object
// Change Management). What it hides is kept until it is purged, and can be taken back until then.
type Removal struct {
	ID       uint64          `json:"id"` // journal record; names it, stable across reindex
	Kind     RemovalKind     `json:"kind"`
	Facility halong.Facility `json:"facility"`
	// Study, Series and SOP are what a deletion named, and the note of a rejection.
	Study     dicom.UID     `json:"study"`
	Series    dicom.UID     `json:"series,omitempty"`
	SOP       dicom.UID     `json:"instance,omitempty"`
	Code      string        `json:"code,omitempty"`    // of the reason, in the DICOM Controlled Terminology
	Meaning   string        `json:"meaning,omitempty"` // of the code
	Reason    string        `json:"reason,omitempty"`  // in free text; no patient data
	By        halong.Source `json:"by"`
	At        time.Time     `json:"at"` // UTC, microseconds
	Again     Again         `json:"again"`
	State     RemovalState  `json:"state"`
	Changed   time.Time     `json:"changed"`    // when the state last did
	ChangedBy halong.Source `json:"changed_by"` // who did that
	Named     int64         `json:"instances"`  // SOP Instances
	Hidden    int64         `json:"hidden"`     // versions that are kept hidden now

	Restored *Restored `json:"restored,omitempty"` // what Archive.Restore says
}

// Restored says what became of the SOP Instances that a removal named when it was taken back.
type Restored struct {
	Visible int64 `json:"visible"` // those that are visible again
	Hidden  int64 `json:"hidden"`  // those that another removal hides
	Gone    int64 `json:"gone"`    // those of which nothing is kept: a purge was begun before, or, of a rejection, they never came
	// Instances are the first ones, at most 1,000, that are gone.
	Instances []RemovedItem `json:"gone_instances,omitempty"`
}

// RemovalKind tells deletions from rejections.
type RemovalKind uint8

// The kinds of removals. Where both name an instance it is the deletion's: it is purged when that is.
const (
	Deleted  RemovalKind = 1
	Rejected RemovalKind = 2
)

// Again says what is done with an instance that a removal names and that arrives, again or for the first time.
type Again uint8

// What can be done with it.
const (
	AgainStored  Again = 1 // it is stored as any other, and the removal concerns it no more
	AgainHidden  Again = 2 // it is stored and hidden with the others
	AgainRefused Again = 3 // it is not taken
)

// RemovalState says what became of a removal.
type RemovalState uint8

// The states. A removal is in force while it hides and after it was purged: what it names is not there, and Again says what
// becomes of what arrives.
const (
	RemovalHides    RemovalState = 1
	RemovalRestored RemovalState = 2
	RemovalPurged   RemovalState = 3
)

// RemovedItem names one SOP Instance of the removal's facility.
type RemovedItem struct {
	Study  dicom.UID `json:"study"`
	Series dicom.UID `json:"series"`
	SOP    dicom.UID `json:"instance"`
}

// HiddenVersion is a version of an instance that was hidden or shown again.
type HiddenVersion struct {
	Identity
	SOPClass dicom.UID
	Digest   halong.Digest
	Version  int
	Served   bool
	Kept     bool // see Instance.Kept
}

// RemovalFilter chooses removals. Zero fields choose all.
type RemovalFilter struct {
	Study  dicom.UID
	State  RemovalState
	Kind   RemovalKind
	Before uint64 // only those with smaller numbers: the page before
	Limit  int    // 0: 100
	// Uncounted spares counting: Hidden is 1 when anything is.
	Uncounted bool
}

// RemovalIndex keeps removals and what they hide. Everything it does within a transaction is derived from its arguments and from what is
// in the index, so that a replay does the same.
type RemovalIndex interface {
	// AddRemoval adds a removal that names nothing yet.
	AddRemoval(tx halong.Tx, r *Removal) error
	// Removable gives at most n SOP Instances, ordered by the UIDs, that a deletion of ref, which names a facility and
	// a study, would hide: what is visible, and what only rejections hide.
	Removable(tx halong.Tx, ref Ref, n int) ([]RemovedItem, error)
	// Hide lets a removal name instances, and hides what is stored of them. It gives the versions that were visible.
	Hide(tx halong.Tx, removal uint64, items []RemovedItem) ([]HiddenVersion, error)
	// Restore shows at most n SOP Instances that the removal hides, all of them if n is 0, unless another removal in force names them: then
	// that one hides them. It gives the versions that are visible again, and whether there are more to restore.
	Restore(tx halong.Tx, removal uint64, n int) (back []HiddenVersion, more bool, err error)
	// Purge removes the rows of at most n versions that the removal hides, and their references. It tells how many, and whether there are more.
	Purge(tx halong.Tx, removal uint64, n int) (purged int, more bool, err error)
	// Describe makes the row of a series, or of the study if of.Series is empty, say what its served instances say: what the one that came first says,
	// filled in by further ones, at most n together; of a study the first ones of its series. read gives what an instance says of the
	// level, nil when it cannot be read; it is asked no more than it takes. Nothing is done when there is no such row, or none that can be read.
	Describe(tx halong.Tx, of Identity, n int, read func(*Instance) (*dataset.Set, error)) error
	// SetRemoval changes the state of a removal; cause is the deletion that did it, if one did.
	SetRemoval(tx halong.Tx, removal uint64, s RemovalState, at time.Time, by halong.Source, cause uint64) error
	// StateOf gives the state of a removal.
	StateOf(tx halong.Tx, removal uint64) (RemovalState, error)
	// Renew hides again what a rejection names that was taken back, as Hide does.
	Renew(tx halong.Tx, removal uint64) ([]HiddenVersion, error)
	// RejectionsBy gives the rejections in force whose notes are among the instances of a facility.
	RejectionsBy(tx halong.Tx, f halong.Facility, items []RemovedItem) ([]uint64, error)
	// TakenBack gives the rejections that a deletion of their notes took back.
	TakenBack(tx halong.Tx, cause uint64) ([]uint64, error)

	// Holders gives the visible facilities that have something of the reference's study, visible or hidden.
	Holders(ctx context.Context, scope halong.Scope, ref Ref) ([]halong.Facility, error)
	// Removals gives removals of visible facilities, the newest first.
	Removals(ctx context.Context, scope halong.Scope, f RemovalFilter) ([]Removal, error)
	// Removal gives one; the error is of kind NotExist when there is none.
	Removal(ctx context.Context, scope halong.Scope, id uint64) (*Removal, error)
	// WasDeleted tells whether a deletion in force, of a visible facility, named the study, series or instance or what it is part of.
	WasDeleted(ctx context.Context, scope halong.Scope, ref Ref) (bool, error)
	// Restored tells what became of what a removal names; at most n of what is gone are listed, ordered by the UIDs.
	Restored(ctx context.Context, removal uint64, n int) (*Restored, error)
	// IsHidden tells whether the version is hidden.
	IsHidden(ctx context.Context, id Identity, d halong.Digest) (bool, error)
	// HiddenInstances gives every hidden version, with bulk places filled in.
	HiddenInstances(ctx context.Context) iter.Seq2[*Instance, error]
	// Elsewhere gives the first instance that is not in a facility, visible or hidden, but is visible in another one; nil if there is none.
	Elsewhere(ctx context.Context, f halong.Facility, items []RemovedItem) (*RemovedItem, error)
}
