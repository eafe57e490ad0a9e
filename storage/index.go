package storage

import (
	"context"
	"iter"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/query"
)

// Outcome says what storing came to.
type Outcome uint8

// The outcomes. All but Quarantined and OutcomeNone are success to the sender.
const (
	OutcomeNone Outcome = iota
	Stored              // first version of this SOP Instance
	Duplicate           // the same digest is stored already; nothing was written
	Version             // other bytes under a known SOP Instance UID: kept as a further version
	Quarantined         // not understood: bytes are kept with a reason
)

// NewInstance is what the index needs to add an instance. The three sets hold,
// in Explicit VR Little Endian and UTF-8, what queries match and return at
// their level; they are sorted by tag.
type NewInstance struct {
	Instance
	StudyAttributes    *dataset.Set // patient and study
	SeriesAttributes   *dataset.Set
	InstanceAttributes *dataset.Set
	BulkInfo           []BlobInfo // of each of Manifest.Bulk, then of the head if that is a blob of its own; each gets a reference
}

// Added is what AddInstance did.
type Added struct {
	Outcome Outcome
	ID      int64
	Version int
	Served  bool
	Hidden  bool // a removal in force hides it: see RemovalIndex
	Refused bool // a removal in force refuses it; nothing was added
}

// Level is a level of the query/retrieve information model (PS3.4 C.6).
type Level uint8

// The levels.
const (
	LevelStudy Level = iota + 1
	LevelSeries
	LevelInstance
)

// Query asks for studies, series or instances.
type Query struct {
	Level Level
	Keys  []query.Key // all must match
	query.Rules
	Limit  int // 0: no limit
	Offset int
	After  *Position // leave out what stands before and at this place of the order; nil: nothing
	Apart  bool      // the attributes of levels above come in Row.Above
}

// Position is a place in the order of answers (see InstanceIndex.Find). It stays where it is
// whatever is stored or deleted meanwhile, and is good for the level, scope and keys of the query that gave it.
type Position struct {
	Date     string // StudyDate as the index keeps it
	Study    dicom.UID
	Series   NumberedUID // zero in a search for studies
	Instance NumberedUID // zero above instances
}

// NumberedUID is the place of a series in its study, or of an instance in its series.
type NumberedUID struct {
	Number int64
	UID    dicom.UID
}

// Row is one match: the attributes of its level and of those above, with
// counts, ModalitiesInStudy and InstanceAvailability filled in, sorted by tag, text in UTF-8.
type Row struct {
	Identity
	Attributes *dataset.Set
	Above      *dataset.Set // with Query.Apart: of the levels above, shared by rows, not to be changed
	Position   Position     // of the row, for Query.After
}

// Ref names a study, series or instance. Empty parts stand for "all".
type Ref struct {
	Study, Series, SOP dicom.UID
	AllVersions        bool            // also versions that are not served
	Facility           halong.Facility // only this one's; empty: any the scope sees
}

// Stamp is a state of stored objects. Two equal ones of the same scope and ref say that nothing changed in between: neither
// instances nor attributes. What is read after a stamp was asked for may be newer, never older.
type Stamp struct {
	Study  string // any change in the study
	Series string // any change in the series; empty when none was asked for
}

// InstanceIndex holds studies, series and instances.
type InstanceIndex interface {
	// Digest gives the digest of a served or unserved version equal to d; used to
	// answer duplicates without a transaction.
	HasInstance(ctx context.Context, id Identity, d halong.Digest) (bool, error)
	// AddInstance adds a version unless it is there, and a reference for each of n.BulkInfo
	// (which must have a row, see BlobIndex.AddBlob). policy says which version is served.
	AddInstance(tx halong.Tx, n *NewInstance, policy VersionPolicy) (Added, error)
	// DeleteInstance removes a version's row and its references (bulk values, and the head
	// where Head.Segment is 0), and keeps
	// counts and served versions right.
	DeleteInstance(tx halong.Tx, id Identity, d halong.Digest) error
	// Find gives matches ordered by (StudyDate, StudyInstanceUID) and below a study by
	// (SeriesNumber, SeriesInstanceUID), (InstanceNumber, SOPInstanceUID).
	// With several facilities in scope the answer is merged by UID.
	Find(ctx context.Context, scope halong.Scope, q Query) iter.Seq2[Row, error]
	// Instances gives what ref names, in the order of Find, with bulk places filled in.
	Instances(ctx context.Context, scope halong.Scope, ref Ref) iter.Seq2[*Instance, error]
	// Stamp gives the state of a study and, if ref names one, of a series of it, as far as the scope sees them. The
	// error is of kind NotExist when there is none.
	Stamp(ctx context.Context, scope halong.Scope, ref Ref) (Stamp, error)
}

// VersionPolicy says which version is served when one SOP Instance UID comes with other bytes.
type VersionPolicy string

// The policies.
const (
	ServeFirst VersionPolicy = "first" // the default
	ServeLast  VersionPolicy = "last"
	// QuarantineVersions takes no version but the first: others are refused and kept
	// in quarantine. It is the archive's business; an index is never asked for it.
	QuarantineVersions VersionPolicy = "quarantine"
)

// BlobRow is what the index knows of a shared bulk blob.
type BlobRow struct {
	BlobInfo
	Place Place
	Refs  int64
}

// BlobIndex holds the shared bulk blobs and their reference counts.
type BlobIndex interface {
	// Blob gives a live blob's row; ok is false when there is none.
	Blob(ctx context.Context, d halong.Digest) (row BlobRow, ok bool, err error)
	// BlobByPrefix gives a live large blob with that prefix fingerprint, the newest first.
	BlobByPrefix(ctx context.Context, prefix uint64) (row BlobRow, ok bool, err error)
	// AddBlob makes sure that a live row for the blob exists in the transaction. If there is one
	// it is left alone and used=false; else the row is inserted with p, unless p is nil: then found=false
	// and the caller writes the bytes and runs its transaction again. A row marked deleting comes back to
	// life if p is its very place, a file that was just written again or is held open.
	AddBlob(tx halong.Tx, info BlobInfo, p *Place) (used, found bool, err error)
	// Unreferenced gives blobs without references since before the time given, and
	// those marked deleting.
	Unreferenced(ctx context.Context, before time.Time, limit int) ([]BlobRow, error)
	// MarkDeleting takes the blob at a place out of use, and is true if it is so already; false if it
	// has references again or is there no more.
	MarkDeleting(tx halong.Tx, d halong.Digest, at Place) (bool, error)
	// ForgetBlob removes the row at a place if it is marked deleting, after its bytes are gone.
	ForgetBlob(tx halong.Tx, d halong.Digest, at Place) error
	// BlobAt tells what the blob at a place is to the index.
	BlobAt(ctx context.Context, d halong.Digest, at Place) (BlobState, error)
	// MoveBlob changes the place of a live blob, if it still is from.
	MoveBlob(tx halong.Tx, d halong.Digest, from, to Place) error
	// LiveBlobs tells of each segment how much of it live blobs need; segments without any are left
	// out, and so are blobs in files of their own.
	LiveBlobs(ctx context.Context) (map[uint32]LiveBlobs, error)
	// HasLiveBlobs tells whether a segment holds a live blob.
	HasLiveBlobs(ctx context.Context, segment uint32) (bool, error)
	// StoreGeneration gives the generation of the blob store that this index was last in step with.
	StoreGeneration(ctx context.Context) (uint64, error)
	// SetStoreGeneration changes it.
	SetStoreGeneration(tx halong.Tx, g uint64) error
}

// BlobState says what a stored blob is to the index.
type BlobState uint8

// The states of blobs.
const (
	BlobUnknown  BlobState = iota // no row has this place
	BlobLive                      // objects may refer to it
	BlobDeleting                  // out of use; its bytes go, or are gone
)

// LiveBlobs is the sum of live blobs in one segment.
type LiveBlobs struct {
	Blobs int64
	Bytes int64 // payload
}

// QuarantineEntry is an object that could not be understood.
type QuarantineEntry struct {
	Seq          uint64 // journal record; names the entry, stable across reindex
	Facility     halong.Facility
	Source       halong.Source
	Received     time.Time
	Reason       string   // for operators; no patient data
	Manifest     Manifest // UIDs as far as they were readable
	Head         Place
	Envelope     Place
	EnvelopeTail int64
	HeadApart    bool // the head is a blob of its own, which the entry references too
}

// QuarantineIndex lists quarantined objects.
type QuarantineIndex interface {
	// AddQuarantine adds an entry, and a reference for each of its manifest's bulk
	// values and, with HeadApart, for its head.
	AddQuarantine(tx halong.Tx, e *QuarantineEntry) error
	// Quarantine gives the entries in order of arrival, with bulk places filled in.
	Quarantine(ctx context.Context, scope halong.Scope) iter.Seq2[*QuarantineEntry, error]
	// QuarantinedDigest tells whether the same bytes are there already.
	HasQuarantine(ctx context.Context, f halong.Facility, manifest halong.Digest) (bool, error)
}

// Events is the change feed.
type Events interface {
	// Emit adds an event to the transaction; its number and chain are given at commit.
	Emit(tx halong.Tx, e halong.Event) error
	// EventsSince gives committed events with a number greater than seq, at most limit.
	EventsSince(ctx context.Context, seq uint64, limit int) ([]halong.Event, error)
}

// Index is all the archive needs of an index adapter.
type Index interface {
	halong.Updater
	InstanceIndex
	BlobIndex
	QuarantineIndex
	RemovalIndex
	Events
}
