package storage

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
)

// objectRecord is the payload of RecordObject and RecordQuarantine: everything
// about one received object that cannot be derived from its blobs. The head
// stands at the end, so that it can be read in place.
type objectRecord struct {
	Facility halong.Facility
	Source   halong.Source
	Received time.Time // UTC, microseconds
	Study    dicom.UID
	Series   dicom.UID
	Reason   string // why it lies in quarantine, or why it is torn
	Manifest Manifest
	Parts    []BlobInfo // of Manifest.Bulk, then of the head if that is a blob of its own
	Frames   []byte
	Envelope []byte
	Tail     int64  // how many of the envelope's last bytes are trailing bytes
	Torn     int64  // see Instance.Torn
	Head     []byte // nil: the head is a blob of its own
}

const objectRecordVersion = 1

// encode gives the record in three parts: everything up to the envelope's
// first byte, the envelope, and the head with its length in front.
func (r *objectRecord) encode() [][]byte {
	b := make([]byte, 0, 512+len(r.Frames))
	b = append(b, objectRecordVersion)
	b = appendBytes(b, r.Facility)
	b = appendSource(b, r.Source)
	b = appendTime(b, r.Received)
	b = appendBytes(b, r.Study)
	b = appendBytes(b, r.Series)
	b = appendBytes(b, r.Reason)
	b = r.Manifest.Append(b)
	b = binary.AppendUvarint(b, uint64(len(r.Parts)))
	for i := range r.Parts {
		b = append(b, r.Parts[i].Digest[:]...)
		b = binary.AppendUvarint(b, uint64(r.Parts[i].Size))
		b = binary.BigEndian.AppendUint64(b, r.Parts[i].Prefix)
	}
	b = appendBytes(b, r.Frames)
	b = binary.AppendUvarint(b, uint64(r.Tail))
	b = binary.AppendUvarint(b, uint64(r.Torn))
	b = binary.AppendUvarint(b, uint64(len(r.Envelope)))
	return [][]byte{b, r.Envelope, r.Head}
}

// places tells where envelope and head lie inside the payload at p.
func (r *objectRecord) places(p Place) (envelope, head Place) {
	n := int64(len(r.Head))
	head = Place{Segment: p.Segment, Offset: p.Offset + p.Length - n, Length: n}
	e := int64(len(r.Envelope))
	envelope = Place{Segment: p.Segment, Offset: head.Offset - e, Length: e}
	return envelope, head
}

// parseObjectRecord reads what encode wrote; its slices point into b.
func parseObjectRecord(b []byte) (*objectRecord, error) {
	d := decoder{b: b}
	if v := d.byte(); v != objectRecordVersion && d.err == nil {
		d.err = errors.New("object record of an unknown version")
	}
	r := &objectRecord{Facility: halong.Facility(d.string()), Source: d.source(), Received: d.time()}
	r.Study = dicom.UID(d.string())
	r.Series = dicom.UID(d.string())
	r.Reason = d.string()
	r.Manifest = d.manifest()
	n := d.uvarint()
	if n > uint64(len(d.b)) {
		d.err = errShort
	}
	for i := uint64(0); i < n && d.err == nil; i++ {
		info := BlobInfo{Digest: d.digest(), Size: d.int()}
		if v := d.take(8); v != nil {
			info.Prefix = binary.BigEndian.Uint64(v)
		}
		r.Parts = append(r.Parts, info)
	}
	r.Frames = d.bytes()
	r.Tail = d.int()
	r.Torn = d.int()
	r.Envelope = d.bytes()
	r.Head = d.b
	if d.err == nil && (r.Tail > int64(len(r.Envelope)) || len(r.Parts) < len(r.Manifest.Bulk)) {
		d.err = errShort
	}
	if d.err != nil {
		return nil, halong.E("storage.parseObjectRecord", halong.Corrupt, "", d.err)
	}
	return r, nil
}

// headApart tells whether the head is a blob of its own.
func (r *objectRecord) headApart() bool { return len(r.Parts) > len(r.Manifest.Bulk) }
