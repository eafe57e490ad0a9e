package worklist

import (
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
)

// WorkitemMoved brings the step that a workitem stands for into the state that somebody brought the workitem into who works by UPS-RS: started when it was claimed,
// completed, discontinued, or cancelled before anybody began. What a modality tells of the step by MPPS goes before that, and what is over stays so. A workitem of no step's,
// or of an earlier turn of one, changes nothing.
func (s *Service) WorkitemMoved(tx halong.Tx, f halong.Facility, uid, study dicom.UID, to Status, at time.Time) error {
	if s.cfg.Workitems == nil || study == "" {
		return nil
	}
	ids, err := s.cfg.Orders.OrdersBy(tx, f, ByStudy, string(study))
	if err != nil {
		return err
	}
	for _, id := range ids {
		o, err := s.cfg.Orders.Order(tx, id)
		if err != nil {
			return err
		}
		for i := range o.Steps {
			if o.workitemUID(i) == uid {
				return s.claimed(tx, o, i, to, at)
			}
		}
	}
	return nil
}

// workitemUID names the workitem of a step that has its turn.
func (o *Order) workitemUID(i int) dicom.UID {
	s := Step{Order: o.ID, Index: i, Facility: o.Facility, Workitem: o.Steps[i].Workitem}
	return s.workitemUID("item")
}

// claimed writes down what somebody made of a step's workitem.
func (s *Service) claimed(tx halong.Tx, o *Order, i int, to Status, at time.Time) error {
	before, step := o.Status, &o.Steps[i]
	step.Workitem.Begun = step.Workitem.Begun || to.Final() // while somebody performs it there is no other
	if performed := step.Performed != "" && step.Status.begun(); !performed && !step.Status.Final() {
		step.Status = to
		o.Status = overall(o.Steps)
	}
	return s.changed(tx, o, before, CauseWorkitem, at)
}

// askPerformers tells those who work on an order, or on what was one until now, by UPS-RS that its placer cancels it.
func (s *Service) askPerformers(tx halong.Tx, o *Order, at time.Time) error {
	if s.cfg.Workitems == nil {
		return nil
	}
	for i := range o.Steps {
		if err := s.cfg.Workitems.Ask(tx, o.Facility, o.workitemUID(i), "the order is cancelled", at); err != nil {
			return err
		}
	}
	return nil
}
