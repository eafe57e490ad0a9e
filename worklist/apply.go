package worklist

import (
	"time"

	"github.com/halong-gateway/halong"
)

// Origin says which record a change is from. Everything that a change depends on beside rows is here and in the request, so that the same record
// makes the same rows again.
type Origin struct {
	Facility halong.Facility
	Record   uint64 // in the journal
	Place    int    // of the request within it, from 0
	At       time.Time
	Patient  int64 // key; 0: none was named
	Serve    Serve // as whom that patient is served; nil: as sent
}

// Outcome tells what became of a request.
type Outcome struct {
	Order   *Order // nil: none
	New     bool
	Control string // what the answer's ORC-1 is: OK or NA accepted, CR cancelled, UC, UA, UX unable to cancel, accept, change
	Remark  string // why it was not done, or not as asked
}

// Causes of a change of state.
const (
	CauseOrder    = "order"    // the placer's message
	CausePerform  = "mpps"     // a Modality Performed Procedure Step
	CauseImages   = "images"   // images, of a modality that has no MPPS
	CauseOperator = "operator" // somebody at the API
	CauseWorkitem = "workitem" // who works by UPS-RS
)

// Apply carries out what a message asks of an order: it adds it, changes it or ends it.
func (s *Service) Apply(tx halong.Tx, r *Request, from Origin) (Outcome, error) {
	by := s.cfg.Mapping
	to, ok := by.status(r.Control, r.State)
	if !ok {
		return Outcome{Control: "UA", Remark: "order control " + quoted(r.Control) + " with order status " + quoted(r.State) + " makes no order by the configuration"}, nil
	}
	o, err := s.match(tx, r, from)
	if err != nil {
		return Outcome{}, err
	}
	if o == nil {
		return s.add(tx, r, from, to)
	}
	before, whose, named := o.Status, o.Patient, from.Patient
	if r.Reschedule && whose != 0 && !booking(o.StatusType) {
		from.Patient = whose // an appointment does not say whose an order is that somebody else placed
	}
	serve, err := s.served(tx, from, o)
	if err != nil {
		return Outcome{}, err
	}
	out := Outcome{Order: o, Control: "OK"}
	out.Remark = o.enter(to, by.CancelStarted, r.Detailed && !r.Reschedule)
	if (r.Detailed || r.Reschedule) && !to.ends() { // afterwards: it may cancel steps that are not ordered any more
		o.revise(r, from, false)
		o.identify(serve)
		o.sum(to)
	}
	switch {
	case out.Remark != "":
		out.Control = "UC"
	case to.ends():
		out.Control = "CR"
	}
	if named != 0 && whose != 0 && named != whose && out.Remark == "" { // after a merge, or somebody's mistake
		out.Remark = "the message names another patient than the order had before"
	}
	if out.Remark == "" && r.Reschedule && o.Kind == Other && !to.ends() {
		out.Remark = noStation
	}
	o.Message, o.Control = from.Record, r.Order.Control
	o.addressed(&r.Order)
	if err := s.changed(tx, o, before, CauseOrder, from.At); err != nil || !to.ends() {
		return out, err
	}
	return out, s.askPerformers(tx, o, from.At)
}

// served tells as whom an order's patient is served: the one that the message names, else the one that the order is for.
func (s *Service) served(tx halong.Tx, from Origin, o *Order) (Serve, error) {
	key := o.Patient
	if from.Patient != 0 {
		key = from.Patient
	}
	if key == 0 || s.cfg.Served == nil {
		return nil, nil
	}
	return s.cfg.Served(tx, key)
}

func quoted(s string) string {
	if s == "" {
		return "(none)"
	}
	if len(s) > 8 {
		s = s[:8]
	}
	return s
}

// ends tells whether a state is asked for that calls an order off.
func (s Status) ends() bool { return s == Cancelled || s == Discontinued }

// match finds the order that a request is about; nil for a new one. One whose accession number is another is meant only if no other is: a change may
// bring a new accession number.
func (s *Service) match(tx halong.Tx, r *Request, from Origin) (*Order, error) {
	var second *Order
	for _, x := range []struct {
		by     NumberKind
		number string
	}{{ByPlacer, r.Order.Placer.ID}, {ByFiller, r.Order.Filler.ID}, {ByAccession, r.Order.Accession}} {
		if x.number == "" {
			continue
		}
		ids, err := s.cfg.Orders.OrdersBy(tx, from.Facility, x.by, x.number)
		if err != nil {
			return nil, err
		}
		for _, id := range ids {
			o, err := s.cfg.Orders.Order(tx, id)
			if err != nil {
				return nil, err
			}
			switch {
			case !o.isMeant(r, from, x.by):
			case o.Accession == "" || r.Order.Accession == "" || o.Accession == r.Order.Accession:
				return o, nil
			case second == nil && r.Control != "NW" && r.Control != "RO":
				second = o
			}
		}
	}
	return second, nil
}

// isMeant tells whether a request with one number of the order is about it: no other number contradicts. A new order with an old one's number
// is another where that was for another patient, and is over.
func (o *Order) isMeant(r *Request, from Origin, by NumberKind) bool {
	x := &r.Order
	if !o.Placer.agrees(x.Placer) || !o.Filler.agrees(x.Filler) {
		return false
	}
	other := from.Patient != 0 && o.Patient != 0 && from.Patient != o.Patient
	fresh := r.Control == "NW" || r.Control == "RO"
	switch {
	case fresh && other && o.Status.Final():
		return false
	case by == ByAccession && (other || o.Kind != x.Kind && r.Detailed):
		return false // an accession number may stand for several orders
	case by == ByAccession && len(o.Steps) > 0 && len(x.Steps) > 0 && o.Steps[0].Procedure != "" && x.Steps[0].Procedure != "" && o.Steps[0].Procedure != x.Steps[0].Procedure:
		return false
	}
	return true
}

// agrees tells whether two numbers may be of one order: one of them is missing, or they are the same.
func (n Number) agrees(x Number) bool {
	if n.ID == "" || x.ID == "" {
		return true
	}
	return n.ID == x.ID && (n.Authority == x.Authority || n.Authority == "" || x.Authority == "")
}

// add makes a new order.
func (s *Service) add(tx halong.Tx, r *Request, from Origin, to Status) (Outcome, error) {
	switch {
	case to.ends():
		return Outcome{Control: "UC", Remark: "there is no such order to cancel"}, nil
	case !r.Detailed:
		return Outcome{Control: "UX", Remark: "there is no such order, and the message does not say what is ordered"}, nil
	case r.Order.Placer.ID == "" && r.Order.Filler.ID == "" && r.Order.Accession == "":
		return Outcome{Control: "UA", Remark: "an order without any number"}, nil
	}
	o := &Order{
		ID: int64(from.Record)<<20 | int64(from.Place), Facility: from.Facility, Kind: r.Order.Kind, Created: from.At, Status: to,
		Message: from.Record, Control: r.Order.Control,
	}
	o.addressed(&r.Order)
	o.revise(r, from, true)
	serve, err := s.served(tx, from, o)
	if err != nil {
		return Outcome{}, err
	}
	o.identify(serve)
	for i := range o.Steps {
		o.Steps[i].Status = to
	}
	out := Outcome{Order: o, New: true, Control: "OK", Remark: r.lacks(s.cfg.Mapping)}
	return out, s.put(tx, o, from.At)
}

// sum gives an order the state of its steps, and steps that it got just now the one that was asked for.
func (o *Order) sum(to Status) {
	for i := range o.Steps {
		if s := &o.Steps[i]; s.Status == "" {
			s.Status = to
		}
	}
	if len(o.Steps) > 0 {
		o.Status = overall(o.Steps)
	}
}

// enter brings an order and its steps into a state. It tells why it did not. Where the message names the steps (detailed), those that were called off come back
// only by being named: see take.
func (o *Order) enter(to Status, cancelStarted, detailed bool) (remark string) {
	o.Requested = false
	if len(o.Steps) == 0 {
		switch {
		case o.Status == Completed && to.ends():
			return "the order is completed"
		case o.Status.Final() && !to.Final() && o.Status == Completed:
			return "" // what is said of a completed order changes its words alone
		}
		o.Status = to
		return ""
	}
	for i := range o.Steps {
		s := &o.Steps[i]
		if s.Status == Cancelled && detailed && !to.ends() {
			continue
		}
		if why := s.enter(to, cancelStarted); why != "" {
			remark = why
			o.Requested = true
		}
	}
	o.Status = overall(o.Steps)
	return remark
}

// enter brings a step into a state that the placer asks for.
func (s *Step) enter(to Status, cancelStarted bool) (remark string) {
	switch {
	case s.Status == Completed && to.ends():
		return "a step of the order is completed"
	case s.Status == Completed || s.Status == Discontinued:
		return ""
	case s.Status.begun() && to == Completed:
	case s.Status.begun() && to.ends() && cancelStarted:
		to = Discontinued
	case s.Status.begun() && to.ends():
		return "a step of the order has begun"
	case s.Status.begun():
		return ""
	case to == Scheduled && (s.Status == Arrived || s.Status == Ready):
		return ""
	}
	s.Status = to
	return ""
}

// changed writes an order, and tells of its state if that is another.
func (s *Service) changed(tx halong.Tx, o *Order, before Status, cause string, at time.Time) error {
	if err := s.put(tx, o, at); err != nil {
		return err
	}
	if before == o.Status {
		return nil
	}
	p := orderPayload(o)
	p.Previous, p.Cause = before, cause
	return s.emit(tx, halong.EventOrderStatus, o.Facility, at, p)
}
