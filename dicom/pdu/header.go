package pdu

import "encoding/binary"

// Type is a PDU type (PS3.8 9.3.1).
type Type uint8

// The PDU types.
const (
	TypeAssociateRQ Type = 0x01
	TypeAssociateAC Type = 0x02
	TypeAssociateRJ Type = 0x03
	TypeData        Type = 0x04
	TypeReleaseRQ   Type = 0x05
	TypeReleaseRP   Type = 0x06
	TypeAbort       Type = 0x07
)

var typeNames = [...]string{
	TypeAssociateRQ: "A-ASSOCIATE-RQ", TypeAssociateAC: "A-ASSOCIATE-AC", TypeAssociateRJ: "A-ASSOCIATE-RJ",
	TypeData: "P-DATA-TF", TypeReleaseRQ: "A-RELEASE-RQ", TypeReleaseRP: "A-RELEASE-RP", TypeAbort: "A-ABORT",
}

// String gives the standard's name.
func (t Type) String() string {
	if int(t) < len(typeNames) && typeNames[t] != "" {
		return typeNames[t]
	}
	return "unrecognized PDU"
}

// HeaderLength is the length of what begins every PDU: type, a reserved byte,
// and the length of the rest in 32 bits.
const HeaderLength = 6

// Header begins every PDU.
type Header struct {
	Type   Type
	Length uint32 // of what follows the header
}

// ParseHeader reads the first HeaderLength bytes of b.
func ParseHeader(b []byte) Header {
	_ = b[HeaderLength-1]
	return Header{Type(b[0]), binary.BigEndian.Uint32(b[2:])}
}

// Append adds the header's encoding to dst.
func (h Header) Append(dst []byte) []byte {
	return binary.BigEndian.AppendUint32(append(dst, byte(h.Type), 0), h.Length)
}

// MaxAssociateLength bounds A-ASSOCIATE-RQ and -AC PDUs, in bytes: 128 Presentation Contexts, each with every Transfer Syntax of PS3.6
// annex A, and all the user information that there can be, take two thirds of it. More would be memory for whoever connects.
const MaxAssociateLength = 384 << 10

// Check tells whether a PDU with this header may be read at all: the type is
// known, fixed lengths are right and association requests are within bounds.
func (h Header) Check() error {
	switch h.Type {
	case TypeAssociateRQ, TypeAssociateAC:
		if h.Length < associateFixed {
			return &SyntaxError{h.Type, 2, InvalidParameterValue, "too short for its fixed fields"}
		}
		if h.Length > MaxAssociateLength {
			return &SyntaxError{h.Type, 2, InvalidParameterValue, "longer than this implementation allows"}
		}
	case TypeAssociateRJ, TypeReleaseRQ, TypeReleaseRP, TypeAbort:
		if h.Length != 4 {
			return &SyntaxError{h.Type, 2, InvalidParameterValue, "length is not 4"}
		}
	case TypeData:
		if h.Length < pdvHeaderLength {
			return &SyntaxError{h.Type, 2, InvalidParameterValue, "too short for a presentation data value"}
		}
	default:
		return &SyntaxError{h.Type, 0, UnrecognizedPDU, "unknown PDU type"}
	}
	return nil
}
