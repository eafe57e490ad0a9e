package dimse

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/halong-gateway/halong/dicom"
)

// MaxCommandLength bounds a Command Set in bytes: the longest legal one without
// an Attribute Identifier List is below 1 KiB, and lists are short.
const MaxCommandLength = 64 << 10

// SyntaxError says where a Command Set breaks PS3.7 6.3.1.
type SyntaxError struct {
	Tag    dicom.Tag // zero if none was read
	Offset int       // in the Command Set
	Reason string
}

// Error gives place and reason.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("command set: %v at offset %d: %s", e.Tag, e.Offset, e.Reason)
}

// ParseCommand reads a Command Set, always in Implicit VR Little Endian. The
// group length is not relied on; unknown elements are skipped.
func ParseCommand(b []byte) (*Command, error) {
	c := new(Command)
	if err := c.parse(b); err != nil {
		return nil, err
	}
	return c, nil
}

func (c *Command) parse(b []byte) error {
	if len(b) > MaxCommandLength {
		return &SyntaxError{0, MaxCommandLength, "longer than this implementation allows"}
	}
	for at := 0; at < len(b); {
		if len(b)-at < 8 {
			return &SyntaxError{0, at, "element is cut short"}
		}
		tag := dicom.NewTag(binary.LittleEndian.Uint16(b[at:]), binary.LittleEndian.Uint16(b[at+2:]))
		n := binary.LittleEndian.Uint32(b[at+4:])
		switch {
		case tag.Group() != 0:
			return &SyntaxError{tag, at, "not an element of group 0000"}
		case n > uint32(len(b)-at-8):
			return &SyntaxError{tag, at, "value is longer than the command set"}
		}
		if reason := c.set(tag.Element(), b[at+8:at+8+int(n)]); reason != "" {
			return &SyntaxError{tag, at, reason}
		}
		at += 8 + int(n)
	}
	return nil
}

// set takes over one element; it gives what is wrong with it.
func (c *Command) set(elem uint16, v []byte) string {
	switch elem {
	case elemAffectedSOPClass:
		c.AffectedSOPClass = uid(v)
	case elemRequestedSOPClass:
		c.RequestedSOPClass = uid(v)
	case elemAffectedSOPInstance:
		c.AffectedSOPInstance = uid(v)
	case elemRequestedSOPInstance:
		c.RequestedSOPInstance = uid(v)
	case elemMoveDestination:
		c.MoveDestination = text(v)
	case elemErrorComment:
		c.ErrorComment = text(v)
	case elemMoveOriginator:
		c.MoveOriginator = text(v)
	case elemOffendingElement:
		return tags(v, &c.OffendingElements)
	case elemAttributeIdentifiers:
		return tags(v, &c.AttributeIdentifiers)
	default:
		return c.setShort(elem, v)
	}
	return ""
}

// setShort takes over an element of VR US.
func (c *Command) setShort(elem uint16, v []byte) string {
	p := c.optional(elem)
	if p == nil && !mandatoryShort(elem) {
		return "" // group length and unknown elements
	}
	if len(v) == 0 {
		return "" // no value: as if absent
	}
	if len(v) != 2 {
		return "value is not one 16-bit number"
	}
	n := binary.LittleEndian.Uint16(v)
	if p != nil {
		*p = &n
		return ""
	}
	switch elem {
	case elemField:
		c.Field, c.has = CommandField(n), c.has|hasField
	case elemMessageID:
		c.MessageID, c.has = n, c.has|hasMessageID
	case elemRespondedTo:
		c.RespondedTo, c.has = n, c.has|hasRespondedTo
	case elemPriority:
		c.Priority = Priority(n)
	case elemDataSetType:
		c.HasDataSet, c.has = n != noDataSet, c.has|hasDataSetType
	case elemStatus:
		c.Status, c.has = Status(n), c.has|hasStatus
	}
	return ""
}

func mandatoryShort(elem uint16) bool {
	switch elem {
	case elemField, elemMessageID, elemRespondedTo, elemPriority, elemDataSetType, elemStatus:
		return true
	}
	return false
}

// optional gives the place of an optional element of VR US.
func (c *Command) optional(elem uint16) **uint16 {
	switch elem {
	case elemErrorID:
		return &c.ErrorID
	case elemEventTypeID:
		return &c.EventTypeID
	case elemActionTypeID:
		return &c.ActionTypeID
	case elemRemaining:
		return &c.Remaining
	case elemCompleted:
		return &c.Completed
	case elemFailed:
		return &c.Failed
	case elemWarning:
		return &c.Warning
	case elemMoveOriginatorID:
		return &c.MoveOriginatorID
	}
	return nil
}

func uid(v []byte) dicom.UID { return dicom.UID(text(v)) }

func text(v []byte) string { return strings.Trim(string(v), " \x00") }

func tags(v []byte, list *[]dicom.Tag) string {
	if len(v)%4 != 0 {
		return "value is not a list of tags"
	}
	*list = nil
	for ; len(v) > 0; v = v[4:] {
		*list = append(*list, dicom.NewTag(binary.LittleEndian.Uint16(v), binary.LittleEndian.Uint16(v[2:])))
	}
	return ""
}
