package intake

import (
	"errors"
	"slices"
	"strings"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/hl7v2"
	"github.com/halong-gateway/halong/patient"
	"github.com/halong-gateway/halong/storage"
)

// Trigger events of ADT (HL7 chapter 3) by what they say of who a patient is.
var (
	// A visit, an admission, a discharge or a cancellation: PID says who it is about.
	adtRegister = []string{
		"A01", "A02", "A03", "A04", "A05", "A06", "A07", "A09", "A10", "A11", "A12", "A13", "A14", "A15", "A16", "A21", "A22",
		"A25", "A26", "A27", "A28", "A38",
	}
	// PID says what is right from now on: A08 and A31.
	adtUpdate = []string{"A08", "A31"}
	// The patient of MRG is that of PID: A40, its older forms A18, A34, A36 and A39, and A47, which says that the identifier
	// changed.
	adtMerge = []string{"A18", "A34", "A36", "A39", "A40", "A47"}
	// The two patients of two PID are one person: A24; or, A37, are not.
	adtLink = []string{"A24", "A37"}

	adtEvents = slices.Concat(adtRegister, adtUpdate, adtMerge, adtLink)
)

// maxGroups bounds how many merges one message may order.
const maxGroups = 500

// adt files ADT messages with the service patient.
type adt struct{ in *Intake }

// Handle registers, merges or links patients. Where that cannot be done the message stays, with a note, and nothing of it is done. The sender
// of a merge or link is told by an ERR with severity W that says where the fault is: the message itself is accepted, to send it again changes nothing.
func (a adt) Handle(tx halong.Tx, m *storage.Message, h *hl7v2.Message) (Applied, error) {
	event := trigger(m, h)
	if !slices.Contains(adtEvents, event) {
		return Applied{Note: "neither MSH-9 nor EVN-1 says a trigger event that is processed"}, nil
	}
	w := adtWork{adt: a, tx: tx, m: m, why: patient.Cause{At: m.Received, Record: m.Seq, By: m.Source}, sent: patient.SentAt(h.At("MSH-7"))}
	err := a.in.cfg.Messages.Attempt(tx, func() error {
		switch {
		case slices.Contains(adtMerge, event):
			w.orders = true
			return w.merge(h)
		case slices.Contains(adtLink, event):
			w.orders = true
			return w.link(h, event == "A24")
		}
		return w.register(h, slices.Contains(adtUpdate, event))
	})
	var r *refusal
	switch untrusted, refused := errors.Is(err, errUntrusted), errors.As(err, &r); {
	case untrusted && !w.orders:
		return Applied{Note: errUntrusted.Error()}, nil
	case untrusted:
		return Applied{Remark: errUntrusted.Error()}, nil
	case refused && !w.orders: // nobody waits for anything to be done
		return Applied{Note: r.Text}, nil
	case refused: // not only kept: to be looked at again some day it would be carried out when nobody expects it
		return Applied{Remark: r.Text, Answer: r.answer}, nil
	}
	done := Applied{Remark: w.remark}
	if w.partly != nil {
		done.Remark, done.Answer = "not everybody whom MRG-1 names is merged: "+w.partly.Text, w.partly.answer
	}
	if second := ofSecond(h); second != "" && !w.orders {
		done.Remark = strings.TrimPrefix(w.remark+"; "+second, "; ")
		done.Answer = func(k *hl7v2.Ack) { warnings(k, second) }
	}
	return done, err
}

// trigger gives the trigger event: MSH-9.2, or EVN-1 where that is missing.
func trigger(m *storage.Message, h *hl7v2.Message) string {
	if _, event, ok := strings.Cut(m.Type, "^"); ok {
		return event
	}
	return strings.TrimSpace(h.At("EVN-1").Text())
}

// errUntrusted says that a message is about identifiers that are not to come in: the site's configuration says so, and the sender did nothing wrong.
var errUntrusted = errors.New("no identifier of a trusted assigning authority")

// refusal is why a message's order is not carried out, in the words of ERR.
type refusal struct{ hl7v2.AckError }

func (r *refusal) Error() string { return r.Text }

func (r *refusal) answer(k *hl7v2.Ack) {
	e := r.AckError
	e.Severity = "W"
	k.Errors = append(k.Errors, e)
}

func refuse(code hl7v2.ErrorCode, segment string, number, field int, text string) error {
	return &refusal{hl7v2.AckError{Code: code, Segment: segment, Number: number, Field: field, Text: text}}
}

// adtWork is one ADT message being processed.
type adtWork struct {
	adt
	tx     halong.Tx
	m      *storage.Message
	why    patient.Cause
	sent   string
	orders bool // the message orders something about identities, more than telling of a patient
	merged bool // something was merged that was not merged so before
	remark string
	partly *refusal // why a further patient of MRG-1 is not merged
}

// who reads the patient of a PID segment.
func (w *adtWork) who(pid hl7v2.Segment, number int) (*patient.Patient, error) {
	if !pid.Exists() {
		return nil, refuse(hl7v2.SegmentSequenceError, "PID", number, 0, "PID is missing")
	}
	p := patient.FromPID(w.m.Facility, pid, w.sent)
	if len(p.Identifiers) == 0 {
		return nil, refuse(hl7v2.RequiredFieldMissing, "PID", number, 3, "PID-3 holds no identifier")
	}
	if p = w.in.cfg.Patients.Trusted(p); len(p.Identifiers) == 0 {
		return nil, errUntrusted
	}
	return p, nil
}

// register makes the patient of PID known.
func (w *adtWork) register(h *hl7v2.Message, update bool) error {
	p, err := w.who(h.First("PID"), 1)
	if err != nil {
		return err
	}
	done, err := w.registered(p, update)
	if done.Retired {
		w.remark = "the patient is merged into another, who is served in its place"
	}
	return err
}

func (w *adtWork) registered(p *patient.Patient, update bool) (patient.Recorded, error) {
	done, err := w.in.cfg.Patients.Register(w.tx, patient.Told{Patient: p, Update: update}, w.why)
	if err != nil || !done.Changed {
		return done, err
	}
	return done, w.in.emit(w.tx, halong.EventPatientUpdated, w.m, patientPayload{Message: w.m.Seq})
}

// merge carries out every pair of PID and MRG.
func (w *adtWork) merge(h *hl7v2.Message) error {
	var survivor hl7v2.Segment
	pids, mrgs := 0, 0
	for s := range h.Segments() {
		switch {
		case s.Is("PID"):
			survivor = s
			pids++
		case s.Is("MRG"):
			if mrgs++; mrgs > maxGroups {
				return refuse(hl7v2.SegmentSequenceError, "MRG", mrgs, 0, "more merges than one message may order")
			}
			if err := w.mergeOne(survivor, pids, s, mrgs); err != nil {
				return err
			}
		}
	}
	if mrgs == 0 {
		return refuse(hl7v2.SegmentSequenceError, "MRG", 1, 0, "MRG is missing")
	}
	if !w.merged {
		w.remark = "the patients were merged so before"
	}
	return nil
}

func (w *adtWork) mergeOne(pid hl7v2.Segment, pids int, mrg hl7v2.Segment, number int) error {
	to, err := w.who(pid, max(pids, 1))
	if err != nil {
		return err
	}
	id, _ := to.Identity()
	from := patient.FromMRG(w.m.Facility, mrg, id.Authority)
	if len(from.Identifiers) == 0 {
		return refuse(hl7v2.RequiredFieldMissing, "MRG", number, 1, "MRG-1 holds no identifier")
	}
	if from = w.in.cfg.Patients.Trusted(from); len(from.Identifiers) == 0 {
		return errUntrusted
	}
	if other, _ := from.Identity(); other == id { // before PID changes anything
		return w.refused(patient.ErrSelf, "MRG", number, 1)
	}
	if _, err := w.registered(to, false); err != nil {
		return err
	}
	all, err := w.priors(to, from)
	if err != nil {
		return err
	}
	merged := false
	for _, prior := range all {
		changed, err := w.in.cfg.Patients.Merge(w.tx, to, prior, w.why)
		var r *refusal
		switch {
		case err == nil:
			merged = merged || changed
		case prior != from && errors.As(w.refused(err, "MRG", number, 1), &r): // the first one's merge does not depend on it
			w.partly = r
		default:
			return w.refused(err, "MRG", number, 1)
		}
	}
	if !merged {
		return nil
	}
	w.merged = true
	return w.in.emit(w.tx, halong.EventPatientMerged, w.m, patientPayload{Message: w.m.Seq})
}

// priors gives the patients that MRG-1 names: one with all its identifiers, and those who are known by a further one of them, which is wrong as the
// first is (HL7 3.3.40). Whom a number of another type (CX.5) is of is another: visits and accounts are numbered too.
func (w *adtWork) priors(to, from *patient.Patient) ([]*patient.Patient, error) {
	all := []*patient.Patient{from}
	for _, id := range from.Identifiers[1:] {
		prior := &patient.Patient{Facility: from.Facility, Identifiers: []patient.Identifier{id}}
		if slices.ContainsFunc(to.Identifiers, func(x patient.Identifier) bool { return x.ID == id.ID && x.Authority == id.Authority }) {
			continue // of both
		}
		who, _ := prior.Identity()
		known, err := w.in.cfg.Patients.Lookup(w.tx, who)
		if err != nil {
			return nil, err
		}
		switch {
		case known == nil, known.Identifiers[0].Type != "" && id.Type != "" && known.Identifiers[0].Type != id.Type:
		case known.Survivor == 0: // the others may be merged into it
			all = slices.Insert(all, 0, prior)
		default:
			all = append(all, prior)
		}
	}
	return all, nil
}

// refused turns a conflict into an answer that names the place of the fault.
func (w *adtWork) refused(err error, segment string, number, field int) error {
	for _, e := range []struct {
		is   error
		code hl7v2.ErrorCode
	}{
		{patient.ErrSelf, hl7v2.DuplicateKeyIdentifier},
		{patient.ErrCycle, hl7v2.DuplicateKeyIdentifier},
		{patient.ErrMerged, hl7v2.DuplicateKeyIdentifier},
		{patient.ErrChain, hl7v2.DuplicateKeyIdentifier},
		{patient.ErrMany, hl7v2.DuplicateKeyIdentifier},
		{patient.ErrNotLinked, hl7v2.UnknownKeyIdentifier},
	} {
		if errors.Is(err, e.is) {
			return refuse(e.code, segment, number, field, e.is.Error())
		}
	}
	return err
}

// link links or unlinks the patients of the first two PID. There is no trigger event that takes a merge back: unlinking two
// patients of whom one was merged into the other does so.
func (w *adtWork) link(h *hl7v2.Message, link bool) error {
	var two [2]*patient.Patient
	n := 0
	for s := range h.Segments() {
		if !s.Is("PID") || n == len(two) {
			continue
		}
		p, err := w.who(s, n+1)
		if err != nil {
			return err
		}
		two[n] = p
		n++
	}
	if n < len(two) {
		return refuse(hl7v2.SegmentSequenceError, "PID", n+1, 0, "PID of the other patient is missing")
	}
	if link {
		return w.linked(two)
	}
	return w.unlinked(two)
}

func (w *adtWork) linked(two [2]*patient.Patient) error {
	a, _ := two[0].Identity()
	if b, _ := two[1].Identity(); a == b {
		return w.refused(patient.ErrSelf, "PID", 2, 3)
	}
	for _, p := range two {
		if _, err := w.registered(p, false); err != nil {
			return err
		}
	}
	changed, err := w.in.cfg.Patients.Link(w.tx, two[0], two[1], w.why)
	if err != nil || !changed {
		return w.refused(err, "PID", 2, 3)
	}
	return w.in.emit(w.tx, halong.EventPatientLinked, w.m, patientPayload{Message: w.m.Seq})
}

func (w *adtWork) unlinked(two [2]*patient.Patient) error {
	for i, p := range two {
		id, _ := p.Identity()
		other, _ := two[1-i].Identity()
		merged, err := w.in.cfg.Patients.IsMerged(w.tx, id, other)
		if err != nil {
			return err
		}
		if !merged {
			continue
		}
		if _, err := w.in.cfg.Patients.Unmerge(w.tx, id, w.why); err != nil {
			return err
		}
		return w.in.emit(w.tx, halong.EventPatientUnmerged, w.m, patientPayload{Message: w.m.Seq})
	}
	if err := w.in.cfg.Patients.Unlink(w.tx, two[0], two[1], w.why); err != nil {
		return w.refused(err, "PID", 2, 3)
	}
	return w.in.emit(w.tx, halong.EventPatientUnlinked, w.m, patientPayload{Message: w.m.Seq})
}
