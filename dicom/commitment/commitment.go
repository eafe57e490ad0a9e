package commitment

import (
	"fmt"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dimse"
	"github.com/halong-gateway/halong/dicom/pdu"
)

// The Storage Commitment Push Model (PS3.4 J.3).
const (
	SOPClass    dicom.UID = "1.2.840.10008.1.20.1"
	SOPInstance dicom.UID = "1.2.840.10008.1.20.1.1" // well-known (PS3.4 J.3.5)
)

const (
	actionRequest uint16 = 1 // Action Type ID (PS3.4 table J.3-1)
	eventComplete uint16 = 1 // Event Type IDs (PS3.4 table J.3-2)
	eventFailures uint16 = 2
)

// What the package takes into memory of a message.
const (
	MaxLength     = 16 << 20 // bytes of the Data Set
	MaxReferences = 50_000   // SOP Instances
)

// Reference names a SOP Instance.
type Reference struct {
	SOPClass    dicom.UID // Referenced SOP Class UID (0008,1150)
	SOPInstance dicom.UID // Referenced SOP Instance UID (0008,1155)
}

// Request is the Action Information of an N-ACTION (PS3.4 table J.3-1).
type Request struct {
	Transaction dicom.UID   // Transaction UID (0008,1195)
	References  []Reference // Referenced SOP Sequence (0008,1199)
}

// Report is the Event Information of an N-EVENT-REPORT (PS3.4 table J.3-2).
type Report struct {
	Transaction dicom.UID
	RetrieveAE  string      // Retrieve AE Title (0008,0054); may be empty
	Committed   []Reference // Referenced SOP Sequence (0008,1199)
	Failed      []Failure   // Failed SOP Sequence (0008,1198)
}

// Failure is a SOP Instance that the SCP takes no responsibility for.
type Failure struct {
	Reference
	Reason Reason
}

// Reason is a Failure Reason (0008,1197) (PS3.3 C.14.1.1).
type Reason uint16

// The Failure Reasons of Storage Commitment.
const (
	ProcessingFailure       Reason = 0x0110
	NoSuchObjectInstance    Reason = 0x0112
	ClassInstanceConflict   Reason = 0x0119
	ClassNotSupported       Reason = 0x0122
	DuplicateTransactionUID Reason = 0x0131
	ResourceLimitation      Reason = 0x0213
)

var reasons = map[Reason]string{
	ProcessingFailure: "processing failure", NoSuchObjectInstance: "no such object instance", ResourceLimitation: "resource limitation",
	ClassNotSupported: "referenced SOP Class not supported", ClassInstanceConflict: "class / instance conflict", DuplicateTransactionUID: "duplicate transaction UID",
}

// String gives the four hexadecimal digits, with the standard's words where it has some.
func (r Reason) String() string {
	if words, ok := reasons[r]; ok {
		return fmt.Sprintf("%04X %s", uint16(r), words)
	}
	return fmt.Sprintf("%04X", uint16(r))
}

// noSuchEventType is the status of an N-EVENT-REPORT of another type than those of Storage Commitment (PS3.7 C.4.13).
const noSuchEventType dimse.Status = 0x0113

// Error says what is wrong with a message, and what the peer is to be answered.
type Error struct {
	Status dimse.Status
	Tag    dicom.Tag // of the element; 0 for the whole
	Reason string    // without patient data
}

// Error names element and reason.
func (e *Error) Error() string {
	if e.Tag == 0 {
		return e.Reason
	}
	return fmt.Sprintf("%v: %s", e.Tag, e.Reason)
}

// Response answers with the error's status.
func (e *Error) Response() dimse.Response {
	resp := dimse.Answer(e.Status)
	resp.ErrorComment = e.Error()
	if len(resp.ErrorComment) > maxComment {
		resp.ErrorComment = resp.ErrorComment[:maxComment]
	}
	if e.Tag != 0 {
		resp.OffendingElements = []dicom.Tag{e.Tag}
	}
	return resp
}

// maxComment is the longest Error Comment (0000,0902), which is a LO.
const maxComment = 64

// Context is the Presentation Context to propose.
func Context() pdu.ProposedContext {
	return pdu.ProposedContext{AbstractSyntax: SOPClass, TransferSyntaxes: []dicom.UID{dicom.ExplicitVRLittleEndian, dicom.ImplicitVRLittleEndian}}
}

// Unsafe tells which of the SOP Instances that were asked for the report does not say to be safe, in the order asked: those
// failed with their reason, those not mentioned with reason 0.
func (r *Request) Unsafe(report *Report) (list []Failure) {
	safe := make(map[Reference]bool, len(report.Committed))
	for _, x := range report.Committed {
		safe[x] = true
	}
	failed := make(map[dicom.UID]Reason, len(report.Failed))
	for _, f := range report.Failed {
		failed[f.SOPInstance] = f.Reason
	}
	for _, x := range r.References {
		if reason, bad := failed[x.SOPInstance]; bad || !safe[x] {
			list = append(list, Failure{x, reason})
		}
	}
	return list
}
