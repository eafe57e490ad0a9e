package pdu

import "fmt"

// SyntaxError says where a PDU breaks PS3.8 9.3.
type SyntaxError struct {
	PDU         Type
	Offset      int // of the offending byte, from the first byte of the PDU
	AbortReason AbortReason
	Reason      string
}

// Error gives PDU, place and reason.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("%v (type %02XH) at byte %d: %s", e.PDU, byte(e.PDU), e.Offset, e.Reason)
}

// reader walks the variable part of a PDU. The first failure sticks.
type reader struct {
	pdu Type
	b   []byte
	at  int // offset of b[0] in the PDU
	err error
}

func (r *reader) fail(reason AbortReason, what string) {
	if r.err == nil {
		r.err = &SyntaxError{r.pdu, r.at, reason, what}
	}
	r.b = nil
}

func (r *reader) take(n int, what string) []byte {
	if len(r.b) < n {
		r.fail(InvalidParameterValue, what+" is cut short")
		return nil
	}
	b := r.b[:n]
	r.b, r.at = r.b[n:], r.at+n
	return b
}

func (r *reader) uint8(what string) uint8 {
	if b := r.take(1, what); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) uint16(what string) uint16 {
	if b := r.take(2, what); b != nil {
		return uint16(b[0])<<8 | uint16(b[1])
	}
	return 0
}

func (r *reader) uint32(what string) uint32 {
	if b := r.take(4, what); b != nil {
		return uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
	}
	return 0
}

// bytes16 takes a field preceded by its length in 16 bits.
func (r *reader) bytes16(what string) []byte {
	return r.take(int(r.uint16(what)), what)
}

// item takes the next item: type, the second byte (reserved nearly always),
// and a reader over its content.
func (r *reader) item() (typ, second uint8, body reader) {
	typ, second = r.uint8("item"), r.uint8("item")
	n := int(r.uint16("item"))
	at := r.at
	return typ, second, reader{pdu: r.pdu, b: r.take(n, "item"), at: at, err: r.err}
}

// more tells whether another item follows.
func (r *reader) more() bool { return r.err == nil && len(r.b) > 0 }

// adopt takes over the failure of an item's reader.
func (r *reader) adopt(item *reader) {
	if item.err != nil && r.err == nil {
		r.err, r.b = item.err, nil
	}
}
