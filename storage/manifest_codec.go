package storage

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
)

const manifestVersion = 1

// Append adds the manifest's encoding to b. It is what the instance digest is
// taken of: version, SOP Class, SOP Instance and Transfer Syntax UIDs, digest and length of the head,
// then tag, offset, length and digest of each bulk value.
func (m *Manifest) Append(b []byte) []byte {
	b = append(b, manifestVersion)
	b = appendBytes(b, m.SOPClass)
	b = appendBytes(b, m.SOPInstance)
	b = appendBytes(b, m.TransferSyntax)
	b = append(b, m.Head[:]...)
	b = binary.AppendUvarint(b, uint64(m.HeadLength))
	b = binary.AppendUvarint(b, uint64(len(m.Bulk)))
	for i := range m.Bulk {
		p := &m.Bulk[i]
		b = binary.BigEndian.AppendUint32(b, uint32(p.Tag))
		b = binary.AppendUvarint(b, uint64(p.Offset))
		b = binary.AppendUvarint(b, uint64(p.Length))
		b = append(b, p.Digest[:]...)
	}
	return b
}

// Digest gives the instance digest: the SHA-256 of the encoding.
func (m *Manifest) Digest() halong.Digest { return sha256.Sum256(m.Append(nil)) }

// ParseManifest reads what Append wrote. The error is of kind Corrupt.
func ParseManifest(b []byte) (Manifest, error) {
	d := decoder{b: b}
	m := d.manifest()
	if d.err == nil && len(d.b) > 0 {
		d.err = errors.New("bytes after the manifest")
	}
	if d.err != nil {
		return Manifest{}, halong.E("storage.ParseManifest", halong.Corrupt, "", d.err)
	}
	return m, nil
}

func (d *decoder) manifest() (m Manifest) {
	if v := d.byte(); v != manifestVersion && d.err == nil {
		d.err = errors.New("manifest of an unknown version")
	}
	m.SOPClass = dicom.UID(d.string())
	m.SOPInstance = dicom.UID(d.string())
	m.TransferSyntax = dicom.UID(d.string())
	m.Head = d.digest()
	m.HeadLength = d.int()
	n := d.uvarint()
	if n > uint64(len(d.b)) { // each bulk value takes more than a byte
		d.err = errShort
	}
	if d.err != nil || n == 0 {
		return m
	}
	m.Bulk = make([]Bulk, n)
	for i := range m.Bulk {
		p := &m.Bulk[i]
		if v := d.take(4); v != nil {
			p.Tag = dicom.Tag(binary.BigEndian.Uint32(v))
		}
		p.Offset = d.int()
		p.Length = d.int()
		p.Digest = d.digest()
	}
	return m
}
