package statement

import (
	"slices"
	"strings"

	"github.com/halong-gateway/halong/dicom/commitment"
	"github.com/halong-gateway/halong/dicom/dimse"
	"github.com/halong-gateway/halong/internal/scp"
)

// status is a row of a table of statuses.
func status(s dimse.Status, meaning string) []string { return []string{s.String(), meaning} }

// failures are the statuses of errors, each with all that it may mean.
func failures(list []scp.Outcome) (rows [][]string) {
	for _, o := range list {
		if o.Status == dimse.Success {
			continue
		}
		at := slices.IndexFunc(rows, func(r []string) bool { return r[0] == o.Status.String() })
		switch {
		case at < 0:
			rows = append(rows, status(o.Status, o.Comment))
		case !strings.Contains(rows[at][1], o.Comment):
			rows[at][1] += "; " + o.Comment
		}
	}
	slices.SortFunc(rows, func(a, b []string) int { return strings.Compare(a[0], b[0]) })
	return rows
}

// services is PS3.2 A.4.2.1.4.1: SOP specific conformance of the SCP.
func (p *page) services() {
	f := p.f
	p.text(`
#### 4.2.3 Verification

C-ECHO is answered with 0000.

#### 4.2.4 Storage

Level 2 (full): every element is kept as it came, private ones included, and so is its encoding; nothing is changed but by the rules of coercion
that the configuration has. Success is answered after the bytes are synced and the object can be queried. The same object again is a success; another object with the same SOP
Instance UID is kept as a further version (` + "`storage.versions`" + ` says which is served).`)
	rows := [][]string{
		{"status", "meaning"},
		status(dimse.Success, "the object is durable and can be queried"),
		status(dimse.CoercionOfElements, "the same, and elements were coerced by rules of the configuration that ask for it to be told"),
		status(dimse.DataSetDoesNotMatch, "SOP Class or SOP Instance UID of Data Set and Command Set differ; the object is in quarantine"),
	}
	p.table(append(rows, failures(f.Store)...)...)
	p.text(`
#### 4.2.5 Query

Levels PATIENT (Patient Root, Patient/Study Only), STUDY, SERIES and IMAGE. Matching (PS3.4 C.2.2.2): single value, list of UID, universal, wildcard, range of dates, times and
date-times, sequence. Names are matched without regard to case and diacritics. Keys that are not indexed are matched in the objects' heads, within a bound; what could not be matched is told by FF01. Identifiers
come in ISO_IR 192, or in ISO_IR 100 when the query is in it and the answer has no other characters. C-CANCEL is heard at once.`)
	rows = [][]string{
		{"status of C-FIND", "meaning"},
		status(dimse.Success, "no (more) matches; no Identifier"),
		status(dimse.Pending, "a match"),
		status(dimse.PendingOptionalMissing, "a match; some optional keys are not supported, or could not be matched"),
		status(dimse.Cancelled, "cancelled by C-CANCEL"),
	}
	p.table(append(rows, failures(f.Query)...)...)
	p.text(`
#### 4.2.6 Retrieval

C-MOVE sends to the AE titles of ` + "`dicom.destinations`" + `, C-GET on the Association of the request. Objects go in the Transfer Syntax they are stored in where the receiver takes it;
uncompressed and deflated ones are converted where it does not. Numbers of sub-operations are in every pending response; the last one has the Failed SOP Instance UID List.`)
	rows = [][]string{
		{"status of C-MOVE and C-GET", "meaning"},
		status(dimse.Success, "all sub-operations succeeded, or nothing matched"),
		status(dimse.Pending, "sub-operations go on"),
		status(dimse.SubOperationsIncomplete, "some sub-operations failed, or ended with a warning"),
		status(dimse.UnableToPerformSubOperations, "all sub-operations failed"),
		status(dimse.MoveDestinationUnknown, "the Move Destination is not configured (C-MOVE)"),
		status(dimse.Cancelled, "cancelled by C-CANCEL"),
	}
	p.table(append(rows, failures(f.Query)...)...)
	p.text(`
#### 4.2.7 Storage Commitment

N-ACTION is answered with 0000 when the request is durable. Then every object's bytes are read back and their digests compared; the report follows by N-EVENT-REPORT on the same Association if that is
still there, else on a new one to the destination with the requestor's AE title, again and again until it is taken, also after a restart. The same Transaction UID with the same instances
is reported again; with others it is refused.`)
	rows = [][]string{{"Failure Reason", "meaning"}}
	for _, r := range []commitment.Reason{
		commitment.ProcessingFailure, commitment.NoSuchObjectInstance, commitment.ClassInstanceConflict, commitment.ClassNotSupported, commitment.DuplicateTransactionUID,
		commitment.ResourceLimitation,
	} {
		rows = append(rows, []string{r.String()[:4], r.String()[5:]})
	}
	p.table(rows...)
}
