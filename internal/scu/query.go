package scu

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/dimse"
	"github.com/halong-gateway/halong/dicom/pdu"
	"github.com/halong-gateway/halong/dicom/tag"
)

// Query is what C-FIND, C-MOVE and C-GET ask for.
type Query struct {
	PatientRoot bool // else Study Root
	Level       string
	Keys        *dataset.Set // matching and return keys, text in UTF-8
	Relational  bool         // ask for relational queries and retrievals
	Fuzzy       bool         // ask for fuzzy matching of person names
	Limit       int          // of answers to C-FIND, which is cancelled then; 0 for none
}

// The SOP Classes of the two roots, without the last component (PS3.4 C.6).
const (
	patientRoot = "1.2.840.10008.5.1.4.1.2.1."
	studyRoot   = "1.2.840.10008.5.1.4.1.2.2."
)

// class gives the SOP Class for an operation: ".1" is FIND, ".2" MOVE, ".3" GET.
func (q *Query) class(operation string) dicom.UID {
	if q.PatientRoot {
		return dicom.UID(patientRoot + operation)
	}
	return dicom.UID(studyRoot + operation)
}

// user gives the extended negotiation (PS3.4 C.5.1.1), if there is something to ask for.
func (q *Query) user(class dicom.UID) (u pdu.UserInformation) {
	if q.Relational || q.Fuzzy {
		bit := map[bool]byte{true: 1}
		u.Extended = []pdu.ExtendedNegotiation{{SOPClass: class, Application: []byte{bit[q.Relational], 0, bit[q.Fuzzy]}}}
	}
	return u
}

// encode gives the identifier. Beyond ASCII it is in UTF-8, and says so.
func (q *Query) encode(ts dicom.UID) []byte {
	s := &dataset.Set{}
	for _, e := range q.Keys.Elements {
		s.Put(e)
		for _, c := range e.Value {
			if c >= 0x80 && s.Get(tag.SpecificCharacterSet) == nil {
				s.PutString(tag.SpecificCharacterSet, dicom.CS, "ISO_IR 192")
			}
		}
	}
	s.PutString(tag.QueryRetrieveLevel, dicom.CS, q.Level)
	t, _ := dicom.LookupTransferSyntax(ts) // one of those that were proposed
	return s.Append(nil, t)
}

// native are the transfer syntaxes proposed for identifiers.
var native = []dicom.UID{dicom.ExplicitVRLittleEndian, dicom.ImplicitVRLittleEndian}

// ask makes an Association, sends one request and releases.
func (t *Target) ask(ctx context.Context, q *Query, rq *dimse.Command, o dimse.Options, pending func(*dimse.Association, uint8, *dicom.TransferSyntax, *dimse.Response) error) (_ *dimse.Response, ts *dicom.TransferSyntax, err error) {
	class := rq.AffectedSOPClass
	o.Contexts = append([]pdu.ProposedContext{{AbstractSyntax: class, TransferSyntaxes: native}}, o.Contexts...)
	u := q.user(class)
	u.Roles = o.User.Roles
	o.User = u
	a, err := t.dial(ctx, o)
	if err != nil {
		return nil, nil, err
	}
	defer func() {
		if err == nil {
			err = a.Release()
		}
		if err != nil {
			_ = a.Close() // the first failure is what matters
		}
	}()
	pc, ok := a.Find(class, "")
	if !ok {
		return nil, nil, fmt.Errorf("peer does not serve SOP class %s", class)
	}
	ts, ok = dicom.LookupTransferSyntax(pc.TransferSyntax)
	if !ok {
		return nil, nil, fmt.Errorf("peer chose the unknown transfer syntax %s", pc.TransferSyntax)
	}
	resp, err := a.Call(ctx, pc.ID, rq, bytes.NewReader(q.encode(pc.TransferSyntax)), func(r *dimse.Response) error { return pending(a, pc.ID, ts, r) })
	return resp, ts, err
}

// Find sends a C-FIND and gives each answer, text in UTF-8, to each. It tells how many there were, at most
// the limit. A status of failure is a *dimse.StatusError.
func Find(ctx context.Context, t Target, q Query, each func(*dataset.Set) error) (n int, err error) {
	rq := &dimse.Command{Field: dimse.CFindRQ, AffectedSOPClass: q.class("1")}
	resp, _, err := t.ask(ctx, &q, rq, dimse.Options{}, func(a *dimse.Association, pc uint8, ts *dicom.TransferSyntax, r *dimse.Response) error {
		if q.Limit > 0 && n == q.Limit { // what was under way when it was cancelled
			return nil
		}
		s, err := dataset.Parse(r.Data, ts, dataset.Limits{})
		if err != nil {
			return err
		}
		s.DecodeUTF8()
		n++
		if err := each(s); err != nil {
			return err
		}
		if n == q.Limit {
			return a.Cancel(pc, rq)
		}
		return nil
	})
	if err != nil {
		return n, err
	}
	if !resp.Status.OK() && (resp.Status != dimse.Cancelled || q.Limit == 0) {
		return n, &dimse.StatusError{Field: resp.Field, Status: resp.Status, Comment: resp.ErrorComment}
	}
	return n, nil
}

// Counts are the Numbers of Sub-operations of a C-MOVE or C-GET.
type Counts struct{ Remaining, Completed, Failed, Warning int }

func countsOf(c *dimse.Command) (n Counts) {
	for _, x := range []struct {
		from *uint16
		to   *int
	}{{c.Remaining, &n.Remaining}, {c.Completed, &n.Completed}, {c.Failed, &n.Failed}, {c.Warning, &n.Warning}} {
		if x.from != nil {
			*x.to = int(*x.from)
		}
	}
	return n
}

// Retrieved tells how a C-MOVE or C-GET ended.
type Retrieved struct {
	Counts
	Status    dimse.Status
	Instances []dicom.UID // Failed SOP Instance UID List
}

// errNotAll is wrapped by the error of a retrieval whose sub-operations did not all succeed.
var errNotAll = errors.New("not every object was retrieved")

// conclude reads the final response.
func conclude(resp *dimse.Response, ts *dicom.TransferSyntax) (r Retrieved, err error) {
	r = Retrieved{Counts: countsOf(&resp.Command), Status: resp.Status}
	if len(resp.Data) > 0 {
		if s, err := dataset.Parse(resp.Data, ts, dataset.Limits{}); err == nil { // an unreadable list changes nothing in the outcome
			for _, u := range s.Strings(tag.FailedSOPInstanceUIDList) {
				r.Instances = append(r.Instances, dicom.UID(u))
			}
		}
	}
	switch {
	case !resp.Status.OK():
		err = &dimse.StatusError{Field: resp.Field, Status: resp.Status, Comment: resp.ErrorComment}
	case r.Failed > 0:
		err = fmt.Errorf("%w: %d failed", errNotAll, r.Failed)
	}
	return r, err
}

// Move sends a C-MOVE: the target sends the objects to the Application Entity called to, which it must know.
func Move(ctx context.Context, t Target, q Query, to string, progress func(Counts)) (Retrieved, error) {
	rq := &dimse.Command{Field: dimse.CMoveRQ, AffectedSOPClass: q.class("2"), MoveDestination: to}
	resp, ts, err := t.ask(ctx, &q, rq, dimse.Options{}, tell(progress))
	if err != nil {
		return Retrieved{}, err
	}
	return conclude(resp, ts)
}

func tell(progress func(Counts)) func(*dimse.Association, uint8, *dicom.TransferSyntax, *dimse.Response) error {
	return func(_ *dimse.Association, _ uint8, _ *dicom.TransferSyntax, r *dimse.Response) error {
		if progress != nil {
			progress(countsOf(&r.Command))
		}
		return nil
	}
}
