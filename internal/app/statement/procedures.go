package statement

import (
	"github.com/halong-gateway/halong/dicom/dimse"
)

// procedures is the SOP specific conformance of the Modality Worklist and of Modality Performed Procedure Steps.
func (p *page) procedures() {
	p.text(`
#### 4.2.8 Modality Worklist

Every matching and return key of PS3.4 table K.6-1 is supported, and every attribute of the patient's and the visit's modules; keys of the Scheduled Procedure Step stand in the item of
its sequence. Matching is that of 4.2.5; ranges of Scheduled Procedure Step Start Date and Time that are given together are one interval, whatever was negotiated. Steps that are completed,
discontinued, cancelled or on hold are not answered. The AE title that asks decides which facility's worklist it is, which stations' steps it sees (` + "`worklist.stations`" + `) and, where that is
configured, in which character set it is answered; else that is as in 4.2.5. A pending response has FF01 when an attribute was asked for that the worklist does not know.`)
	rows := [][]string{
		{"status of C-FIND", "meaning"},
		status(dimse.Success, "no (more) matches; no Identifier"),
		status(dimse.Pending, "a match"),
		status(dimse.PendingOptionalMissing, "a match; some optional keys are not supported"),
		status(dimse.Cancelled, "cancelled by C-CANCEL"),
	}
	p.table(append(rows, failures(p.f.Query)...)...)
	p.text(`
#### 4.2.9 Modality Performed Procedure Step

N-CREATE begins with IN PROGRESS; the attributes of type 1 in PS3.4 table F.7.2-1 must have a value, those of type 2 may be missing. N-SET may change what the table lets it; of the others the
attributes stay, which a warning tells. With COMPLETED and DISCONTINUED the end's date and time must be there, and with COMPLETED a Performed Series. Afterwards nothing may be changed. Success
is answered when the request is durable. N-GET of the Retrieve SOP Class gives what is known. Requests are forwarded, as they came and in their order, to the destinations in
` + "`worklist.mpps.forward`" + `.`)
	rows = [][]string{
		{"status of N-CREATE, N-SET, N-GET", "meaning"},
		status(dimse.Success, "done"),
		{"0107", "done, but for attributes that may not be changed (N-SET)"},
		status(dimse.ProcessingFailure, "with Error ID A710: the performed procedure step may no longer be updated (N-SET)"),
		status(dimse.MissingAttribute, "an attribute is missing; it is named"),
		status(dimse.MissingAttributeValue, "an attribute has no value; it is named"),
		status(dimse.InvalidSOPInstance, "the SOP Instance UID is not a UID (N-CREATE)"),
	}
	p.table(append(rows, failures(p.f.Performed)...)...)
}
