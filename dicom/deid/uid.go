package deid

import (
	"strings"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
)

// standardRoot is the root of the UIDs that the DICOM standard defines. They name kinds, not
// instances, apart from a few well-known ones, which everybody has.
const standardRoot = "1.2.840.10008."

// ofKind tells whether a UI attribute that table E.1-1 does not list names a kind of thing, by its keyword.
func ofKind(keyword string) bool {
	for _, part := range []string{"SOPClass", "TransferSyntax", "CodingScheme", "Context", "Mapping", "ImplementationClass", "Template", "OperationTypeUID", "Encoding"} {
		if strings.Contains(keyword, part) {
			return true
		}
	}
	return false
}

// replaceUIDs replaces the UIDs of an element of s. One that was encoded as something else becomes UI.
func (r *run) replaceUIDs(s *dataset.Set, e *dataset.Element) {
	var values []string
	if e.VR != dicom.SQ && e.VR.WordSize() == 1 && !e.VR.IsBulk() {
		values = r.uids(s.Strings(e.Tag))
	}
	*e = dataset.Element{Tag: e.Tag, VR: dicom.UI, Value: []byte{}}
	if len(values) > 0 {
		set(e, values...)
	}
}

// uids gives the values of a UI element with those of instances replaced.
func (r *run) uids(values []string) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = v
		if v != "" && !strings.HasPrefix(v, standardRoot) {
			out[i] = string(r.UID(dicom.UID(v)))
		}
	}
	return out
}
