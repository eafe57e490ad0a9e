package intake

import (
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/hl7v2"
	"github.com/halong-gateway/halong/hl7v2/mllp"
	"github.com/halong-gateway/halong/storage"
)

// arrival is one message on its way in.
type arrival struct {
	in      *Intake
	ctx     context.Context
	rule    Rule
	msg     storage.Message
	hl7     *hl7v2.Message
	does    handler // nil: its type is not processed
	more    bool    // what it says of a patient is not carried out in full by its transaction
	outcome Outcome
}

var (
	errDuplicate = errors.New("the same message came before")
	errGone      = errors.New("the message it duplicates was not stored")
)

// maxTries bounds how often a message is tried again because the one it duplicates
// has not been committed.
const maxTries = 8

// message keeps and answers one message.
func (a *arrival) message(raw []byte) [][]byte {
	m, err := hl7v2.Parse(raw, hl7v2.ReadAs(a.rule.Charset)...)
	if err != nil {
		return a.refuse(raw, nil, err)
	}
	a.hl7 = m
	answers, err := a.take(raw)
	if err != nil {
		return a.failed(err)
	}
	return answers
}

// take stores a message that was parsed.
func (a *arrival) take(raw []byte) ([][]byte, error) {
	a.identify(raw)
	a.msg.Answers = a.answers().accept(nil)
	leave, err := a.in.room.enter(a.ctx, len(raw))
	if err != nil {
		return nil, halong.E("intake.take", halong.Transient, a.msg.Key.Control, err)
	}
	defer leave()
	release, err := a.prepare()
	if err != nil {
		return nil, err
	}
	defer release()
	answers, err := a.store()
	if a.rule.NoWarnings {
		answers = withoutWarnings(answers)
	}
	return answers, err
}

// prepare finds the message's handler and lets it do what comes before the transaction. With a
// defect nothing is prepared: it will show again where it costs no message.
func (a *arrival) prepare() (release func(), err error) {
	a.does = a.in.table[a.msg.Type]
	release = func() {}
	p, ok := a.does.(preparer)
	if !ok || tooMuch(a.msg.Type, a.hl7) != "" {
		return release, nil
	}
	defer func() {
		if recover() != nil {
			release, err = func() {}, nil
		}
	}()
	ready, release, err := p.Prepare(a.ctx, a.hl7)
	if err == nil {
		a.does = ready
	}
	return release, err
}

func (a *arrival) answers() answerer { return answerer{&a.msg, a.hl7} }

// identify fills in what tells the message from others.
func (a *arrival) identify(raw []byte) {
	a.msg.Raw = raw
	a.msg.Digest = sha256.Sum256(raw)
	describe(&a.msg, a.hl7)
}

// store commits the message, or finds that it is a duplicate. It gives what to answer.
func (a *arrival) store() (answers [][]byte, err error) {
	for range maxTries {
		m, err := a.commit()
		switch {
		case err == nil:
			a.msg, a.outcome = m, outcomeOf(&m)
			if !a.more {
				return m.Answers, nil
			}
			return m.Answers, a.finish()
		case !errors.Is(err, errDuplicate):
			return nil, err
		}
		// The earlier message may be in the same open group: its answer may be
		// given only once it is committed, which is when readers see it.
		seq, answers, ok, err := a.in.cfg.Messages.Answers(a.ctx, a.msg.Facility, a.msg.Key, a.msg.Digest)
		if err != nil {
			return nil, err
		}
		if ok {
			a.msg.Seq, a.outcome = seq, Duplicate
			a.log(slog.LevelInfo, "duplicate message")
			return answers, a.finish()
		}
	}
	return nil, halong.E("intake.store", halong.Transient, a.msg.Key.Control, errGone)
}

// commit writes the message and all it causes in one transaction.
func (a *arrival) commit() (m storage.Message, err error) {
	in := a.in
	err = halong.UpdateJournaled(a.ctx, in.cfg.Updater, func(tx halong.Tx) error {
		m = a.msg
		seq, payload, err := in.cfg.Journal.Append(tx, storage.RecordMessage, m.Record()...)
		if err != nil {
			return err
		}
		m.Seq, m.Place = seq, m.RawPlace(payload)
		err = in.apply(tx, &m, a.hl7, a.does, false)
		a.more = in.cfg.Patients.Deferred(tx)
		return err
	})
	return m, err
}

// finish waits until what messages say of patients with many studies or orders is carried out in full: AA says that it is seen. If that fails the
// message is safe, and its sender, told to send it again, is answered once it is done: a duplicate of any type waits for whatever is left. A sender that went
// away does not end it.
func (a *arrival) finish() error {
	return a.in.cfg.Patients.Finish(context.WithoutCancel(a.ctx), a.in.cfg.Updater)
}

// outcomeOf says what became of a message that was stored.
func outcomeOf(m *storage.Message) Outcome {
	if m.State == storage.MessageProcessed {
		return Processed
	}
	return Kept
}

// failed answers a message that could not be stored.
func (a *arrival) failed(err error) [][]byte {
	a.outcome = NotStored
	a.log(slog.LevelError, "message not stored", slog.Any("error", err))
	return a.answers().reject(err)
}

// refuse keeps bytes that are no message in quarantine and says so. m is nil if
// not even MSH could be read.
func (a *arrival) refuse(raw []byte, m *hl7v2.Message, reason error) [][]byte {
	a.outcome = Refused
	a.hl7 = m
	a.msg.Answers = a.answers().negative(kindUnreadable, reasonOf(reason))
	if err := a.quarantine(raw, reason.Error()); err != nil {
		return a.answers().reject(err)
	}
	return a.msg.Answers
}

// oversized keeps the beginning of a block that is larger than the limit.
func (a *arrival) oversized(f mllp.Frame) [][]byte {
	a.outcome = Oversized
	if m, err := hl7v2.Parse(f.Bytes, hl7v2.ReadAs(a.rule.Charset)...); err == nil {
		a.hl7 = m
		describe(&a.msg, m)
	}
	reason := sizeReason(f)
	a.msg.Answers = a.answers().negative(kindOversized, hl7v2.AckError{Code: hl7v2.ApplicationInternalError, Text: reason})
	if err := a.quarantine(f.Bytes, reason); err != nil {
		return a.answers().reject(err)
	}
	return a.msg.Answers
}

// quarantine keeps bytes with the reason why they were not taken. The same
// bytes again are not kept twice.
func (a *arrival) quarantine(raw []byte, reason string) error {
	in := a.in
	a.msg.Raw, a.msg.Reason, a.msg.State = raw, reason, storage.MessageRefused
	a.msg.Digest = sha256.Sum256(raw)
	known, err := in.cfg.Messages.HasRefused(a.ctx, a.msg.Facility, a.msg.Digest)
	if known {
		return nil
	}
	if err != nil {
		return err
	}
	err = in.cfg.Updater.Update(a.ctx, func(tx halong.Tx) error {
		m := a.msg
		seq, payload, err := in.cfg.Journal.Append(tx, storage.RecordMessage, m.Record()...)
		if err != nil {
			return err
		}
		m.Seq, m.Place = seq, m.RawPlace(payload)
		return in.applyRefused(tx, &m)
	})
	if err != nil {
		a.log(slog.LevelError, "message refused, and not stored", slog.String("reason", reason), slog.Int("bytes", len(raw)), slog.Any("error", err))
		return err
	}
	a.log(slog.LevelWarn, "message refused", slog.String("reason", reason), slog.Int("bytes", len(raw)))
	return nil
}
