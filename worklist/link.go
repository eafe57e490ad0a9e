package worklist

import (
	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
)

// scheduled finds the step that an item of the Scheduled Step Attributes Sequence is about: by its Scheduled Procedure Step ID with the study, the Accession
// Number or the Requested Procedure ID, since IDs alone are reused; without an ID by the study if that has one step.
func (s *Service) scheduled(tx halong.Tx, f halong.Facility, item *dataset.Set) (Link, bool, error) {
	want := Step{
		ID: item.String(tag.ScheduledProcedureStepID), Procedure: item.String(tag.RequestedProcedureID),
		Study: item.UID(tag.StudyInstanceUID), Accession: item.String(tag.AccessionNumber),
	}
	for _, x := range []struct {
		by     NumberKind
		number string
	}{{ByStudy, string(want.Study)}, {ByStep, want.ID}} {
		if x.number == "" {
			continue
		}
		ids, err := s.cfg.Orders.OrdersBy(tx, f, x.by, x.number)
		if err != nil {
			return Link{}, false, err
		}
		for _, id := range ids {
			o, err := s.cfg.Orders.Order(tx, id)
			if err != nil {
				return Link{}, false, err
			}
			if i := o.stepFor(&want); i >= 0 {
				return Link{id, i}, true, nil
			}
		}
	}
	return Link{}, false, nil
}

// stepFor finds the order's step that a modality means; -1 for none.
func (o *Order) stepFor(want *Step) int {
	if want.ID == "" {
		if len(o.Steps) == 1 && o.Steps[0].Study == want.Study {
			return 0
		}
		return -1
	}
	for i := range o.Steps {
		s := &o.Steps[i]
		accession := s.Attributes.String(tag.AccessionNumber)
		if s.ID == want.ID && (s.Study == want.Study || want.Accession != "" && accession == want.Accession || want.Procedure != "" && s.Procedure == want.Procedure) {
			return i
		}
	}
	return -1
}

// reflect brings the steps of a Performed Procedure Step into the state that follows from all that were performed for them.
func (s *Service) reflect(tx halong.Tx, p *Performed) error {
	for _, l := range p.Links {
		o, err := s.cfg.Orders.Order(tx, l.Order)
		if halong.KindOf(err) == halong.NotExist && err != nil {
			continue
		}
		if err != nil {
			return err
		}
		if l.Index >= len(o.Steps) {
			continue
		}
		all, err := s.cfg.Procedures.PerformedFor(tx, l)
		if err != nil {
			return err
		}
		before := o.Status
		step := &o.Steps[l.Index]
		step.Status, step.Performed = together(all, step.Status), p.SOP
		o.Status = overall(o.Steps)
		if err := s.changed(tx, o, before, CausePerform, p.Updated); err != nil {
			return err
		}
	}
	return nil
}

// together gives the state of a step for which these were performed: it goes on while one goes on, and is completed when one was.
// A step that was chosen by mistake is to be done still.
func together(all []*Performed, before Status) Status {
	state := before
	for _, p := range all {
		switch {
		case p.Status == InProgress:
			return Started
		case p.Status == PerformedCompleted:
			state = Completed
		case p.mistaken():
			if state != Completed && state != Discontinued {
				state = Scheduled
			}
		case state != Completed:
			state = Discontinued
		}
	}
	return state
}

// wrongEntry is the reason "Incorrect worklist entry selected" (PS3.16 CID 9301).
const wrongEntry = "110514"

// mistaken tells whether it was discontinued because the wrong entry of the worklist had been chosen.
func (p *Performed) mistaken() bool {
	e := p.Attributes.Get(tag.PerformedProcedureStepDiscontinuationReasonCodeSequence)
	return p.Status == PerformedDiscontinued && e != nil && len(e.Items) > 0 && e.Items[0].String(tag.CodeValue) == wrongEntry
}

// move brings steps into a state: closed by images, or set by an operator.
func (s *Service) move(tx halong.Tx, r *record) error {
	cause := CauseOperator
	if r.Op == opClose {
		cause = CauseImages
	}
	for _, l := range byOrder(r.Links) {
		o, err := s.cfg.Orders.Order(tx, l[0].Order)
		if err != nil {
			return err
		}
		before := o.Status
		for _, x := range l {
			if x.Index < 0 {
				o.Status = r.Status // an order without steps
			} else if x.Index < len(o.Steps) {
				o.Steps[x.Index].Status = r.Status
			}
		}
		if len(o.Steps) > 0 {
			o.Status = overall(o.Steps)
		}
		if err := s.changed(tx, o, before, cause, r.At); err != nil {
			return err
		}
	}
	return nil
}

// byOrder puts links of one order together.
func byOrder(links []Link) (out [][]Link) {
	for _, l := range links {
		if n := len(out); n > 0 && out[n-1][0].Order == l.Order {
			out[n-1] = append(out[n-1], l)
			continue
		}
		out = append(out, []Link{l})
	}
	return out
}
