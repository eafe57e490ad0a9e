package dataset

import "github.com/halong-gateway/halong/dicom"

// UndefinedLength is the length field of a value that ends with a delimiter (PS3.5 7.1.1).
const UndefinedLength = 0xFFFFFFFF

// Kind says what a Token stands for.
type Kind uint8

// The kinds of tokens. Starts and ends are always paired.
const (
	DataElement    Kind = iota + 1 // a data element with a value (the struct is called Element)
	SequenceStart                  // a sequence of items (PS3.5 7.5)
	SequenceEnd                    //
	ItemStart                      // an item, which is a data set of its own
	ItemEnd                        //
	FragmentsStart                 // a value of undefined length that consists of fragments (PS3.5 A.4)
	Fragment                       // one fragment; the first is the Basic Offset Table
	FragmentsEnd                   //
)

var kindNames = [...]string{"none", "DataElement", "SequenceStart", "SequenceEnd", "ItemStart", "ItemEnd", "FragmentsStart", "Fragment", "FragmentsEnd"}

// String gives the name of the constant.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "none"
}

// Tags of the structural elements (PS3.5 7.5).
const (
	tagItem          dicom.Tag = 0xFFFEE000
	tagItemDelimiter dicom.Tag = 0xFFFEE00D
	tagSequenceDelim dicom.Tag = 0xFFFEE0DD
)

// Token is one step through a data set.
type Token struct {
	Kind Kind
	// Tag of the element; sequence and fragment ends bear the tag of their
	// start, items and fragments (FFFE,E000), item ends (FFFE,E00D).
	Tag dicom.Tag
	// VR as encoded, or from the dictionary where the encoding says none (see
	// dicom.VROf); SQ for all sequences, also those encoded as UN of undefined
	// length; zero for items, fragments and the end of fragments.
	VR          dicom.VR
	Length      uint32 // of the value in bytes as encoded; UndefinedLength if it ends with a delimiter
	Offset      int64  // of the first byte of tag or delimiter in the data set; if deflated, in the inflated one
	ValueOffset int64  // of the first byte after the header or delimiter
	Depth       int    // number of items around: 0 at the top level
	External    bool   // the value lies elsewhere, see WithHoles
}
