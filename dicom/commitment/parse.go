package commitment

import (
	"fmt"
	"io"
	"strings"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/dimse"
	"github.com/halong-gateway/halong/dicom/tag"
)

// ParseRequest reads the Data Set of an N-ACTION-RQ. A reference that stands there twice counts once. The error is an *Error.
func ParseRequest(b []byte, ts *dicom.TransferSyntax) (*Request, error) {
	s, err := parse(b, ts)
	if err != nil {
		return nil, err
	}
	r := &Request{}
	if r.Transaction, err = transaction(s); err != nil {
		return nil, err
	}
	if n := len(sequence(s, tag.ReferencedSOPSequence)); n == 0 {
		return nil, bad(tag.ReferencedSOPSequence, "missing or empty")
	}
	err = references(s, tag.ReferencedSOPSequence, func(x Reference, _ *dataset.Set) { r.References = append(r.References, x) })
	if err != nil {
		return nil, err
	}
	return r, nil
}

// ParseReport reads the Data Set of an N-EVENT-REPORT-RQ. Its Event Type ID adds nothing: what failed is in the Failed SOP
// Sequence. A SOP Instance that is listed as committed and as failed has failed. The error is an *Error.
func ParseReport(b []byte, ts *dicom.TransferSyntax) (*Report, error) {
	s, err := parse(b, ts)
	if err != nil {
		return nil, err
	}
	r := &Report{RetrieveAE: s.String(tag.RetrieveAETitle)}
	if r.Transaction, err = transaction(s); err != nil {
		return nil, err
	}
	failed := map[Reference]bool{}
	err = references(s, tag.FailedSOPSequence, func(x Reference, item *dataset.Set) {
		n, _ := item.Int(tag.FailureReason) // without one it has failed nevertheless
		failed[x] = true
		r.Failed = append(r.Failed, Failure{x, Reason(n)})
	})
	if err != nil {
		return nil, err
	}
	err = references(s, tag.ReferencedSOPSequence, func(x Reference, _ *dataset.Set) {
		if !failed[x] {
			r.Committed = append(r.Committed, x)
		}
	})
	if err != nil {
		return nil, err
	}
	return r, nil
}

func transaction(s *dataset.Set) (dicom.UID, error) {
	u := s.UID(tag.TransactionUID)
	if !u.Valid() {
		return "", bad(tag.TransactionUID, "missing or not a UID")
	}
	return u, nil
}

func sequence(s *dataset.Set, t dicom.Tag) []*dataset.Set {
	if e := s.Get(t); e != nil {
		return e.Items
	}
	return nil
}

// references gives the SOP Instances that the items of a sequence name, each once.
func references(s *dataset.Set, t dicom.Tag, each func(Reference, *dataset.Set)) error {
	list := sequence(s, t)
	if len(list) > MaxReferences {
		return &Error{dimse.ResourceLimitation, t, fmt.Sprintf("more than %d instances", MaxReferences)}
	}
	seen := make(map[Reference]bool, len(list))
	for _, item := range list {
		x := Reference{item.UID(tag.ReferencedSOPClassUID), item.UID(tag.ReferencedSOPInstanceUID)}
		switch {
		case !referable(x.SOPClass):
			return bad(tag.ReferencedSOPClassUID, "missing or not a UID")
		case !referable(x.SOPInstance):
			return bad(tag.ReferencedSOPInstanceUID, "missing or not a UID")
		case !seen[x]:
			seen[x] = true
			each(x, item)
		}
	}
	return nil
}

// referable tells whether an object may be stored under a UID: real ones break PS3.5 9.1, and are taken as they are.
func referable(u dicom.UID) bool {
	return u != "" && len(u) <= 64 && !strings.ContainsFunc(string(u), func(r rune) bool { return r <= ' ' || r > '~' })
}

func bad(t dicom.Tag, why string) error { return &Error{dimse.InvalidArgumentValue, t, why} }

// limits bound what a Data Set may come to in memory.
var limits = dataset.Limits{Depth: 8, Items: 2*MaxReferences + 100, Elements: 16 * MaxReferences, Value: MaxLength}

func parse(b []byte, ts *dicom.TransferSyntax) (*dataset.Set, error) {
	if len(b) > MaxLength {
		return nil, errTooLong
	}
	s, err := dataset.Parse(b, ts, limits)
	if err != nil {
		return nil, &Error{dimse.ProcessingFailure, 0, strings.TrimPrefix(err.Error(), "dataset: ")}
	}
	return s, nil
}

var errTooLong = &Error{dimse.ResourceLimitation, 0, fmt.Sprintf("data set is longer than %d bytes", MaxLength)}

// read takes the Data Set of a message into memory.
func read(rq *dimse.Request) ([]byte, *dicom.TransferSyntax, error) {
	ts, ok := dicom.LookupTransferSyntax(rq.Context.TransferSyntax)
	if !ok {
		return nil, nil, &Error{dimse.ProcessingFailure, 0, "unknown transfer syntax"}
	}
	if rq.Data == nil {
		return nil, nil, bad(tag.TransactionUID, "no data set")
	}
	b, err := io.ReadAll(io.LimitReader(rq.Data, MaxLength+1))
	if err != nil {
		return nil, nil, &Error{dimse.ProcessingFailure, 0, "data set was cut off"}
	}
	return b, ts, nil
}
