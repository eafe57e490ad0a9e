package worklist

import (
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
)

// Kind tells orders for images from others, which have no Scheduled Procedure Steps.
type Kind string

// The kinds.
const (
	Imaging    Kind = "imaging"
	Laboratory Kind = "laboratory"
	Other      Kind = "other"
)

// Number is an order number with who gave it (HL7 EI).
type Number struct {
	ID        string `json:"id"`
	Authority string `json:"authority,omitempty"` // namespace ID, else universal ID; compared only where both sides have one
}

// Code is a coded concept (HL7 CWE, DICOM code sequence item).
type Code struct {
	Value   string `json:"value,omitempty"`
	Scheme  string `json:"scheme,omitempty"`
	Meaning string `json:"meaning,omitempty"`
}

// Order is one order, or the part of it that one OBR, or the IPCs of one, ask for. Texts are UTF-8.
type Order struct {
	ID       int64           `json:"id"` // the journal record that began it, shifted by 20 bits, and its place in that: stable across reindex
	Facility halong.Facility `json:"facility"`
	Kind     Kind            `json:"kind"`

	Placer    Number   `json:"placer,omitzero"`    // ORC-2, OBR-2
	Filler    Number   `json:"filler,omitzero"`    // ORC-3, OBR-3
	Group     string   `json:"group,omitempty"`    // ORC-4: the placer's number of what was ordered together
	Accession string   `json:"accession,omitzero"` // Accession Number (0008,0050)
	Specimens []string `json:"specimens,omitempty"`

	Status    Status    `json:"status"`
	Requested bool      `json:"cancelRequested,omitempty"` // a cancellation came after the work had begun
	Service   Code      `json:"service,omitzero"`          // OBR-4 or OBR-44: what was ordered
	Priority  string    `json:"priority,omitempty"`        // Requested Procedure Priority (0040,1003)
	Patient   int64     `json:"-"`                         // key of package patient; 0: none was named
	Sent      Identity  `json:"sent,omitzero"`             // the patient as sent
	Created   time.Time `json:"created"`
	Updated   time.Time `json:"updated"`

	// Where it is from, and where its status goes back to.
	Message     uint64 `json:"message,omitempty"` // journal record of the last message that changed it
	Type        string `json:"type,omitempty"`    // of that message: "OMI^O23"
	Control     string `json:"-"`                 // its control ID
	Application string `json:"application,omitempty"`
	Site        string `json:"sendingFacility,omitempty"`
	Version     string `json:"-"`                    // MSH-12
	StatusType  string `json:"statusType,omitempty"` // the type of message its placer sends, and is told of its status by

	Steps []Step `json:"steps"`
	// Attributes is what the order says of the patient and the visit where there are no steps whose items say it.
	Attributes *dataset.Set `json:"-"`
}

// Item gives what is known of patient, visit and request, in UTF-8: the first step's item, or that of an order without steps.
func (o *Order) Item() *dataset.Set {
	switch {
	case len(o.Steps) > 0:
		return o.Steps[0].Attributes
	case o.Attributes != nil:
		return o.Attributes
	}
	return &dataset.Set{}
}

// Step is a Scheduled Procedure Step (PS3.3 C.4.10) with all that the Modality Worklist tells of it.
type Step struct {
	Order     int64     `json:"-"`
	Index     int       `json:"-"`  // within the order, from 0
	ID        string    `json:"id"` // Scheduled Procedure Step ID (0040,0009)
	Procedure string    `json:"requestedProcedure"`
	Study     dicom.UID `json:"study"` // Study Instance UID (0020,000D)
	Modality  string    `json:"modality"`
	Stations  []string  `json:"stations,omitempty"` // Scheduled Station AE Titles (0040,0001)
	Start     string    `json:"start,omitempty"`    // YYYYMMDDHHMMSS as ordered; shorter where less is known
	Status    Status    `json:"status"`
	Performed dicom.UID `json:"performed,omitempty"` // SOP Instance UID of the last MPPS that refers to it

	Workitem Turn `json:"workitem,omitzero"`

	// Facility and Accession are the order's.
	Facility  halong.Facility `json:"-"`
	Accession string          `json:"-"`
	Patient   int64           `json:"-"`

	// Attributes is the worklist item (PS3.4 table K.6-1), in UTF-8: what was sent, and the identity of the patient that
	// is served.
	Attributes *dataset.Set `json:"-"`
}

// Turn says which of a step's workitems is meant: one that began or was withdrawn is not SCHEDULED again (PS3.4 CC.1.1), so a step that is to be done after all gets
// another.
type Turn struct {
	Number int  `json:"number,omitempty"` // from 0
	Begun  bool `json:"begun,omitempty"`  // it is not SCHEDULED any more, by the order, or is over
}
