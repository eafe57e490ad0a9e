package scu

import (
	"strings"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/pdu"
)

// groups are the transfer syntaxes proposed together where there are too many SOP Classes for a Presentation Context each: of
// each context a peer takes one, so that what is stored uncompressed and what is stored in one of the families has a context that fits.
var groups = [][]dicom.UID{
	native,
	{"1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51"}, // JPEG
	{"1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81", "1.2.840.10008.1.2.5"},                              // JPEG-LS, RLE
	{"1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91"},                                                     // JPEG 2000
}

// uncompressed and compressed are the transfer syntaxes that get a Presentation Context each, so that an object can come in the
// one it is stored in. Retired JPEG processes and part 2 of JPEG 2000 are left out.
var (
	uncompressed = []dicom.UID{
		dicom.ExplicitVRLittleEndian, dicom.ImplicitVRLittleEndian, dicom.DeflatedExplicitVRLittleEndian, dicom.ExplicitVRBigEndian,
	}
	compressed = []dicom.UID{
		"1.2.840.10008.1.2.5",                              // RLE
		"1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51", // JPEG
		"1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.70",
		"1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81", // JPEG-LS
		"1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91", // JPEG 2000
		"1.2.840.10008.1.2.4.100", "1.2.840.10008.1.2.4.101", // MPEG2
		"1.2.840.10008.1.2.4.102", "1.2.840.10008.1.2.4.103", "1.2.840.10008.1.2.4.104", "1.2.840.10008.1.2.4.105", "1.2.840.10008.1.2.4.106", // MPEG-4
		"1.2.840.10008.1.2.4.107", "1.2.840.10008.1.2.4.108", // HEVC
		"1.2.840.10008.1.2.4.110", "1.2.840.10008.1.2.4.111", "1.2.840.10008.1.2.4.112", // JPEG XL
		"1.2.840.10008.1.2.4.201", "1.2.840.10008.1.2.4.202", "1.2.840.10008.1.2.4.203", // HTJ2K
		"1.2.840.10008.1.2.1.98", "1.2.840.10008.1.2.8.1", // encapsulated uncompressed, deflated frames
	}
)

// pixelless are words in the names of SOP Classes whose objects have no pixels that could be compressed.
var pixelless = []string{"SR", "Presentation State", "Waveform", "Encapsulated", "Structure Set", "Plan", "Key Object", "Registration", "Fiducials", "Treatment Record"}

// eachSyntax proposes a context for each transfer syntax that objects of a class may be stored in.
func eachSyntax(class dicom.UID) (list []pdu.ProposedContext) {
	propose := func(of []dicom.UID) {
		for _, ts := range of {
			list = append(list, pdu.ProposedContext{AbstractSyntax: class, TransferSyntaxes: []dicom.UID{ts}})
		}
	}
	propose(uncompressed)
	if c, ok := dicom.LookupSOPClass(class); ok {
		for _, word := range pixelless {
			if strings.Contains(c.Name, word) {
				return list
			}
		}
	}
	propose(compressed)
	return list
}

// eachGroup proposes a context for each group of transfer syntaxes.
func eachGroup(class dicom.UID) (list []pdu.ProposedContext) {
	for _, g := range groups {
		list = append(list, pdu.ProposedContext{AbstractSyntax: class, TransferSyntaxes: g})
	}
	return list
}

// round is what one C-GET may bring.
type round struct {
	classes  []dicom.UID
	contexts []pdu.ProposedContext
}

// rounds divides classes so that each has room in one Association (PS3.8 9.3.2.2), beside the context of C-GET itself. No
// class is in two, so nothing is sent twice.
func rounds(classes []dicom.UID, contexts func(dicom.UID) []pdu.ProposedContext) (list []round) {
	for _, c := range classes {
		more := contexts(c)
		if n := len(list); n == 0 || len(list[n-1].contexts)+len(more) >= pdu.MaxContexts {
			list = append(list, round{})
		}
		r := &list[len(list)-1]
		r.classes, r.contexts = append(r.classes, c), append(r.contexts, more...)
	}
	return list
}
