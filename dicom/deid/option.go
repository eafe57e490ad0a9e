package deid

import (
	"fmt"
	"strings"
)

// Option is an option of the profile (PS3.15 E.3).
type Option uint8

// The options, in the order of the columns of table E.1-1; the last two have none.
const (
	RetainSafePrivate               Option = iota // E.3.10
	RetainUIDs                                    // E.3.9
	RetainDeviceIdentity                          // E.3.8
	RetainInstitutionIdentity                     // E.3.11
	RetainPatientCharacteristics                  // E.3.7
	RetainFullDates                               // E.3.6
	RetainModifiedDates                           // E.3.6
	CleanDescriptors                              // E.3.5
	CleanStructuredContent                        // E.3.4
	CleanGraphics                                 // E.3.3
	CleanPixelData                                // E.3.1: by refusing what may need it, see Config.BurnedIn
	CleanRecognizableVisualFeatures               // E.3.2: likewise
	columns                         = CleanPixelData
)

// code is one of PS3.16 CID 7050.
type code struct{ value, meaning string }

var profileCode = code{"113100", "Basic Application Confidentiality Profile"}

var options = map[Option]struct {
	name string
	code code
}{
	RetainSafePrivate:               {"retain_safe_private", code{"113111", "Retain Safe Private Option"}},
	RetainUIDs:                      {"retain_uids", code{"113110", "Retain UIDs Option"}},
	RetainDeviceIdentity:            {"retain_device_identity", code{"113109", "Retain Device Identity Option"}},
	RetainInstitutionIdentity:       {"retain_institution_identity", code{"113112", "Retain Institution Identity Option"}},
	RetainPatientCharacteristics:    {"retain_patient_characteristics", code{"113108", "Retain Patient Characteristics Option"}},
	RetainFullDates:                 {"retain_full_dates", code{"113106", "Retain Longitudinal Temporal Information Full Dates Option"}},
	RetainModifiedDates:             {"retain_modified_dates", code{"113107", "Retain Longitudinal Temporal Information Modified Dates Option"}},
	CleanDescriptors:                {"clean_descriptors", code{"113105", "Clean Descriptors Option"}},
	CleanStructuredContent:          {"clean_structured_content", code{"113104", "Clean Structured Content Option"}},
	CleanGraphics:                   {"clean_graphics", code{"113103", "Clean Graphics Option"}},
	CleanPixelData:                  {"clean_pixel_data", code{"113101", "Clean Pixel Data Option"}},
	CleanRecognizableVisualFeatures: {"clean_recognizable_visual_features", code{"113102", "Clean Recognizable Visual Features Option"}},
}

// String gives the option's name in configurations.
func (o Option) String() string { return options[o].name }

// ParseOption reads an option's name.
func ParseOption(s string) (Option, error) {
	var names []string
	for o := RetainSafePrivate; o <= CleanRecognizableVisualFeatures; o++ {
		if o.String() == s {
			return o, nil
		}
		names = append(names, o.String())
	}
	return 0, fmt.Errorf("%q is not an option; one of: %s", s, strings.Join(names, ", "))
}

// chosen is a set of options.
type chosen [CleanRecognizableVisualFeatures + 1]bool
