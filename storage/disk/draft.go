package disk

import (
	"context"
	"iter"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/storage"
)

// Store draft.
type Store struct{}

// Options draft; FS nil means the operating system's.
type Options struct {
	Budget      int64
	SegmentSize int64
	BulkSize    int64
}

// Open opens or makes a store. Kind Conflict when another process holds it.
func Open(dir string, o Options) (*Store, error) { panic("draft") }

// Close closes.
func (s *Store) Close() error { panic("draft") }

// Create implements storage.Blobs.
func (s *Store) Create(ctx context.Context, hint storage.BlobHint) (storage.BlobWriter, error) {
	panic("draft")
}

// Open implements storage.Blobs.
func (s *Store) Open(d halong.Digest, p storage.Place) (storage.BlobReader, error) { panic("draft") }

// Append implements storage.Journal.
func (s *Store) Append(tx halong.Tx, kind storage.RecordKind, parts ...[]byte) (uint64, storage.Place, error) {
	panic("draft")
}

// Mark implements storage.Log.
func (s *Store) Mark() int { panic("draft") }

// Rewind implements storage.Log.
func (s *Store) Rewind(mark int) { panic("draft") }

// Sync implements storage.Log.
func (s *Store) Sync(ctx context.Context) ([]storage.SegmentState, error) { panic("draft") }

// Committed implements storage.Log.
func (s *Store) Committed() { panic("draft") }

// Aborted implements storage.Log.
func (s *Store) Aborted() { panic("draft") }

// Recover looks beyond the synced lengths the index remembers. Must be called before the first Append
// unless the folder is new. states empty: the index is lost, the tail is the whole journal.
func (s *Store) Recover(ctx context.Context, states []storage.SegmentState) (*Tail, error) {
	panic("draft")
}

// Tail is what Recover found beyond the synced lengths.
type Tail struct{}

// Records gives the journal records the index does not have, in order. Damage is an error of kind Corrupt; iteration may go on.
func (t *Tail) Records() iter.Seq2[storage.Record, error] { panic("draft") }

// Blob finds a blob by its digest whatever the index knows (tail first, then newest segments first).
func (t *Tail) Blob(ctx context.Context, d halong.Digest) (storage.BlobInfo, storage.Place, bool, error) {
	panic("draft")
}

// Void says that a record of the tail was not applied (a blob of it never became durable): it will never be replayed.
func (t *Tail) Void(seq uint64) { panic("draft") }

// Done says that all records are applied: from the next Log.Sync on the recovered segments' states are reported. Call it
// inside the (last) Update that applies them.
func (t *Tail) Done() { panic("draft") }

// Empty tells that the index is up to date.
func (t *Tail) Empty() bool { panic("draft") }

// Replay gives every journal record that was not voided in order. Damage does not stop it; it is the
// error (kind Corrupt) at the end.
func (s *Store) Replay(ctx context.Context, fn func(storage.Record) error) error { panic("draft") }

// WalkBlobs gives every stored blob by reading headers only.
func (s *Store) WalkBlobs(ctx context.Context, fn func(storage.BlobInfo, storage.Place) error) error {
	panic("draft")
}

// Rehash reads a blob and compares its SHA-256 (kind Corrupt when it differs).
func (s *Store) Rehash(ctx context.Context, d halong.Digest, p storage.Place) error { panic("draft") }

// Damage is a range of bytes that holds no valid record.
type Damage struct {
	Segment        uint32
	Offset, Length int64
	Reason         string
}

// Scrub reads every segment up to its synced length, checks every record's checksums and reports damage.
func (s *Store) Scrub(ctx context.Context, progress func(done, total int64)) ([]Damage, error) {
	panic("draft")
}

// RemoveBlob removes a blob's bytes (a file of its own) or counts them as garbage (segment). still is asked,
// while no upload of the same digest can intervene, whether the index still has the blob marked deleting.
func (s *Store) RemoveBlob(d halong.Digest, p storage.Place, still func() (bool, error)) error {
	panic("draft")
}

// SegmentInfo describes a segment.
type SegmentInfo struct {
	storage.SegmentState
	Size    int64
	Garbage int64 // bytes counted by RemoveBlob since Open
}

// Segments lists the segments.
func (s *Store) Segments() []SegmentInfo { panic("draft") }

// CompactSegment copies the blobs keep says yes to into the active segment, syncs, tells moved, drops the segment.
func (s *Store) CompactSegment(ctx context.Context, id uint32, keep func(halong.Digest) (bool, error), moved func(halong.Digest, storage.Place) error) error {
	panic("draft")
}

var (
	_ storage.Blobs   = (*Store)(nil)
	_ storage.Journal = (*Store)(nil)
	_ storage.Log     = (*Store)(nil)
)
