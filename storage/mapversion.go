package storage

import (
	"context"
	"encoding/binary"
	"errors"
	"time"

	"github.com/halong-gateway/halong"
)

// MapVersion is a map of laboratory codes and units as it was loaded. Its bytes are kept, so that what results were once given out with can
// be told. The fields up to Raw are the payload of RecordLabMap, the others are derived from them.
type MapVersion struct {
	Name    string    // of the file
	Version string    // what the file says, else the first digits of its digest
	Loaded  time.Time // UTC, microseconds
	Codes   int       // rows that map a code
	Units   int       // rows that map a unit
	Raw     []byte    // the file; nil when read from the index, see Place

	Seq    uint64 // journal record
	Digest halong.Digest
	Place  Place // of Raw
}

// MapVersions keeps what was loaded.
type MapVersions interface {
	// AddMapVersion adds a row.
	AddMapVersion(tx halong.Tx, m *MapVersion) error
	// MapVersions gives those that were loaded last, at most limit of them, the newest first.
	MapVersions(ctx context.Context, limit int) ([]MapVersion, error)
}

// mapRecordVersion is the version of the payload of RecordLabMap.
const mapRecordVersion = 1

// Record gives the payload of the journal record in parts, the last of which is Raw.
func (m *MapVersion) Record() [][]byte {
	b := appendBytes([]byte{mapRecordVersion}, m.Name)
	b = appendBytes(b, m.Version)
	b = appendTime(b, m.Loaded)
	b = binary.AppendUvarint(b, uint64(m.Codes))
	return [][]byte{binary.AppendUvarint(b, uint64(m.Units)), m.Raw}
}

// RawPlace tells where the map's bytes lie in a record whose payload is at p.
func (m *MapVersion) RawPlace(p Place) Place {
	n := int64(len(m.Raw))
	return Place{Segment: p.Segment, Offset: p.Offset + p.Length - n, Length: n}
}

// ParseMapVersion reads what Record wrote; Raw points into b. The error is of kind Corrupt.
func ParseMapVersion(b []byte) (*MapVersion, error) {
	d := decoder{b: b}
	if d.byte() != mapRecordVersion && d.err == nil {
		d.err = errors.New("map record of an unknown version")
	}
	m := &MapVersion{Name: d.string(), Version: d.string(), Loaded: d.time()}
	m.Codes, m.Units = int(d.uvarint()&0xffffffff), int(d.uvarint()&0xffffffff)
	m.Raw = d.b
	if d.err != nil {
		return nil, halong.E("storage.ParseMapVersion", halong.Corrupt, "", d.err)
	}
	return m, nil
}
