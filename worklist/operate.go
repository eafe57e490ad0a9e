package worklist

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
)

// ResolveMismatch notes that an operator has dealt with a mismatch. The error is of kind NotExist if the scope sees no such mismatch.
func (s *Service) ResolveMismatch(ctx context.Context, scope halong.Scope, id int64, note string, by halong.Source, at time.Time) error {
	return s.cfg.Updater.Update(ctx, func(tx halong.Tx) error {
		m, err := s.cfg.Procedures.Mismatch(tx, id)
		if err != nil {
			return err
		}
		if !scope.Sees(m.Facility) {
			return halong.E("worklist.ResolveMismatch", halong.NotExist, "", nil)
		}
		return s.record(tx, &record{Op: opResolve, Facility: m.Facility, Source: by, At: at, Mismatch: &Mismatch{ID: id}, Reason: note})
	})
}

// SetStatus brings an order, or one of its steps, into a state as an operator says: the patient has arrived, or a step is done that nobody told
// of. Step -1 stands for all. The error is of kind NotExist if the scope sees no such order or step.
func (s *Service) SetStatus(ctx context.Context, scope halong.Scope, order int64, step int, to Status, by halong.Source, at time.Time) error {
	const op = "worklist.SetStatus"
	if !to.Known() {
		return halong.E(op, halong.Invalid, "", nil)
	}
	return s.cfg.Updater.Update(ctx, func(tx halong.Tx) error {
		o, err := s.cfg.Orders.Order(tx, order)
		if err != nil {
			return err
		}
		if !scope.Sees(o.Facility) || step >= len(o.Steps) || step < -1 {
			return halong.E(op, halong.NotExist, "", nil)
		}
		r := &record{Op: opStatus, Facility: o.Facility, Source: by, At: at, Status: to}
		for i := range o.Steps {
			if step == -1 || step == i {
				r.Links = append(r.Links, Link{order, i})
			}
		}
		if len(o.Steps) == 0 {
			r.Links = []Link{{order, -1}}
		}
		return s.record(tx, r)
	})
}

// Import takes a worklist item (a Data Set as the Modality Worklist answers it), with each of its Scheduled Procedure Steps, as an order. One
// that has the study and the step's ID of an item that came before replaces it. The error is of kind Invalid when it has no step.
func (s *Service) Import(ctx context.Context, in Inbound) error {
	_, err := s.run(ctx, in.record(opItem, nil, false))
	return err
}

// item applies an import.
func (s *Service) item(tx halong.Tx, seq uint64, r *record) error {
	const op = "worklist.Import"
	set, err := readSet(r)
	if err != nil {
		return err
	}
	sequence := set.Get(tag.ScheduledProcedureStepSequence)
	if sequence == nil || len(sequence.Items) == 0 || len(sequence.Items) > maxSteps {
		return halong.E(op, halong.Invalid, "", errors.New("the item has no Scheduled Procedure Step, or too many"))
	}
	o := itemOrder(set, sequence.Items)
	o.ID, o.Facility, o.Created, o.Sent = int64(seq)<<20, r.Facility, r.At, identityOf(set)
	for i := range o.Steps {
		l, ok, err := s.scheduled(tx, r.Facility, scheduledItem(&o.Steps[i]))
		if err != nil {
			return err
		}
		if ok {
			known, err := s.cfg.Orders.Order(tx, l.Order)
			if err != nil {
				return err
			}
			if known.Type == importType {
				o.ID, o.Created = known.ID, known.Created
			}
		}
	}
	return s.put(tx, o, r.At)
}

// importType stands in Order.Type of orders from items.
const importType = "item"

// scheduledItem says of a step what a Scheduled Step Attributes Sequence says.
func scheduledItem(s *Step) *dataset.Set {
	out := newItem()
	out.PutString(tag.StudyInstanceUID, dicom.UI, string(s.Study))
	out.PutString(tag.ScheduledProcedureStepID, dicom.SH, s.ID)
	return out.Set
}

// itemOrder makes an order of a worklist item.
func itemOrder(set *dataset.Set, steps []*dataset.Set) *Order {
	o := &Order{
		Kind: Imaging, Status: Scheduled, Type: importType, Accession: set.String(tag.AccessionNumber),
		Placer:   Number{ID: set.String(tag.PlacerOrderNumberImagingServiceRequest)},
		Filler:   Number{ID: set.String(tag.FillerOrderNumberImagingServiceRequest)},
		Priority: set.String(tag.RequestedProcedurePriority),
		Service:  Code{Meaning: set.String(tag.RequestedProcedureDescription)},
	}
	if e := set.Get(tag.RequestedProcedureCodeSequence); e != nil && len(e.Items) > 0 {
		c := e.Items[0]
		o.Service = Code{c.String(tag.CodeValue), c.String(tag.CodingSchemeDesignator), c.String(tag.CodeMeaning)}
	}
	for _, sps := range steps {
		all := clone(set)
		all.Put(dataset.Element{Tag: tag.ScheduledProcedureStepSequence, VR: dicom.SQ, Items: []*dataset.Set{sps}})
		s := Step{
			ID: sps.String(tag.ScheduledProcedureStepID), Procedure: set.String(tag.RequestedProcedureID), Study: set.UID(tag.StudyInstanceUID),
			Modality: sps.String(tag.Modality), Stations: sps.Strings(tag.ScheduledStationAETitle), Status: itemStatus(sps),
			Start: digits(sps.String(tag.ScheduledProcedureStepStartDate), 8) + digits(sps.String(tag.ScheduledProcedureStepStartTime), 6), Attributes: all,
		}
		o.Steps = append(o.Steps, s)
	}
	return o
}

func itemStatus(sps *dataset.Set) Status {
	for _, s := range []Status{Scheduled, Arrived, Ready, Started, Departed} {
		if strings.EqualFold(sps.String(tag.ScheduledProcedureStepStatus), string(s)) {
			return s
		}
	}
	return Scheduled
}

// digits gives the first n digits of a date or time, which old ones divide by points and colons.
func digits(s string, n int) string {
	s = strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, s)
	return s[:min(len(s), n)]
}
