package storage

import (
	"context"

	"github.com/halong-gateway/halong"
)

// RecordKind tells what a journal record holds. The numbers are on disk and never change.
type RecordKind uint8

// The kinds of records. Blob records lie in bulk segments, all others in the journal.
const (
	RecordBlob       RecordKind = 1  // payload: the bytes of one blob
	RecordObject     RecordKind = 2  // a SOP Instance: manifest, facility, source, envelope, head
	RecordMessage    RecordKind = 3  // a raw HL7v2 message and where it came from
	RecordDecision   RecordKind = 4  // delete, version choice, link, merge, hold
	RecordQuarantine RecordKind = 5  // bytes that could not be understood, with the reason
	RecordVoid       RecordKind = 6  // the adapter's own: a range of records that was never committed
	RecordIdentity   RecordKind = 9  // an operator merged, unmerged, linked or unlinked patients
	RecordReprocess  RecordKind = 10 // a message that was only kept was processed later, at this place of the order
	RecordWorkitem   RecordKind = 7  // a change of a workitem or of who subscribes to it: see package worklist/ups
	RecordProcedure  RecordKind = 8  // what was scheduled or performed, beside what messages say: see package worklist
	RecordLabMap     RecordKind = 11 // a map of laboratory codes and units was loaded: see MapVersion

	MaxRecordKind RecordKind = 63 // greater numbers are nobody's
)

// Record is one journal record.
type Record struct {
	Seq     uint64 // dense order of commit, starting at 1
	Kind    RecordKind
	Payload []byte // valid only during the call
	Place   Place  // of the payload
}

// Journal is the ordered log of every fact that must survive.
type Journal interface {
	// Append adds a record to the transaction and tells its number and where its payload will lie. The
	// parts are written one after the other and need not stay valid after the
	// call. The record exists if and only if the transaction commits.
	Append(tx halong.Tx, kind RecordKind, parts ...[]byte) (seq uint64, payload Place, err error)
}

// Log is the committer's side of the journal. One goroutine calls it, in the
// order: any number of Append (between Mark and Rewind for each transaction of
// the group), Sync, then Committed or Aborted once the index has or has not committed.
type Log interface {
	// Mark tells how far the open group reaches.
	Mark() int
	// Rewind drops what was appended after the mark.
	Rewind(mark int)
	// Sync makes the group's records and every blob placed so far durable. It gives the
	// states of all segments that changed, to be saved with the index transaction.
	// After an error nothing of the group may be acknowledged; the affected segment is sealed.
	Sync(ctx context.Context) ([]SegmentState, error)
	// Committed ends the group.
	Committed()
	// Aborted ends the group after Sync succeeded or failed and the index did not
	// commit: its records become void and are never replayed.
	Aborted()
}

// SegmentState is what the index remembers of a segment.
type SegmentState struct {
	ID     uint32
	Bulk   bool   // holds blobs; else journal records
	Synced int64  // bytes known to be durable; damage below is corruption, beyond it a torn tail
	Sealed bool   // takes no more records
	Next   uint64 // journal segments: sequence number after the last synced record
}
