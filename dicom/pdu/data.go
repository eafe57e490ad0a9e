package pdu

import "encoding/binary"

// PDVHeaderLength is what begins each Presentation Data Value of a P-DATA-TF
// PDU: length in 32 bits, Presentation Context ID, message control header
// (PS3.8 9.3.5.1 and E.2).
const PDVHeaderLength = 6

const pdvHeaderLength = PDVHeaderLength

// DataOverhead is what a P-DATA-TF PDU with one Presentation Data Value has
// besides the fragment, counted as Maximum Length Received counts: without the
// PDU's own header.
const DataOverhead = PDVHeaderLength

// PDV begins a fragment of a message.
type PDV struct {
	Context uint8  // Presentation Context ID, odd
	Command bool   // fragment of a Command Set; else of a Data Set
	Last    bool   // last fragment of its Command Set or Data Set
	Length  uint32 // of the fragment itself
}

// ParsePDV reads a Presentation Data Value's header. left is how many bytes of
// the P-DATA-TF PDU remain, the header included; offset says where b lies in the PDU.
func ParsePDV(b []byte, left uint32, offset int) (PDV, error) {
	bad := func(what string) (PDV, error) {
		return PDV{}, &SyntaxError{TypeData, offset, InvalidParameterValue, what}
	}
	if left < PDVHeaderLength || len(b) < PDVHeaderLength {
		return bad("too short for a presentation data value")
	}
	n := binary.BigEndian.Uint32(b)
	if n < 2 {
		return bad("presentation data value without message control header")
	}
	if n > left-4 {
		return bad("presentation data value is longer than its PDU")
	}
	if b[4]&1 == 0 {
		return bad("presentation context ID is even")
	}
	return PDV{Context: b[4], Command: b[5]&1 != 0, Last: b[5]&2 != 0, Length: n - 2}, nil
}

// Append adds the header to dst; the fragment follows.
func (p PDV) Append(dst []byte) []byte {
	var control byte
	if p.Command {
		control |= 1
	}
	if p.Last {
		control |= 2
	}
	return append(binary.BigEndian.AppendUint32(dst, p.Length+2), p.Context, control)
}

// AppendData adds the header of a P-DATA-TF PDU that holds the one fragment
// described by p; the fragment follows.
func AppendData(dst []byte, p PDV) []byte {
	return p.Append(Header{TypeData, p.Length + DataOverhead}.Append(dst))
}
