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

	// Coerced is the object that is served in the place of this one; nil: this one is. One record
	// holds both, so that no crash can part them.
	Coerced *objectRecord
}

// The versions of the encoding: the second has a coerced object too.
const (
	objectRecordVersion  = 1
	coercedRecordVersion = 2
)

// encode gives the record in three parts: everything up to the envelope's
// first byte, the envelope, and the heads.
func (r *objectRecord) encode() [][]byte {
	b := make([]byte, 0, 512+len(r.Frames))
	if r.Coerced == nil {
		b = append(b, objectRecordVersion)
	} else {
		b = append(b, coercedRecordVersion)
	}
	b = appendBytes(b, r.Facility)
	b = appendSource(b, r.Source)
	b = appendTime(b, r.Received)
	b = appendBytes(b, r.Study)
	b = appendBytes(b, r.Series)
	b = appendBytes(b, r.Reason)
	b = r.appendObject(b)
	b = binary.AppendUvarint(b, uint64(r.Tail))
	b = binary.AppendUvarint(b, uint64(r.Torn))
	if r.Coerced == nil {
		b = binary.AppendUvarint(b, uint64(len(r.Envelope)))
		return [][]byte{b, r.Envelope, r.Head}
	}
	b = r.Coerced.appendObject(b)
	b = binary.AppendUvarint(b, uint64(len(r.Envelope)))
	return [][]byte{b, r.Envelope, r.Head, r.Coerced.Head}
}

// appendObject adds manifest, parts and frames.
func (r *objectRecord) appendObject(b []byte) []byte {
	b = r.Manifest.Append(b)
	b = binary.AppendUvarint(b, uint64(len(r.Parts)))
	for i := range r.Parts {
		b = append(b, r.Parts[i].Digest[:]...)
		b = binary.AppendUvarint(b, uint64(r.Parts[i].Size))
		b = binary.BigEndian.AppendUint64(b, r.Parts[i].Prefix)
	}
	return appendBytes(b, r.Frames)
}

func (d *decoder) object(r *objectRecord) {
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
}

// places tells where envelope and head lie inside the payload at p.
func (r *objectRecord) places(p Place) (envelope, head Place) {
	n := int64(len(r.Head))
	end := p.Offset + p.Length
	if r.Coerced != nil {
		end -= int64(len(r.Coerced.Head))
	}
	head = Place{Segment: p.Segment, Offset: end - n, Length: n}
	e := int64(len(r.Envelope))
	envelope = Place{Segment: p.Segment, Offset: head.Offset - e, Length: e}
	return envelope, head
}

// coercedPlace tells where the coerced object's head lies inside the payload at p.
func (r *objectRecord) coercedPlace(p Place) Place {
	n := int64(len(r.Coerced.Head))
	return Place{Segment: p.Segment, Offset: p.Offset + p.Length - n, Length: n}
}

// parseObjectRecord reads what encode wrote; its slices point into b.
func parseObjectRecord(b []byte) (*objectRecord, error) {
	d := decoder{b: b}
	version := d.byte()
	if version != objectRecordVersion && version != coercedRecordVersion && d.err == nil {
		d.err = errors.New("object record of an unknown version")
	}
	r := &objectRecord{Facility: halong.Facility(d.string()), Source: d.source(), Received: d.time()}
	r.Study = dicom.UID(d.string())
	r.Series = dicom.UID(d.string())
	r.Reason = d.string()
	d.object(r)
	r.Tail = d.int()
	r.Torn = d.int()
	if version == coercedRecordVersion {
		d.coerced(r)
	}
	r.Envelope = d.bytes()
	switch {
	case r.Coerced == nil:
		r.Head = d.b
	case r.headApart():
		r.Coerced.Head = d.b
	default:
		r.Head = d.take(uint64(r.Manifest.HeadLength))
		r.Coerced.Head = d.b
	}
	if d.err == nil && (r.Tail > int64(len(r.Envelope)) || len(r.Parts) < len(r.Manifest.Bulk)) {
		d.err = errShort
	}
	if d.err != nil {
		return nil, halong.E("storage.parseObjectRecord", halong.Corrupt, "", d.err)
	}
	return r, nil
}

// coerced reads the object that is served in the place of r.
func (d *decoder) coerced(r *objectRecord) {
	c := &objectRecord{Facility: r.Facility, Source: r.Source, Received: r.Received, Study: r.Study, Series: r.Series, Reason: r.Reason}
	d.object(c)
	if d.err == nil && len(c.Parts) < len(c.Manifest.Bulk) {
		d.err = errShort
	}
	r.Coerced = c
}

// headApart tells whether the head is a blob of its own.
func (r *objectRecord) headApart() bool { return len(r.Parts) > len(r.Manifest.Bulk) }
