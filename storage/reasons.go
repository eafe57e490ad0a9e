package storage

// Codes of the DICOM Controlled Terminology (PS3.16 annex D) with which rejection notes are titled (CID 7010).
const (
	CodeQuality         = "113001"
	CodePatientSafety   = "113037"
	CodeWrongWorklist   = "113038"
	CodeRetentionPolicy = "113039"
)

// reasons are the meanings of the codes that a removal may bear: titles of rejection notes (PS3.16 CID 7010) and what is wrong with
// rejected images (CID 7011), compared with the lists of the editions up to 2025. CID 7010 has 131360, Rejection Withdrawn, since then: it
// rejects nothing and is no reason of a removal.
var reasons = map[string]string{
	CodeQuality:         "Rejected for Quality Reasons",
	CodePatientSafety:   "Rejected for Patient Safety Reasons",
	CodeWrongWorklist:   "Incorrect Modality Worklist Entry",
	CodeRetentionPolicy: "Data Retention Policy Expired",
	"111207":            "Image artifact(s)",
	"111208":            "Grid artifact(s)",
	"111209":            "Positioning",
	"111210":            "Motion blur",
	"111211":            "Under exposed",
	"111212":            "Over exposed",
	"111213":            "No image",
	"111214":            "Detector artifact(s)",
	"111215":            "Artifact(s) other than grid or detector artifact",
	"111216":            "Mechanical failure",
	"111217":            "Electrical failure",
	"111218":            "Software failure",
	"111219":            "Inappropriate image processing",
	"111220":            "Other failure",
	"111221":            "Unknown failure",
	"113026":            "Double exposure",
}

// ReasonMeaning gives the meaning of a code of a removal's reason; false when it is none.
func ReasonMeaning(code string) (string, bool) {
	m, ok := reasons[code]
	return m, ok
}
