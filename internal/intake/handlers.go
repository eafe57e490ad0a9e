package intake

import (
	"context"
	"strings"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/hl7v2"
	"github.com/halong-gateway/halong/storage"
)

// handler files what messages of one family say with the services. It is called live and
// by replay, within the transaction that holds the message: what it writes may depend only on the message, its record
// (m.Seq, m.Received, m.Facility) and rows, never on a clock or chance.
type handler interface {
	// Handle files a message. Content that cannot be processed never costs the message: it is kept, with a note.
	// An error fails the transaction: the message is not stored, and its sender is told to try again.
	Handle(tx halong.Tx, m *storage.Message, h *hl7v2.Message) (Applied, error)
}

// preparer is a handler that does a part of its work before the transaction: what takes long, or writes
// to the blob store. A defect in it is one of Handle, which does that part itself when it was not done.
type preparer interface {
	// Prepare gives the handler to go on with, and what to call when the transaction is over.
	Prepare(ctx context.Context, h *hl7v2.Message) (ready handler, release func(), err error)
}

// Applied is what a handler made of a message.
type Applied struct {
	Note   string           // not empty: the message was not processed, for this reason; nothing of it was written
	Remark string           // of a message that was processed: what operators should know
	Answer func(*hl7v2.Ack) // what the application acknowledgement says beyond acceptance; nil: nothing
}

// Family is a row of the table of handlers: which messages are processed, and what is read of them.
type Family struct {
	Code     string   // MSH-9.1
	Events   []string // MSH-9.2
	Bare     bool     // also without a trigger event
	Segments []string // that are read
	Files    string   // what becomes of them, in words for the conformance statement

	make func(*Intake) handler
}

// Families is the table of handlers, from MSH-9.
func Families() []Family {
	return append(orderFamilies(), []Family{
		{
			Code: "ORU", Events: []string{"R01", "R03", "R30", "R31", "R32", "R40"}, Bare: true,
			Segments: []string{"MSH", "PID", "PV1", "ORC", "OBR", "OBX", "NTE", "SPM", "SAC"},
			Files:    "patient, reports and observations with their versions, documents",
			make:     func(in *Intake) handler { return results{in: in} },
		},
		{
			Code: "OUL", Events: []string{"R21", "R22", "R23", "R24"},
			Segments: []string{"MSH", "PID", "PV1", "SPM", "SAC", "ORC", "OBR", "OBX", "NTE"},
			Files:    "patient, specimens, reports and observations with their versions, documents",
			make:     func(in *Intake) handler { return results{in: in} },
		},
		{
			Code: "MDM", Events: []string{"T01", "T02", "T03", "T04", "T05", "T06", "T07", "T08", "T09", "T10", "T11"},
			Segments: []string{"MSH", "PID", "PV1", "ORC", "OBR", "TXA", "OBX", "NTE"},
			Files:    "patient, a report for each document (TXA) with its versions",
			make:     func(in *Intake) handler { return results{in: in} },
		},
		{
			Code: "ADT", Events: adtEvents, Bare: true,
			Segments: []string{"MSH", "EVN", "PID", "MRG"},
			Files:    "patient: registration, update, merge, change of identifier, link and unlink, with their history; without MSH-9.2 by EVN-1",
			make:     func(in *Intake) handler { return adt{in} },
		},
		{
			Code: "QBP", Events: []string{"Q21", "Q22", "Q23"},
			Segments: []string{"MSH", "QPD", "RCP", "DSC"},
			Files:    "nothing; answered with patients by demographics (RSP^K22), identifiers elsewhere (RSP^K23) or one patient (RSP^K21)",
			make: func(in *Intake) handler {
				if in.cfg.Registry == nil {
					return nil
				}
				return queries{in}
			},
		},
	}...)
}

// handlers makes the table ready for looking up by MSH-9.
func (in *Intake) handlers() map[string]handler {
	table := map[string]handler{}
	for _, f := range Families() {
		h := f.make(in)
		if h == nil {
			continue
		}
		for _, e := range f.Events {
			table[f.Code+"^"+e] = h
		}
		if f.Bare {
			table[f.Code] = h
		}
	}
	return table
}

// longestType bounds a type in bytes; real ones have 7.
const longestType = 32

// messageType gives MSH-9 as "ORU^R01"; an event that is missing is taken from the message structure, MSH-9.3. It is asked for once a message:
// all that is done goes by storage.Message.Type.
func messageType(m *hl7v2.Message) string {
	t := m.Segment(0).Field(9)
	part := func(n int) string { return strings.TrimSpace(t.Component(n).Text()) }
	code, event := part(1), part(2)
	if event == "" {
		if s, e, ok := strings.Cut(part(3), "_"); ok && s == code {
			event = e
		}
	}
	if event != "" {
		code += "^" + event
	}
	if len(code) > longestType {
		code = strings.ToValidUTF8(code[:longestType], "")
	}
	return code
}
