package dicom

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
