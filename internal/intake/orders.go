package intake

import (
	"strconv"
	"strings"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/hl7v2"
	"github.com/halong-gateway/halong/patient"
	"github.com/halong-gateway/halong/storage"
	"github.com/halong-gateway/halong/worklist"
)

// orders files ORM, OMI, OMG, OML and SIU messages (HL7 chapters 4 and 10) with the services patient and worklist.
type orders struct{ in *Intake }

// orderFamilies are the rows of the table of handlers for orders.
func orderFamilies() []Family {
	segments := []string{"MSH", "PID", "PV1", "AL1", "ORC", "TQ1", "OBR", "NTE", "OBX", "IPC", "SPM", "SAC", "ZDS"}
	row := func(code string, events []string, files string, segments []string) Family {
		return Family{Code: code, Events: events, Segments: segments, Files: files, make: func(in *Intake) handler {
			if in.cfg.Worklist == nil {
				return nil
			}
			return orders{in}
		}}
	}
	general := row("ORM", []string{"O01"}, "orders and their Scheduled Procedure Steps", segments)
	general.Bare = true // HL7 2.1
	return []Family{
		general,
		row("OMI", []string{"O23"}, "orders and their Scheduled Procedure Steps, one for each IPC", segments),
		row("OMG", []string{"O19"}, "orders and their Scheduled Procedure Steps", segments),
		row("OML", []string{"O21", "O33", "O35"}, "laboratory orders", segments),
		row("SIU", []string{"S12", "S13", "S14", "S15"}, "when and where the steps of an order are; orders of their own where none is known",
			[]string{"MSH", "SCH", "TQ1", "PID", "PV1", "RGS", "AIS", "AIL", "AIP"}),
	}
}

// Handle files the orders of a message.
func (x orders) Handle(tx halong.Tx, m *storage.Message, h *hl7v2.Message) (Applied, error) {
	s := x.in.cfg.Worklist
	if s == nil {
		return Applied{Note: "there is no worklist"}, nil
	}
	requests, note := worklist.Read(h, s.Mapping())
	if len(requests) == 0 {
		return Applied{Note: note, Answer: orderAnswer(m.Type, nil, nil, []string{note})}, nil
	}
	remarks := []string{}
	say := func(text string) {
		if text != "" && len(remarks) < 8 {
			remarks = append(remarks, text)
		}
	}
	say(note)
	if strings.HasPrefix(m.Type, "SIU^") {
		say(ofSecond(h))
	}
	done := make([]worklist.Outcome, len(requests))
	for i := range requests {
		r := &requests[i]
		from, err := x.origin(tx, m, h, r, i)
		if err != nil {
			return Applied{}, err
		}
		if done[i], err = s.Apply(tx, r, from); err != nil {
			return Applied{}, err
		}
		say(done[i].Remark)
		for _, text := range r.Remarks {
			say(text)
		}
	}
	return Applied{Remark: strings.Join(remarks, "; "), Answer: orderAnswer(m.Type, requests, done, remarks)}, nil
}

// origin makes the patient of a request known, and tells where the request is from.
func (x orders) origin(tx halong.Tx, m *storage.Message, h *hl7v2.Message, r *worklist.Request, place int) (worklist.Origin, error) {
	from := worklist.Origin{Facility: m.Facility, Record: m.Seq, Place: place, At: m.Received}
	if !r.PID.Exists() {
		return from, nil
	}
	p := patient.FromPID(m.Facility, r.PID, patient.SentAt(h.At("MSH-7")))
	if len(p.Identifiers) == 0 {
		return from, nil
	}
	who, err := x.in.cfg.Patients.Record(tx, p)
	if err != nil {
		return from, err
	}
	from.Patient = who.Key
	if who.Changed {
		if err := x.in.emit(tx, halong.EventPatientUpdated, m, patientPayload{Message: m.Seq}); err != nil {
			return from, err
		}
	}
	return from, nil
}

// orderAnswer completes the application acknowledgement: what there is to remark becomes warnings (ERR with severity W, MSA-3 before 2.5), and one of the
// types that have a place for it (ORR, ORI, ORG, ORL; HL7 4.4) says in ORC-1 what became of each order, with the numbers of both sides. It is nil when there is nothing
// to say.
func orderAnswer(messageType string, requests []worklist.Request, done []worklist.Outcome, remarks []string) func(*hl7v2.Ack) {
	code, event, _ := strings.Cut(messageType, "^")
	_, paired := hl7v2.PairedType(code, event)
	if paired = paired && len(requests) > 0; !paired && len(remarks) == 0 {
		return nil
	}
	return func(k *hl7v2.Ack) {
		warnings(k, remarks...)
		if paired {
			answerOrders(k, requests, done)
		}
	}
}

func answerOrders(k *hl7v2.Ack, requests []worklist.Request, done []worklist.Outcome) {
	if k.Body == nil {
		k.Body = &hl7v2.Builder{}
	}
	for i := range requests {
		seg := "ORC"
		if i > 0 {
			seg = "ORC[" + strconv.Itoa(i+1) + "]"
		}
		placer, filler := requests[i].Order.Placer, requests[i].Order.Filler
		if o := done[i].Order; o != nil {
			placer, filler = o.Placer, o.Filler
		}
		k.Body.Add("ORC")
		k.Body.Set(seg+"-1", done[i].Control)
		k.Body.Set(seg+"-2.1", placer.ID).Set(seg+"-2.2", placer.Authority)
		k.Body.Set(seg+"-3.1", filler.ID).Set(seg+"-3.2", filler.Authority)
	}
}
