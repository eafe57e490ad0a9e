package scu

import (
	"context"
	"errors"
	"fmt"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/dimse"
	"github.com/halong-gateway/halong/dicom/tag"
)

// Query is what C-FIND, C-MOVE and C-GET ask for.
type Query struct {
	PatientRoot bool // else Study Root
	Level       string
	Keys        *dataset.Set // matching and return keys, text in UTF-8
	Relational  bool         // ask for relational queries and retrievals
	Fuzzy       bool         // ask for fuzzy matching of person names
	DateTime    bool         // ask for dates and times to be matched together
	Timezone    string       // ±HHMM that times in the query are in, and are wanted in; asks for the adjustment; empty for none
	Limit       int          // of answers to C-FIND, which is cancelled then; 0 for none
}

// The SOP Classes of the two roots, without the last component (PS3.4 C.6).
const (
	patientRoot = "1.2.840.10008.5.1.4.1.2.1."
	studyRoot   = "1.2.840.10008.5.1.4.1.2.2."
)

// class gives the SOP Class for an operation: "1" is FIND, "2" MOVE, "3" GET.
func (q *Query) class(operation string) dicom.UID {
	if q.PatientRoot {
		return dicom.UID(patientRoot + operation)
	}
	return dicom.UID(studyRoot + operation)
}

// asked gives the extended negotiation of C-FIND (PS3.4 C.5.1.1.1); nil when there is nothing to ask for.
func (q *Query) asked() []byte {
	b := []byte{bit(q.Relational), bit(q.DateTime), bit(q.Fuzzy), bit(q.Timezone != "")}
	for len(b) > 0 && b[len(b)-1] == 0 {
		b = b[:len(b)-1]
	}
	if len(b) == 0 {
		return nil
	}
	return append(b, make([]byte, max(0, 3-len(b)))...) // the first three have always been there
}

// askedToRetrieve is asked for C-MOVE and C-GET (PS3.4 C.5.2.1).
func (q *Query) askedToRetrieve() []byte {
	if q.Relational {
		return []byte{1}
	}
	return nil
}

func bit(on bool) byte {
	if on {
		return 1
	}
	return 0
}

// encode gives the identifier. Beyond ASCII it is in UTF-8, and says so.
func (q *Query) encode(ts *dicom.TransferSyntax) []byte {
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
	if q.Timezone != "" {
		s.PutString(tag.TimezoneOffsetFromUTC, dicom.SH, q.Timezone)
	}
	return s.Append(nil, ts)
}

// native are the transfer syntaxes proposed for identifiers.
var native = []dicom.UID{dicom.ExplicitVRLittleEndian, dicom.ImplicitVRLittleEndian}

// Find sends a C-FIND and gives each answer, text in UTF-8, to each. It tells how many there were, at most
// the limit. A status of failure is a *dimse.StatusError.
func Find(ctx context.Context, t Target, q Query, each func(*dataset.Set) error) (n int, err error) {
	x, err := t.ask(ctx, q.class("1"), q.asked(), dimse.Options{})
	if err != nil {
		return 0, err
	}
	n, err = x.find(&q, each)
	return n, x.close(err)
}

// find asks one query.
func (x *asker) find(q *Query, each func(*dataset.Set) error) (n int, err error) {
	rq := &dimse.Command{Field: dimse.CFindRQ, AffectedSOPClass: x.class}
	resp, err := x.call(rq, q.encode(x.syntax), func(r *dimse.Response) error {
		if q.Limit > 0 && n == q.Limit { // what was under way when it was cancelled
			return nil
		}
		s, err := dataset.Parse(r.Data, x.syntax, dataset.Limits{})
		if err != nil {
			return err
		}
		s.DecodeUTF8()
		n++
		if err := each(s); err != nil {
			return err
		}
		if n == q.Limit {
			return x.cancel(rq)
		}
		return nil
	})
	if err == nil && !resp.Status.OK() && (resp.Status != dimse.Cancelled || q.Limit == 0) {
		err = &dimse.StatusError{Field: resp.Field, Status: resp.Status, Comment: resp.ErrorComment}
	}
	return n, err
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

// ErrNotAll is wrapped by the error of a retrieval of which some sub-operations succeeded and some did not.
var ErrNotAll = errors.New("not every object was retrieved")

// conclude reads the final response.
func conclude(resp *dimse.Response, ts *dicom.TransferSyntax) (r Retrieved) {
	r = Retrieved{Counts: countsOf(&resp.Command), Status: resp.Status}
	if len(resp.Data) > 0 {
		if s, err := dataset.Parse(resp.Data, ts, dataset.Limits{}); err == nil { // an unreadable list changes nothing in the outcome
			for _, u := range s.Strings(tag.FailedSOPInstanceUIDList) {
				r.Instances = append(r.Instances, dicom.UID(u))
			}
		}
	}
	return r
}

// verdict tells whether everything was retrieved.
func (r *Retrieved) verdict(field dimse.CommandField, comment string) error {
	switch {
	case !r.Status.OK():
		return &dimse.StatusError{Field: field, Status: r.Status, Comment: comment}
	case r.Failed > 0 && r.Completed+r.Warning > 0:
		return fmt.Errorf("%w: %d failed", ErrNotAll, r.Failed)
	case r.Failed > 0:
		return fmt.Errorf("no object was retrieved: %d failed", r.Failed)
	}
	return nil
}

// Move sends a C-MOVE: the target sends the objects to the Application Entity called to, which it must know.
func Move(ctx context.Context, t Target, q Query, to string, progress func(Counts)) (r Retrieved, err error) {
	x, err := t.ask(ctx, q.class("2"), q.askedToRetrieve(), dimse.Options{})
	if err != nil {
		return r, err
	}
	rq := &dimse.Command{Field: dimse.CMoveRQ, AffectedSOPClass: x.class, MoveDestination: to}
	resp, err := x.call(rq, q.encode(x.syntax), tell(progress))
	if err = x.close(err); resp == nil {
		return r, err
	}
	r = conclude(resp, x.syntax)
	if err == nil {
		err = r.verdict(resp.Field, resp.ErrorComment)
	}
	return r, err
}

func tell(progress func(Counts)) func(*dimse.Response) error {
	return func(r *dimse.Response) error {
		if progress != nil {
			progress(countsOf(&r.Command))
		}
		return nil
	}
}
