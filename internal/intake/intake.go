package intake

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/hl7v2"
	"github.com/halong-gateway/halong/hl7v2/mllp"
	"github.com/halong-gateway/halong/lab"
	"github.com/halong-gateway/halong/patient"
	"github.com/halong-gateway/halong/storage"
	"github.com/halong-gateway/halong/worklist"
)

// Rule says what holds for messages from an address.
type Rule struct {
	Facility halong.Facility
	Charset  string // used instead of MSH-18 if not empty
	PlainAck bool   // answer with ACK also where the paired type has a name of its own (ORR^O02, RSP^K22 …)
	// NoWarnings leaves out of acceptances what is remarked: of what is stored, too, when a duplicate gets it.
	NoWarnings bool
}

// Outcome says what became of a block, for metrics.
type Outcome string

// The outcomes.
const (
	Processed  Outcome = "processed"  // filed with the services
	Kept       Outcome = "kept"       // stored, of a type that is not processed yet
	Duplicate  Outcome = "duplicate"  // the stored answer was given again
	Refused    Outcome = "refused"    // not readable: in quarantine
	Unframed   Outcome = "unframed"   // no message block: in quarantine
	Oversized  Outcome = "oversized"  // in quarantine as far as the limit goes
	NotStored  Outcome = "not stored" // the store failed: the sender was told so
	defaultApp         = "HALONG"
)

// Config sets an Intake up.
type Config struct {
	Updater  halong.Updater
	Journal  storage.Journal
	Messages storage.MessageIndex
	Events   storage.Events
	Patients *patient.Service
	Registry Registry // nil: queries for patients are not answered
	Lab      *lab.Service
	Worklist *worklist.Service // nil: orders are only kept
	Depot    Depot             // nil: documents of reports are made from their messages when they are asked for
	Blobs    Blobs             // of the store: what kept messages are read from when they are processed later

	Peer        func(mllp.Peer) Rule         // nil: the default facility
	Application string                       // MSH-3 of answers to messages that name no receiver; HALONG
	Now         func() time.Time             // nil: time.Now
	Log         *slog.Logger                 // nil: none
	Observe     func(Outcome, time.Duration) // told of every message; nil: nobody
}

// Intake takes messages. It is an mllp.Handler.
type Intake struct {
	cfg    Config
	table  map[string]handler // by MSH-9
	room   *room              // for large messages
	bodies *room              // for large bodies in JSON

	version int // of processing
}

var _ mllp.Handler = (*Intake)(nil)

// New makes an Intake.
func New(c Config) *Intake {
	if c.Peer == nil {
		c.Peer = func(mllp.Peer) Rule { return Rule{Facility: halong.DefaultFacility} }
	}
	if c.Application == "" {
		c.Application = defaultApp
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Observe == nil {
		c.Observe = func(Outcome, time.Duration) {}
	}
	in := &Intake{cfg: c, version: processing, room: newRoom(), bodies: newRoom()}
	in.table = in.handlers()
	return in
}

// Handle takes one frame and gives the answers to it, each a block of its own.
func (in *Intake) Handle(ctx context.Context, p mllp.Peer, f mllp.Frame) [][]byte {
	start := in.cfg.Now()
	source := halong.Source{Protocol: "MLLP"}
	if p.Addr.IsValid() {
		source.Address = p.Addr.String()
	}
	a := in.arrival(ctx, in.cfg.Peer(p), source, start)
	answers := a.frame(f)
	in.cfg.Observe(a.outcome, in.cfg.Now().Sub(start))
	return answers
}

// arrival begins the way of one block.
func (in *Intake) arrival(ctx context.Context, rule Rule, source halong.Source, at time.Time) *arrival {
	if rule.Facility == "" {
		rule.Facility = halong.DefaultFacility
	}
	a := &arrival{in: in, ctx: ctx, rule: rule}
	a.msg.Facility = rule.Facility
	a.msg.Charset = rule.Charset
	a.msg.Received = at.UTC().Truncate(time.Microsecond)
	a.msg.Source = source
	a.msg.Reply = storage.Reply{Application: in.cfg.Application, Plain: rule.PlainAck}
	return a
}

// Submit takes one message that was built from something else, an order or result in JSON: it is kept,
// deduplicated, processed and replayed like one that came by MLLP. answers are what a sender by MLLP would
// get; seq is the message's number, the earlier one's for a duplicate. The error is of kind Invalid if raw is not
// a message, and otherwise tells that it was not stored; answers are then empty.
func (in *Intake) Submit(ctx context.Context, rule Rule, source halong.Source, raw []byte) (answers [][]byte, seq uint64, err error) {
	start := in.cfg.Now()
	a := in.arrival(ctx, rule, source, start)
	defer func() { in.cfg.Observe(a.outcome, in.cfg.Now().Sub(start)) }()
	if a.hl7, err = hl7v2.Parse(raw, hl7v2.ReadAs(rule.Charset)...); err != nil {
		a.outcome = Refused
		return nil, 0, halong.E("intake.Submit", halong.Invalid, "", err)
	}
	answers, err = a.take(raw)
	if err != nil {
		a.outcome = NotStored
		return nil, 0, err
	}
	return answers, a.msg.Seq, nil
}

// frame does what the kind of frame asks for.
func (a *arrival) frame(f mllp.Frame) [][]byte {
	switch f.Kind {
	case mllp.Message:
		return a.block(f.Bytes)
	case mllp.Oversized:
		return a.oversized(f)
	}
	a.outcome = Unframed
	reason := f.Reason
	if reason == "" {
		reason = f.Kind.String()
	}
	a.quarantine(f.Bytes, reason)
	return nil
}

// block takes a whole block: normally one message, else a batch.
func (a *arrival) block(b []byte) [][]byte {
	batch := hl7v2.SplitBatch(b)
	if len(batch.Messages) == 1 && len(batch.Header) == 0 && len(batch.Trailer) == 0 {
		return a.message(batch.Messages[0])
	}
	if len(batch.Messages) == 0 {
		return a.refuse(b, nil, errors.New("batch without a message"))
	}
	return a.batch(&batch)
}

// log writes a line for operators: control IDs and record numbers, no patient data.
func (a *arrival) log(level slog.Level, text string, attrs ...any) {
	a.in.cfg.Log.Log(a.ctx, level, text, append([]any{
		slog.String("peer", a.msg.Source.Address), slog.String("control", a.msg.Key.Control), slog.String("type", a.msg.Type),
	}, attrs...)...)
}
