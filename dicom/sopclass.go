package dicom

import "sort"

// SOPClassKind tells which service of PS3.4 a SOP Class belongs to.
type SOPClassKind uint8

// The services, as far as they matter to who may negotiate a SOP Class.
const (
	OtherService           SOPClassKind = iota
	Storage                             // PS3.4 B and GG: C-STORE of composite and non-patient objects
	MediaDirectory                      // DICOMDIR; only in files, never on the network
	Verification                        // PS3.4 A
	QueryRetrieve                       // PS3.4 C and its relatives: C-FIND, C-MOVE, C-GET
	ModalityWorklist                    // PS3.4 K
	PerformedProcedureStep              // PS3.4 F
	StorageCommitment                   // PS3.4 J
	UnifiedProcedureStep                // PS3.4 CC
	Print                               // PS3.4 H
	RealTimeCommunication               // PS3.22; not over DIMSE
)

// SOPClass is a Service-Object Pair Class of PS3.6 table A-1.
type SOPClass struct {
	UID     UID
	Name    string // empty for two retired ones that the standard lists without a name
	Kind    SOPClassKind
	Retired bool
}

// The SOP Classes the code names. Look others up with LookupSOPClass.
const (
	VerificationSOPClass  UID = "1.2.840.10008.1.1"
	MediaStorageDirectory UID = "1.2.840.10008.1.3.10"
)

// LookupSOPClass finds a SOP Class of the standard, retired ones included.
func LookupSOPClass(u UID) (SOPClass, bool) {
	i := sort.Search(len(sopClasses), func(i int) bool { return sopClasses[i].UID >= u })
	if i == len(sopClasses) || sopClasses[i].UID != u {
		return SOPClass{}, false
	}
	return sopClasses[i], true
}

// StorageSOPClasses gives every SOP Class that C-STORE may carry: composite
// objects, non-patient objects, DICOS and DICONDE, and retired ones, in order of
// UIDs as text. The slice is the caller's.
func StorageSOPClasses() []SOPClass {
	var list []SOPClass
	for _, c := range sopClasses {
		if c.Kind == Storage {
			list = append(list, c)
		}
	}
	return list
}
