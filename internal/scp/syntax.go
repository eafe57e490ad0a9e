package scp

import (
	"strings"

	"github.com/halong-gateway/halong/dicom"
)

// nativeSyntax accepts the three uncompressed transfer syntaxes, for services
// whose data sets hold no pixels.
func nativeSyntax(ts dicom.UID) bool {
	switch ts {
	case dicom.ImplicitVRLittleEndian, dicom.ExplicitVRLittleEndian, dicom.ExplicitVRBigEndian:
		return true
	}
	return false
}

// pixelSyntax accepts every standard transfer syntax that carries pixels;
// objects are stored as they come.
func pixelSyntax(ts dicom.UID) bool {
	t, ok := dicom.LookupTransferSyntax(ts)
	return ok && t.Pixels
}

const (
	standardRoot = "1.2.840.10008." // every UID that the standard defines
	servicesRoot = "1.2.840.10008.5.1.4."
)

// mayBeStorage tells whether a UID that names no SOP Class known here may be a
// Storage SOP Class: a private one, or one newer than our tables.
func mayBeStorage(class dicom.UID) bool {
	if class == "" {
		return false
	}
	return !strings.HasPrefix(string(class), standardRoot) || strings.HasPrefix(string(class), servicesRoot)
}
