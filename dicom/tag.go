package dicom

import "fmt"

// Tag is a data element tag: group number in the upper, element number in the
// lower 16 bits (PS3.5 7.1).
type Tag uint32

// NewTag joins a group and an element number.
func NewTag(group, element uint16) Tag { return Tag(group)<<16 | Tag(element) }

// Group gives the group number.
func (t Tag) Group() uint16 { return uint16(t >> 16) }

// Element gives the element number.
func (t Tag) Element() uint16 { return uint16(t) }

// IsPrivate tells whether the group number is odd (PS3.5 7.8).
func (t Tag) IsPrivate() bool { return t>>16&1 == 1 }

// IsPrivateCreator tells whether t reserves a block of private elements (PS3.5 7.8.1).
func (t Tag) IsPrivateCreator() bool {
	return t.IsPrivate() && t.Element() >= 0x10 && t.Element() <= 0xff
}

// String writes the tag as the standard does: "(0010,0020)".
func (t Tag) String() string { return fmt.Sprintf("(%04X,%04X)", t.Group(), t.Element()) }
