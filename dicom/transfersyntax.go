package dicom

import "sort"

// TransferSyntax says how a data set is encoded (PS3.5 10, PS3.6 table A-1).
type TransferSyntax struct {
	UID          UID
	Name         string // as in PS3.6
	ExplicitVR   bool
	BigEndian    bool
	Deflated     bool // the whole data set is deflated (PS3.5 A.5)
	Encapsulated bool // pixel data is a sequence of fragments (PS3.5 A.4)
	Retired      bool
	// Pixels is false for the syntaxes that do not carry pixels themselves or are
	// not for objects: JPIP Referenced, SMPTE ST 2110, RFC 2557 MIME, XML. They
	// are never negotiated.
	Pixels bool
}

// The syntaxes the code names. Look others up with LookupTransferSyntax.
const (
	ImplicitVRLittleEndian         UID = "1.2.840.10008.1.2"
	ExplicitVRLittleEndian         UID = "1.2.840.10008.1.2.1"
	DeflatedExplicitVRLittleEndian UID = "1.2.840.10008.1.2.1.99"
	ExplicitVRBigEndian            UID = "1.2.840.10008.1.2.2"
)

// LookupTransferSyntax finds a transfer syntax of PS3.6 table A-1, retired ones
// included. What it points to must not be changed.
func LookupTransferSyntax(u UID) (*TransferSyntax, bool) {
	i := sort.Search(len(transferSyntaxes), func(i int) bool { return transferSyntaxes[i].UID >= u })
	if i == len(transferSyntaxes) || transferSyntaxes[i].UID != u {
		return nil, false
	}
	return &transferSyntaxes[i], true
}

// TransferSyntaxes gives all of PS3.6 table A-1 in order of UIDs as text. The
// slice is the caller's, what it points to must not be changed.
func TransferSyntaxes() []*TransferSyntax {
	list := make([]*TransferSyntax, len(transferSyntaxes))
	for i := range transferSyntaxes {
		list[i] = &transferSyntaxes[i]
	}
	return list
}
