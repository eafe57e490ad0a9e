package storage

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/halong-gateway/halong"
)

// Journal payloads and manifests are written with the few primitives below:
// unsigned varints (LEB128), strings and byte strings preceded by their length
// as such a varint, digests as 32 plain bytes, times as microseconds since 1970
// UTC in 8 bytes big endian.

var errShort = errors.New("record is shorter than it claims")

func appendBytes[T ~string | ~[]byte](b []byte, v T) []byte {
	b = binary.AppendUvarint(b, uint64(len(v)))
	return append(b, v...)
}

func appendTime(b []byte, t time.Time) []byte {
	return binary.BigEndian.AppendUint64(b, uint64(t.UnixMicro()))
}

func appendSource(b []byte, s halong.Source) []byte {
	b = appendBytes(b, s.Protocol)
	b = appendBytes(b, s.Peer)
	return appendBytes(b, s.Address)
}

// decoder reads what the append functions wrote. After the first failure err is
// set and everything read is zero.
type decoder struct {
	b    []byte
	read int // bytes consumed
	err  error
}

func (d *decoder) take(n uint64) []byte {
	if d.err != nil || n > uint64(len(d.b)) {
		d.err = errShort
		return nil
	}
	v := d.b[:n]
	d.b = d.b[n:]
	d.read += int(n)
	return v
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.err = errShort
		return 0
	}
	d.take(uint64(n))
	return v
}

func (d *decoder) int() int64 {
	v := d.uvarint()
	if v > 1<<62 {
		d.err = errShort
		return 0
	}
	return int64(v)
}

func (d *decoder) bytes() []byte { return d.take(d.uvarint()) }

func (d *decoder) string() string { return string(d.bytes()) }

func (d *decoder) byte() byte {
	if v := d.take(1); v != nil {
		return v[0]
	}
	return 0
}

func (d *decoder) digest() (v halong.Digest) {
	copy(v[:], d.take(uint64(len(v))))
	return v
}

func (d *decoder) time() time.Time {
	v := d.take(8)
	if v == nil {
		return time.Time{}
	}
	return time.UnixMicro(int64(binary.BigEndian.Uint64(v))).UTC()
}

func (d *decoder) source() halong.Source {
	return halong.Source{Protocol: d.string(), Peer: d.string(), Address: d.string()}
}
