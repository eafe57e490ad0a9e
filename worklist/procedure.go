package worklist

import (
	"context"
	"errors"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
)

// Journal takes records of this package within a transaction, and tells their numbers.
type Journal interface {
	Append(tx halong.Tx, parts ...[]byte) (seq uint64, err error)
}

// Procedures is where Performed Procedure Steps are kept.
type Procedures interface {
	// PutPerformed adds a Performed Procedure Step with its links, or replaces the one of its facility with its SOP Instance UID.
	PutPerformed(tx halong.Tx, p *Performed) error
	// Performed gives one; the error is of kind NotExist if there is none.
	Performed(tx halong.Tx, f halong.Facility, sop dicom.UID) (*Performed, error)
	// PerformedFor gives those that were scheduled as a step.
	PerformedFor(tx halong.Tx, l Link) ([]*Performed, error)
	// AddDelivery adds an entry to the queue of forwarded MPPS requests.
	AddDelivery(tx halong.Tx, d *Delivery) error
	// EndDelivery removes one that was delivered. One that is not there is no error.
	EndDelivery(tx halong.Tx, id int64) error
	// AddMismatch adds a mismatch, or replaces the one with its ID.
	PutMismatch(tx halong.Tx, m *Mismatch) error
	// Mismatch gives one; the error is of kind NotExist if there is none.
	Mismatch(tx halong.Tx, id int64) (*Mismatch, error)
}

// ProceduresReader reads Performed Procedure Steps outside of transactions.
type ProceduresReader interface {
	// FindPerformed gives one that the scope sees; the error is of kind NotExist if there is none.
	FindPerformed(ctx context.Context, scope halong.Scope, sop dicom.UID) (*Performed, error)
	// PerformedOf gives those of a study that the scope sees, in the order in which they began.
	PerformedOf(ctx context.Context, scope halong.Scope, study dicom.UID) ([]*Performed, error)
	// Mismatches gives the mismatches that the scope sees, the newest first: those that are open, or those that were resolved.
	Mismatches(ctx context.Context, scope halong.Scope, l MismatchListing) ([]*Mismatch, error)
	// ListDeliveries gives what waits for being forwarded or was given up, without its Data Sets.
	ListDeliveries(ctx context.Context, scope halong.Scope, limit int) ([]*Delivery, error)
}

// Inbound is an N-CREATE or N-SET as it came.
type Inbound struct {
	Facility halong.Facility
	Source   halong.Source
	SOP      dicom.UID // of N-CREATE it may be empty: then one is made
	Syntax   dicom.UID // Transfer Syntax of Data
	Data     []byte    // the Data Set
	At       time.Time // UTC, microseconds
}

// Create carries out an N-CREATE: a modality has begun. It gives the SOP Instance UID. The error is an
// *AttributeError of kind Invalid when PS3.4 table F.7.2-1 is broken, and of kind Conflict when there is one with that UID.
func (s *Service) Create(ctx context.Context, in Inbound) (dicom.UID, error) {
	if in.SOP == "" {
		in.SOP = uuidUID("halong mpps\x00" + string(in.Facility) + in.Source.Peer + in.At.String() + string(in.Data))
	}
	_, err := s.run(ctx, in.record(opCreate, s.cfg.MPPS.Forward, s.cfg.MPPS.Lenient))
	return in.SOP, err
}

// Set carries out an N-SET. It gives the attributes that were not changed because they may not be. The error is of kind NotExist when there is no such
// Performed Procedure Step, ErrFinal of kind Conflict when it is over, and else as of Create.
func (s *Service) Set(ctx context.Context, in Inbound) (left []dicom.Tag, err error) {
	return s.run(ctx, in.record(opSet, s.cfg.MPPS.Forward, s.cfg.MPPS.Lenient))
}

func (in *Inbound) record(op string, to []string, lax bool) *record {
	return &record{Op: op, Facility: in.Facility, Source: in.Source, At: in.At, SOP: in.SOP, Syntax: in.Syntax, To: to, Lax: lax, Data: in.Data}
}

// run writes a record and applies it, in one transaction.
func (s *Service) run(ctx context.Context, r *record) (left []dicom.Tag, err error) {
	parts, err := r.encode()
	if err != nil {
		return nil, err
	}
	err = s.cfg.Updater.Update(ctx, func(tx halong.Tx) error {
		seq, err := s.cfg.Journal.Append(tx, parts...)
		if err != nil {
			return err
		}
		left, err = s.apply(tx, seq, r)
		return err
	})
	return left, err
}

// Replay applies one record of this package as it was applied when it was written. What it was about may not be there any more: orders are read again
// with the mapping that is configured now. Then there is nothing to do.
func (s *Service) Replay(tx halong.Tx, seq uint64, payload []byte) error {
	r, err := parseRecord(payload)
	if err != nil {
		return err
	}
	_, err = s.apply(tx, seq, r)
	if kind := halong.KindOf(err); kind == halong.NotExist || kind == halong.Conflict || kind == halong.Invalid {
		return nil
	}
	return err
}

// apply carries out a record: live and in a replay.
func (s *Service) apply(tx halong.Tx, seq uint64, r *record) (left []dicom.Tag, err error) {
	switch r.Op {
	case opCreate, opSet:
		return s.perform(tx, seq, r)
	case opSent:
		return nil, s.cfg.Procedures.EndDelivery(tx, r.Delivery)
	case opClose, opStatus:
		return nil, s.move(tx, r)
	case opMismatch:
		return nil, s.mismatch(tx, seq, r)
	case opResolve:
		return nil, s.resolve(tx, r)
	case opItem:
		return nil, s.item(tx, seq, r)
	}
	return nil, halong.E("worklist.Replay", halong.Unsupported, "", errors.New("an operation that this version does not know"))
}

// perform carries out an N-CREATE or N-SET.
func (s *Service) perform(tx halong.Tx, seq uint64, r *record) (left []dicom.Tag, err error) {
	const op = "worklist.MPPS"
	set, err := readSet(r)
	if err != nil {
		return nil, err
	}
	p, err := s.cfg.Procedures.Performed(tx, r.Facility, r.SOP)
	switch none := halong.KindOf(err) == halong.NotExist && err != nil; {
	case err != nil && !none:
		return nil, err
	case r.Op == opSet && none:
		return nil, halong.E(op, halong.NotExist, string(r.SOP), nil)
	case r.Op == opCreate && !none:
		return nil, halong.E(op, halong.Conflict, string(r.SOP), nil)
	case r.Op == opCreate:
		p, err = s.begin(tx, r, set)
	default:
		left, err = p.change(r, set)
		if err == nil && len(p.Links) == 0 { // its order may have come since
			err = s.link(tx, p)
		}
	}
	if err != nil {
		return nil, err
	}
	p.Updated = r.At
	if err := s.cfg.Procedures.PutPerformed(tx, p); err != nil {
		return nil, err
	}
	for i, to := range r.To {
		d := &Delivery{ID: int64(seq)<<10 | int64(i), Destination: to, SOP: p.SOP, Facility: p.Facility, Set: r.Op == opSet, Syntax: r.Syntax, Data: r.Data, Due: r.At}
		if err := s.cfg.Procedures.AddDelivery(tx, d); err != nil {
			return nil, err
		}
	}
	if err := s.emit(tx, halong.EventProcedureStep, p.Facility, r.At, stepPayload{string(p.SOP), p.Status, string(p.Study)}); err != nil {
		return nil, err
	}
	return left, s.reflect(tx, p)
}

type stepPayload struct {
	SOP    string `json:"instance"`
	Status string `json:"status"`
	Study  string `json:"study,omitempty"`
}

// readSet reads the Data Set of a record, with its text in UTF-8.
func readSet(r *record) (*dataset.Set, error) {
	ts, ok := dicom.LookupTransferSyntax(r.Syntax)
	if !ok {
		return nil, halong.E("worklist.MPPS", halong.Unsupported, string(r.Syntax), nil)
	}
	set, err := dataset.Parse(r.Data, ts, dataset.Limits{Elements: maxElements})
	if err != nil {
		return nil, halong.E("worklist.MPPS", halong.Invalid, string(r.SOP), err)
	}
	set.DecodeUTF8()
	return set, nil
}

// maxElements bounds the elements of a Data Set, those in items included: a step of 20,000 images has about 80,000.
const maxElements = 500_000

// begin makes a Performed Procedure Step, and finds the steps that it was scheduled as.
func (s *Service) begin(tx halong.Tx, r *record, set *dataset.Set) (*Performed, error) {
	if err := checkCreate(set); err != nil && !(r.Lax && set.String(tag.PerformedProcedureStepStatus) == InProgress) {
		return nil, halong.E("worklist.Create", halong.Invalid, string(r.SOP), err)
	}
	p := &Performed{
		SOP: r.SOP, Facility: r.Facility, Status: InProgress, Source: r.Source, Created: r.At, Attributes: set,
	}
	return p, s.link(tx, p)
}

// link finds the study of a Performed Procedure Step, and the steps that it was scheduled as.
func (s *Service) link(tx halong.Tx, p *Performed) error {
	var items []*dataset.Set
	if e := p.Attributes.Get(tag.ScheduledStepAttributesSequence); e != nil {
		items = e.Items
	}
	for _, item := range items {
		if p.Study == "" {
			p.Study = item.UID(tag.StudyInstanceUID)
		}
		if len(p.Links) >= maxSteps {
			break
		}
		l, ok, err := s.scheduled(tx, p.Facility, item)
		if err != nil {
			return err
		}
		if ok && !hasLink(p.Links, l) {
			p.Links = append(p.Links, l)
		}
	}
	return nil
}

func hasLink(all []Link, l Link) bool {
	for _, x := range all {
		if x == l {
			return true
		}
	}
	return false
}

// change takes over an N-SET.
func (p *Performed) change(r *record, set *dataset.Set) (left []dicom.Tag, err error) {
	const op = "worklist.Set"
	if p.final() {
		return nil, halong.E(op, halong.Conflict, string(p.SOP), ErrFinal)
	}
	left = p.set(set)
	switch p.Status {
	case InProgress:
		return left, nil
	case PerformedCompleted, PerformedDiscontinued:
	default:
		return nil, halong.E(op, halong.Invalid, string(p.SOP), &AttributeError{tag.PerformedProcedureStepStatus, Wrong})
	}
	if err := checkFinal(p.Attributes); err != nil && !r.Lax {
		return nil, halong.E(op, halong.Invalid, string(p.SOP), err)
	}
	return left, nil
}
