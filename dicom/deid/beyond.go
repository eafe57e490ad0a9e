package deid

import (
	"strings"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/tag"
)

// beyond are attributes that table E.1-1 does not list and that identify all the same: they say what a listed one says.
var beyond = map[dicom.Tag]action{
	tag.PatientBirthDateInAlternativeCalendar:              remove,
	tag.PatientDeathDateInAlternativeCalendar:              remove,
	tag.IssuerOfPatientIDQualifiersSequence:                remove,
	tag.PlacerOrderNumberProcedure:                         remove,
	tag.FillerOrderNumberProcedure:                         remove,
	tag.PlacerOrderNumberImagingServiceRequestRetired:      remove,
	tag.FillerOrderNumberImagingServiceRequestRetired:      remove,
	tag.RequestingPhysicianIdentificationSequence:          remove,
	tag.DocumentAuthorIdentifierCodeSequenceTrial:          remove,
	tag.DocumentingObserverIdentifierCodeSequenceTrial:     remove,
	tag.DocumentingOrganizationIdentifierCodeSequenceTrial: remove,
	tag.UniformResourceLocatorTrial:                        remove,
	tag.EncapsulatedDocumentLength:                         remove, // of a document that is not there any more
	tag.HL7InstanceIdentifier:                              empty,
	tag.ContactDisplayName:                                 empty,
	tag.HangingProtocolCreator:                             empty,
	tag.NTPSourceAddress:                                   empty,
}

// alike says what is done to attributes that the table does not list but that are of the kind of listed ones; other
// if it is of none.
func alike(t dicom.Tag, vr dicom.VR, keyword string, on *chosen) action {
	if act, ok := beyond[t]; ok {
		return act
	}
	switch {
	case vr == dicom.UR && t != tag.CodingSchemeURL && t != tag.URNCodeValue:
		return remove // where it was retrieved from: it names servers, and holds UIDs
	case (t == tag.LocalNamespaceEntityID || t == tag.UniversalEntityID) && !on[RetainInstitutionIdentity]:
		return empty // who issued a number
	case t == tag.DocumentTitle, t == tag.ContentDescription, // what Series Description is to an image
		vr.IsText() && strings.Contains(keyword, "Comment"):
		if on[CleanDescriptors] {
			return clean
		}
		return empty
	}
	return other
}
