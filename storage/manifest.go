package storage

import (
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
)

// SplitThreshold is the size in bytes above which a top-level value of VR OB,
// OD, OF, OL, OV, OW or UN is kept as a blob of its own. It is part of manifest version 1.
const SplitThreshold = 16 << 10

// Manifest says of which parts an object's data set consists. Head and bulk
// values joined again give the received bytes exactly. Its SHA-256 is the
// instance digest.
type Manifest struct {
	SOPClass       dicom.UID
	SOPInstance    dicom.UID
	TransferSyntax dicom.UID
	Head           halong.Digest // of all bytes of the data set except the bulk values
	HeadLength     int64
	Bulk           []Bulk // in ascending order of offset
}

// Bulk is one value kept apart from the head.
type Bulk struct {
	Tag    dicom.Tag
	Offset int64 // of the value's first byte in the whole data set
	Length int64
	Digest halong.Digest
	Place  Place // filled in by the index when read; not part of the manifest's encoding
}

// Size gives the length of the whole data set in bytes.
func (m *Manifest) Size() int64 {
	n := m.HeadLength
	for i := range m.Bulk {
		n += m.Bulk[i].Length
	}
	return n
}

// Identity says which SOP Instance something is, and whose.
type Identity struct {
	Facility halong.Facility
	Study    dicom.UID
	Series   dicom.UID
	SOP      dicom.UID
}

// Instance is one stored version of a SOP Instance, as the index knows it.
type Instance struct {
	ID int64 // the index's own key; not stable across reindex
	Identity
	Digest       halong.Digest // of the manifest
	Manifest     Manifest
	Head         Place
	Envelope     Place // preamble, File Meta Information and trailing bytes as received; Length 0 if there were none
	EnvelopeTail int64 // how many of the envelope's last bytes are trailing bytes
	// Torn is the offset at which the readable part of a data set ends that was cut
	// off on its medium; 0 for a whole one. Everything received is given back all the same.
	Torn    int64
	Frames  []byte // encoded dataset.FrameTable; nil when the object has no frames
	Version int    // 1 for the first to arrive
	Served  bool   // whether queries and retrieval show this version
	// Kept tells that this is what was received of an object that was coerced: never served, it is there
	// to be given back. The version served in its place has the same Seq.
	Kept     bool
	Patient  *PatientIdentity // whose it is served as; nil: the identity that it was received with
	Received time.Time        // UTC, microseconds
	Source   halong.Source
	Seq      uint64 // journal record
}
