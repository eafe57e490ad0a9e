package pdu

import (
	"encoding/binary"
	"math"

	"github.com/halong-gateway/halong/dicom"
)

// writer builds a PDU whose length is filled in at the end.
type writer struct {
	b     []byte
	start int
	long  bool // something is longer than its length field can tell
}

func begin(dst []byte, t Type) *writer {
	return &writer{b: append(dst, byte(t), 0, 0, 0, 0, 0), start: len(dst)}
}

func (w *writer) end() []byte {
	binary.BigEndian.PutUint32(w.b[w.start+2:], uint32(len(w.b)-w.start-HeaderLength))
	return w.b
}

// open begins an item and gives the place of its content; shut fills in the length.
func (w *writer) open(typ, second uint8) int {
	w.b = append(w.b, typ, second, 0, 0)
	return len(w.b)
}

func (w *writer) shut(content int) {
	w.long = w.long || len(w.b)-content > math.MaxUint16
	binary.BigEndian.PutUint16(w.b[content-2:], uint16(len(w.b)-content))
}

func (w *writer) uint16(v uint16) { w.b = binary.BigEndian.AppendUint16(w.b, v) }

// bytes16 adds a field preceded by its length in 16 bits.
func (w *writer) bytes16(v []byte) {
	w.long = w.long || len(v) > math.MaxUint16
	w.uint16(uint16(len(v)))
	w.b = append(w.b, v...)
}

func (w *writer) uid16(u dicom.UID) { w.bytes16([]byte(u)) }

// uid adds an item that is one UID, without padding (PS3.8 annex F).
func (w *writer) uid(typ uint8, u dicom.UID) {
	at := w.open(typ, 0)
	w.b = append(w.b, u...)
	w.shut(at)
}

func (w *writer) fixed(version uint16, called, calling string) {
	w.uint16(version)
	w.uint16(0)
	w.aeTitle(called)
	w.aeTitle(calling)
	w.b = append(w.b, make([]byte, 32)...)
}

// aeTitle adds 16 bytes, filled with spaces; what is longer is cut.
func (w *writer) aeTitle(s string) {
	const blank = "                "
	s = s[:min(len(s), len(blank))]
	w.b = append(append(w.b, s...), blank[len(s):]...)
}
