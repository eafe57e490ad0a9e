package storage

import (
	"context"
	"io"

	"github.com/halong-gateway/halong"
)

// Place is where bytes lie in the blob store.
type Place struct {
	Segment uint32 // segment number; 0: a file of its own, named by the digest
	Offset  int64  // of the first payload byte in the segment or file
	Length  int64  // in bytes
}

// BlobHint is what is known of a blob before its first byte.
type BlobHint struct {
	Size int64 // expected size in bytes, -1 if unknown; never trusted for allocation

	// Lookup, when set, is called once by writers of large blobs with a
	// fingerprint of the first 64 KiB (BlobInfo.Prefix). It returns a stored blob that may be
	// equal, which arriving bytes are then compared with instead of being
	// written, or nil. The writer closes the reader.
	Lookup func(prefix uint64) (halong.Digest, Place, BlobReader)
}

// BlobInfo describes a finished blob.
type BlobInfo struct {
	Digest halong.Digest // SHA-256 of all bytes
	Size   int64
	Prefix uint64 // xxhash64 of the first 64 KiB if larger than that, else 0: a hint for finding equal large blobs, never proof
}

// BlobWriter takes the bytes of one blob. It is used by one goroutine.
type BlobWriter interface {
	// Write adds bytes. The error is of kind Exhausted when the disk is full,
	// Transient when it failed.
	io.Writer
	// Finish ends the blob. Nothing can be written afterwards.
	Finish() (BlobInfo, error)
	// Bytes gives the content while it is still wholly in memory.
	Bytes() ([]byte, bool)
	// Place puts the finished blob where it will stay and tells where. A blob in a
	// segment is durable after the next Log.Sync; a blob in a file of its own is
	// durable when Place returns (file synced, renamed, folder synced). Called again it tells
	// the same place. A blob found equal to a stored one by BlobHint.Lookup has that one's place.
	Place() (Place, error)
	// Close gives memory back and removes what was not placed. Always call it.
	Close() error
}

// BlobReader reads one stored blob. ReadAt may be called concurrently.
type BlobReader interface {
	io.ReaderAt
	io.Closer
	Size() int64
}

// Blobs keeps immutable bytes.
type Blobs interface {
	// Create starts a blob. It waits while the ingest budget is used up, until ctx ends.
	Create(ctx context.Context, hint BlobHint) (BlobWriter, error)
	// Open opens stored bytes. The error is of kind Corrupt when they are not there. Bytes
	// are not re-hashed here; verify does that.
	Open(d halong.Digest, p Place) (BlobReader, error)
}
